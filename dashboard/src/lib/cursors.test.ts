// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'vitest';
import { type Store, before, readPosition, remember, start, writePosition } from './cursors.ts';

function memory(): Store {
  const kept = new Map<string, string>();
  return {
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => void kept.set(key, value),
  };
}

test('a spot is written into the address and read back', () => {
  const spot = { page: 3, cursor: 'a~b/c=' };
  expect(readPosition(writePosition(spot))).toEqual(spot);
  expect(writePosition(start)).toBeNull();
});

test('what is not a spot is the first page', () => {
  for (const text of [null, '', '3', '~x', '0~x', '1~x', '-2~x', `2~${'x'.repeat(1025)}`]) {
    expect(readPosition(text)).toEqual(start);
  }
});

test('the way back is the way that was come', () => {
  const store = memory();
  for (const spot of [
    { page: 2, cursor: 'b' },
    { page: 3, cursor: 'c' },
  ]) {
    remember(store, 'list', spot);
  }
  expect(before(store, 'list', { page: 4, cursor: 'd' })).toEqual({ page: 3, cursor: 'c' });
  expect(before(store, 'list', { page: 3, cursor: 'c' })).toEqual({ page: 2, cursor: 'b' });
  expect(before(store, 'list', { page: 2, cursor: 'b' })).toEqual(start);
  expect(before(store, 'list', start)).toBeNull();
});

test('another list, or a page that was never left, has no way back', () => {
  const store = memory();
  remember(store, 'list', { page: 2, cursor: 'b' });
  expect(before(store, 'other', { page: 3, cursor: 'c' })).toBeNull();
  expect(before(store, 'list', { page: 9, cursor: 'i' })).toBeNull();
});

test('a damaged or blocked store costs the way back and nothing else', () => {
  const damaged: Store = { getItem: () => '{', setItem: () => {} };
  expect(before(damaged, 'list', { page: 3, cursor: 'c' })).toBeNull();
  const blocked: Store = {
    getItem: () => null,
    setItem: () => {
      throw new Error('full');
    },
  };
  expect(() => remember(blocked, 'list', { page: 2, cursor: 'b' })).not.toThrow();
});
