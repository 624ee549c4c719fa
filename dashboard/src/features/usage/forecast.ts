// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * What a running month will come to, and how sure that is. Each day still to come is expected to cost
 * what its weekday cost on average in the last weeks; the range is made of how far those days were
 * apart, and of how few they were. All of it in whole units of 10^-18, as the amounts themselves.
 */
import { moneyString, parseMoney } from '#lib/money.ts';
import { type Day, addDays, dayNumber, daysIn, monthOf, weekdayOf } from '#lib/month.ts';

/** So many weeks are looked back on; older ones say little about next week. */
export const WINDOW_DAYS = 56;
/** With fewer complete days nothing is claimed: not even every weekday has been seen. */
export const LEAST_DAYS = 7;
/** The range holds in four of five months: the normal deviate of 80 %, in thousandths. */
const DEVIATE = 1282n;

export type Forecast =
  /** There are only `days` complete days yet, which is too few. */
  | { kind: 'early'; days: number }
  | { kind: 'range'; low: string; middle: string; high: string; days: number };

/** sqrt is the whole part of a square root. */
export function sqrt(n: bigint): bigint {
  if (n < 2n) return n;
  let x = 1n << BigInt(Math.ceil(n.toString(2).length / 2));
  for (;;) {
    const y = (x + n / x) >> 1n;
    if (y >= x) return x;
    x = y;
  }
}

interface Spread {
  mean: bigint;
  /** The square of the usual distance from the mean. */
  variance: bigint;
  n: bigint;
}

function spread(values: readonly bigint[]): Spread {
  const n = BigInt(values.length);
  if (n === 0n) return { mean: 0n, variance: 0n, n };
  const mean = values.reduce((a, b) => a + b, 0n) / n;
  const squares = values.reduce((a, v) => a + (v - mean) * (v - mean), 0n);
  return { mean, variance: n > 1n ? squares / (n - 1n) : 0n, n };
}

export interface Known {
  day: Day;
  cost: string;
}

/**
 * forecast takes the days that cost something, in any order; days between `firstDay` and today without
 * a row cost nothing. What today has cost already is certain, what it will still cost is not.
 */
export function forecast(rows: readonly Known[], today: Day, firstDay: Day | null): Forecast {
  const costs = new Map(rows.map((r) => [r.day, parseMoney(r.cost)]));
  const start = addDays(today, -WINDOW_DAYS);
  const from = firstDay !== null && firstDay > start ? firstDay : start;
  const byWeekday: bigint[][] = [[], [], [], [], [], [], []];
  const all: bigint[] = [];
  for (let day = from; firstDay !== null && day < today; day = addDays(day, 1)) {
    const cost = costs.get(day) ?? 0n;
    byWeekday[weekdayOf(day)]?.push(cost);
    all.push(cost);
  }
  if (all.length < LEAST_DAYS) return { kind: 'early', days: all.length };

  const everyDay = spread(all);
  const weekdays = byWeekday.map((values) => {
    const own = spread(values);
    // One day of a kind has no spread of its own; that of all days is the honest one.
    return own.n < 2n ? { ...own, variance: everyDay.variance } : own;
  });

  const spentToday = costs.get(today) ?? 0n;
  let spent = spentToday;
  for (const [day, cost] of costs) {
    if (day < today && monthOf(day) === monthOf(today)) spent += cost;
  }
  let expected = 0n;
  let variance = 0n;
  const ahead = [0n, 0n, 0n, 0n, 0n, 0n, 0n];
  for (let day = today; monthOf(day) === monthOf(today); day = addDays(day, 1)) {
    const of = weekdays[weekdayOf(day)] ?? everyDay;
    if (day === today) {
      const rest = of.mean - spentToday;
      expected += rest > 0n ? rest : 0n;
    } else {
      expected += of.mean;
    }
    variance += of.variance;
    ahead[weekdayOf(day)] = (ahead[weekdayOf(day)] ?? 0n) + 1n;
  }
  // The means are guesses too, and err for all days of a weekday alike.
  weekdays.forEach((of, i) => {
    const times = ahead[i] ?? 0n;
    if (of.n > 0n) variance += (times * times * of.variance) / of.n;
  });
  const middle = spent + expected;
  const reach = (sqrt(variance) * DEVIATE) / 1000n;
  const low = middle - reach > spent ? middle - reach : spent;
  return {
    kind: 'range',
    low: moneyString(low),
    middle: moneyString(middle),
    high: moneyString(middle + reach),
    days: all.length,
  };
}

/** daysLeft is how many days an amount lasts at what a day cost lately; null where nothing is spent. */
export function daysLeft(
  remaining: string,
  rows: readonly Known[],
  today: Day,
  firstDay: Day | null,
  lookBack = 28,
): number | null {
  const start = addDays(today, -lookBack);
  const from = firstDay !== null && firstDay > start ? firstDay : start;
  let spent = 0n;
  for (const r of rows) if (r.day >= from && r.day < today) spent += parseMoney(r.cost);
  let days = 0n;
  for (let day = from; firstDay !== null && day < today; day = addDays(day, 1)) days += 1n;
  const left = parseMoney(remaining);
  if (spent <= 0n || days < BigInt(LEAST_DAYS)) return null;
  return left <= 0n ? 0 : Number((left * days) / spent);
}

/** monthDays is how many days of the month are over, run and come; for words about the forecast. */
export function daysToCome(today: Day): number {
  return daysIn(monthOf(today)) - dayNumber(today);
}
