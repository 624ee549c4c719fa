// SPDX-License-Identifier: AGPL-3.0-or-later
// The languages of the pages. A further one is a file beside en.ts and a line in each table here.
import type { Lang } from '../money.ts';
import { de } from './de.ts';
import { en, type Texts } from './en.ts';

export const texts: Record<Lang, Texts> = { en, de };

/** How each language names itself. */
export const languages: Record<Lang, string> = { en: 'English', de: 'Deutsch' };

/** The locale whose dates and numbers go with a language. */
export const locales: Record<Lang, string> = { en: 'en-GB', de: 'de-DE' };

export function isLang(text: string | null | undefined): text is Lang {
  return text === 'en' || text === 'de';
}
