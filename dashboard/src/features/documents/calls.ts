// SPDX-License-Identifier: AGPL-3.0-or-later
// The calls about issued documents, and the addresses of a month's files.
import {
  addressOf,
  get,
  type List,
  post,
  type PostBody,
  type Query,
  type Result,
  type Schemas,
  type Usage,
  type User,
} from '#api/client.ts';

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

export type UsageQuery = Query<'/api/v1/usage'>;

export function usage(query: UsageQuery, signal?: AbortSignal): Promise<Result<Usage>> {
  return get('/api/v1/usage', { query, signal });
}

/** usersWithGroups lists as many users as one call gives: their groups are what a form offers. */
export function usersWithGroups(signal?: AbortSignal): Promise<Result<List<User>>> {
  return get('/api/v1/users', { query: { limit: 1000 }, signal });
}
