// SPDX-License-Identifier: AGPL-3.0-or-later
// The calls of the live page.
import { addressOf, type Generation, get, type List, type Result } from '#api/client.ts';

/** openStream opens the stream of records; the browser opens it again where it breaks off. */
export function openStream(): EventSource {
  return new EventSource(addressOf('/api/v1/live'));
}

/** newest are the newest rows of the ledger. */
export function newest(limit: number): Promise<Result<List<Generation>>> {
  return get('/api/v1/generations', { query: { limit } });
}

/** askSession asks whether the session is open: a 401 ends it everywhere. */
export async function askSession(): Promise<void> {
  await get('/api/v1/session');
}
