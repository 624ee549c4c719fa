// SPDX-License-Identifier: AGPL-3.0-or-later
// The month that is looked at: from the address, or the running one.
import { comparison, isMonth, span } from '#lib/month.ts';
import { router } from './router.svelte.ts';
import { session } from './session.svelte.ts';

class View {
  readonly #asked = $derived(router.query('month'));
  readonly month = $derived(isMonth(this.#asked) ? this.#asked : session.thisMonth);
  /** The month for links: null for the running one, so that a kept link follows the time. */
  readonly linked = $derived(this.month === session.thisMonth ? null : this.month);
  readonly running = $derived(this.month === session.thisMonth);
  readonly future = $derived(this.month > session.thisMonth);
  readonly span = $derived(span(this.month));
  readonly comparison = $derived(comparison(this.month, session.today));
}

export const view = new View();
