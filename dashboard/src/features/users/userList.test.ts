// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'vitest';
import type { UsageRow, User } from '#api/client.ts';
import { groupsOf, joinUsers, matches, readSort, sortUsers, writeSort } from './userList.ts';

function user(id: string, name: string | null, changes: Partial<User> = {}): User {
  const seen = '2026-11-01T00:00:00.000000Z';
  return {
    id,
    name,
    email: `${id}@example.org`,
    role: null,
    groups: [],
    inherited_groups: [],
    first_seen_at: seen,
    last_seen_at: seen,
    merged: [],
    listed_at: null,
    gone_at: null,
    ...changes,
  };
}

function usage(id: string, cost: string): UsageRow {
  return {
    user: id,
    user_name: null,
    cost,
    byok_cost: '0',
    requests: 1,
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

const people = joinUsers(
  [user('a', 'Zoë'), user('b', 'ada'), user('c', null)],
  [usage('a', '10'), usage('b', '9'), usage('gone', '0.5')],
);
const order = (sort: string) => sortUsers(people, readSort(sort), 'en').map((p) => p.id);

test('neither users without use nor use without a user vanish', () => {
  expect(people.map((p) => [p.id, p.figures?.cost ?? null])).toEqual([
    ['a', '10'],
    ['b', '9'],
    ['c', null],
    ['gone', '0.5'],
  ]);
});

test('amounts sort as numbers, and those without one are last both ways', () => {
  expect(order('-cost')).toEqual(['a', 'b', 'gone', 'c']);
  expect(order('cost')).toEqual(['gone', 'b', 'a', 'c']);
});

test('names sort as a reader expects', () => {
  expect(order('name')).toEqual(['b', 'c', 'gone', 'a']);
});

test('who has no request yet and who is gone is told from the others', () => {
  const gone_at = '2026-11-20T08:00:00.000000Z';
  const none = { first_seen_at: null, last_seen_at: null };
  const listed = joinUsers(
    [user('new', null, none), user('just', null, none), user('left', null, { gone_at })],
    [usage('just', '1'), usage('nobody', '1')],
  );
  expect(listed.map((p) => [p.id, p.hasRequests, p.gone])).toEqual([
    ['new', false, false],
    ['just', true, false], // The figures came after the list of users.
    ['left', true, true],
    ['nobody', true, false],
  ]);
});

test('who was never seen is last, whether the last seen or the first seen come first', () => {
  const seen = (last_seen_at: string | null) => ({ last_seen_at });
  const listed = joinUsers(
    [
      user('z', 'Never, Zoë', seen(null)),
      user('a', 'Early', seen('2026-10-31T23:59:59.999999Z')),
      user('n', 'Never, Ada', seen(null)),
      user('b', 'Late', seen('2026-11-02T00:00:00.000000Z')),
    ],
    [],
  );
  const by = (sort: string) => sortUsers(listed, readSort(sort), 'en').map((p) => p.id);
  expect(by('-seen')).toEqual(['b', 'a', 'n', 'z']);
  expect(by('seen')).toEqual(['a', 'b', 'n', 'z']);
});

test('a user is found by the ids that are merged into them', () => {
  const [one, other] = joinUsers(
    [user('now', 'Ada', { merged: ['Before', 'older'] }), user('else', 'Zoë')],
    [],
  );
  expect(one?.merged).toEqual(['Before', 'older']);
  expect([one, other].map((p) => p && matches(p, 'before'))).toEqual([true, false]);
});

test('groups say which of them are inherited', () => {
  const one = { ...user('a', null), groups: ['7b', 'school'], inherited_groups: ['school'] };
  expect(groupsOf(one)).toEqual([
    { name: '7b', inherited: false },
    { name: 'school', inherited: true },
  ]);
});

test('search looks at names, addresses and ids', () => {
  const find = (q: string) => people.filter((p) => matches(p, q)).map((p) => p.id);
  expect(find(' ADA ')).toEqual(['b']);
  expect(find('@example')).toEqual(['a', 'b', 'c']);
  expect(find('gone')).toEqual(['gone']);
  expect(find('')).toHaveLength(4);
});

test('the sort of an address is read and written', () => {
  expect(readSort(null)).toEqual({ key: 'cost', down: true });
  expect(readSort('nonsense')).toEqual({ key: 'cost', down: true });
  expect(writeSort(readSort('-requests'))).toBe('-requests');
  expect(writeSort(readSort('-cost'))).toBeNull();
  expect(writeSort(readSort('cost'))).toBe('cost');
});
