// SPDX-License-Identifier: AGPL-3.0-or-later
// Money is a decimal string with up to 18 fraction digits. Nothing here passes through a binary float;
// the short form is for the eye, the exact string stays in the title and on the clipboard.
import { type Lang, localeOf } from '#lib/i18n/index.ts';

export type { Lang };

/** 10^-18 USD, the unit of the ledger. */
const SCALE = 18;
const UNIT = 10n ** 18n;
/** The short form has so many decimals; what even the last cannot show reads "<$0.000001". */
const SHORT_DECIMALS = [2, 4, 6] as const;
/** In a column with an amount of a dollar or more, the small ones do not widen it beyond this. */
const WIDE_DECIMALS = 4;

interface Marks {
  point: string;
  group: string;
  /** What stands before and after an amount of dollars. */
  before: string;
  after: string;
}

const marks = new Map<Lang, Marks>();

/** marksOf a language are those that the browser puts on amounts. */
function marksOf(lang: Lang): Marks {
  const kept = marks.get(lang);
  if (kept) return kept;
  const parts = new Intl.NumberFormat(localeOf(lang), {
    style: 'currency',
    currency: 'USD',
    currencyDisplay: 'narrowSymbol',
  }).formatToParts(12_345_678);
  const part = (type: string) => parts.find((p) => p.type === type)?.value ?? '';
  const text = (some: typeof parts) => some.map((p) => p.value).join('');
  const made = {
    point: part('decimal'),
    group: part('group'),
    before: text(
      parts.slice(
        0,
        parts.findIndex((p) => p.type === 'integer'),
      ),
    ),
    after: text(parts.slice(parts.findIndex((p) => p.type === 'fraction') + 1)),
  };
  marks.set(lang, made);
  return made;
}

/** parseMoney turns a decimal string into units of 10^-18. It throws on anything else. */
export function parseMoney(text: string): bigint {
  const m = /^(-?)(\d+)(?:\.(\d{1,18}))?$/.exec(text);
  if (!m) throw new Error(`not an amount: ${text}`);
  const units = BigInt(m[2] ?? '0') * UNIT + BigInt((m[3] ?? '').padEnd(SCALE, '0'));
  return m[1] ? -units : units;
}

/** moneyString is the inverse of parseMoney, without trailing zeros. */
export function moneyString(units: bigint): string {
  const sign = units < 0n ? '-' : '';
  const abs = units < 0n ? -units : units;
  const fraction = (abs % UNIT).toString().padStart(SCALE, '0').replace(/0+$/, '');
  return `${sign}${abs / UNIT}${fraction ? `.${fraction}` : ''}`;
}

/** sumMoney adds exactly. */
export function sumMoney(amounts: Iterable<string>): string {
  let sum = 0n;
  for (const a of amounts) sum += parseMoney(a);
  return moneyString(sum);
}

export function isZero(amount: string): boolean {
  return parseMoney(amount) === 0n;
}

/** roundTo rounds to so many decimals, half to even, and returns the number as digits * 10^decimals. */
function roundTo(units: bigint, decimals: number): bigint {
  const step = 10n ** BigInt(SCALE - decimals);
  const low = units / step;
  const twice = (units % step) * 2n;
  return twice > step || (twice === step && low % 2n === 1n) ? low + 1n : low;
}

function absolute(units: bigint): bigint {
  return units < 0n ? -units : units;
}

/**
 * columnDecimals says how many decimals amounts that stand under each other have: cents, hundredths of
 * a cent or millionths, as few as show two digits of each (one beside amounts of a dollar and more); or
 * all there are, where exact ones are wanted.
 */
export function columnDecimals(amounts: Iterable<string | null>, exact = false): number {
  let most = 0n;
  let least: bigint | null = null;
  let digits = 2;
  for (const amount of amounts) {
    if (amount === null) continue;
    const abs = absolute(parseMoney(amount));
    digits = Math.max(digits, (moneyString(abs).split('.')[1] ?? '').length);
    if (abs > most) most = abs;
    if (abs > 0n && (least === null || abs < least)) least = abs;
  }
  if (exact) return digits;
  const small = least ?? UNIT;
  const shown = most >= UNIT ? UNIT : 10n * UNIT;
  const decimals =
    SHORT_DECIMALS.find((d) => small * 10n ** BigInt(d) >= shown) ?? SHORT_DECIMALS[2];
  return most >= UNIT ? Math.min(decimals, WIDE_DECIMALS) : decimals;
}

function withMarks(whole: string, fraction: string, lang: Lang): string {
  const { point, group } = marksOf(lang);
  const grouped = whole.replace(/\B(?=(\d{3})+(?!\d))/g, group);
  return fraction ? grouped + point + fraction : grouped;
}

function withCurrency(sign: string, number: string, lang: Lang): string {
  const { before, after } = marksOf(lang);
  return sign + before + number + after;
}

export interface MoneyForm {
  lang: Lang;
  /** Every digit there is, instead of the short form. */
  exact?: boolean;
  /** Those of the amount's column; an amount on its own chooses for itself. */
  decimals?: number;
}

/** formatMoney is the one function that puts an amount on the screen. */
export function formatMoney(amount: string, form: MoneyForm): string {
  const { lang, exact = false } = form;
  const units = parseMoney(amount);
  const minus = units < 0n ? '−' : '';
  // Nothing is two digits everywhere: with more it would look like a small cost rounded away.
  const decimals = units === 0n ? 2 : (form.decimals ?? columnDecimals([amount], exact));
  const digits = roundTo(absolute(units), decimals);
  const tooSmall = digits === 0n && units !== 0n;
  const text = (tooSmall ? 1n : digits).toString().padStart(decimals + 1, '0');
  const number = withMarks(text.slice(0, -decimals), text.slice(-decimals), lang);
  const sign = tooSmall ? (minus ? '>' : '<') : '';
  return sign + withCurrency(minus, number, lang);
}

/** printedMoney shows an amount with the digits it was printed with, in whatever currency that was. */
export function printedMoney(amount: string, currency: string, lang: Lang): string {
  const [whole = '0', fraction = ''] = amount.replace(/^-/, '').split('.');
  const minus = amount.startsWith('-') ? '\u2212' : '';
  const number = withMarks(whole, fraction, lang);
  return currency === 'USD'
    ? withCurrency(minus, number, lang)
    : `${minus}${number}\u00a0${currency}`;
}

/** divideMoney is an average, rounded half to even. */
export function divideMoney(amount: string, by: number): string {
  const units = parseMoney(amount);
  const n = BigInt(by);
  const low = units / n;
  const twice = (units % n) * 2n;
  return moneyString(twice > n || (twice === n && low % 2n === 1n) ? low + 1n : low);
}

/** axisMoney writes a chart's axis value; these are round numbers chosen by the chart, not amounts. */
export function axisMoney(value: number, step: number, lang: Lang): string {
  const decimals = step >= 1 ? 0 : Math.min(9, Math.max(2, Math.ceil(-Math.log10(step) - 1e-9)));
  const [whole = '0', fraction = ''] = value.toFixed(decimals).split('.');
  return withCurrency('', withMarks(whole, fraction, lang), lang);
}
