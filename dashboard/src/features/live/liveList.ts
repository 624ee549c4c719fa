// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * The list of the live page, without the stream: a request is one line, however many records arrive for
 * it and by however many paths. The newest stand on top; what is beyond the limit falls off the end.
 */
import type { Generation, Schemas } from '#api/client.ts';
import { turnRow } from '#features/generations/counting.ts';

export type LiveRecord = Schemas['LiveRecord'];

export interface Line extends LiveRecord {
  key: string;
  /** How many records made this line. */
  records: number;
}

/** How many lines the page keeps. */
export const KEPT = 500;

function keyOf(record: LiveRecord, id: string): string {
  if (record.generation_id !== null) return `g:${record.generation_id}`;
  return record.turn_id !== null ? `g:${turnRow(record.turn_id)}` : `r:${id}`;
}

/** join lets what a later record knows win, never what it does not know; an end is not undone. */
function join(line: Line, record: LiveRecord): Line {
  const known = Object.entries(record).filter(([, value]) => value !== null);
  const ended = record.state === 'open' ? { state: line.state } : {};
  return {
    ...line,
    ...Object.fromEntries(known),
    ...ended,
    received_at: line.received_at,
    records: line.records + 1,
  };
}

/** add puts a record on top, or into the line that is there already. */
export function add(lines: readonly Line[], record: LiveRecord, id: string): Line[] {
  const key = keyOf(record, id);
  const at = lines.findIndex((l) => l.key === key);
  const there = lines[at];
  if (there) return lines.with(at, join(there, record));
  return [{ ...record, key, records: 1 }, ...lines].slice(0, KEPT);
}

/** addAll is add for many, the oldest first. */
export function addAll(
  lines: readonly Line[],
  records: readonly { id: string; record: LiveRecord }[],
): Line[] {
  return records.reduce<Line[]>((all, { id, record }) => add(all, record, id), [...lines]);
}

function lineOf(g: Generation): Line {
  return {
    key: `g:${g.generation_id}`,
    records: 0,
    received_at: g.finished_at ?? g.started_at,
    generation_id: g.generation_id,
    turn_id: g.turn_id,
    user: g.user,
    user_name: g.user_name,
    model: g.model,
    provider: g.provider,
    state: g.state,
    cost: g.cost,
    prompt_tokens: g.prompt_tokens,
    completion_tokens: g.completion_tokens,
    origin: g.origin,
    task: g.task,
    kind: g.kind,
    source: g.source,
    started_at: g.started_at,
  };
}

/** fill puts rows of the ledger where they belong in time; what the list has already stays as it is. */
export function fill(lines: readonly Line[], rows: readonly Generation[]): Line[] {
  const have = new Set(lines.map((l) => l.key));
  const missing = rows.map(lineOf).filter((l) => !have.has(l.key));
  return [...lines, ...missing]
    .sort((a, b) => (a.received_at < b.received_at ? 1 : a.received_at > b.received_at ? -1 : 0))
    .slice(0, KEPT);
}

/** isOfTurn: records of a turn, whose requests may have lines of their own. A ledger row says what it counts. */
function isOfTurn(line: Line): boolean {
  return line.records > 0 && line.turn_id !== null && line.key === `g:${turnRow(line.turn_id)}`;
}

/** counted leaves out a turn's records where its requests have lines: both tell of the same calls. */
export function counted(lines: readonly Line[]): Line[] {
  const named = new Set(lines.map((l) => (isOfTurn(l) ? null : l.turn_id)));
  return lines.filter((l) => !isOfTurn(l) || !named.has(l.turn_id));
}

export interface LiveFilter {
  /** Looked for in names and ids. */
  text: string;
  state: string | null;
  /** What a person asked for, what Open WebUI asked for by itself, or both. */
  kind: 'chats' | 'tasks' | null;
}

export function passes(line: Line, filter: LiveFilter): boolean {
  if (filter.state !== null && line.state !== filter.state) return false;
  if (filter.kind === 'chats' && line.task !== null) return false;
  if (filter.kind === 'tasks' && line.task === null) return false;
  const text = filter.text.trim().toLowerCase();
  return (
    text === '' ||
    [line.user, line.user_name, line.model, line.provider, line.generation_id].some((part) =>
      part?.toLowerCase().includes(text),
    )
  );
}
