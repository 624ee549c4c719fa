// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * A view of the explorer: what is counted, over which time, grouped by which two keys, in which order.
 * All of it is in the address, so that every view is a link, and one call answers it.
 */
import type { Usage, UsageRow } from '#api/client.ts';
import { type Measure, amountOf, isMeasure } from '#lib/measure.ts';
import { type Day, addDays, daysBetween } from '#lib/month.ts';
import { type StackPart } from '#lib/stack.ts';

export const keys = [
  'hour',
  'day',
  'user',
  'group',
  'model',
  'provider',
  'source',
  'origin',
  'task',
] as const;
export type Key = (typeof keys)[number];
/** The keys that a line of the table can be followed by. */
export const filters = ['user', 'group', 'model', 'provider', 'source', 'origin', 'task'] as const;
export type FilterKey = (typeof filters)[number];

/** The contract adds up hours for so many days at most. */
export const HOUR_DAYS = 31;
export const MOST_ROWS = 10_000;

export const columns = [
  'first',
  'second',
  'requests',
  'input',
  'output',
  'unsettled',
  'cost',
] as const;
export type Column = (typeof columns)[number];

export interface View {
  by: readonly Key[];
  measure: Measure;
  filter: Partial<Record<FilterKey, string>>;
  /** null: as the server orders them, by time and then by cost. */
  sort: { column: Column; down: boolean } | null;
}

type Read = (name: string) => string | null;

export function isKey(text: string | null | undefined): text is Key {
  return keys.some((k) => k === text);
}

/** Time, where there is any, comes first: the chart's bars stand on it. */
function order(by: readonly Key[]): Key[] {
  return [...by].sort((a, b) => Number(isTime(b)) - Number(isTime(a)));
}

function isTime(key: Key): boolean {
  return key === 'hour' || key === 'day';
}

/** readView never fails: what an address says wrongly is left out. */
export function readView(query: Read): View {
  const asked = (query('by') ?? '').split(',').filter(isKey);
  const by = order([...new Set(asked)].slice(0, 2));
  const measure = query('measure');
  const sort = query('sort') ?? '';
  const column = columns.find((c) => c === sort.replace(/^-/, ''));
  const filter: View['filter'] = {};
  for (const key of filters) {
    const value = query(key);
    if (value !== null) filter[key] = value;
  }
  return {
    by: by.length ? by : ['day', 'model'],
    measure: isMeasure(measure) ? measure : 'cost',
    filter,
    sort: column ? { column, down: sort.startsWith('-') } : null,
  };
}

/**
 * writeBy chooses one of the two keys. Choosing what the other is swaps them; but time stays first, so
 * choosing the second over a time leaves it alone.
 */
export function writeBy(by: readonly Key[], place: 0 | 1, key: Key | null): string {
  const [first = 'day', second] = by;
  if (place === 1 && (key === null || key === first)) {
    return key !== null && second ? order([second, first]).join(',') : first;
  }
  if (key === null) return by.join(',');
  if (place === 1) return order([first, key]).join(',');
  if (key !== second) return order(second ? [key, second] : [key]).join(',');
  return isTime(first) ? key : [key, first].join(',');
}

export interface Call {
  from: Day;
  to: Day;
  group_by: string;
  [filter: string]: string;
}

export function callOf(view: View, span: { from: Day; to: Day }): Call {
  return { ...span, group_by: view.by.join(','), ...view.filter };
}

/** tooLong is said instead of asked: hours of so long a time are not added up. */
export function tooLong(view: View, span: { from: Day; to: Day }): boolean {
  return view.by.includes('hour') && daysBetween(span.from, span.to) > HOUR_DAYS;
}

export function valueOf(row: UsageRow, key: Key): string | null {
  return row[key] ?? null;
}

const HOUR_MS = 3_600_000;

