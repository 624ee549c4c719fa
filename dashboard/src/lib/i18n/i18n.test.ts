// SPDX-License-Identifier: AGPL-3.0-or-later
// That a language has every text is what its type says; these are the things a type does not see.
import { expect, test } from 'vitest';
import { texts } from './index.ts';

function leaves(value: unknown, path = ''): [string, unknown][] {
  if (typeof value !== 'object' || value === null) return [[path, value]];
  return Object.entries(value).flatMap(([k, v]) => leaves(v, `${path}.${k}`));
}

test('every language has the same texts, none of them empty but where it is meant', () => {
  const names = leaves(texts.en).map(([path]) => path);
  for (const language of Object.values(texts)) {
    expect(leaves(language).map(([path]) => path)).toEqual(names);
    const empty = leaves(language).filter(([, text]) => text === '');
    expect(empty.map(([path]) => path)).toEqual(['.requestState.final']);
  }
});

test('a text with gaps has the same gaps in every language', () => {
  const gaps = (t: unknown) => (typeof t === 'function' ? t.length : 0);
  const wanted = leaves(texts.en).map(([path, t]) => [path, gaps(t)]);
  for (const language of Object.values(texts)) {
    expect(leaves(language).map(([path, t]) => [path, gaps(t)])).toEqual(wanted);
  }
});
