// SPDX-License-Identifier: AGPL-3.0-or-later
// The calls of the page that explores usage, and the addresses of its files.
import { addressOf, get, type Query, type Result, type Usage } from '#api/client.ts';

export type UsageQuery = Query<'/api/v1/usage'>;

export function usage(query: UsageQuery, signal?: AbortSignal): Promise<Result<Usage>> {
  return get('/api/v1/usage', { query, signal });
}

export function usageFile(query: UsageQuery, kind: 'csv' | 'xlsx'): string {
  return addressOf(`/api/v1/usage.${kind}`, { query });
}
