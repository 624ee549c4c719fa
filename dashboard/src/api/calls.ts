// SPDX-License-Identifier: AGPL-3.0-or-later
// The calls of the inner pages and the shapes they answer with, each once.
import {
  type Generation,
  type CostState,
  type Result,
  buildUrl,
  change,
  read,
  readText,
  remove,
} from './client.ts';

export interface List<T> {
  items: T[];
  next_cursor: string | null;
}

/* One request's history */

export interface HistoryRecord {
  record_id: string;
  received_at: string;
  source: string | null;
  state: Generation['state'];
  cost: string | null;
  cost_state: CostState | null;
  is_byok: boolean | null;
  byok_cost: string | null;
  prompt_tokens: number | null;
  completion_tokens: number | null;
  reasoning_tokens: number | null;
  cached_tokens: number | null;
  cache_write_tokens: number | null;
  model: string | null;
  provider: string | null;
  user: string;
  started_at: string | null;
  finished_at: string | null;
}

export interface Lookup {
  attempts: number;
  first_at: string;
  next_at: string | null;
  last_status: number | null;
  last_error: string | null;
  given_up: boolean;
}

export interface History {
  generation: Generation;
  records: HistoryRecord[];
  lookup: Lookup | null;
}

export function history(id: string, signal?: AbortSignal): Promise<Result<History>> {
  return read(buildUrl('/api/v1/generations/{id}', { id }), signal);
}

/* Requests */

export interface GenerationsQuery {
  from?: string;
  to?: string;
  user?: string;
  group?: string;
  model?: string;
  provider?: string;
  chat_id?: string;
  generation_id?: string;
  state?: string;
  cost_state?: string;
  cursor?: string;
  limit?: number;
}

export function generations(
  query: GenerationsQuery,
  signal?: AbortSignal,
): Promise<Result<List<Generation>>> {
  return read(buildUrl('/api/v1/generations', {}, { ...query }), signal);
}

export function generationsFile(query: GenerationsQuery, kind: 'csv' | 'xlsx'): string {
  return buildUrl(`/api/v1/generations.${kind}`, {}, { ...query });
}

/* Models and prices */

export interface Model {
  id: string;
  name: string;
  context_length?: number | null;
  pricing: Record<string, string>;
}

export interface Models {
  fetched_at: string;
  items: Model[];
  next_cursor: null;
}

export function models(signal?: AbortSignal): Promise<Result<Models>> {
  return read('/api/v1/models', signal);
}

export interface PriceStretch {
  model: string;
  valid_from: string;
  valid_until: string | null;
  pricing: Record<string, string>;
}

export function prices(model: string, signal?: AbortSignal): Promise<Result<List<PriceStretch>>> {
  return read(buildUrl('/api/v1/prices', {}, { model, limit: 1000 }), signal);
}

/* Jobs that write files */

export interface Export {
  id: string;
  state: 'queued' | 'running' | 'done' | 'failed' | 'cancelled';
  progress: number | null;
  rows_done: number;
  rows_total: number | null;
  bytes: number | null;
  filename: string | null;
  detail: string | null;
}

export function startExport(target: string): Promise<Result<Export>> {
  return change('POST', '/api/v1/exports', { target });
}

export function exportState(id: string, signal?: AbortSignal): Promise<Result<Export>> {
  return read(buildUrl('/api/v1/exports/{id}', { id }), signal);
}

export function dropExport(id: string): Promise<Result<null>> {
  return remove(buildUrl('/api/v1/exports/{id}', { id }));
}

export function exportFile(id: string): string {
  return buildUrl('/api/v1/exports/{id}/file', { id });
}

/* Issued documents */

export type IssuedKind = 'statement' | 'group_statement' | 'report';

export interface Issued {
  number: string;
  kind: IssuedKind;
  user: string | null;
  user_name: string | null;
  group: string | null;
  month: string;
  format: 'pdf' | 'xlsx';
  locale: string;
  issued_at: string;
  total: string;
  currency: string;
  sha256: string;
  bytes: number;
  filename: string;
  verification_code: string;
  corrects: string | null;
  corrected_by: string | null;
  unsettled: number;
}

export interface NewDocument {
  kind: IssuedKind;
  user?: string;
  group?: string;
  month: string;
  format: 'pdf' | 'xlsx';
  locale: string;
  paper: 'a4' | 'letter';
  corrects?: string;
}