/** hoursOf fills the hours between those that have rows, each named with its offset as the rows are. */
function hoursOf(found: readonly string[]): string[] {
  const known = new Map(found.map((hour) => [Date.parse(hour), hour]));
  if (known.size === 0) return [];
  const instants = [...known.keys()];
  const slots: string[] = [];
  let offset = found[0]?.slice(16) ?? '+00:00';
  for (let at = Math.min(...instants); at <= Math.max(...instants); at += HOUR_MS) {
    const hour = known.get(at) ?? hourAt(at, offset);
    offset = hour.slice(16);
    slots.push(hour);
  }
  return slots;
}

function hourAt(instant: number, offset: string): string {
  const [h = '0', m = '0'] = offset.slice(1).split(':');
  const minutes = (Number(h) * 60 + Number(m)) * (offset.startsWith('-') ? -1 : 1);
  return new Date(instant + minutes * 60_000).toISOString().slice(0, 16) + offset;
}

/**
 * slotsOf are the bars: every day of the time up to today, every hour from the first with use to the
 * last, or the largest of another key.
 */
export function slotsOf(view: View, usage: Usage, today: Day, most: number): string[] {
  const [key] = view.by;
  if (key === 'day') {
    const to = usage.to <= today ? usage.to : addDays(today, 1);
    const first = usage.rows.find((r) => r.day)?.day ?? usage.from;
    const from = daysBetween(usage.from, to) > 400 ? first : usage.from;
    const n = Math.max(daysBetween(from, to), 0);
    return Array.from({ length: n }, (_, i) => addDays(from, i));
  }
  if (key === 'hour') return hoursOf(usage.rows.flatMap((r) => r.hour ?? []));
  const totals = new Map<string, bigint>();
  for (const row of usage.rows) {
    const name = slotName(key ? valueOf(row, key) : null);
    totals.set(name, (totals.get(name) ?? 0n) + amountOf(row, view.measure));
  }
  const sorted = [...totals.entries()].sort(([, a], [, b]) => (a === b ? 0 : a > b ? -1 : 1));
  const names = sorted.slice(0, most).map(([name]) => name);
  return sorted.length > most ? [...names, OTHERS] : names;
}

/** The bar of all names that have none of their own; no value is a line end. */
export const OTHERS = '\n';

/** A slot is a text, and no value of a key is a text too: the empty one, which no value is. */
export function slotName(value: string | null): string {
  return value ?? '';
}

/** partsOf are the slices of the bars; with `slots`, what has no bar of its own is in that of the others. */
export function partsOf(
  view: View,
  rows: readonly UsageRow[],
  slots: readonly string[] | null = null,
): StackPart[] {
  const [first = 'day', second] = view.by;
  const own = slots && new Set(slots);
  const slot = (name: string) => (own && !own.has(name) ? OTHERS : name);
  return rows.map((row) => ({
    slot: slot(slotName(valueOf(row, first))),
    key: second ? valueOf(row, second) : null,
    amount: amountOf(row, view.measure),
  }));
}

const collator = new Intl.Collator();

function compare(a: UsageRow, b: UsageRow, column: Column, view: View): number {
  const text = (key: Key | undefined) => {
    return key ? collator.compare(named(a, key), named(b, key)) : 0;
  };
  switch (column) {
    case 'first':
      return text(view.by[0]);
    case 'second':
      return text(view.by[1]);
    case 'input':
      return a.prompt_tokens - b.prompt_tokens;
    case 'output':
      return a.completion_tokens - b.completion_tokens;
    case 'cost': {
      const [x, y] = [amountOf(a, 'cost'), amountOf(b, 'cost')];
      return x < y ? -1 : x > y ? 1 : 0;
    }
    default:
      return a[column] - b[column];
  }
}

/** What a reader sees and sorts by: a user's name rather than the id. */
export function named(row: UsageRow, key: Key): string {
  if (key === 'user' && row.user_name?.trim()) return row.user_name;
  return valueOf(row, key) ?? '';
}

export function sortRows(rows: readonly UsageRow[], view: View): readonly UsageRow[] {
  const { sort } = view;
  if (!sort) return rows;
  const sign = sort.down ? -1 : 1;
  return [...rows].sort((a, b) => sign * compare(a, b, sort.column, view));
}
