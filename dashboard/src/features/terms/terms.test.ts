// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, test } from 'vitest';
import type { Terms } from './calls.ts';
import {
  changesOf,
  fieldsOf,
  inForce,
  monthsToSet,
  ownRow,
  rateOutside,
  termAtFault,
} from './terms.ts';

const none: Terms = {
  valid_from: null,
  changed_at: '2026-01-01T00:00:00.000000Z',
  source: 'settings',
  withdrawn: false,
  counts: true,
  minimum_charge_fee: null,
  minimum_charge_mode: null,
  markup_percent: null,
  markup_per_million_tokens: null,
  tax_rate: null,
  tax_name: null,
  currency: null,
  exchange_rate: null,
  exchange_rate_date: null,
  exchange_rate_source: null,
  exchange_rate_confirmed: false,
};
const euro: Terms = {
  ...none,
  valid_from: '2026-10-01',
  markup_percent: '5',
  currency: 'EUR',
  exchange_rate: '0.92',
  exchange_rate_date: '2026-10-30',
  exchange_rate_source: 'European Central Bank',
};
const items = [{ ...none, valid_from: '2027-01-01' }, euro, none];

describe('the terms of a month', () => {
  test('are the latest that begin with it or before', () => {
    expect(inForce(items, '2026-09')?.valid_from).toBeNull();
    expect(inForce(items, '2026-10')?.valid_from).toBe('2026-10-01');
    expect(inForce(items, '2026-12')?.valid_from).toBe('2026-10-01');
    expect(inForce(items, '2027-01')?.valid_from).toBe('2027-01-01');
    expect(inForce(items, null)?.valid_from).toBeNull();
  });
  test('may be none', () => {
    expect(inForce([euro], '2026-09')).toBeNull();
    expect(inForce([euro], null)).toBeNull();
    expect(inForce([], '2026-09')).toBeNull();
  });
  test('may have a row of their own', () => {
    expect(ownRow(items, '2026-10')).toBe(euro);
    expect(ownRow(items, '2026-11')).toBeNull();
    expect(ownRow(items, null)).toBe(none);
  });
});

describe('only what was changed is sent', () => {
  const before = fieldsOf(euro);

  test('nothing where nothing was', () => {
    expect(changesOf(before, { ...before, tax_name: '  ' })).toEqual({});
    expect(changesOf(fieldsOf(null), fieldsOf(null))).toEqual({});
  });
  test('a text, and null for what was emptied', () => {
    const after = { ...before, exchange_rate: ' 0.93 ', markup_percent: '' };
    expect(changesOf(before, after)).toEqual({ exchange_rate: '0.93', markup_percent: null });
  });
  test('a number with other digits is another text', () => {
    expect(changesOf(before, { ...before, markup_percent: '5.0' })).toEqual({
      markup_percent: '5.0',
    });
  });
  test('in dollars there is no rate', () => {
    expect(changesOf(before, { ...before, currency: 'USD' })).toEqual({
      currency: 'USD',
      exchange_rate: null,
      exchange_rate_date: null,
      exchange_rate_source: null,
    });
    expect(changesOf(fieldsOf(none), { ...fieldsOf(none), exchange_rate: '0.9' })).toEqual({});
  });
});

describe('a rate is outside its month', () => {
  test('where its day is in another one', () => {
    expect(rateOutside(euro, '2026-10')).toBe(false);
    expect(rateOutside(euro, '2026-11')).toBe(true);
    expect(rateOutside(none, '2026-11')).toBe(false);
    expect(rateOutside({ ...euro, currency: 'USD' }, '2026-11')).toBe(false);
    expect(rateOutside(null, '2026-11')).toBe(false);
  });
  test('unless it was confirmed, which counts for the row’s own month only', () => {
    const confirmed = { ...euro, valid_from: '2026-11-01', exchange_rate_confirmed: true };
    expect(rateOutside(confirmed, '2026-11')).toBe(false);
    expect(rateOutside(confirmed, '2026-12')).toBe(true);
  });
});

test('the months to set reach ahead, and hold the one that is shown', () => {
  expect(monthsToSet('2026-11', null, 1, 2)).toEqual(['2026-12', '2026-11', '2026-10', '2026-09']);
  expect(monthsToSet('2026-11', '2020-01', 0, 1)).toEqual(['2026-11', '2026-10', '2020-01']);
  expect(monthsToSet('2026-11', '2028-01', 0, 1)).toEqual(['2028-01', '2026-11', '2026-10']);
});

test.each([
  ['exchange_rate: is needed, and not 0', 'exchange_rate', 'is needed, and not 0'],
  ['terms.tax_name: must have 1 to 40 characters', 'tax_name', 'must have 1 to 40 characters'],
  ['currency: three letters: like EUR', 'currency', 'three letters: like EUR'],
])('%s is said of a field', (detail, name, text) => {
  expect(termAtFault(detail)).toEqual({ name, text });
});

test.each(['the ledger does not answer', 'valid_from: must be a month', ''])(
  '“%s” is of no field',
  (detail) => expect(termAtFault(detail)).toBeNull(),
);
