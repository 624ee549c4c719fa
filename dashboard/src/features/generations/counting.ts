// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * What a row of the ledger counts. A call that two paths reported without a common id has two rows, and
 * costd pairs them: the one counts the call, the other is part of it and counts nothing, or, where a
 * turn's sum is more than its known requests cost, what is left of it, without a request of its own.
 */
import type { CostState, Figures, Generation } from '#api/client.ts';
import type { History, HistoryRecord } from './calls.ts';
import { worded } from '#lib/i18n/index.ts';
import { parseMoney } from '#lib/money.ts';

export type Role = 'request' | 'part' | 'rest';

const isMore = (amount: string | null) => amount !== null && parseMoney(amount) > 0n;

export function roleOf(row: Generation): Role {
  if (row.requests !== 0) return 'request';
  return isMore(row.cost) || isMore(row.byok_cost) ? 'rest' : 'part';
}

/** lacksBill: the provider named its fee, and what the owner of the key pays upstream is not known. */
export function lacksBill(row: Generation): boolean {
  return row.unsettled && row.is_byok === true && row.byok_cost === null && row.cost !== null;
}

/** A cost's state, or what is more than that: only the fee is known, or no platform can be asked for a price. */
export type CostWord = CostState | 'fee' | 'no_price';

export function costWord(row: Generation): CostWord {
  if (lacksBill(row)) return 'fee';
  const unknown = row.cost_state === 'unknown' && roleOf(row) === 'request';
  return unknown && !row.unsettled ? 'no_price' : row.cost_state;
}

/** hasUse: what is left of a turn costs something and is no request, so that requests alone do not tell. */
export function hasUse(f: Pick<Figures, 'requests' | 'cost' | 'byok_cost'>): boolean {
  return f.requests > 0 || isMore(f.cost) || isMore(f.byok_cost);
}

export interface Mark {
  name: string;
  text: string;
  /** What it means; empty where we do not know. */
  meaning: string;
}

/** marksOf lists what is out of the ordinary about a row, what it counts first. */
export function marksOf(
  row: Generation,
  texts: Readonly<Record<string, string>>,
  meanings: Readonly<Record<string, string>>,
): Mark[] {
  const role = roleOf(row);
  const names = [...(role === 'request' ? [] : [role]), ...row.marks];
  return [...new Set(names)].map((name) => ({
    name,
    text: worded(texts, name),
    meaning: Object.hasOwn(meanings, name) ? (meanings[name] ?? '') : '',
  }));
}

/** The other rows of the same call: those it is part of, and those that are part of it. */
export function pairedWith(h: History): string[] {
  const { part_of, parts } = h.generation;
  return [...new Set([...part_of, ...parts])];
}

/** The key of the row that a record without a generation id makes. */
export const turnRow = (turn: string): string => `owui:${turn}`;

/** cameFrom is the other row that a record belongs to; null: it is this row's own. */
export function cameFrom(record: HistoryRecord, h: History): string | null {
  const own = h.generation.generation_id;
  const others = pairedWith(h);
  const { generation_id: id, turn_id: turn } = record;
  if (id !== null) return id === own ? null : id;
  return turn !== null && others.includes(turnRow(turn)) ? turnRow(turn) : null;
}
