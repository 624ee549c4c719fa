// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * How a row of the ledger came about, from the records that were joined into it. Per field the value of
 * the highest rank wins (costd's join); here it is only found again which record said what the row says.
 */
import type { CostState, Generation } from '#api/client.ts';
import type { History, HistoryRecord } from './calls.ts';
import { cameFrom, roleOf } from './counting.ts';
import { parseMoney } from '#lib/money.ts';

/** What a record can say about the row, in the order it is shown. */
export const fields = [
  'state',
  'model',
  'provider',
  'kind',
  'platform',
  'request',
  'other_id',
  'prompt_tokens',
  'cached_tokens',
  'cache_write_tokens',
  'completion_tokens',
  'reasoning_tokens',
  'cost',
  'byok_cost',
  'started_at',
  'finished_at',
] as const;
export type Field = (typeof fields)[number];

/** Parts of a sum: that there are none is worth a word only where another record said otherwise. */
const parts = new Set<Field>(['cached_tokens', 'cache_write_tokens', 'reasoning_tokens']);

/** What pairing takes out of a row: it keeps what is left to count, the record what was said. */
const counted = new Set<Field>([
  'prompt_tokens',
  'cached_tokens',
  'cache_write_tokens',
  'completion_tokens',
  'reasoning_tokens',
  'cost',
  'byok_cost',
]);

/** isOfPair: the row does not say what this record did, and the record is not wrong for that. */
function isOfPair(record: HistoryRecord, h: History): boolean {
  return roleOf(h.generation) !== 'request' || cameFrom(record, h) !== null;
}

export interface RecordValue {
  field: Field;
  value: string | number;
  /** Whether the row says the same, or went on from it; if not, another record's value outranks it. */
  stands: boolean;
}

function same(field: Field, a: string | number, b: string | number | null): boolean {
  if (b === null) return false;
  if (field === 'cost' || field === 'byok_cost') {
    return parseMoney(String(a)) === parseMoney(String(b));
  }
  return a === b;
}

/** What the row says of a field; a request's number within its turn is the record's alone. */
function ofRow(field: Field, record: HistoryRecord, row: Generation) {
  return field === 'request' ? record.request : row[field];
}

/** valuesOf lists what a record said, without what it left open. */
export function valuesOf(record: HistoryRecord, h: History): RecordValue[] {
  const ofPair = isOfPair(record, h);
  return fields.flatMap((field) => {
    const value = record[field];
    if (value === null || value === undefined) return [];
    // An operator undoes a pairing and says nothing of the request itself.
    if (field === 'state' && pathOf(record.source) === 'operator') return [];
    const stands =
      same(field, value, ofRow(field, record, h.generation)) ||
      (field === 'state' && value === 'open') ||
      (ofPair && counted.has(field));
    if (stands && value === 0 && parts.has(field)) return [];
    return [{ field, value, stands }];
  });
}

const paths: readonly [RegExp, Path][] = [
  [/^tap$/, 'tap'],
  [/^filter-stream$/, 'stream'],
  [/^filter-request$/, 'request'],
  [/^filter/, 'outlet'],
  [/^(lookup|look-up|openrouter|generation)/, 'lookup'],
  [/^(otlp|otel|trace|broadcast)/, 'otlp'],
  [/^(import|activity)/, 'import'],
  [/^(legacy|metering)/, 'legacy'],
  [/^(estimate|price)/, 'estimate'],
  [/^operator$/, 'operator'],
];

/** The ways a record comes to us; `other` is named by its own word. */
export type Path =
  | 'tap'
  | 'stream'
  | 'request'
  | 'outlet'
  | 'lookup'
  | 'otlp'
  | 'import'
  | 'legacy'
  | 'estimate'
  | 'operator'
  | 'other';

export function pathOf(source: string | null): Path {
  return paths.find(([form]) => form.test(source ?? ''))?.[1] ?? 'other';
}

export interface CostOrigin {
  state: CostState;
  /** The first record that said the amount that stands. */
  from: HistoryRecord | null;
  /** Other amounts that were said, each once, in the order they came. */
  others: { cost: string; from: HistoryRecord }[];
  /** costd does not ask for the cost any more. */
  givenUp: boolean;
}

export function costOrigin(h: History): CostOrigin {
  const row = h.generation;
  const said = h.records.filter((r) => r.cost !== null && cameFrom(r, h) === null);
  const equal = (r: HistoryRecord) =>
    row.cost !== null && r.cost !== null && parseMoney(r.cost) === parseMoney(row.cost);
  const from =
    said.find((r) => equal(r) && r.cost_state === row.cost_state) ?? said.find(equal) ?? null;
  const seen = new Set<bigint>(row.cost === null ? [] : [parseMoney(row.cost)]);
  const others: CostOrigin['others'] = [];
  for (const r of roleOf(row) === 'request' ? said : []) {
    if (r.cost === null || seen.has(parseMoney(r.cost))) continue;
    seen.add(parseMoney(r.cost));
    others.push({ cost: r.cost, from: r });
  }
  return { state: row.cost_state, from, others, givenUp: h.lookup?.given_up ?? false };
}

/** The records in the order they came; the same instant keeps the order of the answer. */
export function inOrder(records: readonly HistoryRecord[]): HistoryRecord[] {
  return records
    .map((r, i) => ({ r, i }))
    .sort((a, b) =>
      a.r.received_at < b.r.received_at ? -1 : a.r.received_at > b.r.received_at ? 1 : a.i - b.i,
    )
    .map(({ r }) => r);
}

/** secondsBetween is null where one end is missing. */
export function secondsBetween(from: string | null, to: string | null): number | null {
  if (from === null || to === null) return null;
  const ms = Date.parse(to) - Date.parse(from);
  return Number.isFinite(ms) && ms >= 0 ? ms / 1000 : null;
}
