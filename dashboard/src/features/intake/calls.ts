// SPDX-License-Identifier: AGPL-3.0-or-later
// The calls about who sends records, and what of them could not be taken.
import { get, getText, type List, type Result, type Schemas, type User } from '#api/client.ts';

export function plugin(signal?: AbortSignal): Promise<Result<string>> {
  return getText('/api/v1/plugin', { signal });
}

/** What could not be taken, by sender and reason. */
export type Refused = Schemas['Refused'];

/** All of them come at once: there is no second page to ask for. */
export function refused(_: string | null, signal?: AbortSignal): Promise<Result<List<Refused>>> {
  return get('/api/v1/refused', { signal });
}

/** What each plugin last said of itself. */
export type Sender = Schemas['Sender'];

/** All of them come at once. */
export function senders(_: string | null, signal?: AbortSignal): Promise<Result<List<Sender>>> {
  return get('/api/v1/senders', { signal });
}

/** anyUser finds whether any user was ever seen: one is enough. */
export function anyUser(signal?: AbortSignal): Promise<Result<List<User>>> {
  return get('/api/v1/users', { query: { limit: 1 }, signal });
}
