// SPDX-License-Identifier: AGPL-3.0-or-later
// The calls of the inner pages and the shapes they answer with, each once.
import {
  type Generation,
  type PostBody,
  type JsonReply,
  type PostReply,
  type Query,
  type Result,
  type Schemas,
  addressOf,
  get,
  getText,
  post,
  put,
  remove,
} from './client.ts';

export interface List<T> {
  items: T[];
  next_cursor: string | null;
}

/* One request's history */

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

/* Requests */

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

/* Models and prices */

export type Models = JsonReply<'/api/v1/models'>;
export type Model = Models['items'][number];

export function models(signal?: AbortSignal): Promise<Result<Models>> {
  return get('/api/v1/models', { signal });
}

export type PriceStretch = Schemas['PriceLine'];

export function prices(model: string, signal?: AbortSignal): Promise<Result<List<PriceStretch>>> {
  return get('/api/v1/prices', { query: { model, limit: 1000 }, signal });
}

/* Jobs that write files */

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

/* Issued documents */

export type IssuedKind = Schemas['DocumentKind'];
export type Issued = Schemas['Document'];

export type NewDocument = PostBody<'/api/v1/documents'>;

export type DocumentsQuery = Query<'/api/v1/documents'>;

export function documents(
  query: DocumentsQuery,
  signal?: AbortSignal,
): Promise<Result<List<Issued>>> {
  return get('/api/v1/documents', { query, signal });
}

export function document(number: string, signal?: AbortSignal): Promise<Result<Issued>> {
  return get('/api/v1/documents/{number}', { path: { number }, signal });
}

/** What takes longer than some seconds: it goes on, and is found by its key. */
export interface Accepted {
  request: string;
  state: 'queued' | 'running';
}

/** issue makes one document for each key, however often it is called with it. */
export function issue(document: NewDocument, key: string): Promise<Result<Issued | Accepted>> {
  return post('/api/v1/documents', { body: document, header: { 'Idempotency-Key': key } });
}

/** cancelDocument takes a document back by another one, one for each key. */
export function cancelDocument(
  number: string,
  reason: string | null,
  key: string,
): Promise<Result<Issued | Accepted>> {
  return post('/api/v1/documents/{number}/cancel', {
    path: { number },
    body: { reason },
    header: { 'Idempotency-Key': key },
  });
}

export type IssueRequest = Schemas['IssueRequest'];

export function issueState(key: string, signal?: AbortSignal): Promise<Result<IssueRequest>> {
  return get('/api/v1/documents/requests/{key}', { path: { key }, signal });
}

export type IssuedFile = Schemas['DocumentFile'];
export type IssuedFormat = IssuedFile['format'];

/** issuedFile is the address of a document's original in a format, or of the newest duplicate in it. */
export function issuedFile(number: string, file: Pick<IssuedFile, 'format' | 'duplicate'>): string {
  return addressOf('/api/v1/documents/{number}/file', {
    path: { number },
    query: { format: file.format, ...(file.duplicate && { duplicate: 1 }) },
  });
}

export type Verified = JsonReply<'/api/v1/verify/{code}'>;

export function verify(code: string, signal?: AbortSignal): Promise<Result<Verified>> {
  return get('/api/v1/verify/{code}', { path: { code }, signal });
}

/* Files of a month */

export type FileOptions = Query<'/api/v1/reports/{file}'>;

export function reportFile(month: string, kind: string, options: FileOptions = {}): string {
  return addressOf('/api/v1/reports/{file}', {
    path: { file: `${month}.${kind}` },
    query: options,
  });
}

export function statementFile(
  who: { user: string } | { group: string },
  month: string,
  kind: string,
  options: FileOptions = {},
): string {
  const file = `${month}.${kind}`;
  return 'user' in who
    ? addressOf('/api/v1/statements/{user_id}/{file}', {
        path: { user_id: who.user, file },
        query: options,
      })
    : addressOf('/api/v1/statements/group/{group}/{file}', {
        path: { group: who.group, file },
        query: options,
      });
}

/* The running system */

export type Setting = Schemas['Setting'];
export type Service = JsonReply<'/api/v1/settings'>['services'][number];

export function settings(signal?: AbortSignal): Promise<Result<{ services: Service[] }>> {
  return get('/api/v1/settings', { signal });
}

export function plugin(signal?: AbortSignal): Promise<Result<string>> {
  return getText('/api/v1/plugin', { signal });
}

export type Pipeline = Schemas['Pipeline'];
export type RefusedCount = Pipeline['refused'];

export function pipeline(signal?: AbortSignal): Promise<Result<Pipeline>> {
  return get('/api/v1/pipeline', { signal });
}

/* Terms */

export type Terms = Schemas['Terms'];
export type TermsList = Schemas['TermsList'];
export type TermsChange = Schemas['TermsChange'];

export function terms(signal?: AbortSignal): Promise<Result<TermsList>> {
  return get('/api/v1/terms', { signal });
}

export function changeTerms(to: TermsChange): Promise<Result<TermsList>> {
  return put('/api/v1/terms', { body: to });
}

/* Settlement */

export type Unsettled = Schemas['Unsettled'];

/** How many lines of a list that grows come at a time. */
const PAGE = 50;
const pageOf = (cursor: string | null) => ({ limit: PAGE, ...(cursor !== null && { cursor }) });

export function unsettled(
  cursor: string | null,
  signal?: AbortSignal,
): Promise<Result<List<Unsettled>>> {
  return get('/api/v1/unsettled', { query: pageOf(cursor), signal });
}

export type DeadLetter = Schemas['DeadLetter'];

export function deadLetters(
  cursor: string | null,
  signal?: AbortSignal,
): Promise<Result<List<DeadLetter>>> {
  return get('/api/v1/dead-letters', { query: pageOf(cursor), signal });
}

export type Retried = PostReply<'/api/v1/dead-letters/retry'>;

/** retryDeadLetters sends one again, or all. */
export function retryDeadLetters(
  one?: Pick<DeadLetter, 'spool_id' | 'seq'>,
): Promise<Result<Retried>> {
  return post('/api/v1/dead-letters/retry', { body: one ?? {} });
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

export type Discrepancy = Schemas['Discrepancy'];

export function discrepancies(
  cursor: string | null,
  signal?: AbortSignal,
): Promise<Result<List<Discrepancy>>> {
  return get('/api/v1/discrepancies', { query: pageOf(cursor), signal });
}
