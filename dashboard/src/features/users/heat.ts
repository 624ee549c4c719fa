// SPDX-License-Identifier: AGPL-3.0-or-later
// A year of days as weeks, for a heat map: Monday first, as many shades as an eye can tell apart.
import type { UsageRow } from '#api/client.ts';
import { hasUse } from '#features/generations/counting.ts';
import { parseMoney, sumMoney } from '#lib/money.ts';
import { type Day, type Month, addMonths, dayOf, monthOf } from '#lib/month.ts';

const DAY_MS = 86_400_000;
export const LEVELS = 4;

export interface Cell {
  day: Day;
  cost: string;
  requests: number;
  /** 0: nothing; 1 to LEVELS: ever more cost. */
  level: number;
}

export interface Year {
  /** Columns of seven; null where the year has not begun or is over. */
  weeks: (Cell | null)[][];
  /** The month that begins in a column, by the column's number. */
  labels: { column: number; month: Month }[];
  /** Month by month, for the table. */
  months: { month: Month; cost: string; requests: number; days: number }[];
  days: number;
  from: Day;
}

function plus(day: Day, n: number): Day {
  return new Date(Date.parse(`${day}T00:00:00Z`) + n * DAY_MS).toISOString().slice(0, 10);
}

/** yearBefore is where a year of complete months begins whose last month is the running one. */
export function yearBefore(today: Day): Day {
  return dayOf(addMonths(monthOf(today), -11), 1);
}

/** Levels by rank, not by amount: one expensive day must not turn all others pale. */
function levelOf(costs: readonly bigint[]): (cost: bigint) => number {
  const sorted = [...costs].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  const limits = Array.from({ length: LEVELS - 1 }, (_, i) => {
    const at = Math.floor((sorted.length * (i + 1)) / LEVELS);
    return sorted[Math.min(at, sorted.length - 1)] ?? 0n;
  });
  return (cost) => 1 + limits.filter((limit) => cost >= limit && cost > (sorted[0] ?? 0n)).length;
}

export function yearOfDays(rows: readonly UsageRow[], today: Day): Year {
  const from = yearBefore(today);
  const byDay = new Map(rows.map((r) => [r.day ?? '', r]));
  const used = rows.filter(hasUse);
  const level = levelOf(used.map((r) => parseMoney(r.cost)));

  const weekday = (new Date(`${from}T00:00:00Z`).getUTCDay() + 6) % 7;
  const cells: (Cell | null)[] = Array.from({ length: weekday }, () => null);
  const labels: Year['labels'] = [];
  for (let day = from; day <= today; day = plus(day, 1)) {
    if (day.endsWith('-01')) {
      labels.push({ column: Math.ceil(cells.length / 7), month: monthOf(day) });
    }
    const row = byDay.get(day);
    const requests = row?.requests ?? 0;
    cells.push({
      day,
      cost: row?.cost ?? '0',
      requests,
      level: row && hasUse(row) ? level(parseMoney(row.cost)) : 0,
    });
  }
  while (cells.length % 7 !== 0) cells.push(null);
  const weeks = Array.from({ length: cells.length / 7 }, (_, i) => cells.slice(i * 7, i * 7 + 7));

  const last = monthOf(today);
  const months = Array.from({ length: 12 }, (_, i) => {
    const month = addMonths(last, -i);
    const own = used.filter((r) => r.day?.startsWith(month));
    return {
      month,
      cost: sumMoney(own.map((r) => r.cost)),
      requests: own.reduce((n, r) => n + r.requests, 0),
      days: own.length,
    };
  });
  return { weeks, labels, months, days: used.length, from };
}
