// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'vitest';
import type { Usage, UsageRow } from '#api/client.ts';
import {
  OTHERS,
  type View,
  callOf,
  partsOf,
  readView,
  slotsOf,
  sortRows,
  tooLong,
  writeBy,
} from './explore.ts';

const read = (text: string) => {
  const query = new URLSearchParams(text);
  return readView((name) => query.get(name));
};

const row = (changes: Partial<UsageRow>): UsageRow => ({
  requests: 1,
  prompt_tokens: 10,
  completion_tokens: 5,
  reasoning_tokens: 0,
  cached_tokens: 0,
  cache_write_tokens: 0,
  images: 0,
  cost: '1',
  byok_cost: '0',
  unsettled: 0,
  disputed_cost: '0',
  ...changes,
});

const usage = (rows: UsageRow[], from = '2026-11-01', to = '2026-12-01') =>
  ({ currency: 'USD', timezone: 'UTC', from, to, rows, total: row({}), truncated: false }) as Usage;

test('an address is a view, and nonsense in it is left out', () => {
  expect(read('')).toEqual({ by: ['day', 'model'], measure: 'cost', filter: {}, sort: null });
  expect(read('by=user,hour&measure=tokens&model=a%2Fb&task=&sort=-cost&by2=x')).toEqual({
    by: ['hour', 'user'],
    measure: 'tokens',
    filter: { model: 'a/b', task: '' },
    sort: { column: 'cost', down: true },
  });
  expect(read('by=nothing,day,day&measure=x&sort=x')).toMatchObject({
    by: ['day'],
    measure: 'cost',
    sort: null,
  });
});

test('a view is one call', () => {
  const view = read('by=model,user&provider=Google&task=');
  expect(callOf(view, { from: '2026-11-01', to: '2026-11-08' })).toEqual({
    from: '2026-11-01',
    to: '2026-11-08',
    group_by: 'model,user',
    provider: 'Google',
    task: '',
  });
});

test('either key is chosen by itself, and choosing the other one swaps', () => {
  expect(writeBy(['day', 'model'], 1, 'user')).toBe('day,user');
  expect(writeBy(['day', 'model'], 1, null)).toBe('day');
  expect(writeBy(['user', 'model'], 0, 'model')).toBe('model,user');
  expect(writeBy(['user', 'model'], 1, 'user')).toBe('model,user');
  expect(writeBy(['user', 'model'], 1, 'day')).toBe('day,user');
  expect(writeBy(['day'], 0, 'task')).toBe('task');
  expect(writeBy(['day', 'model'], 0, 'model')).toBe('model');
  expect(writeBy(['day', 'model'], 0, 'user')).toBe('user,model');
});

test('hours of more than a month are not asked for', () => {
  const hours = read('by=hour');
  expect(tooLong(hours, { from: '2026-10-01', to: '2026-11-01' })).toBe(false);
  expect(tooLong(hours, { from: '2026-10-01', to: '2026-11-02' })).toBe(true);
  expect(tooLong(read('by=day'), { from: '2020-01-01', to: '2026-11-02' })).toBe(false);
});

test('days without a row are bars of nothing; days to come are no bars', () => {
  const view = read('by=day');
  const rows = [row({ day: '2026-11-02' })];
  expect(slotsOf(view, usage(rows), '2026-11-03', 9)).toEqual([
    '2026-11-01',
    '2026-11-02',
    '2026-11-03',
  ]);
  expect(slotsOf(view, usage(rows), '2027-11-03', 9)).toHaveLength(30);
  expect(slotsOf(view, usage(rows, '2020-01-01'), '2026-11-03', 9)).toEqual([
    '2026-11-02',
    '2026-11-03',
  ]);
});

test('hours between are filled, and an hour that comes twice is two bars', () => {
  const rows = [row({ hour: '2026-10-25T01:00+02:00' }), row({ hour: '2026-10-25T02:00+01:00' })];
  expect(slotsOf(read('by=hour'), usage(rows), '2026-11-03', 9)).toEqual([
    '2026-10-25T01:00+02:00',
    '2026-10-25T02:00+02:00',
    '2026-10-25T02:00+01:00',
  ]);
});

test('other bars are the largest, by what is measured', () => {
  const rows = [
    row({ model: 'a', cost: '1', requests: 9 }),
    row({ model: 'b', cost: '5', requests: 1 }),
    row({ model: null, cost: '3', requests: 2 }),
    row({ model: 'a', cost: '1', requests: 9 }),
  ];
  expect(slotsOf(read('by=model,user'), usage(rows), '2026-11-03', 2)).toEqual(['b', '', OTHERS]);
  expect(slotsOf(read('by=model,user&measure=requests'), usage(rows), '2026-11-03', 2)).toEqual([
    'a',
    '',
    OTHERS,
  ]);
  expect(slotsOf(read('by=model'), usage(rows), '2026-11-03', 3)).toEqual(['b', '', 'a']);
  const parts = partsOf(read('by=model'), rows, ['b', '', OTHERS]);
  expect(parts.map((p) => p.slot)).toEqual([OTHERS, 'b', '', OTHERS]);
  expect(partsOf(read('by=model,user'), rows)[2]).toEqual({
    slot: '',
    key: null,
    amount: 3n * 10n ** 18n,
  });
});

test('rows are sorted by what the reader sees', () => {
  const rows = [
    row({ user: 'z', user_name: 'Ada', cost: '2' }),
    row({ user: 'a', user_name: 'Zoë', cost: '10' }),
    row({ user: 'm', user_name: ' ', cost: '9.5' }),
  ];
  const by = (sort: string) =>
    sortRows(rows, read(`by=user&sort=${sort}`) as View).map((r) => r.user);
  expect(by('')).toEqual(['z', 'a', 'm']);
  expect(by('first')).toEqual(['z', 'm', 'a']);
  expect(by('-first')).toEqual(['a', 'm', 'z']);
  expect(by('-cost')).toEqual(['a', 'm', 'z']);
  expect(by('cost')).toEqual(['z', 'm', 'a']);
});
