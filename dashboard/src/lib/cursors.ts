// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * Going back through pages of a list. A cursor leads only forward, so the cursors of the pages that were
 * seen are kept for as long as the tab lives; the address holds the page's number and its cursor, so
 * that it can be sent on. A reader who opens such an address can go on, or back to the first page.
 */

/** What a store of texts must be able to do; sessionStorage is one. */
export type Store = Pick<Storage, 'getItem' | 'setItem'>;

/** How many pages back are remembered per list. */
const KEPT = 500;

export interface PagePosition {
  /** The first page is 1. */
  page: number;
  cursor: string | null;
}

export const start: PagePosition = { page: 1, cursor: null };

/** readPosition reads "3~cursor"; anything else is the first page. */
export function readPosition(text: string | null): PagePosition {
  const found = /^([1-9]\d{0,6})~(.{1,1024})$/.exec(text ?? '');
  const page = Number(found?.[1] ?? 1);
  return found?.[2] && page > 1 ? { page, cursor: found[2] } : start;
}

export function writePosition(spot: PagePosition): string | null {
  return spot.cursor === null ? null : `${spot.page}~${spot.cursor}`;
}

function read(store: Store, list: string): Record<string, string> {
  try {
    const kept = JSON.parse(store.getItem(`trail ${list}`) ?? '{}') as unknown;
    return kept && typeof kept === 'object' ? (kept as Record<string, string>) : {};
  } catch {
    return {};
  }
}

/** remember notes by which cursor a page of a list was reached. */
export function remember(store: Store, list: string, spot: PagePosition): void {
  if (spot.cursor === null) return;
  const { [spot.page - KEPT]: _gone, ...kept } = read(store, list);
  kept[spot.page] = spot.cursor;
  try {
    store.setItem(`trail ${list}`, JSON.stringify(kept));
  } catch {
    // Storage may be full or blocked: the way back is then the first page.
  }
}

/** before is the page before a spot, or null where it is not known. */
export function before(store: Store, list: string, spot: PagePosition): PagePosition | null {
  if (spot.page <= 1) return null;
  if (spot.page === 2) return start;
  const cursor = read(store, list)[spot.page - 1];
  return typeof cursor === 'string' ? { page: spot.page - 1, cursor } : null;
}
