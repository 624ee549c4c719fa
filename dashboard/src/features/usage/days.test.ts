// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'vitest';
import type { UsageRow } from '#api/client.ts';
import { costUntil, daysOfMonth, highestDay } from './days.ts';

function row(day: string, cost: string): UsageRow {
  return {
    day,
    cost,
    byok_cost: '0',
    requests: 2,
    prompt_tokens: 10,
    completion_tokens: 5,
    reasoning_tokens: 0,
    cached_tokens: 0,
    cache_write_tokens: 0,
    images: 0,
    unsettled: 0,
    disputed_cost: '0',
  };
}

test('every day is there, and knows whether it is over', () => {
  const days = daysOfMonth('2026-11', '2026-11-23', [row('2026-11-02', '0.5')]);
  expect(days).toHaveLength(30);
  expect(days[0]).toMatchObject({ day: '2026-11-01', state: 'past', cost: '0', requests: 0 });
  expect(days[1]).toMatchObject({ day: '2026-11-02', state: 'past', cost: '0.5', requests: 2 });
  expect(days[22]).toMatchObject({ day: '2026-11-23', state: 'running' });
  expect(days[23]).toMatchObject({ day: '2026-11-24', state: 'future' });
});

test('the sum of the first days leaves the others out, exactly', () => {
  const rows = [row('2026-11-01', '0.1'), row('2026-11-02', '0.2'), row('2026-11-03', '4')];
  expect(costUntil(rows, 2)).toBe('0.3');
  expect(costUntil([], 2)).toBe('0');
});

test('the highest day is found among exact amounts', () => {
  const rows = [row('2026-11-01', '0.1'), row('2026-11-02', '0.100000000000000001')];
  expect(highestDay(daysOfMonth('2026-11', '2026-11-23', rows))?.day).toBe('2026-11-02');
  expect(highestDay(daysOfMonth('2026-11', '2026-11-23', []))).toBeNull();
});
