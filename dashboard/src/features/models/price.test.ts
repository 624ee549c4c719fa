// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'vitest';
import {
  atListPrice,
  isPriced,
  paidPerMillion,
  priceDecimals,
  priceSteps,
  readPrice,
  readUnitPrice,
} from './price.ts';

test('a price per token is shown per million, exactly', () => {
  expect(readPrice('0.000003')).toEqual({ kind: 'priced', perMillion: '3' });
  expect(readPrice('0.000000075')).toEqual({ kind: 'priced', perMillion: '0.075' });
  expect(readPrice('2.5e-7')).toEqual({ kind: 'priced', perMillion: '0.25' });
  expect(readPrice('0.0000249999999999999981234')).toEqual({
    kind: 'priced',
    perMillion: '24.999999999999998123',
  });
});

test('free, unpriced and missing are three things', () => {
  expect(readPrice('0')).toEqual({ kind: 'free' });
  expect(readPrice('-1')).toEqual({ kind: 'unpriced' });
  expect(readPrice(undefined)).toBeNull();
  expect(readPrice('variable')).toBeNull();
  expect(isPriced({ prompt: '0.000001', completion: '0' })).toBe(true);
  expect(isPriced({ prompt: '-1', completion: '-1' })).toBe(false);
  expect(isPriced({})).toBe(false);
});

test('a price per request is an amount', () => {
  expect(readUnitPrice('0.01')).toBe('0.01');
  expect(readUnitPrice('-1')).toBeNull();
});

test('what a million tokens really cost is rounded half to even at the last digit only', () => {
  expect(paidPerMillion('0.003', { prompt_tokens: 900, completion_tokens: 100 })).toBe('3');
  expect(paidPerMillion('0.000000000000000001', { prompt_tokens: 3, completion_tokens: 0 })).toBe(
    '0.000000000000333333',
  );
  expect(paidPerMillion('1', { prompt_tokens: 0, completion_tokens: 0 })).toBeNull();
});

test('the list price of a use needs both prices', () => {
  const tokens = { prompt_tokens: 1_000_000, completion_tokens: 2_000 };
  expect(atListPrice({ prompt: '0.000003', completion: '0.000015' }, tokens)).toBe('3.03');
  expect(atListPrice({ prompt: '0.0000000751', completion: '0' }, tokens)).toBe('0.0751');
  expect(atListPrice({ prompt: '0.000003' }, tokens)).toBeNull();
  expect(atListPrice({ prompt: '-1', completion: '-1' }, tokens)).toBeNull();
});

test('a history becomes steps, oldest first, without inventing any', () => {
  const now = Date.parse('2026-11-23T00:00:00Z');
  const steps = priceSteps(
    [
      {
        valid_from: '2026-10-01T00:00:00Z',
        valid_until: null,
        pricing: { prompt: '0.000002' },
      },
      {
        valid_from: '2026-08-01T00:00:00Z',
        valid_until: '2026-09-01T00:00:00Z',
        pricing: { prompt: '0.000003' },
      },
      {
        valid_from: '2026-09-01T00:00:00Z',
        valid_until: '2026-10-01T00:00:00Z',
        pricing: { prompt: '-1' },
      },
    ],
    'prompt',
    now,
  );
  expect(steps.map((s) => s.value)).toEqual([3, 2]);
  expect(steps[0]?.to).toBe(Date.parse('2026-09-01T00:00:00Z'));
  expect(steps[1]?.to).toBe(now);
});

test('no list price is shown rounded where four decimals can show it', () => {
  expect(priceDecimals(['3', '15', null], false)).toBe(2);
  expect(priceDecimals(['3', '0.075'], false)).toBe(3);
  expect(priceDecimals(['0.0749999999'], false)).toBe(4);
  expect(priceDecimals(['0.0749999999'], true)).toBe(10);
});
