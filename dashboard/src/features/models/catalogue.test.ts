// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'vitest';
import type { UsageRow } from '#api/client.ts';
import { catalogue, matchesModel } from './catalogue.ts';

const row = (model: string | null, cost: string) => ({ model, cost }) as UsageRow;
const model = (id: string) => ({ id, name: id.toUpperCase(), pricing: {} });

test('what was used stands first by cost, then the rest of the list', () => {
  const entries = catalogue(
    [model('c/c'), model('a/a'), model('b/b')],
    [row('b/b', '1'), row('x/x', '2')],
  );
  expect(entries.map((e) => e.id)).toEqual(['x/x', 'b/b', 'a/a', 'c/c']);
  expect(entries[0]?.listed).toBeNull();
  expect(entries[1]?.used?.cost).toBe('1');
  expect(entries[2]?.used).toBeNull();
});

test('a variant has the price of its model, unless the list has the variant', () => {
  const list = [model('a/a'), model('a/a:free')];
  const [nitro] = catalogue(list, [row('a/a:nitro', '1')]);
  expect(nitro?.listed?.id).toBe('a/a');
  const [free] = catalogue(list, [row('a/a:free', '0')]);
  expect(free?.listed?.id).toBe('a/a:free');
});

test('requests without a model are no model', () => {
  expect(catalogue([], [row(null, '1')])).toEqual([]);
});

test('every word of a search must be somewhere', () => {
  const [entry] = catalogue([model('openai/gpt-5-mini')], []);
  expect(entry && matchesModel(entry, ' GPT open ')).toBe(true);
  expect(entry && matchesModel(entry, 'gpt claude')).toBe(false);
});
