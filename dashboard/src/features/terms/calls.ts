// SPDX-License-Identifier: AGPL-3.0-or-later
// The calls about what months are charged besides the usage.
import { get, put, type Result, type Schemas } from '#api/client.ts';

export type Terms = Schemas['Terms'];
export type TermsList = Schemas['TermsList'];
export type TermsChange = Schemas['TermsChange'];

export function terms(signal?: AbortSignal): Promise<Result<TermsList>> {
  return get('/api/v1/terms', { signal });
}

export function changeTerms(to: TermsChange): Promise<Result<TermsList>> {
  return put('/api/v1/terms', { body: to });
}
