// SPDX-License-Identifier: AGPL-3.0-or-later
// Money is a decimal string with up to 18 fraction digits. Nothing here passes through a binary float;
// the short form is for the eye, the exact string stays in the title and on the clipboard.

/** 10^-18 USD, the unit of the ledger. */
const SCALE = 18;
const UNIT = 10n ** 18n;
/** The short form has at most this many decimals; what is smaller reads "<$0.000001". */
const MAX_DECIMALS = 6;

export type Lang = 'en' | 'de';

const MARKS: Record<Lang, { point: string; group: string }> = {
  en: { point: '.', group: ',' },
  de: { point: ',', group: '.' },
};

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

/**
 * shownDecimals says how many decimals the short form of an amount has: two from one dollar on, below
 * that as many as three significant digits need, six at most, and never a trailing zero past cents.
 */
export function shownDecimals(amount: string): number {
  const units = parseMoney(amount);
  const abs = units < 0n ? -units : units;
  if (abs === 0n || abs >= UNIT) return 2;
  const leadingZeros = SCALE - abs.toString().length;
  let decimals = Math.min(Math.max(leadingZeros + 3, 2), MAX_DECIMALS);
  let digits = roundTo(abs, decimals);
  while (decimals > 2 && digits % 10n === 0n) {
    digits /= 10n;
    decimals -= 1;
  }
  return decimals;
}

function withMarks(whole: string, fraction: string, lang: Lang): string {
  const { point, group } = MARKS[lang];
  const grouped = whole.replace(/\B(?=(\d{3})+(?!\d))/g, group);
  return fraction ? grouped + point + fraction : grouped;
}

function withCurrency(sign: string, number: string, lang: Lang): string {
  return lang === 'de' ? `${sign}${number}\u00a0$` : `${sign}$${number}`;
}

/** formatMoney is the one function that puts an amount on the screen. */
export function formatMoney(amount: string, lang: Lang, exact = false): string {
  const units = parseMoney(amount);
  const minus = units < 0n ? '−' : '';
  const abs = units < 0n ? -units : units;
  if (exact) {
    const [whole = '0', fraction = ''] = moneyString(abs).split('.');
    return withCurrency(minus, withMarks(whole, fraction.padEnd(2, '0'), lang), lang);
  }
  const smallest = 10n ** BigInt(SCALE - MAX_DECIMALS);
  if (abs > 0n && abs < smallest) {
    return `${minus ? '>' : '<'}${withCurrency(minus, withMarks('0', '000001', lang), lang)}`;
  }
  const decimals = shownDecimals(amount);
  const digits = roundTo(abs, decimals)
    .toString()
    .padStart(decimals + 1, '0');
  const whole = digits.slice(0, -decimals);
  return withCurrency(minus, withMarks(whole, digits.slice(-decimals), lang), lang);
}

/** fractionDigits is how many decimals stand on the screen, so that a column can align its points. */
export function fractionDigits(amount: string, exact = false): number {
  if (!exact) return shownDecimals(amount);
  return Math.max(2, (moneyString(parseMoney(amount)).split('.')[1] ?? '').length);
}

/** axisMoney writes a chart's axis value; these are round numbers chosen by the chart, not amounts. */
export function axisMoney(value: number, step: number, lang: Lang): string {
  const decimals = step >= 1 ? 0 : Math.min(9, Math.ceil(-Math.log10(step) - 1e-9));
  const [whole = '0', fraction = ''] = value.toFixed(decimals).split('.');
  return withCurrency('', withMarks(whole, fraction, lang), lang);
}
