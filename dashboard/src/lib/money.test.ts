// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, test } from 'vitest';
import {
  axisMoney,
  columnDecimals,
  divideMoney,
  formatMoney,
  moneyString,
  parseMoney,
  sumMoney,
  printedMoney,
} from './money.ts';

const en = { lang: 'en' } as const;
const de = { lang: 'de' } as const;

describe('parse and print', () => {
  test.each(['0', '1', '0.000000125', '12345678901234567890.123456789012345678', '-3.5'])(
    '%s comes back',
    (text) => expect(moneyString(parseMoney(text))).toBe(text),
  );

  test.each(['', '1e3', '.5', '1.', 'NaN', '0.1234567890123456789', ' 1'])(
    '%j is refused',
    (text) => expect(() => parseMoney(text)).toThrow(),
  );
});

describe('sums and averages', () => {
  test('three tenths are exact', () => expect(sumMoney(['0.1', '0.1', '0.1'])).toBe('0.3'));
  test('nothing is zero', () => expect(sumMoney([])).toBe('0'));
  test('the 18th digit survives a large sum', () =>
    expect(sumMoney(['99999999999999999999', '0.000000000000000001'])).toBe(
      '99999999999999999999.000000000000000001',
    ));
  test('an average rounds half to even', () => {
    expect(divideMoney('0.000000000000000001', 2)).toBe('0');
    expect(divideMoney('0.000000000000000003', 2)).toBe('0.000000000000000002');
    expect(divideMoney('1', 3)).toBe('0.333333333333333333');
  });
});

describe('short form', () => {
  test.each([
    ['0', '$0.00'],
    ['0.000', '$0.00'],
    ['1234567.891', '$1,234,567.89'],
    ['19.9147799925', '$19.91'],
    ['0.964', '$0.96'],
    ['0.0971', '$0.0971'],
    ['0.009042', '$0.0090'],
    ['0.00004513', '$0.000045'],
    ['0.000000125', '<$0.000001'],
    ['0.000001', '$0.000001'],
    ['-0.5', '−$0.50'],
    ['-0.000000125', '>−$0.000001'],
  ])('%s is %s', (amount, text) => expect(formatMoney(amount, en)).toBe(text));

  test('half a cent goes to the even cent', () => {
    expect(formatMoney('2.345', en)).toBe('$2.34');
    expect(formatMoney('2.355', en)).toBe('$2.36');
    expect(formatMoney('0.995', en)).toBe('$1.00');
  });

  test('German marks', () => {
    expect(formatMoney('1234567.891', de)).toBe('1.234.567,89\u00a0$');
    expect(formatMoney('0.000000125', de)).toBe('<0,000001\u00a0$');
  });

  test('a cost is never shown as nothing', () => {
    for (let digits = 1; digits <= 18; digits++) {
      const amount = `0.${'1'.padStart(digits, '0')}`;
      expect(formatMoney(amount, en)).toMatch(/[1-9]/);
      expect(formatMoney(amount, { ...en, decimals: 2 })).toMatch(/[1-9]/);
    }
  });
});

describe('exact form', () => {
  test.each([
    ['0', '$0.00'],
    ['5', '$5.00'],
    ['0.000000125', '$0.000000125'],
    ['12345678901234567890.123456789012345678', '$12,345,678,901,234,567,890.123456789012345678'],
  ])('%s is %s', (amount, text) => expect(formatMoney(amount, { ...en, exact: true })).toBe(text));
});

describe('columns', () => {
  test('cents where cents are enough', () =>
    expect(columnDecimals(['12.3', '0.96', null])).toBe(2));
  test('as many as the smallest needs', () => expect(columnDecimals(['0.5', '0.0045'])).toBe(4));
  test('but not more than four beside dollars', () =>
    expect(columnDecimals(['12.3', '0.000012'])).toBe(4));
  test('beside dollars one digit of a small amount is enough', () =>
    expect(columnDecimals(['12.3', '0.0971'])).toBe(2));
  test('zero and unknown ask for nothing', () => expect(columnDecimals(['0', null])).toBe(2));
  test('exact ones have all digits', () =>
    expect(columnDecimals(['12.3', '0.000000125'], true)).toBe(9));
  test('a small one beside large ones says that it is small', () =>
    expect(formatMoney('0.00000012', { ...en, decimals: 4 })).toBe('<$0.0001'));
});

test('axis values have the digits of their step', () => {
  expect(axisMoney(2, 1, 'en')).toBe('$2');
  expect(axisMoney(0.5, 0.5, 'en')).toBe('$0.50');
  expect(axisMoney(0.002, 0.001, 'de')).toBe('0,002\u00a0$');
});

test('an amount of a document keeps its digits and its currency', () => {
  expect(printedMoney('1234.50', 'USD', 'en')).toBe('$1,234.50');
  expect(printedMoney('1234.50', 'EUR', 'de')).toBe('1.234,50\u00a0EUR');
  expect(printedMoney('-3', 'JPY', 'en')).toBe('\u22123\u00a0JPY');
});
