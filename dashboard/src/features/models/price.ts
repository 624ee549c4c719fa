// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * Prices as the provider prints them, USD per token, against what was paid. A price may have more
 * digits than an amount of the ledger, so it is kept as digits and a scale, and rounded once, half to
 * even, when it has become an amount.
 */
import { moneyString, parseMoney } from '#lib/money.ts';

const MONEY_SCALE = 18;
const MILLION = 1_000_000n;

interface Decimal {
  digits: bigint;
  scale: number;
}

function parseDecimal(text: string): Decimal | null {
  const m = /^([+-]?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,3}))?$/.exec(text.trim());
  if (!m) return null;
  const fraction = m[3] ?? '';
  const digits = BigInt((m[2] ?? '0') + fraction) * (m[1] === '-' ? -1n : 1n);
  const scale = fraction.length - Number(m[4] ?? 0);
  return scale < 0 ? { digits: digits * 10n ** BigInt(-scale), scale: 0 } : { digits, scale };
}

function divideHalfEven(value: bigint, by: bigint): bigint {
  const low = value / by;
  const twice = (value % by) * 2n;
  return twice > by || (twice === by && low % 2n === 1n) ? low + 1n : low;
}

function toMoney(d: Decimal): string {
  const shift = MONEY_SCALE - d.scale;
  const units =
    shift >= 0 ? d.digits * 10n ** BigInt(shift) : divideHalfEven(d.digits, 10n ** BigInt(-shift));
  return moneyString(units);
}

/** What a price string means: an amount, nothing at all, or "it depends". */
export type Price =
  | { kind: 'priced'; perMillion: string }
  | { kind: 'free' }
  /** The provider prints a negative number where the price is that of another model. */
  | { kind: 'unpriced' };

/** readPrice reads USD per token; a missing or unreadable price is none. */
export function readPrice(value: unknown): Price | null {
  const d = typeof value === 'string' ? parseDecimal(value) : null;
  if (!d) return null;
  if (d.digits < 0n) return { kind: 'unpriced' };
  if (d.digits === 0n) return { kind: 'free' };
  return { kind: 'priced', perMillion: toMoney({ ...d, digits: d.digits * MILLION }) };
}

/** readUnitPrice reads USD per request, image or search. */
export function readUnitPrice(value: unknown): string | null {
  const d = typeof value === 'string' ? parseDecimal(value) : null;
  return d && d.digits >= 0n ? toMoney(d) : null;
}

export interface Tokens {
  prompt_tokens: number;
  completion_tokens: number;
}

/** paidPerMillion is what a million tokens, in and out, really cost; null where there were none. */
export function paidPerMillion(cost: string, tokens: Tokens): string | null {
  const n = BigInt(tokens.prompt_tokens) + BigInt(tokens.completion_tokens);
  return n > 0n ? moneyString(divideHalfEven(parseMoney(cost) * MILLION, n)) : null;
}

export type Pricing = Readonly<Record<string, unknown>>;

/**
 * atListPrice is what these tokens cost by the price list, without discounts for cached input and
 * without anything but tokens; null where the list has no price for them.
 */
export function atListPrice(pricing: Pricing | null | undefined, tokens: Tokens): string | null {
  const of = (value: unknown) => (typeof value === 'string' ? parseDecimal(value) : null);
  const input = of(pricing?.prompt);
  const output = of(pricing?.completion);
  if (!input || !output || input.digits < 0n || output.digits < 0n) return null;
  const scale = Math.max(input.scale, output.scale);
  const part = (d: Decimal, n: number) =>
    d.digits * 10n ** BigInt(scale - d.scale) * BigInt(Math.trunc(n));
  return toMoney({
    digits: part(input, tokens.prompt_tokens) + part(output, tokens.completion_tokens),
    scale,
  });
}

/** The kinds of a price list in the order they are shown; per token, or per something else. */
export const tokenKinds = [
  'prompt',
  'completion',
  'input_cache_read',
  'input_cache_write',
  'internal_reasoning',
] as const;
export const unitKinds = ['request', 'image', 'web_search'] as const;
export type TokenKind = (typeof tokenKinds)[number];
export type UnitKind = (typeof unitKinds)[number];

/** Beyond this a price per million tokens says nothing to an eye. */
const PRICE_DECIMALS = 4;

/** priceDecimals shows each list price with all its digits, and what was paid with as many. */
export function priceDecimals(amounts: readonly (string | null)[], exact: boolean): number {
  const digits = amounts.map((a) => (a?.split('.')[1] ?? '').length);
  return Math.max(2, Math.min(exact ? MONEY_SCALE : PRICE_DECIMALS, Math.max(0, ...digits)));
}

/** Whether a list says anything of what a token costs. */
export function isPriced(pricing: Pricing | null | undefined): boolean {
  const of = (kind: string) => readPrice(pricing?.[kind])?.kind;
  return [of('prompt'), of('completion')].every((k) => k === 'priced' || k === 'free');
}

export interface Stretch {
  valid_from: string;
  valid_until: string | null;
  pricing: Pricing;
}

export interface Step {
  from: number;
  to: number;
  /** USD per million tokens, for drawing only; what is read is the exact text. */
  value: number;
}

/** priceSteps turns a history into the steps of a line, oldest first; gaps stay gaps. */
export function priceSteps(history: readonly Stretch[], kind: TokenKind, now: number): Step[] {
  return history
    .flatMap((h) => {
      const price = readPrice(h.pricing[kind]);
      if (!price || price.kind === 'unpriced') return [];
      const value = price.kind === 'free' ? 0 : Number(price.perMillion);
      const to = h.valid_until === null ? now : Date.parse(h.valid_until);
      return [{ from: Date.parse(h.valid_from), to, value }];
    })
    .sort((a, b) => a.from - b.from);
}
