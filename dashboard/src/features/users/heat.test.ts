// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'vitest';
import type { UsageRow } from '#api/client.ts';
import { LEVELS, yearBefore, yearOfDays } from './heat.ts';

function row(day: string, cost: string, requests = 1): UsageRow {
  return {
    day,
    cost,
    byok_cost: '0',
    requests,
    prompt_tokens: 1,
    completion_tokens: 1,
    reasoning_tokens: 0,
    cached_tokens: 0,
    cache_write_tokens: 0,
    images: 0,
    unsettled: 0,
    disputed_cost: '0',
  };
}

test('the year begins with the month eleven months ago', () => {
  expect(yearBefore('2026-11-23')).toBe('2025-12-01');
  expect(yearBefore('2024-02-29')).toBe('2023-03-01');
});

test('every day stands once, in weeks from Monday to Sunday', () => {
  const { weeks, labels } = yearOfDays([], '2026-11-23');
  const days = weeks.flat().flatMap((c) => (c ? [c.day] : []));
  expect(days).toHaveLength(358);
  expect(new Set(days).size).toBe(358);
  expect(days[0]).toBe('2025-12-01');
  expect(days.at(-1)).toBe('2026-11-23');
  for (const week of weeks) {
    week.forEach((c, i) => {
      if (c) expect((new Date(c.day).getUTCDay() + 6) % 7).toBe(i);
    });
  }
  expect(labels).toHaveLength(12);
  for (const { column, month } of labels) {
    expect(weeks[column]?.some((c) => c?.day.startsWith(month))).toBe(true);
  }
});

test('a day with requests is never empty, and one expensive day leaves the others visible', () => {
  const rows = [
    row('2026-11-01', '0'),
    row('2026-11-02', '0.01'),
    row('2026-11-03', '0.02'),
    row('2026-11-04', '0.03'),
    row('2026-11-05', '900'),
  ];
  const { weeks } = yearOfDays(rows, '2026-11-23');
  const level = new Map(weeks.flat().map((c) => [c?.day, c?.level]));
  expect(level.get('2026-11-01')).toBe(1);
  expect(level.get('2026-11-05')).toBe(LEVELS);
  expect(level.get('2026-11-03')).toBeGreaterThan(1);
  expect(level.get('2026-11-06')).toBe(0);
});

test('a day on which only the rest of a turn stands is not empty', () => {
  const year = yearOfDays([row('2026-11-02', '0.04', 0), row('2026-11-03', '0', 0)], '2026-11-23');
  const level = new Map(year.weeks.flat().map((c) => [c?.day, c?.level]));
  expect(level.get('2026-11-02')).toBe(1);
  expect(level.get('2026-11-03')).toBe(0);
  expect(year.months[0]).toMatchObject({ cost: '0.04', requests: 0, days: 1 });
});

test('equal days have the same shade, the lightest', () => {
  const rows = [row('2026-11-01', '1'), row('2026-11-02', '1')];
  const { weeks } = yearOfDays(rows, '2026-11-23');
  expect(new Set(weeks.flat().flatMap((c) => (c?.level ? [c.level] : [])))).toEqual(new Set([1]));
});

test('the table’s months add up exactly', () => {
  const { months } = yearOfDays(
    [row('2026-11-01', '0.1', 2), row('2026-11-02', '0.2', 3)],
    '2026-11-23',
  );
  expect(months[0]).toEqual({ month: '2026-11', cost: '0.3', requests: 5, days: 2 });
  expect(months).toHaveLength(12);
  expect(months.at(-1)?.month).toBe('2025-12');
});
