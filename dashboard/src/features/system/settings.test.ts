// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'vitest';
import { matchesSetting } from './settings.ts';

test('settings are found by name, value or meaning', () => {
  const s = { name: 'PORT', value: '45000', description: 'Port of HTTP.' };
  for (const q of ['port', '4500', 'http port', '']) expect(matchesSetting(s, q)).toBe(true);
  expect(matchesSetting(s, 'spool')).toBe(false);
});
