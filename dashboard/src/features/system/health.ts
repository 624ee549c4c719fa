// SPDX-License-Identifier: AGPL-3.0-or-later
// What the state of the pipeline means to a reader: nothing to do, something to know, or something wrong.
import type { Pipeline, RefusedCount } from './calls.ts';
import type { Month } from '#lib/month.ts';

export const troubles = [
  'spoolFailed',
  'spoolFull',
  'costd',
  'database',
  'waiting',
  'quarantined',
  'deadLetters',
  'missing',
  'refused',
  'lookupsPaused',
  'lookupsLate',
  'tapUnfit',
  'deliveryHeld',
  'termsConflict',
] as const;
export type Trouble = (typeof troubles)[number];

/** What waits for longer than this in the spool is late. */
const LATE_SECONDS = 60;
/** A few late look-ups are no news: the provider knows a cost only after a while. */
const OVERDUE = 10;

/** Requests may be lost or are not taken; the others cost nothing but time. */
const grave: readonly Trouble[] = [
  'spoolFailed',
  'spoolFull',
  'quarantined',
  'deadLetters',
  'missing',
  'refused',
];

/** refusedOf is how many records could not be taken; none where an older gateway does not say. */
export function refusedOf(p: { refused?: RefusedCount }): RefusedCount {
  return { last_day: p.refused?.last_day ?? 0, total: p.refused?.total ?? 0 };
}

export interface Held {
  month: Month;
  reason: string;
}

/** heldOf is the first month whose files are held back; none where an older gateway does not say. */
export function heldOf(p: { delivery?: Pipeline['delivery'] }): Held | null {
  const month = p.delivery?.held_month ?? null;
  return month === null ? null : { month, reason: p.delivery?.held_reason ?? '' };
}

/** conflictOf says which settings two reportd have that differ. */
export function conflictOf(p: { terms_conflict?: Pipeline['terms_conflict'] }): string | null {
  return p.terms_conflict ?? null;
}

export interface Health {
  level: 'good' | 'warn' | 'bad';
  troubles: Trouble[];
}

/** healthOf takes how many plugins are heard whose tap does not fit, too. */
export function healthOf(p: Pipeline, unfit = 0): Health {
  const l = p.lookups;
  const is: Record<Trouble, boolean> = {
    spoolFailed: p.spool.state === 'failed',
    spoolFull: p.spool.state === 'full',
    costd: p.costd.state !== 'ok',
    database: p.costd.state === 'ok' && p.database.state === 'unreachable',
    waiting:
      p.costd.state === 'ok' &&
      p.database.state === 'ok' &&
      (p.spool.oldest_pending_seconds ?? 0) > LATE_SECONDS,
    quarantined: p.spool.quarantined > 0,
    deadLetters: (p.dead_letters ?? 0) > 0,
    missing: (p.missing_records ?? 0) > 0,
    refused: refusedOf(p).last_day > 0,
    lookupsPaused: (l?.paused_until ?? null) !== null && (l?.paused_until ?? '') > p.now,
    lookupsLate: (l?.overdue ?? 0) > OVERDUE,
    tapUnfit: unfit > 0,
    deliveryHeld: heldOf(p) !== null,
    termsConflict: conflictOf(p) !== null,
  };
  const found = troubles.filter((t) => is[t]);
  const level = found.some((t) => grave.includes(t)) ? 'bad' : 'warn';
  return { level: found.length ? level : 'good', troubles: found };
}
