// SPDX-License-Identifier: AGPL-3.0-or-later
// The mock's answers for one request: its records, its look-up, and the rows that are one call with it.
import { createHash } from 'node:crypto';
import { money } from './data.mjs';

export const instant = (ms) => `${new Date(ms).toISOString().slice(0, -1)}000Z`;

function findRow({ kit, c }, id) {
  const row = c.state.house.rows.find((r) => r.generation_id === id);
  if (!row) throw new kit.Refusal(404, 'Not Found', 'there is no such generation');
  return row;
}

/** The same record has the same id whenever it is asked for. */
function recordId(...parts) {
  const hash = createHash('sha256').update(parts.join(' ')).digest('hex');
  return [0, 8, 12, 16, 20].map((i, n) => hash.slice(i, [8, 12, 16, 20, 32][n])).join('-');
}

function recordOf(row, changes) {
  return {
    record_id: recordId(row.generation_id, changes.received_at),
    received_at: row.finished_at ?? row.started_at,
    source: row.source === 'tap' ? 'tap' : 'filter-stream',
    state: row.state,
    cost: row.cost,
    cost_state: row.cost === null ? 'unknown' : 'reported',
    is_byok: row.is_byok,
    byok_cost: row.byok_cost,
    prompt_tokens: row.prompt_tokens,
    completion_tokens: row.completion_tokens,
    reasoning_tokens: row.reasoning_tokens,
    cached_tokens: row.cached_tokens,
    cache_write_tokens: row.cache_write_tokens,
    images: row.images,
    model: row.model,
    provider: row.provider,
    user: row.user,
    user_name: row.user_name,
    user_state: row.user_state ?? null,
    told_only: null,
    groups: [],
    requested_model: row.requested_model,
    chat_id: row.chat_id,
    message_id: row.message_id,
    generation_id: row.generation_id.startsWith('owui:') ? null : row.generation_id,
    turn_id: row.turn_id,
    request: row.request ?? null,
    platform: row.platform,
    other_id: null,
    decision: null,
    reason: null,
    not_found: null,
    origin: row.origin,
    task: row.task,
    kind: row.kind,
    started_at: row.started_at,
    finished_at: row.finished_at,
    ...changes,
  };
}

const NOTHING = {
  cost: null,
  cost_state: 'unknown',
  is_byok: null,
  byok_cost: null,
  prompt_tokens: null,
  completion_tokens: null,
  reasoning_tokens: null,
  cached_tokens: null,
  cache_write_tokens: null,
  images: null,
  finished_at: null,
};

/** The records that a row is made of, as each sender would have sent them. */
function recordsOf(row) {
  const start = Date.parse(row.started_at);
  const end = Date.parse(row.finished_at ?? row.started_at);
  const open = recordOf(row, {
    ...NOTHING,
    state: 'open',
    provider: null,
    received_at: instant(start + 240),
  });
  if (row.said !== undefined) {
    const said = { cost: money(row.said), source: 'filter-outlet' };
    const word = { ...NOTHING, state: 'open', source: 'operator', model: null, provider: null };
    return [
      recordOf(row, { ...said, received_at: instant(end + 120) }),
      ...(row.alone ? [recordOf(row, { ...word, received_at: instant(row.alone) })] : []),
    ];
  }
  if (row.other_id) {
    const { other_id } = row;
    const changes = { source: 'look-up', cost_state: 'looked_up', other_id };
    return [open, recordOf(row, { ...changes, received_at: instant(end + 62_000) })];
  }
  if (row.cost_state === 'unknown') {
    return [open, recordOf(row, { ...NOTHING, state: row.state, received_at: instant(end + 90) })];
  }
  if (row.cost_state === 'looked_up') {
    const before = money((BigInt(row.units) * 97n) / 100n);
    return [
      open,
      recordOf(row, { cost: before, received_at: instant(end + 80) }),
      recordOf(row, {
        source: 'look-up',
        cost_state: 'looked_up',
        state: 'final',
        received_at: instant(end + 62_000),
      }),
    ];
  }
  if (row.cost_state === 'estimated') {
    return [open, recordOf(row, { cost_state: 'estimated', received_at: instant(end + 70) })];
  }
  const copies = [open, recordOf(row, { received_at: instant(end + 60) })];
  if (row.units % 3n === 0n) {
    copies.push(recordOf(row, { source: 'otlp', received_at: instant(end + 4_100) }));
  }
  return copies;
}

export function lookupOf(c, row) {
  if (row.cost_state === 'reported' && !row.unsettled) return null;
  const end = Date.parse(row.finished_at ?? row.started_at);
  const done = row.cost_state === 'looked_up';
  return {
    attempts: done ? 2 : 3,
    first_at: instant(end + 30_000),
    next_at: done ? null : instant(c.clock().getTime() + 9 * 60_000),
    last_status: done ? 200 : 404,
    last_error: done ? null : 'the provider does not know this id yet',
    given_up: false,
  };
}

export function history(x) {
  const row = findRow(x, x.params[0]);
  const { units, byokUnits, said, request, alone, hour, ...generation } = row;
  const rows = [row, ...row.parts.map((id) => findRow(x, id))];
  x.kit.json(x.res, {
    timezone: x.c.timezone,
    generation,
    records: rows.flatMap(recordsOf),
    truncated: false,
    lookup: row.cost_state === 'looked_up' ? null : lookupOf(x.c, row),
  });
}

/** An operator's word: what is part of the row, or the row itself, counts by itself. */
export function unpair(x) {
  const row = findRow(x, x.params[0]);
  const turns = row.part_of.length > 0 ? [row] : row.parts.map((id) => findRow(x, id));
  if (turns.length === 0) throw new x.kit.Refusal(409, 'Conflict', 'the row is not paired');
  for (const turn of turns) {
    const ends = [turn, ...turn.part_of.map((id) => findRow(x, id))];
    for (const end of ends) {
      end.marks = end.marks.filter((m) => m !== 'matched');
      Object.assign(end, { part_of: [], parts: end.parts.filter((p) => p !== turn.generation_id) });
    }
    Object.assign(turn, {
      alone: x.c.clock().getTime(),
      requests: 1,
      units: turn.said,
      cost: money(turn.said),
    });
  }
  x.kit.json(x.res, { unpaired: turns.map((t) => t.generation_id) });
}

/** decide takes an operator's word for the row. */
export function decide(x) {
  const row = findRow(x, x.params[0]);
  const { cost, user, reason, prompt_tokens: prompt, completion_tokens: completion } = x.body;
  if (!reason || [cost, user, prompt, completion].every((said) => said === undefined))
    throw new x.kit.Refusal(400, 'Bad Request', 'reason: it, and cost, tokens or user, are needed');
  if (prompt !== undefined) row.prompt_tokens = prompt;
  if (completion !== undefined) row.completion_tokens = completion;
  if (cost !== undefined) Object.assign(row, { cost: String(cost), disputed_cost: null });
  if (user !== undefined) row.user = user;
  row.marks = row.marks.filter((m) => m !== 'disputed');
  x.kit.json(x.res, { generation_id: row.generation_id, decision: 1 });
}
