// SPDX-License-Identifier: AGPL-3.0-or-later
/* Decimal strings in forms: shown with the reader's decimal mark, and read with no other. */
import { type Lang, localeOf } from '#lib/i18n/index.ts';

/** decimalMark is what stands before the decimals in a language. */
export function decimalMark(lang: Lang): string {
  const parts = new Intl.NumberFormat(localeOf(lang)).formatToParts(0.5);
  return parts.find((p) => p.type === 'decimal')?.value ?? '.';
}

/** shownDecimal is a decimal string with the reader's mark, every digit kept. */
export function shownDecimal(text: string, lang: Lang): string {
  return text.replace('.', decimalMark(lang));
}

/**
 * readDecimal is the inverse of shownDecimal: null for anything that could mean two numbers, such as one
 * with the marks of another language or with groups of thousands.
 */
export function readDecimal(text: string, lang: Lang): string | null {
  const parts = text.trim().split(decimalMark(lang));
  if (text.trim() === '') return '';
  if (parts.length > 2 || parts.some((p) => !/^\d+$/.test(p))) return null;
  return parts.join('.');
}
