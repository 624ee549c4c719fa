// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'vitest';
import type { Generation } from '#api/client.ts';
import type { History, HistoryRecord } from './calls.ts';
import { cameFrom, costWord, hasUse, lacksBill, marksOf, pairedWith, roleOf } from './counting.ts';

const row = (changes: Partial<Generation> = {}) =>
  ({
    generation_id: 'gen-9',
    cost: '0.25',
    cost_state: 'reported',
    byok_cost: null,
    is_byok: null,
    requests: 1,
    unsettled: false,
    marks: [],
    platform: 'openrouter',
    other_id: null,
    ...changes,
  }) as unknown as Generation;

const record = (changes: Partial<HistoryRecord>) =>
  ({ generation_id: null, turn_id: null, ...changes }) as unknown as HistoryRecord;

const history = (generation: Generation, pairing: { part_of?: string[]; parts?: string[] } = {}) =>
  ({ generation: { ...generation, part_of: [], parts: [], ...pairing } }) as unknown as History;

test('a row is a request, a part that counts nothing, or what a turn left over', () => {
  expect(roleOf(row())).toBe('request');
  expect(roleOf(row({ cost: null, cost_state: 'unknown' }))).toBe('request');
  expect(roleOf(row({ requests: 0, cost: null }))).toBe('part');
  expect(roleOf(row({ requests: 0, cost: '0.000000000000000000' }))).toBe('part');
  expect(roleOf(row({ requests: 0, cost: '0.000000000000000001' }))).toBe('rest');
  expect(roleOf(row({ requests: 0, cost: '0', byok_cost: '0.1' }))).toBe('rest');
});

test('a bill is missing where only the fee is known', () => {
  expect(lacksBill(row({ unsettled: true, is_byok: true }))).toBe(true);
  expect(lacksBill(row({ is_byok: true, byok_cost: '0.1' }))).toBe(false);
  const estimate = { cost_state: 'estimated', unsettled: true } as const;
  expect(lacksBill(row({ ...estimate, is_byok: true, byok_cost: '0.1' }))).toBe(false);
  expect(lacksBill(row({ unsettled: true, cost: null, cost_state: 'unknown' }))).toBe(false);
});

test('a fee without its bill and a price that no platform knows are no plain states', () => {
  const local = { cost: null, cost_state: 'unknown', platform: 'ollama' } as const;
  expect(costWord(row())).toBe('reported');
  expect(costWord(row({ unsettled: true, is_byok: true }))).toBe('fee');
  expect(costWord(row(local))).toBe('no_price');
  expect(costWord(row({ ...local, unsettled: true }))).toBe('unknown');
  expect(costWord(row({ ...local, requests: 0 }))).toBe('unknown');
});

test('a sum of no requests is not nothing where it costs something', () => {
  const none = { requests: 0, cost: '0', byok_cost: '0' };
  expect(hasUse(none)).toBe(false);
  expect(hasUse({ ...none, cost: '0.04' })).toBe(true);
  expect(hasUse({ ...none, byok_cost: '0.04' })).toBe(true);
  expect(hasUse({ ...none, requests: 1 })).toBe(true);
});

test('marks say what is out of the ordinary, unknown ones too', () => {
  const texts = { part: 'part', rest: 'rest of a turn', matched: 'paired' };
  const meanings = { part: 'it counts nothing', matched: 'by figures' };
  const marks = (changes: Partial<Generation>) => marksOf(row(changes), texts, meanings);
  expect(marks({})).toEqual([]);
  expect(marks({ requests: 0, cost: null, marks: ['matched', 'odd_day'] })).toEqual([
    { name: 'part', text: 'part', meaning: 'it counts nothing' },
    { name: 'matched', text: 'paired', meaning: 'by figures' },
    { name: 'odd_day', text: 'odd day', meaning: '' },
  ]);
  expect(marks({ requests: 0 })[0]?.text).toBe('rest of a turn');
});

test('a record is traced to the other row of its call', () => {
  const h = history(row(), { parts: ['owui:t1:1'] });
  expect(pairedWith(h)).toEqual(['owui:t1:1']);
  expect(cameFrom(record({ generation_id: 'gen-9', turn_id: 't1:1' }), h)).toBeNull();
  expect(cameFrom(record({ turn_id: 't1:1' }), h)).toBe('owui:t1:1');
  const turn = history(row({ generation_id: 'owui:t1:1', requests: 0, cost: '0' }), {
    part_of: ['gen-9'],
  });
  expect(cameFrom(record({ turn_id: 't1:1' }), turn)).toBeNull();
  expect(cameFrom(record({ generation_id: 'gen-9' }), turn)).toBe('gen-9');
});

test('where nothing is paired, every record is the row’s own', () => {
  const h = history(row());
  expect(pairedWith(h)).toEqual([]);
  expect(cameFrom(record({ turn_id: 't1:1' }), h)).toBeNull();
});
