// SPDX-License-Identifier: AGPL-3.0-or-later
// What the page of requests is asked for: from the address to the call, and back.
import type { CostState, Generation } from '#api/client.ts';
import type { GenerationsQuery } from './calls.ts';
import { type Day, type Month, addMonths, isMonth, monthOf, span } from '#lib/month.ts';

export const costStates: readonly CostState[] = ['reported', 'looked_up', 'estimated', 'unknown'];
export const states: readonly Generation['state'][] = ['open', 'final', 'cancelled', 'error'];
/** Who may bill, to choose from; the ledger may know others. */
export const platforms: readonly string[] = [
  'openrouter',
  'openai',
  'anthropic',
  'azure',
  'google',
  'ollama',
];
/** What a request may be; senders may name others. */
export const kinds: readonly string[] = [
  'chat',
  'embedding',
  'image',
  'speech',
  'transcription',
  'rerank',
];
export const sizes = [25, 50, 100, 250] as const;
export const DEFAULT_SIZE = 50;

/** Before this nothing can have been recorded: the contract refuses earlier times. */
const FIRST_DAY = '2020-01-01';

export type Period =
  | { kind: 'month'; month: Month }
  | { kind: 'last'; days: number }
  | { kind: 'all' }
  /** Both days belong to it. */
  | { kind: 'days'; first: Day; last: Day };

export const lasts = [1, 7, 30, 365] as const;

function isDay(text: string | null): text is Day {
  return /^\d{4}-\d\d-\d\d$/.test(text ?? '') && Number.isFinite(Date.parse(`${text}T00:00:00Z`));
}

function plus(day: Day, n: number): Day {
  return new Date(Date.parse(`${day}T00:00:00Z`) + n * 86_400_000).toISOString().slice(0, 10);
}

/** readPeriod takes what an address says; nothing, or nonsense, is the running month. */
export function readPeriod(query: (name: string) => string | null, thisMonth: Month): Period {
  const [first, last] = [query('first'), query('last')];
  if (isDay(first) && isDay(last) && first <= last) return { kind: 'days', first, last };
  const word = query('period');
  if (word === 'all') return { kind: 'all' };
  const days = Number(/^(\d+)d$/.exec(word ?? '')?.[1]);
  if (lasts.some((n) => n === days)) return { kind: 'last', days };
  const month = query('month');
  return { kind: 'month', month: isMonth(month) ? month : thisMonth };
}

export function writePeriod(period: Period, thisMonth: Month): Record<string, string | null> {
  const empty = { first: null, last: null, period: null, month: null };
  switch (period.kind) {
    case 'days':
      return { ...empty, first: period.first, last: period.last };
    case 'all':
      return { ...empty, period: 'all' };
    case 'last':
      return { ...empty, period: `${period.days}d` };
    case 'month':
      return { ...empty, month: period.month === thisMonth ? null : period.month };
  }
}

/** spanOf is a period as the contract's half-open from and to. */
export function spanOf(period: Period, today: Day): { from: Day; to: Day } {
  switch (period.kind) {
    case 'days':
      return { from: period.first, to: plus(period.last, 1) };
    case 'all':
      return { from: FIRST_DAY, to: plus(today, 2) };
    case 'last':
      return { from: plus(today, 1 - period.days), to: plus(today, 1) };
    case 'month':
      return span(period.month);
  }
}

/** The days a reader sees as the ends of a period. */
export function daysOf(period: Period, today: Day): { first: Day; last: Day } {
  const { from, to } = spanOf(period, today);
  return { first: from, last: plus(to, -1) };
}

export function monthsOf(thisMonth: Month, n: number): Month[] {
  return Array.from({ length: n }, (_, i) => addMonths(thisMonth, -i));
}

export interface Filter {
  period: Period;
  user: string | null;
  group: string | null;
  model: string | null;
  provider: string | null;
  /** The platform that bills it; empty: the records do not say. */
  platform: string | null;
  /** What kind of request it is; empty: the records do not say. */
  kind: string | null;
  chat: string | null;
  generation: string | null;
  state: Generation['state'] | null;
  cost: CostState | 'open' | null;
  size: number;
}

/** readFilter never fails: what an address says wrongly is left out. */
export function readFilter(query: (name: string) => string | null, today: Day): Filter {
  const text = (name: string) => query(name)?.trim() || null;
  const size = Number(query('size'));
  const cost = query('cost');
  return {
    period: readPeriod(query, monthOf(today)),
    user: text('user'),
    group: text('group'),
    model: text('model'),
    provider: text('provider'),
    platform: query('platform')?.trim() ?? null,
    kind: query('kind')?.trim() ?? null,
    chat: text('chat'),
    generation: text('generation'),
    state: states.find((s) => s === query('state')) ?? null,
    cost: cost === 'open' ? 'open' : (costStates.find((s) => s === cost) ?? null),
    size: sizes.find((n) => n === size) ?? DEFAULT_SIZE,
  };
}

/** One request is looked for in all of time: who has its id does not know its month. */
export function callOf(filter: Filter, today: Day): GenerationsQuery {
  const period: Period = filter.generation ? { kind: 'all' } : filter.period;
  const query: GenerationsQuery = { ...spanOf(period, today) };
  if (filter.user) query.user = filter.user;
  if (filter.group) query.group = filter.group;
  if (filter.model) query.model = filter.model;
  if (filter.provider) query.provider = filter.provider;
  if (filter.platform !== null) query.platform = filter.platform;
  if (filter.kind !== null) query.kind = filter.kind;
  if (filter.chat) query.chat_id = filter.chat;
  if (filter.generation) query.generation_id = filter.generation;
  if (filter.state) query.state = filter.state;
  if (filter.cost === 'open') query.unsettled = 1;
  else if (filter.cost) query.cost_state = filter.cost;
  return query;
}

function choices(usual: readonly string[], seen: readonly (string | null)[]): string[] {
  return [...new Set([...usual, ...seen.flatMap((word) => word || [])])];
}

/** platformsOf are those to choose from: the usual ones, those of the rows at hand, and the chosen one. */
export function platformsOf(rows: readonly Generation[], chosen: string | null): string[] {
  return choices(platforms, [...rows.map((r) => r.platform), chosen]).sort();
}

/** kindsOf are those to choose from: the known ones first, then what else senders call it. */
export function kindsOf(rows: readonly Generation[], chosen: string | null): string[] {
  return choices(kinds, [...rows.map((r) => r.kind), chosen]);
}

/** Whether anything but the period is asked for. */
export function isNarrow(f: Filter): boolean {
  const { user, group, model, provider, platform, kind, chat, generation, state, cost } = f;
  return [user, group, model, provider, platform, kind, chat, generation, state, cost].some(
    (v) => v !== null,
  );
}
