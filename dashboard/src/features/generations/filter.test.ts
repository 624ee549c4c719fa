// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'vitest';
import type { Generation } from '#api/client.ts';
import {
  callOf,
  daysOf,
  isNarrow,
  kinds,
  kindsOf,
  platforms,
  platformsOf,
  readFilter,
  readPeriod,
  spanOf,
  writePeriod,
} from './filter.ts';

const TODAY = '2026-11-23';
const ask = (text: string) => {
  const query = new URLSearchParams(text);
  return (name: string) => query.get(name);
};

test('periods are written into the address and read back', () => {
  for (const text of [
    '',
    'month=2026-09',
    'period=7d',
    'period=all',
    'first=2026-11-01&last=2026-11-02',
  ]) {
    const period = readPeriod(ask(text), '2026-11');
    const written = new URLSearchParams(
      Object.entries(writePeriod(period, '2026-11')).flatMap(([k, v]) =>
        v === null ? [] : [[k, v]],
      ),
    );
    expect(written.toString()).toBe(text);
  }
});

test('nonsense in the address is the running month', () => {
  for (const text of [
    'month=2026-13',
    'period=9d',
    'first=2026-11-02&last=2026-11-01',
    'first=x&last=y',
  ]) {
    expect(readPeriod(ask(text), '2026-11')).toEqual({ kind: 'month', month: '2026-11' });
  }
});

test('periods are half open for the server and whole days for the reader', () => {
  expect(spanOf({ kind: 'last', days: 7 }, TODAY)).toEqual({
    from: '2026-11-17',
    to: '2026-11-24',
  });
  expect(daysOf({ kind: 'last', days: 1 }, TODAY)).toEqual({ first: TODAY, last: TODAY });
  expect(spanOf({ kind: 'days', first: '2026-02-28', last: '2026-02-28' }, TODAY)).toEqual({
    from: '2026-02-28',
    to: '2026-03-01',
  });
  expect(spanOf({ kind: 'month', month: '2026-12' }, TODAY).to).toBe('2027-01-01');
});

test('filters become the call’s parameters, and nothing else does', () => {
  const filter = readFilter(
    ask('user=u%201&model=a/b&chat=c&state=error&cost=open&size=100&junk=1'),
    TODAY,
  );
  expect(filter.size).toBe(100);
  expect(isNarrow(filter)).toBe(true);
  expect(callOf(filter, TODAY)).toEqual({
    from: '2026-11-01',
    to: '2026-12-01',
    user: 'u 1',
    model: 'a/b',
    chat_id: 'c',
    state: 'error',
    unsettled: 1,
  });
  expect(readFilter(ask('size=7&state=x&cost=y'), TODAY)).toMatchObject({
    size: 50,
    state: null,
    cost: null,
  });
});

test('a platform is a condition; the empty one asks for rows whose records do not say it', () => {
  const filter = readFilter(ask('platform=ollama'), TODAY);
  expect(isNarrow(filter)).toBe(true);
  expect(callOf(filter, TODAY)).toMatchObject({ platform: 'ollama' });
  const none = readFilter(ask('platform='), TODAY);
  expect(isNarrow(none)).toBe(true);
  expect(callOf(none, TODAY)).toMatchObject({ platform: '' });
  const any = readFilter(ask(''), TODAY);
  expect(isNarrow(any)).toBe(false);
  expect(callOf(any, TODAY)).not.toHaveProperty('platform');
});

test('platforms to choose from are the usual ones and whatever is here', () => {
  const rows = [{ platform: 'vllm' }, { platform: null }, { platform: 'ollama' }];
  const list = platformsOf(rows as unknown as Generation[], 'mine');
  expect(list).toEqual([...new Set(list)]);
  expect(list).toEqual([...platforms, 'mine', 'vllm'].sort());
  expect(platformsOf([], '')).toEqual([...platforms].sort());
});

test('one request is looked for in all of time', () => {
  const filter = readFilter(ask('generation=gen-1&month=2026-09'), TODAY);
  expect(callOf(filter, TODAY)).toEqual({
    from: '2020-01-01',
    to: '2026-11-25',
    generation_id: 'gen-1',
  });
});

test('a kind is a condition, too, and those that senders name are to choose from', () => {
  const filter = readFilter(ask('kind=embedding'), TODAY);
  expect(isNarrow(filter)).toBe(true);
  expect(callOf(filter, TODAY)).toMatchObject({ kind: 'embedding' });
  expect(callOf(readFilter(ask('kind='), TODAY), TODAY)).toMatchObject({ kind: '' });
  expect(callOf(readFilter(ask(''), TODAY), TODAY)).not.toHaveProperty('kind');
  const rows = [{ kind: 'music' }, { kind: null }, { kind: 'chat' }] as unknown as Generation[];
  expect(kindsOf(rows, 'video')).toEqual([...kinds, 'music', 'video']);
  expect(kindsOf([], '')).toEqual(kinds);
});
