// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'vitest';
import type { Pipeline } from '#features/system/calls.ts';
import { checkLinks } from './connection.ts';

function pipeline(changes: Partial<Pipeline> = {}): Pipeline {
  return {
    now: '2026-11-23T10:00:00.000000Z',
    status: 'ready',
    last_event_at: null,
    last_commit_at: null,
    spool: { state: 'ok', pending: 0, quarantined: 0, oldest_pending_seconds: null },
    costd: { state: 'ok' },
    database: { state: 'ok' },
    dead_letters: 0,
    dead_letters_set_aside: 0,
    missing_records: 0,
    lookups: null,
    refused: { last_day: 0, total: 0 },
    delivery: { held_month: null, held_reason: null },
    terms_conflict: null,
    ...changes,
  };
}

const states = (p: Pipeline, since: string | null = null) =>
  Object.fromEntries(checkLinks(p, since).map((v) => [v.link, v.state]));

test('a fresh installation lacks only the event', () => {
  expect(states(pipeline())).toEqual({
    gateway: 'ok',
    costd: 'ok',
    database: 'ok',
    event: 'wrong',
    stored: 'unsure',
  });
});

test('an event that came before the test began does not pass it', () => {
  const p = pipeline({ last_event_at: '2026-11-23T09:00:00.000000Z' });
  expect(states(p, '2026-11-23T09:30:00.000000Z')).toMatchObject({ event: 'wrong' });
  expect(states(p, '2026-11-23T08:30:00.000000Z')).toMatchObject({ event: 'ok', stored: 'ok' });
  expect(states(p)).toMatchObject({ event: 'ok', stored: 'ok' });
});

test('an event that waits is not called stored', () => {
  const p = pipeline({
    last_event_at: '2026-11-23T09:00:00.000000Z',
    spool: { state: 'ok', pending: 3, quarantined: 0, oldest_pending_seconds: null },
  });
  expect(states(p)).toMatchObject({ stored: 'unsure' });
  expect(states({ ...p, costd: { state: 'unreachable' } })).toMatchObject({
    costd: 'wrong',
    stored: 'wrong',
  });
});

test('a database that costd could not be asked about is not called broken', () => {
  const p = pipeline({ costd: { state: 'unreachable' }, database: { state: 'unknown' } });
  expect(states(p)).toMatchObject({ costd: 'wrong', database: 'unsure' });
});

test('a full spool is told from a broken one', () => {
  const why = (state: Pipeline['spool']['state']) =>
    checkLinks(
      pipeline({ spool: { state, pending: 0, quarantined: 0, oldest_pending_seconds: null } }),
      null,
    )[0];
  expect(why('full')).toMatchObject({ why: 'gatewayFull' });
  expect(why('failed')).toMatchObject({ why: 'gatewayFailed' });
});
