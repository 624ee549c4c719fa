// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, test } from 'vitest';
import { readDecimal, shownDecimal } from './decimal.ts';

describe('decimals', () => {
  test('are shown with the mark of the language and read back the same', () => {
    expect(shownDecimal('0.9213', 'de')).toBe('0,9213');
    expect(shownDecimal('0.9213', 'en')).toBe('0.9213');
    expect(readDecimal(' 0,9213 ', 'de')).toBe('0.9213');
    expect(readDecimal('19', 'de')).toBe('19');
    expect(readDecimal('', 'de')).toBe('');
  });
  test('are refused where they could be two numbers', () => {
    expect(readDecimal('1.000', 'de')).toBeNull();
    expect(readDecimal('1,000', 'en')).toBeNull();
    expect(readDecimal('1.000,50', 'de')).toBeNull();
    expect(readDecimal('1.2.3', 'en')).toBeNull();
    expect(readDecimal('-1', 'en')).toBeNull();
    expect(readDecimal('.5', 'en')).toBeNull();
    expect(readDecimal('five', 'en')).toBeNull();
  });
});
