// SPDX-License-Identifier: AGPL-3.0-or-later
// The calls about the running system: its settings, and how far records come.
import { get, type JsonReply, type Result, type Schemas } from '#api/client.ts';

export type Setting = Schemas['Setting'];
export type Service = JsonReply<'/api/v1/settings'>['services'][number];

export function settings(signal?: AbortSignal): Promise<Result<{ services: Service[] }>> {
  return get('/api/v1/settings', { signal });
}

export type Pipeline = Schemas['Pipeline'];
export type RefusedCount = Pipeline['refused'];

export function pipeline(signal?: AbortSignal): Promise<Result<Pipeline>> {
  return get('/api/v1/pipeline', { signal });
}
