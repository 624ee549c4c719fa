// SPDX-License-Identifier: AGPL-3.0-or-later
// What a plugin's last word about itself means to a reader.
import type { Sender } from './calls.ts';

/** What is said of its tap: that it is silent comes before what it said last. */
export type Word = Sender['tap'] | 'silent';

export function wordOf(s: Sender): Word {
  return s.state === 'silent' ? 'silent' : s.tap;
}

/** How it is shown: as in order, as no matter, or as something to look at. */
export function levelOf(s: Sender): 'good' | 'none' | 'warn' {
  const word = wordOf(s);
  return word === 'on' ? 'good' : word === 'off' ? 'none' : 'warn';
}

/** unfitOf counts those that are heard and whose tap does not fit. */
export function unfitOf(list: readonly Sender[]): number {
  return list.filter((s) => wordOf(s) === 'does_not_fit').length;
}

/** What a plugin counts, in the order it is shown; of the last four, none is the best. */
export const counts = [
  'seen',
  'missed',
  'faults',
  'unnamed',
  'queued',
  'rejected',
] as const satisfies readonly (keyof Sender)[];
export type Count = (typeof counts)[number];

/** Counts that are worth a look where they are not 0. */
export const bad: ReadonlySet<Count> = new Set(['missed', 'faults', 'rejected']);
