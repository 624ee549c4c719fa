// SPDX-License-Identifier: AGPL-3.0-or-later
// A list that grows by keyset pages: the first with the key, the others when asked for.
import type { ApiError, Result } from '#api/client.ts';
import { Resource, resource } from './resource.svelte.ts';

export interface Page<T> {
  items: T[];
  next_cursor: string | null;
}

export class Paged<T> {
  #added = $state.raw<{ first: Page<T>; items: T[]; next: string | null } | null>(null);
  loadingMore = $state(false);
  moreError = $state.raw<ApiError | null>(null);

  constructor(
    readonly first: Resource<Page<T>>,
    private readonly load: (cursor: string) => Promise<Result<Page<T>>>,
  ) {}

  /** What was added belongs to one first page; a new first page starts from scratch. */
  #current() {
    return this.#added && this.#added.first === this.first.data ? this.#added : null;
  }

  get items(): T[] {
    return [...(this.first.data?.items ?? []), ...(this.#current()?.items ?? [])];
  }

  /** Whether there is more here than the first page. */
  get extended(): boolean {
    return this.#current() !== null;
  }

  get next(): string | null {
    const added = this.#current();
    return added ? added.next : (this.first.data?.next_cursor ?? null);
  }

  async more(): Promise<void> {
    const first = this.first.data;
    const cursor = this.next;
    if (!first || cursor === null || this.loadingMore) return;
    this.loadingMore = true;
    this.moreError = null;
    const result = await this.load(cursor);
    this.loadingMore = false;
    if (this.first.data !== first) return;
    if (!result.ok) {
      this.moreError = result.error;
      return;
    }
    const before = this.#current()?.items ?? [];
    this.#added = {
      first,
      items: [...before, ...result.data.items],
      next: result.data.next_cursor,
    };
  }
}

export function paged<T>(
  key: () => string | null,
  load: (cursor: string | null, signal?: AbortSignal) => Promise<Result<Page<T>>>,
): Paged<T> {
  const first = resource<Page<T>>(key, (signal) => load(null, signal));
  return new Paged(first, (cursor) => load(cursor));
}
