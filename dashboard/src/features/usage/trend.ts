// SPDX-License-Identifier: AGPL-3.0-or-later
// A row of days as a small picture and as a word: the last week against the week before it.
import type { UsageRow } from '#api/client.ts';
import { type Change, changeOf } from '#lib/ratio.ts';
import { toHeight } from '#lib/stack.ts';
import { moneyString, parseMoney } from '#lib/money.ts';

const WEEK = 7;

/** weekChange compares the last seven days with the seven before; null where there are not so many. */
export function weekChange(amounts: readonly bigint[]): Change | null {
  if (amounts.length < 2 * WEEK) return null;
  const sum = (list: readonly bigint[]) => list.reduce((a, b) => a + b, 0n);
  return changeOf(
    moneyString(sum(amounts.slice(-WEEK))),
    moneyString(sum(amounts.slice(-2 * WEEK, -WEEK))),
  );
}

/**
 * sparkline is the path of an area over the days, from the ground up: a step per day, so that no value
 * is invented between two of them.
 */
export function sparkline(amounts: readonly bigint[], width: number, height: number): string {
  const most = amounts.reduce((a, b) => (b > a ? b : a), 0n);
  if (most <= 0n || amounts.length === 0) return '';
  const step = width / amounts.length;
  const round = (n: number) => Number(n.toFixed(2));
  const tops = amounts.map((a) => round(height - (toHeight(a) / toHeight(most)) * (height - 1)));
  const line = tops.map((y, i) => `V${y}H${round((i + 1) * step)}`).join('');
  return `M0 ${height}${line}V${height}Z`;
}

/**
 * trendsOf gives the days of one line of a ranking; days without use are nothing. Null while the rows are
 * not here.
 */
export function trendsOf(
  rows: readonly UsageRow[] | null,
  by: 'user' | 'model',
  days: readonly string[],
): (row: UsageRow) => readonly bigint[] | null {
  const at = new Map(days.map((day, i) => [day, i]));
  const none = days.map(() => 0n);
  const known = new Map<string, bigint[]>();
  for (const r of rows ?? []) {
    const key = r[by] ?? '';
    const own = known.get(key) ?? [...none];
    const i = at.get(r.day ?? '');
    if (i !== undefined) own[i] = parseMoney(r.cost);
    known.set(key, own);
  }
  return (row) => (rows ? (known.get(row[by] ?? '') ?? none) : null);
}
