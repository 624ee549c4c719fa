// SPDX-License-Identifier: AGPL-3.0-or-later
// The calls about models and their prices.
import { get, type JsonReply, type List, type Result, type Schemas } from '#api/client.ts';

export type Models = JsonReply<'/api/v1/models'>;
export type Model = Models['items'][number];

export function models(signal?: AbortSignal): Promise<Result<Models>> {
  return get('/api/v1/models', { signal });
}

export type PriceStretch = Schemas['PriceLine'];

export function prices(model: string, signal?: AbortSignal): Promise<Result<List<PriceStretch>>> {
  return get('/api/v1/prices', { query: { model, limit: 1000 }, signal });
}
