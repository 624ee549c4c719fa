// SPDX-License-Identifier: AGPL-3.0-or-later
// Who is looking, what the installation says of itself, and which day it is there.
import * as api from '#api/client.ts';
import { dayIn, monthOf } from '#lib/month.ts';
import { router } from './router.svelte.ts';
import { isOpenPage, withQuery } from '#lib/url.ts';

/** How long a page may be away from the clock before "today" is looked at again. */
const CLOCK_MS = 20_000;

class Session {
  state = $state<'checking' | 'in' | 'out' | 'failed'>('checking');
  info = $state.raw<api.SessionInfo | null>(null);
  error = $state.raw<api.ApiError | null>(null);
  /** Why the login page is shown. */
  reason = $state<'ended' | 'left' | null>(null);
  #now = $state.raw(new Date());

  readonly timezone = $derived(this.info?.timezone ?? 'UTC');
  /** The running day and month of the reporting zone, by the server's clock. */
  /** The first local day with usage, as far as known. */
  readonly firstDay = $derived(this.info?.first_day ?? null);
  readonly today = $derived(dayIn(this.timezone, this.#now));
  readonly thisMonth = $derived(monthOf(this.today));

  /** The server's time, as of the last half minute. */
  get now(): Date {
    return this.#now;
  }

  constructor() {
    api.onUnauthorized(() => this.#end());
    setInterval(() => (this.#now = api.serverNow()), CLOCK_MS);
  }

  #enter(info: api.SessionInfo): void {
    this.info = info;
    this.error = null;
    this.#now = api.serverNow();
    this.reason = null;
    this.state = 'in';
  }

  #end(): void {
    if (this.state === 'out') return;
    if (this.state === 'in') this.reason = 'ended';
    this.state = 'out';
    if (router.match?.page !== 'login' && !isOpenPage(router.match?.page)) {
      const next = router.here === '/' ? null : router.here;
      router.go(withQuery('/login', { next }), { replace: true });
    }
  }

  async check(): Promise<void> {
    const reply = await api.get('/api/v1/session');
    if (reply.ok) this.#enter(reply.data);
    else if (reply.error.status !== 401) {
      this.error = reply.error;
      if (this.state !== 'in') this.state = 'failed';
    }
  }

  async login(password: string): Promise<api.ApiError | null> {
    const reply = await api.login(password);
    if (!reply.ok) return reply.error;
    this.#enter(reply.data);
    return null;
  }

  async loginByLink(code: string): Promise<api.ApiError | null> {
    const reply = await api.loginByLink(code);
    if (!reply.ok) return reply.error;
    this.#enter(reply.data);
    return null;
  }

  /** logout reports false where the server could not be told; the session then goes on. */
  async logout(): Promise<boolean> {
    const reply = await api.logout();
    if (!reply.ok && reply.error.status !== 401) return false;
    this.state = 'out';
    this.reason = 'left';
    this.info = null;
    router.go('/login');
    return true;
  }

  /** endAll logs everyone out, here and elsewhere. */
  async endAll(): Promise<api.ApiError | null> {
    const reply = await api.endAll();
    if (!reply.ok) return reply.error;
    this.state = 'out';
    this.reason = 'left';
    this.info = null;
    router.go('/login');
    return null;
  }
}

export const session = new Session();
