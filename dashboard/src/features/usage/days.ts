// SPDX-License-Identifier: AGPL-3.0-or-later
// A month as days: what was, what runs, what is still to come. Days without use are zero, not missing.
import type { UsageRow } from '#api/client.ts';
import { parseMoney, sumMoney } from '#lib/money.ts';
import { type Day, type Month, dayNumber, dayOf, daysIn } from '#lib/month.ts';

export interface DayFigures {
  day: Day;
  state: 'past' | 'running' | 'future';
  cost: string;
  requests: number;
  input: number;
  output: number;
  unsettled: number;
}

export function daysOfMonth(month: Month, today: Day, rows: readonly UsageRow[]): DayFigures[] {
  const byDay = new Map(rows.map((r) => [r.day, r]));
  return Array.from({ length: daysIn(month) }, (_, i) => {
    const day = dayOf(month, i + 1);
    const row = byDay.get(day);
    return {
      day,
      state: day < today ? 'past' : day === today ? 'running' : 'future',
      cost: row?.cost ?? '0',
      requests: row?.requests ?? 0,
      input: row?.prompt_tokens ?? 0,
      output: row?.completion_tokens ?? 0,
      unsettled: row?.unsettled ?? 0,
    };
  });
}

/** costUntil sums the first days of a month exactly. */
export function costUntil(rows: readonly Pick<UsageRow, 'day' | 'cost'>[], days: number): string {
  return sumMoney(rows.filter((r) => dayNumber(r.day ?? '') <= days).map((r) => r.cost));
}

/** highestDay is the first day with the highest cost, or null where nothing cost anything. */
export function highestDay(days: readonly DayFigures[]): DayFigures | null {
  let best: DayFigures | null = null;
  let most = 0n;
  for (const d of days) {
    const cost = parseMoney(d.cost);
    if (cost > most) [best, most] = [d, cost];
  }
  return best;
}
