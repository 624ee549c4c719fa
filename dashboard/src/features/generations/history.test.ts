// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'vitest';
import type { Generation } from '#api/client.ts';
import type { History, HistoryRecord } from './calls.ts';
import { costOrigin, inOrder, pathOf, valuesOf, secondsBetween } from './history.ts';

function record(changes: Partial<HistoryRecord> = {}): HistoryRecord {
  return {
    record_id: '0190f6d2-0000-7000-8000-000000000000',
    decision: null,
    reason: null,
    not_found: null,
    received_at: '2026-11-23T10:00:00.000000Z',
    source: 'filter-stream',
    state: 'final',
    cost: null,
    cost_state: 'unknown',
    is_byok: null,
    byok_cost: null,
    prompt_tokens: null,
    completion_tokens: null,
    reasoning_tokens: null,
    cached_tokens: null,
    cache_write_tokens: null,
    images: null,
    model: null,
    provider: null,
    user: 'u',
    user_name: null,
    user_state: null,
    told_only: null,
    groups: [],
    requested_model: null,
    chat_id: null,
    message_id: null,
    turn_id: null,
    generation_id: null,
    request: null,
    platform: null,
    kind: null,
    other_id: null,
    origin: null,
    task: null,
    started_at: null,
    finished_at: null,
    ...changes,
  };
}

function history(
  row: Partial<Generation>,
  records: HistoryRecord[],
  pairing: { part_of?: string[]; parts?: string[] } = {},
): History {
  const generation = {
    ...record(),
    generation_id: 'gen-1',
    cost: null,
    cost_state: 'unknown',
    requests: 1,
    unsettled: false,
    marks: [],
    platform: null,
    other_id: null,
    part_of: [],
    parts: [],
    ...row,
    ...pairing,
  } as unknown as History['generation'];
  return { timezone: 'UTC', generation, records, truncated: false, lookup: null };
}

test('a record says what it holds, and whether that stands', () => {
  const h = history({ cost: '0.0020', model: 'b', cost_state: 'looked_up' }, []);
  const said = valuesOf(record({ cost: '0.002', model: 'a', prompt_tokens: 0 }), h);
  expect(said).toEqual([
    { field: 'state', value: 'final', stands: true },
    { field: 'model', value: 'a', stands: false },
    { field: 'prompt_tokens', value: 0, stands: false },
    { field: 'cost', value: '0.002', stands: true },
  ]);
});

test('the amount that stands is traced to the record that said it, of the same kind if there is one', () => {
  const reported = record({ cost: '0.003', cost_state: 'reported' });
  const lookedUp = record({ source: 'lookup', cost: '0.0030', cost_state: 'looked_up' });
  const h = history({ cost: '0.003', cost_state: 'looked_up' }, [reported, lookedUp]);
  expect(costOrigin(h).from).toBe(lookedUp);
  expect(costOrigin(h).others).toEqual([]);
});

test('amounts that do not stand are named once each', () => {
  const records = [
    record({ cost: '0.001', cost_state: 'estimated' }),
    record({ cost: '0.001', cost_state: 'reported' }),
    record({ cost: '0.003', cost_state: 'looked_up' }),
  ];
  const story = costOrigin(history({ cost: '0.003', cost_state: 'looked_up' }, records));
  expect(story.others.map((o) => o.cost)).toEqual(['0.001']);
  expect(story.from).toBe(records[2]);
});

test('what pairing took out of a row was not said wrongly', () => {
  const turn = record({ turn_id: 't1', cost: '0.30', prompt_tokens: 40, model: 'b' });
  const rest = history(
    { generation_id: 'owui:t1', requests: 0, cost: '0.05', prompt_tokens: 15, model: 'a' },
    [turn],
    { part_of: ['gen-9'] },
  );
  const wrong = (h: History) =>
    h.records.flatMap((r) => valuesOf(r, h).flatMap((s) => (s.stands ? [] : [s.field])));
  expect(wrong(rest)).toEqual(['model']);
  expect(costOrigin(rest).others).toEqual([]);
  const span = record({ generation_id: 'gen-9', cost: '0.25', prompt_tokens: 25, model: 'b' });
  const request = { generation_id: 'gen-9', requests: 1, cost: '0.25', prompt_tokens: 25 };
  const paired = history({ ...request, model: 'b' }, [turn, span], { parts: ['owui:t1'] });
  expect(wrong(paired)).toEqual([]);
  expect(costOrigin(paired)).toMatchObject({ from: span, others: [] });
});

test('a record says its number, its platform, and the other id that was spoken of', () => {
  const h = history({ platform: 'openrouter', other_id: 'gen-8' }, []);
  const said = valuesOf(record({ request: 2, platform: 'ollama', other_id: 'gen-8' }), h);
  expect(said.slice(1)).toEqual([
    { field: 'platform', value: 'ollama', stands: false },
    { field: 'request', value: 2, stands: true },
    { field: 'other_id', value: 'gen-8', stands: true },
  ]);
});

test('an operator’s word says nothing of the request', () => {
  const word = record({ source: 'operator', state: 'open', turn_id: 't1' });
  expect(valuesOf(word, history({ generation_id: 'owui:t1', requests: 1 }, []))).toEqual([]);
});

test('an unknown cost comes from no record', () => {
  const story = costOrigin(history({}, [record()]));
  expect(story).toMatchObject({ state: 'unknown', from: null, others: [], givenUp: false });
});

test('records stand in the order they came', () => {
  const late = record({ received_at: '2026-11-23T10:00:02.000000Z' });
  const early = record({ received_at: '2026-11-23T10:00:01.000000Z' });
  expect(inOrder([late, early])).toEqual([early, late]);
});

test('paths are known by their names, others by their own', () => {
  expect(pathOf('filter-stream')).toBe('stream');
  expect(pathOf('filter-outlet')).toBe('outlet');
  expect(pathOf('otlp')).toBe('otlp');
  expect(pathOf('lookup')).toBe('lookup');
  expect(pathOf('operator')).toBe('operator');
  expect(pathOf('my-script')).toBe('other');
  expect(pathOf(null)).toBe('other');
});

test('a duration needs both ends in the right order', () => {
  expect(secondsBetween('2026-11-23T10:00:00Z', '2026-11-23T10:00:01.5Z')).toBe(1.5);
  expect(secondsBetween(null, '2026-11-23T10:00:01Z')).toBeNull();
  expect(secondsBetween('2026-11-23T10:00:02Z', '2026-11-23T10:00:01Z')).toBeNull();
});

test('the ways of the plugin are told apart', () => {
  expect(pathOf('tap')).toBe('tap');
  expect(pathOf('filter-request')).toBe('request');
  expect(pathOf('filter-stream')).toBe('stream');
  expect(pathOf('filter-outlet')).toBe('outlet');
});

test('a record says its kind', () => {
  const said = valuesOf(record({ kind: 'embedding' }), history({ kind: 'embedding' }, []));
  expect(said).toContainEqual({ field: 'kind', value: 'embedding', stands: true });
});
