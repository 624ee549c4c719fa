// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'vitest';
import type { Pipeline } from './calls.ts';
import { conflictOf, healthOf, heldOf, refusedOf } from './health.ts';

const fine: Pipeline = {
  now: '2026-11-23T15:00:00.000000Z',
  status: 'ready',
  last_event_at: null,
  last_commit_at: null,
  spool: { state: 'ok', pending: 3, quarantined: 0, oldest_pending_seconds: 1 },
  costd: { state: 'ok' },
  database: { state: 'ok' },
  dead_letters: 0,
  dead_letters_set_aside: 0,
  missing_records: 0,
  refused: { last_day: 0, total: 0 },
  lookups: { waiting: 4, overdue: 0, given_up: 0, paused_until: null, last_error: null },
  delivery: { held_month: null, held_reason: null },
  terms_conflict: null,
};

test('a few records on their way are nothing to worry about', () => {
  expect(healthOf(fine)).toEqual({ level: 'good', troubles: [] });
  expect(healthOf(fine, 1)).toEqual({ level: 'warn', troubles: ['tapUnfit'] });
  expect(healthOf({ ...fine, dead_letters: 1 }, 1).level).toBe('bad');
});

test('what waits is late after a minute, and the cause is named once', () => {
  const late = { ...fine, spool: { ...fine.spool, oldest_pending_seconds: 600 } };
  expect(healthOf(late)).toEqual({ level: 'warn', troubles: ['waiting'] });
  const down = {
    ...late,
    costd: { state: 'unreachable' as const },
    dead_letters: null,
    dead_letters_set_aside: null,
    lookups: null,
  };
  expect(healthOf(down).troubles).toEqual(['costd']);
  const noDatabase = { ...late, database: { state: 'unreachable' as const } };
  expect(healthOf(noDatabase).troubles).toEqual(['database']);
});

test('what may be lost is worse than what is late', () => {
  for (const state of ['full', 'failed'] as const) {
    expect(healthOf({ ...fine, spool: { ...fine.spool, state } }).level).toBe('bad');
  }
  expect(healthOf({ ...fine, dead_letters: 1 })).toEqual({
    level: 'bad',
    troubles: ['deadLetters'],
  });
  expect(healthOf({ ...fine, missing_records: 7 })).toEqual({
    level: 'bad',
    troubles: ['missing'],
  });
});

test('what could not be taken is said for a day, and only where the gateway reports it', () => {
  const refused = (last_day: number, total = 9) =>
    healthOf({ ...fine, refused: { last_day, total } });
  expect(refused(3)).toEqual({ level: 'bad', troubles: ['refused'] });
  expect(refused(0).troubles).toEqual([]);
  const { refused: _, ...older } = fine;
  expect(healthOf(older as Pipeline).troubles).toEqual([]);
  expect(refusedOf(older as Pipeline)).toEqual({ last_day: 0, total: 0 });
});

test('look-ups are late when many are, and paused until their time', () => {
  const lookups = { waiting: 90, overdue: 50, given_up: 0, paused_until: null, last_error: 'x' };
  expect(healthOf({ ...fine, lookups }).troubles).toEqual(['lookupsLate']);
  const until = (paused_until: string) =>
    healthOf({ ...fine, lookups: { ...lookups, overdue: 0, paused_until } });
  expect(until('2026-11-23T15:10:00.000000Z').troubles).toEqual(['lookupsPaused']);
  expect(until('2026-11-23T14:10:00.000000Z').troubles).toEqual([]);
});

test('files that are held back and settings that differ are said, with what is known of them', () => {
  const delivery = { held_month: '2026-10', held_reason: 'the rate is of 2026-09-30' };
  expect(healthOf({ ...fine, delivery })).toEqual({ level: 'warn', troubles: ['deliveryHeld'] });
  expect(heldOf({ delivery })).toEqual({ month: '2026-10', reason: 'the rate is of 2026-09-30' });
  expect(heldOf(fine)).toBeNull();
  const conflict = { ...fine, terms_conflict: 'TAX_RATE: 19 and 20' };
  expect(healthOf(conflict)).toEqual({ level: 'warn', troubles: ['termsConflict'] });
  expect(conflictOf(conflict)).toBe('TAX_RATE: 19 and 20');
  const { delivery: _, terms_conflict: __, ...older } = fine;
  expect(healthOf(older as Pipeline).troubles).toEqual([]);
  expect([heldOf({}), conflictOf({})]).toEqual([null, null]);
});
