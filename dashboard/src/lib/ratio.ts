// SPDX-License-Identifier: AGPL-3.0-or-later
// Shares and changes of exact amounts, in whole thousandths, without binary floats.
import { parseMoney } from './money.ts';

/** Thousandths, rounded half up: 342 is 34.2 %. */
export type PerMille = number;

function perMille(part: bigint, whole: bigint): PerMille {
  return Number((part * 2000n + whole) / (whole * 2n));
}

/** shareOf is null where there is no whole to have a share of. */
export function shareOf(part: string, whole: string): PerMille | null {
  const w = parseMoney(whole);
  return w > 0n ? perMille(parseMoney(part), w) : null;
}

/** A change that a reader may rely on: nothing is claimed where there was nothing to compare with. */
export type Change =
  | { kind: 'none' } // nothing then, nothing now
  | { kind: 'new' } // nothing then, something now
  | { kind: 'same' }
  | { kind: 'up' | 'down'; perMille: PerMille };

export function changeOf(now: string, before: string): Change {
  const n = parseMoney(now);
  const b = parseMoney(before);
  if (b === 0n) return { kind: n === 0n ? 'none' : 'new' };
  if (n === b) return { kind: 'same' };
  return n > b
    ? { kind: 'up', perMille: perMille(n - b, b) }
    : { kind: 'down', perMille: perMille(b - n, b) };
}
