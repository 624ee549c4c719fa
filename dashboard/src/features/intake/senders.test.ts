// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'vitest';
import type { Sender } from './calls.ts';
import { levelOf, unfitOf, wordOf } from './senders.ts';

const sender = (changes: Partial<Sender>) => ({ tap: 'on', state: 'heard', ...changes }) as Sender;

test('who is silent is silent, whatever it said last', () => {
  expect(wordOf(sender({ tap: 'does_not_fit', state: 'silent' }))).toBe('silent');
  expect(wordOf(sender({ tap: 'off' }))).toBe('off');
});

test('a tap that is on is good, one that was switched off is no matter, all else is', () => {
  expect(levelOf(sender({}))).toBe('good');
  expect(levelOf(sender({ tap: 'off' }))).toBe('none');
  expect(levelOf(sender({ tap: 'does_not_fit' }))).toBe('warn');
  expect(levelOf(sender({ state: 'silent' }))).toBe('warn');
});

test('only those that are heard count as not fitting', () => {
  const list = [
    sender({}),
    sender({ tap: 'does_not_fit' }),
    sender({ tap: 'does_not_fit', state: 'silent' }),
  ];
  expect(unfitOf(list)).toBe(1);
  expect(unfitOf([])).toBe(0);
});
