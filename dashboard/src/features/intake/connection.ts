// SPDX-License-Identifier: AGPL-3.0-or-later
// What the connection test checks: each link between Open WebUI and the ledger, and what is wrong with it.
import type { Pipeline } from '#features/system/calls.ts';

export const links = ['gateway', 'costd', 'database', 'event', 'stored'] as const;
export type Link = (typeof links)[number];

export type Verdict =
  | { link: Link; state: 'ok' }
  /** Nothing can be said while something before it is not in order, or nothing has come. */
  | { link: Link; state: 'unsure' }
  | { link: Link; state: 'wrong'; why: Why };

export type Why =
  'gatewayFull' | 'gatewayFailed' | 'costdWrong' | 'databaseWrong' | 'eventWrong' | 'storedWrong';

/** An event counts when it came at or after the instant the test began; without one, any event does. */
export function hasArrived(p: Pipeline, since: string | null): boolean {
  if (p.last_event_at === null) return false;
  return since === null || p.last_event_at > since;
}

export function checkLinks(p: Pipeline, since: string | null): Verdict[] {
  const arrived = hasArrived(p, since);
  const ledger = p.costd.state === 'ok' && p.database.state === 'ok';
  const wrong = (link: Link, why: Why): Verdict => ({ link, state: 'wrong', why });
  return [
    p.spool.state === 'full'
      ? wrong('gateway', 'gatewayFull')
      : p.spool.state === 'failed'
        ? wrong('gateway', 'gatewayFailed')
        : { link: 'gateway', state: 'ok' },
    p.costd.state === 'ok' ? { link: 'costd', state: 'ok' } : wrong('costd', 'costdWrong'),
    p.database.state === 'ok'
      ? { link: 'database', state: 'ok' }
      : p.database.state === 'unknown'
        ? { link: 'database', state: 'unsure' }
        : wrong('database', 'databaseWrong'),
    arrived ? { link: 'event', state: 'ok' } : wrong('event', 'eventWrong'),
    !arrived
      ? { link: 'stored', state: 'unsure' }
      : p.spool.pending > 0 && !ledger
        ? wrong('stored', 'storedWrong')
        : p.spool.pending > 0
          ? { link: 'stored', state: 'unsure' }
          : { link: 'stored', state: 'ok' },
  ];
}
