// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * Rows of two keys as slices on top of each other: each slot (a day, an hour, a name) is a bar, each of
 * the largest values of the second key a slice, and the rest one more, so that a bar is always the
 * whole. Sums are exact; a binary float is used for nothing but the height of a bar.
 */

/** How many slices have a pattern of their own. */
export const SLICES = 6;
const HEIGHT_BITS = 52;

export interface Slice {
  /** The value of the key; null is a row without one, REST are all others. */
  key: string | null | typeof REST;
  /** How its area looks, 1 to SLICES; 0 is the rest. */
  pattern: number;
  /** One amount per slot. */
  amounts: bigint[];
  total: bigint;
}

export const REST = Symbol('rest');

export interface Stack {
  slots: readonly string[];
  /** The largest first; the rest, where there is any, last. */
  slices: Slice[];
  totals: bigint[];
  total: bigint;
}

export interface StackPart {
  slot: string;
  key: string | null;
  amount: bigint;
}

export interface StackOptions {
  most?: number;
  /** What each slot comes to, where the parts are not all of it. */
  totals?: ReadonlyMap<string, bigint>;
}

export function stack(
  slots: readonly string[],
  parts: readonly StackPart[],
  { most = SLICES, totals }: StackOptions = {},
): Stack {
  const at = new Map(slots.map((slot, i) => [slot, i]));
  const zeros = () => slots.map(() => 0n);
  const byKey = new Map<string | null, { amounts: bigint[]; total: bigint }>();
  const sums = zeros();
  for (const { slot, key, amount } of parts) {
    const i = at.get(slot);
    if (i === undefined) continue;
    const found = byKey.get(key) ?? { amounts: zeros(), total: 0n };
    found.amounts[i] = (found.amounts[i] ?? 0n) + amount;
    found.total += amount;
    sums[i] = (sums[i] ?? 0n) + amount;
    byKey.set(key, found);
  }
  if (totals) slots.forEach((slot, i) => (sums[i] = totals.get(slot) ?? 0n));

  const sorted = [...byKey.entries()].sort(([, a], [, b]) =>
    a.total === b.total ? 0 : a.total > b.total ? -1 : 1,
  );
  // A rest of one would hide a name for nothing.
  const shown = sorted.length === most + 1 && !totals ? most + 1 : most;
  const slices: Slice[] = sorted
    .slice(0, shown)
    .map(([key, found], i) => ({ key, pattern: i < SLICES ? i + 1 : 0, ...found }));
  const rest = sums.map((sum, i) => slices.reduce((left, s) => left - (s.amounts[i] ?? 0n), sum));
  if (rest.some((n) => n > 0n)) {
    const left = rest.map((n) => (n > 0n ? n : 0n));
    slices.push({ key: REST, pattern: 0, amounts: left, total: left.reduce((a, b) => a + b, 0n) });
  }
  return { slots, slices, totals: sums, total: sums.reduce((a, b) => a + b, 0n) };
}

/** toHeight is a bar's height as a float; the digits it loses are below a pixel. */
export function toHeight(amount: bigint): number {
  const bits = amount.toString(2).length;
  if (bits <= HEIGHT_BITS) return Number(amount);
  const drop = BigInt(bits - HEIGHT_BITS);
  return Number(amount >> drop) * 2 ** Number(drop);
}

/** edges gives for each slice where it ends, counted from the ground in units; the first is at the ground. */
export function edges(slices: readonly Slice[], unit = 1): number[][] {
  const sums = slices[0]?.amounts.map(() => 0n) ?? [];
  return slices.map((s) =>
    s.amounts.map((amount, i) => {
      sums[i] = (sums[i] ?? 0n) + amount;
      return toHeight(sums[i] ?? 0n) / unit;
    }),
  );
}
