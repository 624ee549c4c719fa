// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'vitest';
import { sparkline, weekChange } from './trend.ts';

const days = (...list: number[]) => list.map((n) => BigInt(n) * 10n ** 18n);
const week = (n: number) => Array.from({ length: 7 }, () => n);

test('the last week is compared with the one before, older days do not matter', () => {
  expect(weekChange(days(99, ...week(2), ...week(3)))).toEqual({ kind: 'up', perMille: 500 });
  expect(weekChange(days(...week(4), ...week(1)))).toEqual({ kind: 'down', perMille: 750 });
  expect(weekChange(days(...week(1), ...week(1)))).toEqual({ kind: 'same' });
  expect(weekChange(days(...week(0), ...week(1)))).toEqual({ kind: 'new' });
  expect(weekChange(days(...week(1), 1, 1))).toBeNull();
});

test('a sparkline has a step for each day and touches the top on the highest', () => {
  expect(sparkline(days(1, 4, 0), 30, 9)).toBe('M0 9V7H10V1H20V9H30V9Z');
});

test('no cost is no picture', () => {
  expect(sparkline(days(0, 0), 30, 9)).toBe('');
  expect(sparkline([], 30, 9)).toBe('');
});
