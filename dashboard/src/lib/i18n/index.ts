// SPDX-License-Identifier: AGPL-3.0-or-later
// The languages of the pages: every file beside this one is a language, and fetched when it is shown.
import type { Texts } from './texts.ts';

const files = import.meta.glob<Texts>('./*.json', { import: 'default' });
const path = (lang: string) => `./${lang}.json`;

/** A language by its tag, such as "de". */
export type Lang = string;
export type { Texts };

export const languages: Lang[] = Object.keys(files).map((name) => name.slice(2, -'.json'.length));

export function isLang(text: string | null | undefined): text is Lang {
  return typeof text === 'string' && languages.includes(text);
}

export async function loadTexts(lang: Lang): Promise<Texts> {
  const load = files[path(lang)];
  if (!load) throw new Error(`no language ${lang}`);
  return load();
}

/** languageName is how a language names itself. */
export function languageName(lang: Lang): string {
  const name = new Intl.DisplayNames([lang], { type: 'language' }).of(lang) ?? lang;
  return name.charAt(0).toLocaleUpperCase(lang) + name.slice(1);
}

/** localeOf is the locale whose dates and numbers go with a language. */
export function localeOf(lang: Lang): string {
  return lang === 'en' ? 'en-GB' : lang;
}

/** worded is what our texts say for a word of the server's, or the word itself where they know none. */
export function worded(texts: Readonly<Record<string, string>>, word: string): string {
  return Object.hasOwn(texts, word) ? (texts[word] ?? word) : word.replaceAll('_', ' ');
}
