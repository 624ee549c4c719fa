// SPDX-License-Identifier: AGPL-3.0-or-later
// The address bar as state. Filters live in the query, so that every view is a link.
import { matchPage, withQuery } from '#lib/url.ts';

class Router {
  #path = $state(window.location.pathname);
  #search = $state(window.location.search);
  /** Counts moves to another page, not changes of a filter; the page's heading takes the focus then. */
  moves = $state(0);

  readonly match = $derived(matchPage(this.#path));
  readonly #query = $derived(new URLSearchParams(this.#search));

  constructor() {
    window.addEventListener('popstate', () => this.#read());
    document.addEventListener('click', (e) => this.#follow(e));
  }

  get path(): string {
    return this.#path;
  }

  /** Path and query as they stand in the address bar. */
  get here(): string {
    return this.#path + this.#search;
  }

  query(name: string): string | null {
    return this.#query.get(name);
  }

  go(to: string, options: { replace?: boolean } = {}): void {
    if (options.replace) history.replaceState(null, '', to);
    else history.pushState(null, '', to);
    if (this.#read()) window.scrollTo(0, 0);
  }

  /** set changes filters of the page that is open; null takes one out. */
  set(changes: Record<string, string | null>, options: { replace?: boolean } = {}): void {
    const to = withQuery(this.here, changes);
    if (to !== this.here) this.go(to, options);
  }

  #read(): boolean {
    const moved = this.#path !== window.location.pathname;
    this.#path = window.location.pathname;
    this.#search = window.location.search;
    if (moved) this.moves += 1;
    return moved;
  }

  #follow(e: MouseEvent): void {
    const modified = e.metaKey || e.ctrlKey || e.shiftKey || e.altKey;
    if (e.defaultPrevented || e.button !== 0 || modified) return;
    const link = (e.target as Element | null)?.closest('a');
    if (!link || link.target || link.hasAttribute('download')) return;
    const to = new URL(link.href);
    if (to.origin !== window.location.origin || to.hash || !matchPage(to.pathname)) return;
    e.preventDefault();
    this.go(to.pathname + to.search);
  }
}

export const router = new Router();
