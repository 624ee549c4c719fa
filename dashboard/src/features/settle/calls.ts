// SPDX-License-Identifier: AGPL-3.0-or-later
// The calls about costs that are not final, and records that could not be stored.
import {
  type Generation,
  get,
  type List,
  post,
  type PostReply,
  type Result,
  type Schemas,
} from '#api/client.ts';

export type Unsettled = Schemas['Unsettled'];

/** How many lines of a list that grows come at a time. */
const PAGE = 50;
const pageOf = (cursor: string | null) => ({ limit: PAGE, ...(cursor !== null && { cursor }) });

export function unsettled(
  cursor: string | null,
  signal?: AbortSignal,
): Promise<Result<List<Unsettled>>> {
  return get('/api/v1/unsettled', { query: pageOf(cursor), signal });
}

export type DeadLetter = Schemas['DeadLetter'];

export function deadLetters(
  cursor: string | null,
  signal?: AbortSignal,
): Promise<Result<List<DeadLetter>>> {
  return get('/api/v1/dead-letters', { query: pageOf(cursor), signal });
}

export type Retried = PostReply<'/api/v1/dead-letters/retry'>;

/** retryDeadLetters sends one again, or all. */
export function retryDeadLetters(
  one?: Pick<DeadLetter, 'spool_id' | 'seq'>,
): Promise<Result<Retried>> {
  return post('/api/v1/dead-letters/retry', { body: one ?? {} });
}

export type SetAside = PostReply<'/api/v1/dead-letters/set-aside'>;

/** setDeadLettersAside takes one, or all, out of the count of those to be looked at. */
export function setDeadLettersAside(
  reason: string,
  one?: Pick<DeadLetter, 'spool_id' | 'seq'>,
): Promise<Result<SetAside>> {
  return post('/api/v1/dead-letters/set-aside', { body: { reason, ...one } });
}

export type Discrepancy = Schemas['Discrepancy'];

export function discrepancies(
  cursor: string | null,
  signal?: AbortSignal,
): Promise<Result<List<Discrepancy>>> {
  return get('/api/v1/discrepancies', { query: pageOf(cursor), signal });
}

export type Dispute = Schemas['Dispute'];

/** disputes are rows about which senders disagree, or that nobody can prove; or those of an odd day. */
export function disputes(
  odd: boolean,
  cursor: string | null,
  signal?: AbortSignal,
): Promise<Result<List<Dispute>>> {
  return get('/api/v1/disputes', {
    query: { ...pageOf(cursor), ...(odd && { mark: 'odd_day' as const }) },
    signal,
  });
}

/** newestUnsettled are the newest rows of a stretch of time without a final cost. */
export function newestUnsettled(
  span: { from: string; to: string },
  limit: number,
  signal?: AbortSignal,
): Promise<Result<List<Generation>>> {
  return get('/api/v1/generations', { query: { ...span, unsettled: 1, limit }, signal });
}
