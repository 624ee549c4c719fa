// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * The stream of the live page. A stream that broke off, or was refused, is opened again at growing intervals with a
 * ticket of its own, and with the id of the last record; what the gateway cannot repeat is read from the ledger.
 * Before that the server is asked whether the session is over.
 */
import { untrack } from 'svelte';
import { askSession, newest, openStream } from './calls.ts';
import { KEPT, type Line, type LiveRecord, addAll, fill } from './liveList.ts';

export type LiveState = 'connecting' | 'connected' | 'waiting';

const RETRY_MS = [1_000, 2_000, 5_000, 10_000, 20_000];
/** So many rows of the ledger fill a gap, and the empty list at first. */
const FILL = 200;
const FIRST = 50;
/** A device that slept for longer than this has lost its stream, whatever the browser thinks. */
const SLEPT_MS = 60_000;
const TICK_MS = 10_000;

export class LiveFeed {
  lines = $state.raw<readonly Line[]>([]);
  state = $state<LiveState>('connecting');
  paused = $state(false);
  /** Records that came while the list was paused. */
  held = $state(0);
  /** The ledger was asked and did not answer: the list may have a gap. */
  gap = $state(false);
  /** The list was read once, so that an empty one means that there is nothing. */
  ready = $state(false);
  #buffer: { id: string; record: LiveRecord }[] = [];
  #source: EventSource | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #failures = 0;
  /** Counts the streams, so that one that was asked for before another is not taken. */
  #turn = 0;
  #lastId: string | null = null;
  /** A stream was open before. */
  #known = false;
  #stopped = false;

  start(): () => void {
    let seen = Date.now();
    const tick = setInterval(() => {
      const slept = Date.now() - seen > SLEPT_MS;
      seen = Date.now();
      if (slept) void this.#connect();
    }, TICK_MS);
    const online = () => void this.#connect();
    window.addEventListener('online', online);
    void this.#connect();
    void this.#fill(FIRST);
    return () => {
      this.#stopped = true;
      clearInterval(tick);
      clearTimeout(this.#timer);
      window.removeEventListener('online', online);
      this.#source?.close();
    };
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
    this.lines = addAll(this.lines, this.#buffer);
    this.#buffer = [];
    this.held = 0;
  }

  async #connect(): Promise<void> {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = null;
    if (this.#stopped) return;
    const turn = ++this.#turn;
    this.state = 'connecting';
    const source = await openStream(this.#lastId);
    if (this.#stopped || this.#turn !== turn) {
      source?.close();
      return;
    }
    if (!source) return this.#again(turn);
    this.#source = source;
    // Without the id of a last record the gateway repeats nothing: what was missed meanwhile is in the ledger.
    let missed = this.#known && this.#lastId === null;
    source.addEventListener('open', () => {
      this.state = 'connected';
      this.#failures = 0;
      this.#known = true;
      if (missed) void this.#fill(FILL);
      missed = false;
    });
    source.addEventListener('record', (e) => this.#take(e as MessageEvent<string>));
    source.addEventListener('gap', () => void this.#fill(FILL));
    // The browser would come back with the ticket that is spent.
    source.addEventListener('error', () => {
      source.close();
      if (this.#turn === turn) void this.#again(turn);
    });
  }

  /** The stream broke off, or the server said no. The session may be over: asking tells. */
  async #again(turn: number): Promise<void> {
    this.state = 'waiting';
    this.#known = true;
    const wait = RETRY_MS[Math.min(this.#failures, RETRY_MS.length - 1)] ?? 0;
    this.#failures += 1;
    await askSession();
    if (this.#stopped || this.#turn !== turn) return;
    this.#timer = setTimeout(() => void this.#connect(), wait);
  }

  #take(e: MessageEvent<string>): void {
    const record = JSON.parse(e.data) as LiveRecord;
    const entry = { id: e.lastEventId, record };
    this.#lastId = e.lastEventId;
    if (!this.paused) {
      this.lines = addAll(this.lines, [entry]);
      return;
    }
    this.#buffer.push(entry);
    if (this.#buffer.length > KEPT) this.#buffer.shift();
    this.held += 1;
  }

  async #fill(limit: number): Promise<void> {
    const reply = await newest(limit);
    if (this.#stopped) return;
    this.gap = !reply.ok;
    if (reply.ok) this.lines = fill(this.lines, reply.data.items);
    this.ready = true;
  }
}

/** liveFeed is called while a component is set up, and ends with it. */
export function liveFeed(): LiveFeed {
  const feed = new LiveFeed();
  $effect(() => untrack(() => feed.start()));
  return feed;
}
