// SPDX-License-Identifier: AGPL-3.0-or-later
// The calls about rows of the ledger: a list of them, and the records that made one.
import {
  addressOf,
  type Generation,
  get,
  type JsonReply,
  type List,
  post,
  type PostReply,
  type Query,
  type Result,
  type Schemas,
  type Usage,
} from '#api/client.ts';

export type HistoryRecord = Schemas['JournalRecord'];
export type History = JsonReply<'/api/v1/generations/{generation_id}'>;

export function history(id: string, signal?: AbortSignal): Promise<Result<History>> {
  return get('/api/v1/generations/{generation_id}', { path: { generation_id: id }, signal });
}

export type Unpaired = PostReply<'/api/v1/generations/{generation_id}/unpair'>;

/** unpair says that the row, or what is part of it, is another call. */
export function unpair(id: string): Promise<Result<Unpaired>> {
  return post('/api/v1/generations/{generation_id}/unpair', { path: { generation_id: id } });
}

export type Decided = PostReply<'/api/v1/generations/{generation_id}/decision'>;

export interface Decision {
  cost?: string;
  prompt_tokens?: number;
  completion_tokens?: number;
  user?: string;
  reason: string;
}

/** decide says what a request cost, how many tokens it took, whose it is; one of them at least. */
export function decide(id: string, body: Decision): Promise<Result<Decided>> {
  return post('/api/v1/generations/{generation_id}/decision', {
    path: { generation_id: id },
    body,
  });
}

export type GenerationsQuery = Query<'/api/v1/generations'>;

export function generations(
  query: GenerationsQuery,
  signal?: AbortSignal,
): Promise<Result<List<Generation>>> {
  return get('/api/v1/generations', { query, signal });
}

export function generationsFile(query: GenerationsQuery, kind: 'csv' | 'xlsx'): string {
  return addressOf(`/api/v1/generations.${kind}`, { query });
}

/** usageByModel names the models of a stretch of time. */
export function usageByModel(
  span: { from: string; to: string },
  signal?: AbortSignal,
): Promise<Result<Usage>> {
  return get('/api/v1/usage', { query: { ...span, group_by: 'model' }, signal });
}
