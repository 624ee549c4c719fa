// SPDX-License-Identifier: AGPL-3.0-or-later
// The calls about figures: usage by any keys, and the balance at the provider.
import { get, type JsonReply, type Query, type Result, type Usage } from '#api/client.ts';

export type UsageQuery = Query<'/api/v1/usage'>;

export function usage(query: UsageQuery, signal?: AbortSignal): Promise<Result<Usage>> {
  return get('/api/v1/usage', { query, signal });
}

export type Credits = JsonReply<'/api/v1/credits'>;

export function credits(signal?: AbortSignal): Promise<Result<Credits>> {
  return get('/api/v1/credits', { signal });
}
