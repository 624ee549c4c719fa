// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'vitest';
import type { Generation } from '#api/client.ts';
import {
  KEPT,
  type Line,
  type LiveRecord,
  add,
  addAll,
  counted,
  fill,
  passes,
} from './liveList.ts';

function record(changes: Partial<LiveRecord> = {}): LiveRecord {
  return {
    received_at: '2026-11-23T15:00:00.000000Z',
    generation_id: 'gen-1',
    turn_id: null,
    user: 'u1',
    user_name: 'Ada',
    model: 'a/model',
    provider: null,
    state: 'final',
    cost: '0.1',
    prompt_tokens: 1,
    completion_tokens: 2,
    origin: 'ui',
    task: null,
    kind: null,
    source: 'filter-stream',
    started_at: null,
    ...changes,
  };
}

const keys = (lines: Line[]) => lines.map((l) => l.key);

test('the newest is on top', () => {
  const lines = addAll(
    [],
    ['a', 'b', 'c'].map((g, i) => ({ id: String(i), record: record({ generation_id: g }) })),
  );
  expect(keys(lines)).toEqual(['g:c', 'g:b', 'g:a']);
});

test('several records of one request are one line that stays where it is', () => {
  let lines = add([], record({ state: 'open', cost: null, prompt_tokens: null }), '1');
  lines = add(lines, record({ generation_id: 'gen-2' }), '2');
  lines = add(
    lines,
    record({ cost: '0.5', user_name: null, received_at: '2026-11-23T16:00:00Z' }),
    '3',
  );
  expect(keys(lines)).toEqual(['g:gen-2', 'g:gen-1']);
  expect(lines[1]).toMatchObject({
    cost: '0.5',
    user_name: 'Ada',
    state: 'final',
    records: 2,
    received_at: '2026-11-23T15:00:00.000000Z',
  });
  lines = add(lines, record({ state: 'open', cost: null }), '4');
  expect(lines[1]).toMatchObject({ state: 'final', cost: '0.5', records: 3 });
});

test('a record without a generation id is known by its turn, or is a line of its own', () => {
  let lines = add([], record({ generation_id: null, turn_id: 't' }), '1');
  lines = add(lines, record({ generation_id: null, turn_id: 't' }), '2');
  lines = add(lines, record({ generation_id: null }), '3');
  lines = add(lines, record({ generation_id: null }), '4');
  expect(keys(lines)).toEqual(['r:4', 'r:3', 'g:owui:t']);
});

test('the list is bounded', () => {
  let lines: Line[] = [];
  for (let i = 0; i < KEPT + 5; i++)
    lines = add(lines, record({ generation_id: `g${i}` }), String(i));
  expect(lines.length).toBe(KEPT);
  expect(lines.at(-1)?.key).toBe('g:g5');
});

test('a gap is filled by time, and nothing is there twice', () => {
  const at = (s: number) => `2026-11-23T15:00:${String(s).padStart(2, '0')}.000000Z`;
  const row = (id: string, s: number) =>
    ({
      ...record({ generation_id: id }),
      started_at: at(s),
      finished_at: at(s),
    }) as unknown as Generation;
  const lines = addAll(
    [],
    [
      { id: '1', record: record({ generation_id: 'a', received_at: at(10) }) },
      { id: '9', record: record({ generation_id: 'd', received_at: at(40), cost: '7' }) },
    ],
  );
  const filled = fill(lines, [row('d', 40), row('c', 30), row('b', 20), row('a', 10)]);
  expect(keys(filled)).toEqual(['g:d', 'g:c', 'g:b', 'g:a']);
  expect(filled[0]?.cost).toBe('7');
  expect(keys(fill(filled, [row('c', 30)]))).toEqual(keys(filled));
});

test('a turn’s record and its row of the ledger are one line', () => {
  const lines = add([], record({ generation_id: null, turn_id: 't1:1' }), '1');
  const row = { ...record({ generation_id: 'owui:t1:1', turn_id: 't1:1' }), finished_at: null };
  expect(keys(fill(lines, [row as unknown as Generation]))).toEqual(['g:owui:t1:1']);
});

test('a turn’s record is not counted beside its requests', () => {
  const turn = (id: string | null, turn_id: string | null) =>
    record({ generation_id: id, turn_id });
  const records = [turn(null, 't1'), turn('gen-1', 't1'), turn('gen-2', 't1'), turn(null, 't2')];
  const lines = addAll(
    [],
    [...records, turn('gen-3', null), turn(null, null)].map((r, i) => ({ id: `${i}`, record: r })),
  );
  expect(lines).toHaveLength(6);
  expect(keys(counted(lines))).toEqual(['r:5', 'g:gen-3', 'g:owui:t2', 'g:gen-2', 'g:gen-1']);
});

test('what the ledger says is left of a turn is counted', () => {
  const row = (id: string) =>
    ({
      ...record({ generation_id: id, turn_id: 't1' }),
      finished_at: null,
    }) as unknown as Generation;
  const lines = fill([], [row('gen-1'), row('owui:t1')]);
  expect(counted(lines)).toHaveLength(2);
});

test('a filter looks at names, states and what was asked by whom', () => {
  const [line] = add([], record({ task: 'title_generation' }), '1');
  if (!line) throw new Error('no line');
  const none = { text: '', state: null, kind: null };
  expect(passes(line, none)).toBe(true);
  expect(passes(line, { ...none, text: ' aDA ' })).toBe(true);
  expect(passes(line, { ...none, text: 'a/mod' })).toBe(true);
  expect(passes(line, { ...none, text: 'nobody' })).toBe(false);
  expect(passes(line, { ...none, state: 'error' })).toBe(false);
  expect(passes(line, { ...none, kind: 'tasks' })).toBe(true);
  expect(passes(line, { ...none, kind: 'chats' })).toBe(false);
});
