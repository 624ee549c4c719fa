// SPDX-License-Identifier: AGPL-3.0-or-later
// What a chart and its table measure: cost, requests or tokens, each as a whole number of its unit.
import type { Figures } from '#api/client.ts';
import { compact, count } from './format.ts';
import { type Lang, axisMoney, formatMoney, moneyString, parseMoney } from './money.ts';

export const measures = ['cost', 'requests', 'tokens'] as const;
export type Measure = (typeof measures)[number];

export function isMeasure(text: string | null): text is Measure {
  return measures.some((m) => m === text);
}

export function amountOf(row: Figures, measure: Measure): bigint {
  if (measure === 'cost') return parseMoney(row.cost);
  if (measure === 'requests') return BigInt(row.requests);
  return BigInt(row.prompt_tokens) + BigInt(row.completion_tokens);
}

/** How many units are one of what is shown: 10^18 a dollar. */
export function unitOf(measure: Measure): number {
  return measure === 'cost' ? 1e18 : 1;
}

export function formatAmount(
  amount: bigint,
  measure: Measure,
  form: { lang: Lang; exact?: boolean; decimals?: number },
): string {
  return measure === 'cost'
    ? formatMoney(moneyString(amount), form)
    : compact(Number(amount), form.lang, form.exact);
}

export function axisAmount(value: number, step: number, measure: Measure, lang: Lang): string {
  if (measure === 'cost') return axisMoney(value, step, lang);
  return Number.isInteger(value) ? compactAxis(value, lang) : '';
}

/** An axis has round numbers; "1.5M" says them in less room than "1,500,000". */
function compactAxis(value: number, lang: Lang): string {
  if (value < 10_000) return count(value, lang);
  return new Intl.NumberFormat(lang === 'en' ? 'en-US' : lang, {
    notation: 'compact',
    maximumSignificantDigits: 3,
  }).format(value);
}
