// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'vitest';
import { percent } from './format.ts';
import { changeOf, shareOf } from './ratio.ts';

test('a share of nothing is not a number', () => expect(shareOf('0', '0')).toBeNull());

test('shares are in thousandths, rounded', () => {
  expect(shareOf('1', '3')).toBe(333);
  expect(shareOf('2', '3')).toBe(667);
  expect(shareOf('0.000000000000000001', '99999999999999999999')).toBe(0);
});

test('a change claims nothing where there was nothing', () => {
  expect(changeOf('0', '0')).toEqual({ kind: 'none' });
  expect(changeOf('0.01', '0')).toEqual({ kind: 'new' });
  expect(changeOf('1.0', '1')).toEqual({ kind: 'same' });
  expect(changeOf('1.1', '1')).toEqual({ kind: 'up', perMille: 100 });
  expect(changeOf('0', '1')).toEqual({ kind: 'down', perMille: 1000 });
});

test('a part that exists is not 0 %, and one that is not all is not 100 %', () => {
  expect(percent(0, 'en', { some: true, all: false })).toBe('<0.1%');
  expect(percent(0, 'en', { some: false, all: false })).toBe('0.0%');
  expect(percent(1000, 'en', { some: true, all: false })).toBe('>99.9%');
  expect(percent(1000, 'en', { some: true, all: true })).toBe('100%');
  expect(percent(342, 'de')).toBe('34,2\u00a0%');
  expect(percent(12345, 'en')).toBe('1,235%');
});
