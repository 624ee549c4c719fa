// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, test } from 'vitest';
import {
  addMonths,
  comparison,
  dayIn,
  dayOf,
  daysIn,
  isMonth,
  recentMonths,
  span,
} from './month.ts';

test('only months that documents accept are months', () => {
  expect(isMonth('2026-11')).toBe(true);
  for (const no of ['2026-13', '2026-00', '2026-1', '1999-12', '2200-01', '', null, '2026-11-01']) {
    expect(isMonth(no)).toBe(false);
  }
});

test('the day belongs to the zone, on both sides of midnight', () => {
  const at = new Date('2026-10-31T23:30:00Z');
  expect(dayIn('Europe/Berlin', at)).toBe('2026-11-01');
  expect(dayIn('UTC', at)).toBe('2026-10-31');
  expect(dayIn('America/New_York', at)).toBe('2026-10-31');
  expect(dayIn('Not/AZone', at)).toBe('2026-10-31');
});

test('months step over years', () => {
  expect(addMonths('2026-12', 1)).toBe('2027-01');
  expect(addMonths('2026-01', -1)).toBe('2025-12');
  expect(addMonths('2026-11', -23)).toBe('2024-12');
});

test('days of a month', () => {
  expect(daysIn('2026-02')).toBe(28);
  expect(daysIn('2028-02')).toBe(29);
  expect(dayOf('2026-11', 30)).toBe('2026-11-30');
  expect(dayOf('2026-11', 31)).toBe('2026-12-01');
});

test('a month is half open', () => {
  expect(span('2026-12')).toEqual({ from: '2026-12-01', to: '2027-01-01' });
});

test('the list of months holds the one that is shown', () => {
  expect(recentMonths('2026-11', 3, '2026-10')).toEqual(['2026-11', '2026-10', '2026-09']);
  expect(recentMonths('2026-11', 2, '2020-01')).toEqual(['2026-11', '2026-10', '2020-01']);
  expect(recentMonths('2026-11', 2, '2027-01')).toEqual(['2027-01', '2026-11', '2026-10']);
});

describe('what a month is compared with', () => {
  test('a finished month with the whole month before', () => {
    expect(comparison('2026-10', '2026-11-23')).toEqual({
      days: 31,
      daysBefore: 30,
      running: false,
      before: { from: '2026-09-01', to: '2026-10-01' },
    });
  });

  test('a running month by its complete days', () => {
    expect(comparison('2026-11', '2026-11-23')).toEqual({
      days: 22,
      daysBefore: 22,
      running: true,
      before: { from: '2026-10-01', to: '2026-10-23' },
    });
  });

  test('no more days than the month before has', () => {
    expect(comparison('2026-03', '2026-03-31')).toEqual({
      days: 28,
      daysBefore: 28,
      running: true,
      before: { from: '2026-02-01', to: '2026-03-01' },
    });
  });

  test('nothing on the first day and before the month begins', () => {
    expect(comparison('2026-11', '2026-11-01')).toBeNull();
    expect(comparison('2026-12', '2026-11-23')).toBeNull();
  });
});
