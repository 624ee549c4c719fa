// SPDX-License-Identifier: AGPL-3.0-or-later
// That every language is complete is seen when it is compiled; these are what becomes of one.
import { describe, expect, test } from 'vitest';
import { type Catalogue, compile, readAll, typeOf } from '../../../scripts/messages.mjs';
import { isLang, languageName, languages, loadTexts, worded } from './index.ts';

async function made(language: string, texts: Catalogue, english = texts): Promise<unknown> {
  const code = compile(language, texts, english);
  const module = await import(`data:text/javascript,${encodeURIComponent(code)}`);
  return module.default;
}

test('every file is a language, and names itself', () => {
  expect(languages).toEqual(['de', 'en']);
  expect(languages.map(languageName)).toEqual(['Deutsch', 'English']);
  expect(isLang('de')).toBe(true);
  expect(isLang('fr')).toBe(false);
});

test('the pages get the texts of a language', async () => {
  const [en, de] = [await loadTexts('en'), await loadTexts('de')];
  expect(en.nav.overview).toBe('Overview');
  expect(de.nav.overview).toBe('Übersicht');
  expect(en.figures.nRequests(1, '1')).toBe('1 request');
  expect(de.figures.nRequests(2000, '2.000')).toBe('2.000 Anfragen');
  expect([0, 1, 5].map(en.overview.early)).toEqual([
    'No day complete so far; a forecast needs seven.',
    'One day complete so far; a forecast needs seven.',
    '5 days complete so far; a forecast needs seven.',
  ]);
  expect(de.period.last(365)).toBe('Letzte 12 Monate');
  expect(de.period.last(7)).toBe('Letzte 7 Tage');
});

test('no text is empty but where it is meant', async () => {
  const empty = (texts: Catalogue, path = ''): string[] =>
    Object.entries(texts).flatMap(([name, text]) => {
      if (typeof text === 'object') return empty(text, `${path}.${name}`);
      return text.trim() === '' ? [`${path}.${name}`] : [];
    });
  for (const texts of Object.values(await readAll())) {
    expect(empty(texts)).toEqual(['.requestState.final']);
  }
});

describe('a language is refused', () => {
  const english = { page: { title: 'Page', rows: '{n, plural, one {row} other {rows}} of {all}' } };
  const refused = (texts: Catalogue, language = 'de') =>
    expect(() => compile(language, texts, english));

  test('where a text is missing', () => {
    refused({ page: { title: 'Seite' } }).toThrow('de.page: rows missing');
  });
  test('where English has no such text', () => {
    refused({ page: { ...english.page, more: 'mehr' } }).toThrow('more not in en.json');
  });
  test('where an argument is mistyped', () => {
    refused({ page: { title: '{name}', rows: '' } }).toThrow(
      'de.page.title: unknown argument name',
    );
  });
  test('where the language has no such plural', () => {
    const rows = '{n, plural, few {a} other {b}} {all}';
    refused({ page: { title: '', rows } }).toThrow('no plural of the kind few');
  });
  test('where a message is not well formed', () => {
    refused({ page: { title: '{', rows: '' } }).toThrow('de.page.title');
  });
});

test('a language has the plurals that are its own', async () => {
  const english = { rows: '{shown} {n, plural, one {row} other {rows}}' };
  const polish = { rows: '{shown} {n, plural, one {wiersz} few {wiersze} other {wierszy}}' };
  const { rows } = (await made('pl', polish, english)) as {
    rows: (n: number, shown: string) => string;
  };
  expect([1, 3, 5].map((n) => rows(n, `${n}`))).toEqual(['1 wiersz', '3 wiersze', '5 wierszy']);
});

test('what the server names, a language may know or not', async () => {
  const english = { meaning: {} };
  expect(await made('de', { meaning: { PORT: 'Anschluss' } }, english)).toEqual({
    meaning: { PORT: 'Anschluss' },
  });
  expect(typeOf(english)).toContain('meaning: Partial<Record<string, string>>;');
});

test('words that we know are said, others shown as they are', () => {
  expect(worded({ no_key: 'There is no key' }, 'no_key')).toBe('There is no key');
  expect(worded({}, 'no_upstream_bill')).toBe('no upstream bill');
  expect(worded({}, 'constructor')).toBe('constructor');
});
