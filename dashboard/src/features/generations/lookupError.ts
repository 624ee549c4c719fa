// SPDX-License-Identifier: AGPL-3.0-or-later
// What costd records when a look-up brings no cost, in the reader's language; an unknown text is left as it is.
import type { Texts } from '#lib/i18n/index.ts';

/** lookupErrorText is the reason in words; the status of an answer is shown beside it. */
export function lookupErrorText(noted: string, t: Texts['trouble']): string {
  const [, before, rest] = /^(no reply|not stored): (.+)$/s.exec(noted) ?? [];
  if (rest !== undefined) return before === 'no reply' ? t.noReply(rest) : t.notStored(rest);
  const type = /^the reply is (.+), not JSON$/.exec(noted)?.[1];
  if (type !== undefined) return t.notJson(type);
  if (/^HTTP status \d+$/.test(noted)) return '';
  if (noted === 'no cost and no tokens yet') return t.notYet;
  return noted === 'not an id that can be asked for' ? t.noId : noted;
}

/** answerText is the last answer to a look-up: its status, where there was one, and what was wrong. */
export function answerText(
  status: number | null | undefined,
  error: string | null | undefined,
  t: Texts,
): string {
  const trouble = error ? lookupErrorText(error, t.trouble) : '';
  const shown = status ? `HTTP ${status}` : trouble === '' ? t.request.noAnswer : '';
  return [shown, trouble].filter(Boolean).join(', ');
}
