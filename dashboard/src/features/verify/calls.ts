// SPDX-License-Identifier: AGPL-3.0-or-later
// The call that checks a document by its code, open to strangers.
import { get, type JsonReply, type Result } from '#api/client.ts';

export type Verified = JsonReply<'/api/v1/verify/{code}'>;

export function verify(code: string, signal?: AbortSignal): Promise<Result<Verified>> {
  return get('/api/v1/verify/{code}', { path: { code }, signal });
}
