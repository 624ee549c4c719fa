// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'vitest';
import { type Known, daysLeft, forecast, sqrt } from './forecast.ts';
import { parseMoney } from '#lib/money.ts';
import { type Day, addDays, monthOf, weekdayOf } from '#lib/month.ts';

/** days makes a row for each day from a first up to, not with, another. */
function days(from: Day, to: Day, cost: (day: Day, i: number) => string): Known[] {
  const rows: Known[] = [];
  for (let d = from, i = 0; d < to; d = addDays(d, 1), i++) rows.push({ day: d, cost: cost(d, i) });
  return rows;
}

test('a house that spends the same every day needs no range', () => {
  const rows = days('2026-09-01', '2026-11-21', () => '1.5');
  rows.push({ day: '2026-11-21', cost: '0.5' });
  expect(forecast(rows, '2026-11-21', '2026-09-01')).toEqual({
    kind: 'range',
    low: '45',
    middle: '45',
    high: '45',
    days: 56,
  });
});

test('weekends are expected to be weekends', () => {
  const week = (d: Day) => (weekdayOf(d) % 6 === 0 ? '0' : '2');
  const rows = days('2026-08-01', '2026-11-14', week);
  // From Saturday the 14th: 10 working days are left in November 2026 (16 to 20 and 23 to 27), then Monday.
  const f = forecast(rows, '2026-11-14', '2026-08-01');
  expect(f).toMatchObject({ kind: 'range', middle: String(2 * 10 + 2 * 11) });
});

test('with fewer than seven complete days nothing is claimed', () => {
  const rows = days('2026-11-18', '2026-11-24', () => '1');
  expect(forecast(rows, '2026-11-24', '2026-11-18')).toEqual({ kind: 'early', days: 6 });
  expect(forecast([], '2026-11-24', null)).toEqual({ kind: 'early', days: 0 });
  expect(forecast(rows, '2026-11-25', '2026-11-18').kind).toBe('range');
});

test('days without a row cost nothing, days before the first day do not exist', () => {
  const rows = [{ day: '2026-11-02', cost: '7' }];
  const f = forecast(rows, '2026-11-09', '2026-11-02');
  // One Monday was 7, six other days were 0: three more Mondays with today are to come.
  expect(f).toMatchObject({ kind: 'range', middle: '35', days: 7 });
});

test('a day that is dearer than usual already counts as it is', () => {
  const rows = days('2026-09-01', '2026-11-30', () => '1');
  rows.push({ day: '2026-11-30', cost: '9' });
  expect(forecast(rows, '2026-11-30', '2026-09-01')).toMatchObject({ low: '38', middle: '38' });
});

test('the range never begins below what is spent', () => {
  const rows = days('2026-10-01', '2026-11-29', (_, i) => (i % 9 === 0 ? '50' : '0'));
  const f = forecast(rows, '2026-11-29', '2026-10-01');
  if (f.kind !== 'range') throw new Error('no range');
  const november = rows.filter((r) => monthOf(r.day) === '2026-11');
  const spent = november.reduce((n, r) => n + parseMoney(r.cost), 0n);
  expect(parseMoney(f.low)).toBeGreaterThanOrEqual(spent);
  expect(parseMoney(f.low)).toBeLessThan(parseMoney(f.middle));
  expect(parseMoney(f.middle)).toBeLessThan(parseMoney(f.high));
});

test('four of five months end in their range', () => {
  // Made-up houses: a weekday's level, and noise that has nothing to do with the day before.
  let seed = 7;
  const random = () => {
    seed = (seed * 1103515245 + 12345) % 2147483648;
    return seed / 2147483648;
  };
  let inside = 0;
  const houses = 400;
  for (let h = 0; h < houses; h++) {
    const levels = Array.from({ length: 7 }, () => 0.2 + random() * 3);
    const year = days('2026-08-01', '2026-12-01', (d) =>
      ((levels[weekdayOf(d)] ?? 1) * (0.4 + random() + random() * 0.2)).toFixed(6),
    );
    const today = `2026-11-${String(8 + (h % 18)).padStart(2, '0')}`;
    const f = forecast(
      year.filter((r) => r.day < today),
      today,
      '2026-08-01',
    );
    if (f.kind !== 'range') throw new Error('no range');
    const end = year
      .filter((r) => monthOf(r.day) === '2026-11')
      .reduce((n, r) => n + parseMoney(r.cost), 0n);
    if (parseMoney(f.low) <= end && end <= parseMoney(f.high)) inside += 1;
  }
  expect(inside / houses).toBeGreaterThan(0.74);
  expect(inside / houses).toBeLessThan(0.9);
});

test('the balance lasts as long as it lasts at the pace of the last weeks', () => {
  const rows = days('2026-09-01', '2026-11-20', () => '2');
  expect(daysLeft('21', rows, '2026-11-20', '2026-09-01')).toBe(10);
  expect(daysLeft('0', rows, '2026-11-20', '2026-09-01')).toBe(0);
  expect(daysLeft('-3', rows, '2026-11-20', '2026-09-01')).toBe(0);
  expect(daysLeft('21', [], '2026-11-20', '2026-09-01')).toBeNull();
  expect(daysLeft('21', rows, '2026-09-03', '2026-09-01')).toBeNull();
});

test('sqrt is exact', () => {
  for (const n of [0n, 1n, 2n, 3n, 4n, 99n, 100n, 10n ** 40n, 10n ** 40n - 1n]) {
    const r = sqrt(n);
    expect(r * r <= n && (r + 1n) * (r + 1n) > n).toBe(true);
  }
});
