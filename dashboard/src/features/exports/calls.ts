// SPDX-License-Identifier: AGPL-3.0-or-later
// The calls of jobs that write files.
import { addressOf, get, post, remove, type Result, type Schemas } from '#api/client.ts';

export { byTicket } from '#api/client.ts';

export type Export = Schemas['Export'];

export function startExport(target: string): Promise<Result<Export>> {
  return post('/api/v1/exports', { body: { target } });
}

export function exportState(id: string, signal?: AbortSignal): Promise<Result<Export>> {
  return get('/api/v1/exports/{id}', { path: { id }, signal });
}

export function dropExport(id: string): Promise<Result<null>> {
  return remove('/api/v1/exports/{id}', { path: { id } });
}

export function exportFile(id: string): string {
  return addressOf('/api/v1/exports/{id}/file', { path: { id } });
}
