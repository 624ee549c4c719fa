// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * Usage by day of the largest users, models or providers: for the stacked bars and the trends.
 * Models and providers are few, and come in one answer, and so do users where there are few. There may
 * be any number of those; of many only the largest are asked for, each by themselves.
 */
import type { Result, Usage, UsageRow } from '#api/client.ts';
import { usage } from './calls.ts';
import { type Resource, resource } from '#lib/state/resource.svelte.ts';
import type { StackPart } from '#lib/stack.ts';
import { parseMoney } from '#lib/money.ts';

export const dimensions = ['model', 'user', 'provider'] as const;
export type Dimension = (typeof dimensions)[number];

export function isDimension(text: string | null): text is Dimension {
  return dimensions.some((d) => d === text);
}

export interface Stretch {
  from: string;
  to: string;
}

/** dailyUsage waits while `keys` is null: the largest are not known yet, nor whether they are all. */
export function dailyUsage(
  dimension: () => Dimension | null,
  keys: () => readonly string[] | null,
  span: () => Stretch,
  live: () => boolean,
  few: () => boolean = () => true,
): Resource<readonly UsageRow[]> {
  async function load(signal: AbortSignal): Promise<Result<readonly UsageRow[]>> {
    const by = dimension() ?? 'model';
    if (few()) {
      const all = await usage({ ...span(), group_by: `day,${by}` }, signal);
      if (!all.ok) return all;
      if (!all.data.truncated) return { ok: true, data: all.data.rows };
    }
    const names = keys() ?? [];
    const replies: Result<Usage>[] = await Promise.all(
      names.map((name) => usage({ ...span(), group_by: 'day', [by]: name }, signal)),
    );
    const rows: UsageRow[] = [];
    for (const [i, reply] of replies.entries()) {
      if (!reply.ok) return reply;
      rows.push(...reply.data.rows.map((r) => ({ ...r, [by]: names[i] })));
    }
    return { ok: true, data: rows };
  }
  return resource(
    () => {
      const by = dimension();
      const names = by === 'user' ? keys() : [];
      if (by === null || names === null) return null;
      return JSON.stringify([by, span(), names, few()]);
    },
    load,
    { live },
  );
}

export function costParts(rows: readonly UsageRow[], by: Dimension): StackPart[] {
  return rows.map((r) => ({ slot: r.day ?? '', key: r[by] ?? null, amount: parseMoney(r.cost) }));
}
