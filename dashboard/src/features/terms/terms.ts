// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * The terms that documents are made with, and from which month on. Amounts and rates are decimal strings
 * and stay what they are: a form shows them with the reader's decimal mark and takes nothing but that.
 */
import type { Terms, TermsChange } from './calls.ts';
import { type Month, addMonths, monthOf } from '#lib/month.ts';

/** In the order in which a form asks for them. */
export const termNames = [
  'minimum_charge_fee',
  'minimum_charge_mode',
  'markup_percent',
  'markup_per_million_tokens',
  'tax_rate',
  'tax_name',
  'currency',
  'exchange_rate',
  'exchange_rate_date',
  'exchange_rate_source',
] as const;
export type TermName = (typeof termNames)[number];

/** What a form holds: every text, empty where nothing is set. */
export type Fields = Record<TermName, string>;

/** Where terms begin: a month, or the beginning of time. */
export type From = Month | null;

const decimals: readonly TermName[] = [
  'minimum_charge_fee',
  'markup_percent',
  'markup_per_million_tokens',
  'tax_rate',
  'exchange_rate',
];
/** What is there only beside another currency than dollars. */
export const rateNames: readonly TermName[] = [
  'exchange_rate',
  'exchange_rate_date',
  'exchange_rate_source',
];

export function isDecimal(name: TermName): boolean {
  return decimals.includes(name);
}

/** fromOf is the month that a row begins with. */
export function fromOf(row: Pick<Terms, 'valid_from'>): From {
  return row.valid_from === null ? null : monthOf(row.valid_from);
}

/** inForce finds the terms of a month among those that count, the latest first. */
export function inForce(items: readonly Terms[], from: From): Terms | null {
  const begun = (of: From) => of === null || (from !== null && of <= from);
  return items.find((t) => begun(fromOf(t))) ?? null;
}

export function ownRow(items: readonly Terms[], from: From): Terms | null {
  return items.find((t) => fromOf(t) === from) ?? null;
}

/** fieldsOf are the texts of terms; a mode that is not set is the one that then applies. */
export function fieldsOf(row: Terms | null): Fields {
  const texts = Object.fromEntries(termNames.map((n) => [n, row?.[n] ?? ''])) as Fields;
  texts.minimum_charge_mode ||= 'add';
  texts.currency ||= 'USD';
  return texts;
}

export function inUsd(fields: Pick<Fields, 'currency'>): boolean {
  return fields.currency.trim() === '' || fields.currency.trim() === 'USD';
}

/** settled are the fields as they are sent: without spaces, and in dollars without a rate. */
function settled(fields: Fields): Fields {
  const texts = Object.fromEntries(termNames.map((n) => [n, fields[n].trim()])) as Fields;
  texts.currency ||= 'USD';
  if (inUsd(texts)) for (const name of rateNames) texts[name] = '';
  return texts;
}

/** changesOf is what a form changes of the terms in force: only that is sent. */
export function changesOf(before: Fields, after: Fields): Omit<TermsChange, 'valid_from'> {
  const now = settled(after);
  const changed = termNames.filter((n) => now[n] !== before[n]);
  return Object.fromEntries(changed.map((n) => [n, now[n] === '' ? null : now[n]]));
}

export type Rate = Pick<
  Terms,
  'valid_from' | 'currency' | 'exchange_rate_date' | 'exchange_rate_confirmed'
>;

/** rateOutside says whether a month is converted at a rate of another day than one of its own. */
export function rateOutside(of: Rate | null, month: Month): boolean {
  if (!of?.exchange_rate_date || inUsd({ currency: of.currency ?? '' })) return false;
  if (of.exchange_rate_confirmed && fromOf(of) === month) return false;
  return monthOf(of.exchange_rate_date) !== month;
}

/** monthsToSet are the months that terms may begin with, the latest first: some ahead, and those before. */
export function monthsToSet(thisMonth: Month, shown: From, ahead = 3, behind = 36): Month[] {
  const first = addMonths(thisMonth, ahead);
  const list = Array.from({ length: ahead + behind + 1 }, (_, i) => addMonths(first, -i));
  if (shown === null || list.includes(shown)) return list;
  return [...list, shown].sort().reverse();
}

/** termAtFault is the field that the server names, and what it says of it; null where it names none. */
export function termAtFault(detail: string): { name: TermName; text: string } | null {
  const found = /(?:^|[\s.])([a-z]+(?:_[a-z]+)*): (.+)$/s.exec(detail);
  const name = termNames.find((n) => n === found?.[1]);
  return name && found?.[2] ? { name, text: found[2] } : null;
}
