// SPDX-License-Identifier: AGPL-3.0-or-later
// The calls of the live page.
import { addressOf, byTicket, type Generation, get, type List, type Result } from '#api/client.ts';

/** openStream opens the stream of records, after the last one that is known; null where the server gave no ticket. */
export async function openStream(after: string | null): Promise<EventSource | null> {
  const query = after === null ? {} : { last_event_id: after };
  const reply = await byTicket(addressOf('/api/v1/live', { query }));
  return reply.ok ? new EventSource(reply.data) : null;
}

/** newest are the newest rows of the ledger. */
export function newest(limit: number): Promise<Result<List<Generation>>> {
  return get('/api/v1/generations', { query: { limit } });
}

/** askSession asks whether the session is open: a 401 ends it everywhere. */
export async function askSession(): Promise<void> {
  await get('/api/v1/session');
}