export interface DocumentsQuery {
  year?: string;
  month?: string;
  user?: string;
  kind?: string;
  cursor?: string;
  limit?: number;
}

export function documents(
  query: DocumentsQuery,
  signal?: AbortSignal,
): Promise<Result<List<Issued>>> {
  return read(buildUrl('/api/v1/documents', {}, { ...query }), signal);
}

export function issue(document: NewDocument): Promise<Result<Issued>> {
  return change('POST', '/api/v1/documents', document);
}

export function issuedFile(number: string): string {
  return buildUrl('/api/v1/documents/{number}/file', { number });
}

export interface Verified {
  number: string;
  kind: IssuedKind;
  issued_at: string;
  total: string;
  currency: string;
  sha256: string;
  corrected_by: string | null;
}

export function verify(code: string, signal?: AbortSignal): Promise<Result<Verified>> {
  return read(buildUrl('/api/v1/verify/{code}', { code }), signal);
}

/* Files of a month */

export interface FileOptions {
  locale?: string;
  paper?: string;
  format?: 'focus';
}

export function reportFile(month: string, kind: string, options: FileOptions = {}): string {
  return buildUrl('/api/v1/reports/{file}', { file: `${month}.${kind}` }, { ...options });
}

export function statementFile(
  who: { user: string } | { group: string },
  month: string,
  kind: string,
  options: FileOptions = {},
): string {
  const file = `${month}.${kind}`;
  return 'user' in who
    ? buildUrl('/api/v1/statements/{user}/{file}', { ...who, file }, { ...options })
    : buildUrl('/api/v1/statements/group/{group}/{file}', { ...who, file }, { ...options });
}

/* The running system */

export interface Setting {
  name: string;
  value: string | null;
  masked: boolean;
  is_default: boolean;
  description: string;
}

export interface Service {
  service: string;
  version: string;
  settings: Setting[];
}

export function settings(signal?: AbortSignal): Promise<Result<{ services: Service[] }>> {
  return read('/api/v1/settings', signal);
}

export function plugin(signal?: AbortSignal): Promise<Result<string>> {
  return readText('/api/v1/plugin', signal);
}

export interface Pipeline {
  now: string;
  status: 'ready' | 'degraded' | 'unavailable';
  last_event_at: string | null;
  last_commit_at: string | null;
  spool: {
    state: string;
    pending: number;
    quarantined: number;
    oldest_pending_seconds?: number | null;
  };
  costd: { state: string };
  database: { state: string };
  dead_letters: number;
  lookups: {
    waiting: number;
    overdue: number;
    given_up: number;
    paused_until: string | null;
    last_error: string | null;
  };
}

export function pipeline(signal?: AbortSignal): Promise<Result<Pipeline>> {
  return read('/api/v1/pipeline', signal);
}

/* Settlement */

export interface Unsettled {
  generation_id: string;
  user: string;
  user_name: string | null;
  model: string | null;
  provider: string | null;
  started_at: string;
  cost_state: CostState;
  cost: string | null;
  reason: string;
  attempts: number;
  next_at: string | null;
  last_status: number | null;
  last_error: string | null;
}

interface PageQuery {
  cursor?: string;
  limit?: number;
}

export function unsettled(
  query: PageQuery,
  signal?: AbortSignal,
): Promise<Result<List<Unsettled>>> {
  return read(buildUrl('/api/v1/unsettled', {}, { ...query }), signal);
}

export interface DeadLetter {
  spool_id: string;
  seq: number;
  at: string;
  reason: string;
}

export function deadLetters(
  query: PageQuery,
  signal?: AbortSignal,
): Promise<Result<List<DeadLetter>>> {
  return read(buildUrl('/api/v1/dead-letters', {}, { ...query }), signal);
}

export function retryDeadLetters(
  one?: Pick<DeadLetter, 'spool_id' | 'seq'>,
): Promise<Result<unknown>> {
  return change('POST', '/api/v1/dead-letters/retry', one ?? {});
}

export interface Discrepancy {
  generation_id: string;
  user: string;
  user_name: string | null;
  model: string | null;
  started_at: string;
  reported_cost: string;
  looked_up_cost: string;
}

export function discrepancies(
  query: PageQuery,
  signal?: AbortSignal,
): Promise<Result<List<Discrepancy>>> {
  return read(buildUrl('/api/v1/discrepancies', {}, { ...query }), signal);
}
