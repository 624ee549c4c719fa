// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * What a panel shows, and how honest it has to be about it. A resource loads when its key changes and
 * again, quietly, while its page is open. Data of another key stays as `stale` until the new arrives;
 * data of the same key stays when a refresh fails, with the error beside it.
 */
import { untrack } from 'svelte';
import type { ApiError, Result } from '#api/client.ts';

const REFRESH_MS = 60_000;
/** After a failure: soon, then ever more slowly. */
const RETRY_MS = [3_000, 6_000, 12_000, 30_000, 60_000];

export class Resource<T> {
  data = $state.raw<T | null>(null);
  error = $state.raw<ApiError | null>(null);
  loading = $state(false);
  /** The data belongs to what was shown before. */
  stale = $state(false);
  /** When the data came, in milliseconds since 1970. */
  at = $state<number | null>(null);
  refresh: () => void = () => {};
}

export interface ResourceOptions {
  /** Whether the data may still change, so that it is worth asking again. */
  live?: () => boolean;
  /** How often live data is asked for again. */
  everyMs?: number;
}

/**
 * resource is called while a component is set up. A null key means "nothing to load now". The key
 * names everything that load depends on.
 */
export function resource<T>(
  key: () => string | null,
  load: (signal: AbortSignal) => Promise<Result<T>>,
  options: ResourceOptions = {},
): Resource<T> {
  const r = new Resource<T>();
  const everyMs = options.everyMs ?? REFRESH_MS;
  let running: AbortController | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let failures = 0;

  async function run(): Promise<void> {
    clearTimeout(timer);
    running?.abort();
    const mine = new AbortController();
    running = mine;
    r.loading = true;
    const result = await load(mine.signal);
    if (mine.signal.aborted) return;
    r.loading = false;
    if (result.ok) {
      r.data = result.data;
      r.at = Date.now();
      r.error = null;
      r.stale = false;
      failures = 0;
      if (options.live?.() ?? false) wait(everyMs);
    } else {
      r.error = result.error;
      if (r.stale) r.data = null; // The figures of another month must not stand under this one's name.
      r.stale = false;
      const after = (result.error.retryAfter ?? 0) * 1000;
      const passing = result.error.kind === 'network' || result.error.status >= 500;
      if (passing) wait(Math.max(after, RETRY_MS[Math.min(failures, RETRY_MS.length - 1)] ?? 0));
      failures += 1;
    }
  }

  function wait(ms: number): void {
    clearTimeout(timer);
    timer = setTimeout(() => {
      if (document.visibilityState === 'visible') void run();
    }, ms);
  }

  /** Back on the page, or back online: what is old or failed is asked for again. */
  function wake(): void {
    if (document.visibilityState !== 'visible' || running === null) return;
    const old = r.at === null || Date.now() - r.at > everyMs;
    if (r.error !== null || (old && (options.live?.() ?? false))) void run();
  }

  r.refresh = () => void run();

  $effect(() => {
    const now = key();
    untrack(() => {
      failures = 0;
      r.error = null;
      if (now === null) {
        running?.abort();
        running = null;
        r.data = null;
        r.loading = false;
      } else {
        r.stale = r.data !== null;
        void run();
      }
    });
  });

  $effect(() => {
    document.addEventListener('visibilitychange', wake);
    window.addEventListener('online', wake);
    return () => {
      document.removeEventListener('visibilitychange', wake);
      window.removeEventListener('online', wake);
      clearTimeout(timer);
      running?.abort();
    };
  });

  return r;
}
