// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * Documents that were asked for and are not there yet. The form that asked shows how far one is; once it
 * is closed, or its page left, the tray does.
 */
import type { ApiError } from '#api/client.ts';
import { type Accepted, type Issued, issueState } from './calls.ts';
import { type IssueCalls, type Way, issueAndFollow } from './issue.ts';
import { showTray } from '#features/exports/tray.ts';

export class Issuing {
  state = $state<'sending' | Accepted['state'] | 'done' | 'failed'>('sending');
  document = $state.raw<Issued | null>(null);
  error = $state.raw<ApiError | null>(null);
  /** The form was closed. */
  left = $state(false);

  constructor(
    readonly way: Way,
    readonly title: string,
    readonly post: IssueCalls['post'],
  ) {}

  get running(): boolean {
    return this.state !== 'done' && this.state !== 'failed';
  }
}

class IssuingList {
  all = $state.raw<Issuing[]>([]);
  /** What became of the last one whose form was closed, for a screen reader. */
  last = $state.raw<Issuing | null>(null);
  /** Counts what was issued, so that lists are read again. */
  made = $state(0);

  start(way: Way, title: string, post: IssueCalls['post']): Issuing {
    const one = new Issuing(way, title, post);
    this.all = [...this.all, one];
    void this.#run(one);
    return one;
  }

  async #run(one: Issuing): Promise<void> {
    const calls = {
      post: one.post,
      look: issueState,
      wait: (ms: number) => new Promise<void>((go) => setTimeout(go, ms)),
    };
    const reply = await issueAndFollow(calls, (state) => (one.state = state));
    if (reply.ok) {
      one.document = reply.data;
      one.state = 'done';
      this.made += 1;
    } else {
      one.error = reply.error;
      one.state = 'failed';
    }
    if (one.left) this.last = one;
    else this.drop(one);
  }

  /** leave says that the form was closed: what still runs is shown in the tray. */
  leave(one: Issuing): void {
    if (!one.running) return;
    one.left = true;
    showTray();
  }

  /** retry asks once more, under the same key. */
  retry(one: Issuing): void {
    this.drop(one);
    this.leave(this.start(one.way, one.title, one.post));
  }

  drop(one: Issuing): void {
    this.all = this.all.filter((o) => o !== one);
  }
}

export const issuing = new IssuingList();
