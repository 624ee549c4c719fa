// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'vitest';
import { REST, edges, stack, toHeight } from './stack.ts';

const part = (slot: string, key: string | null, amount: bigint) => ({ slot, key, amount });

test('the largest are slices of their own, the others one rest', () => {
  const parts = 'abcdefgh'.split('').map((k, i) => part('1', k, BigInt(8 - i)));
  const s = stack(['1', '2'], [...parts, part('2', 'h', 100n)]);
  expect(s.slices.map((x) => x.key)).toEqual(['h', 'a', 'b', 'c', 'd', 'e', REST]);
  expect(s.slices.map((x) => x.pattern)).toEqual([1, 2, 3, 4, 5, 6, 0]);
  expect(s.slices.at(-1)?.amounts).toEqual([5n, 0n]);
  expect(s.totals).toEqual([36n, 100n]);
  expect(s.total).toBe(136n);
});

test('each slot’s slices add up to its total', () => {
  const parts = Array.from({ length: 300 }, (_, i) =>
    part(String(i % 7), `k${i % 13}`, BigInt((i * 7919) % 1000) * 10n ** 15n),
  );
  const slots = Array.from({ length: 7 }, (_, i) => String(i));
  const s = stack(slots, parts);
  slots.forEach((_, i) =>
    expect(s.slices.reduce((n, x) => n + (x.amounts[i] ?? 0n), 0n)).toBe(s.totals[i]),
  );
});

test('a rest of one name is that name', () => {
  const s = stack(
    ['1'],
    'abcdefg'.split('').map((k, i) => part('1', k, BigInt(10 - i))),
  );
  expect(s.slices.map((x) => x.key)).toEqual([...'abcdefg']);
});

test('the rest is what the totals say beyond the parts', () => {
  const totals = new Map([
    ['1', 10n],
    ['2', 4n],
  ]);
  const s = stack(['1', '2', '3'], [part('1', 'a', 7n), part('2', 'a', 4n)], { totals });
  expect(s.slices).toEqual([
    { key: 'a', pattern: 1, amounts: [7n, 4n, 0n], total: 11n },
    { key: REST, pattern: 0, amounts: [3n, 0n, 0n], total: 3n },
  ]);
});

test('a row without a value is a slice, not the rest; parts outside the slots are left out', () => {
  const s = stack(['1'], [part('1', null, 2n), part('9', 'a', 5n)]);
  expect(s.slices.map((x) => x.key)).toEqual([null]);
  expect(s.total).toBe(2n);
});

test('nothing is nothing', () => {
  expect(stack([], []).slices).toEqual([]);
  expect(stack(['1'], []).totals).toEqual([0n]);
  expect(edges([])).toEqual([]);
});

test('edges grow from the ground', () => {
  const s = stack(['1', '2'], [part('1', 'a', 3n), part('1', 'b', 2n), part('2', 'b', 0n)]);
  expect(edges(s.slices)).toEqual([
    [3, 0],
    [5, 0],
  ]);
});

test('heights keep their proportions beyond what a float holds exactly', () => {
  const one = 10n ** 36n;
  expect(toHeight(one * 3n) / toHeight(one)).toBeCloseTo(3, 12);
  expect(toHeight(12345n)).toBe(12345);
});
