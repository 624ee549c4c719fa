// SPDX-License-Identifier: AGPL-3.0-or-later
// The price list and what was used of it, joined; nothing that was used may be missing from it.
import type { UsageRow } from '#api/client.ts';
import type { Model } from './calls.ts';
import { parseMoney } from '#lib/money.ts';

export interface Entry {
  id: string;
  name: string;
  /** Null where the list does not have it (any more). */
  listed: Model | null;
  /** Null where the month has nothing of it. */
  used: UsageRow | null;
}

/** A model may be asked for with a variant that the list does not have: "id:free" is listed, "id:nitro" not. */
function find(byId: ReadonlyMap<string, Model>, id: string): Model | null {
  return byId.get(id) ?? byId.get(id.replace(/:(nitro|floor|online|exacto)$/, '')) ?? null;
}

/** catalogue is ordered by cost, what was not used by its id. */
export function catalogue(list: readonly Model[], rows: readonly UsageRow[]): Entry[] {
  const byId = new Map(list.map((m) => [m.id, m]));
  const seen = new Set<string>();
  const used = rows.flatMap((row): Entry[] => {
    if (!row.model) return [];
    const listed = find(byId, row.model);
    seen.add(row.model);
    return [{ id: row.model, name: listed?.name ?? row.model, listed, used: row }];
  });
  const others = list
    .filter((m) => !seen.has(m.id))
    .map((m): Entry => ({ id: m.id, name: m.name, listed: m, used: null }))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
  used.sort((a, b) => {
    const [x, y] = [parseMoney(a.used?.cost ?? '0'), parseMoney(b.used?.cost ?? '0')];
    return x === y ? (a.id < b.id ? -1 : 1) : x > y ? -1 : 1;
  });
  return [...used, ...others];
}

export function matchesModel(entry: Entry, query: string): boolean {
  const words = query.trim().toLocaleLowerCase().split(/\s+/).filter(Boolean);
  const text = `${entry.id} ${entry.name}`.toLocaleLowerCase();
  return words.every((w) => text.includes(w));
}
