// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * The mock's answers for what moves: the stream of records, the state of the pipeline, the balance.
 * emit() makes a record as if a chat had just ended; forgetLive() is a gateway that knows no older ids.
 */
import { money } from './data.mjs';

const RING = 200;
const HEARTBEAT_MS = 10_000;
const UNIT = 10n ** 18n;

const instant = (ms) => `${new Date(ms).toISOString().slice(0, -1)}000Z`;

/** startLive gives what a mock keeps for its stream. With an interval it emits by itself. */
export function startLive(everyMs) {
  const live = { ring: [], next: 1, first: 1, streams: new Set(), timers: [] };
  const beat = setInterval(() => live.streams.forEach((res) => res.write(': \n\n')), HEARTBEAT_MS);
  live.timers.push(beat);
  live.everyMs = everyMs;
  return live;
}

export function stopLive(live) {
  live.timers.forEach(clearInterval);
  dropStreams(live);
}

export function dropStreams(live) {
  live.streams.forEach((res) => res.destroy());
  live.streams.clear();
}

export function forgetLive(live) {
  live.ring = [];
  live.first = live.next;
}

const frame = ({ id, record }) => `event: record\nid: ${id}\ndata: ${JSON.stringify(record)}\n\n`;

export function emit(c, changes = {}) {
  const { live } = c;
  const like = c.state.house.rows[(live.next * 7) % Math.max(c.state.house.rows.length, 1)];
  const now = c.clock().getTime() + live.next;
  const record = {
    received_at: instant(now),
    generation_id: `gen-live-${live.next}`,
    turn_id: null,
    user: like?.user ?? 'u-live',
    user_name: like?.user_name ?? 'Somebody',
    model: like?.model ?? 'openai/gpt-5-mini',
    provider: like?.provider ?? 'OpenAI',
    state: 'final',
    cost: like?.cost ?? null,
    prompt_tokens: like?.prompt_tokens ?? null,
    completion_tokens: like?.completion_tokens ?? null,
    origin: like?.origin ?? 'ui',
    task: like?.task ?? null,
    kind: like?.kind ?? null,
    source: like?.source ?? 'filter-stream',
    started_at: instant(now - 2500),
    ...changes,
  };
  const entry = { id: String(live.next++), record };
  live.ring.push(entry);
  if (live.ring.length > RING) live.first = Number(live.ring.shift().id) + 1;
  live.streams.forEach((res) => res.write(frame(entry)));
  return record;
}

export function stream(c, req, res) {
  const { live } = c;
  res.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  res.write(': \n\n');
  const last = req.headers['last-event-id'];
  if (last !== undefined) {
    const from = Number(last) + 1;
    if (from < live.first) res.write('event: gap\ndata: {}\n\n');
    live.ring.filter((e) => Number(e.id) >= from).forEach((e) => res.write(frame(e)));
  }
  live.streams.add(res);
  res.on('close', () => live.streams.delete(res));
}

export function pipeline(c) {
  const now = c.clock().getTime();
  const broken = c.state.mode === 'error';
  const partial = c.state.mode === 'partial';
  const newest = c.state.house.rows[0]?.finished_at ?? null;
  return {
    now: instant(now),
    status: broken || partial ? 'degraded' : 'ready',
    last_event_at: newest,
    last_commit_at: broken ? null : newest,
    spool: {
      state: 'ok',
      pending: broken ? 412 : partial ? 37 : 0,
      quarantined: 0,
      oldest_pending_seconds: broken ? 1260 : partial ? 95 : null,
    },
    costd: { state: broken ? 'unreachable' : 'ok' },
    database: { state: broken ? 'unknown' : partial ? 'unreachable' : 'ok' },
    dead_letters: broken
      ? null
      : (c.state.inner?.dead.filter((d) => !d.set_aside_at).length ?? (partial ? 2 : 0)),
    dead_letters_set_aside: broken
      ? null
      : (c.state.inner?.dead.filter((d) => d.set_aside_at).length ?? 0),
    missing_records: broken ? null : 0,
    refused: refusedCount(c, now),
    lookups: broken
      ? null
      : {
          waiting: c.state.house.rows.filter((r) => r.unsettled).length,
          overdue: 0,
          given_up: 0,
          paused_until: null,
          last_error: null,
        },
    delivery: {
      held_month: c.state.held?.month ?? null,
      held_reason: c.state.held?.reason ?? null,
    },
    terms_conflict: c.state.termsConflict ?? null,
  };
}

const DAY_MS = 86_400_000;

function refusedCount(c, now) {
  const list = c.state.inner?.refused ?? [];
  const sum = (some) => some.reduce((n, r) => n + r.count, 0);
  const since = instant(now - DAY_MS);
  return { last_day: sum(list.filter((r) => r.last_at >= since)), total: sum(list) };
}

export function credits(c) {
  const spent = c.state.house.rows.reduce((n, r) => n + r.units, 0n);
  const known = c.state.mode !== 'empty';
  const bought = (spent / UNIT + 31n) * UNIT;
  return {
    fetched_at: instant(c.clock().getTime() - 180_000),
    known,
    total_credits: known ? money(bought) : null,
    total_usage: known ? money(spent) : null,
    remaining: known ? money(bought - spent) : null,
  };
}
