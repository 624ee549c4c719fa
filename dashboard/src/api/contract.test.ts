// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * The types hold calls to the contract before they run. Each line after @ts-expect-error is one that must not
 * compile: "npm run check" fails where it does. Run, they show what is sent.
 */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import * as api from './client.ts';

interface Sent {
  url: string;
  method: string;
  body: unknown;
  headers: Record<string, string>;
}

let sent: Sent[] = [];

beforeEach(() => {
  sent = [];
  vi.stubGlobal('fetch', async (url: string, init: RequestInit = {}) => {
    sent.push({
      url,
      method: init.method ?? 'GET',
      body: typeof init.body === 'string' ? JSON.parse(init.body) : undefined,
      headers: init.headers as Record<string, string>,
    });
    return new Response('{}');
  });
});

afterEach(() => vi.unstubAllGlobals());

test('a write sends its method, address, headers and body', async () => {
  await api.post('/api/v1/documents/{number}/cancel', {
    path: { number: '2026-1/a' },
    body: { reason: null },
    header: { 'Idempotency-Key': 'k' },
  });
  await api.put('/api/v1/terms', { body: { valid_from: '2026-11-01' } });
  await api.remove('/api/v1/exports/{id}', { path: { id: 'x' } });
  await api.post('/api/v1/logout');
  expect(sent.map((s) => `${s.method} ${s.url}`)).toEqual([
    'POST /api/v1/documents/2026-1%2Fa/cancel',
    'PUT /api/v1/terms',
    'DELETE /api/v1/exports/x',
    'POST /api/v1/logout',
  ]);
  expect(sent.map((s) => s.body)).toEqual([
    { reason: null },
    { valid_from: '2026-11-01' },
    undefined,
    undefined,
  ]);
  expect(sent[0]?.headers).toMatchObject({ 'Idempotency-Key': 'k' });
});

test('a path that the contract does not have, or not with this method, does not compile', async () => {
  // @ts-expect-error there is no such path
  await api.post('/api/v1/document', { body: {} });
  // @ts-expect-error usage is read only
  await api.post('/api/v1/usage');
  // @ts-expect-error terms are put, not posted
  await api.post('/api/v1/terms', { body: { valid_from: '2026-11-01' } });
  // @ts-expect-error documents are never deleted
  await api.remove('/api/v1/documents/{number}', { path: { number: '1' } });
  // @ts-expect-error there is no such path
  api.addressOf('/api/v1/report/{file}', { path: { file: 'x' } });
  expect(sent).toHaveLength(4);
});

test('a body with a misspelled, missing, additional or wrongly typed member does not compile', async () => {
  // @ts-expect-error the member is password
  await api.post('/api/v1/login', { body: { pasword: 'x' } });
  // @ts-expect-error the password is missing
  await api.post('/api/v1/login', { body: {} });
  // @ts-expect-error the body is missing
  await api.post('/api/v1/login');
  // @ts-expect-error one more member
  await api.post('/api/v1/exports', { body: { target: 'x', format: 'pdf' } });
  // @ts-expect-error a word that the contract does not have
  await api.post('/api/v1/documents', { body: { kind: 'invoice', month: '2026-10' } });
  // @ts-expect-error a number where a text belongs
  await api.put('/api/v1/terms', { body: { valid_from: 20261101 } });
  // @ts-expect-error a body where there is none
  await api.post('/api/v1/logout', { body: {} });
  expect(sent).toHaveLength(7);
});

test('names in the path, the query and the headers are those of the contract', async () => {
  // @ts-expect-error the path has {id}
  const misnamed = () => api.remove('/api/v1/exports/{id}', { path: { export: 'x' } });
  // @ts-expect-error nothing for {id}
  const unnamed = () => api.remove('/api/v1/exports/{id}');
  expect(misnamed).toThrow('needs id');
  expect(unnamed).toThrow('needs id');
  // @ts-expect-error the member is group_by
  await api.get('/api/v1/usage', { query: { groupby: 'day' } });
  await api.post('/api/v1/documents', {
    body: { kind: 'report', month: '2026-10' },
    // @ts-expect-error it is Idempotency-Key
    header: { 'Idempotence-Key': 'k' },
  });
  // @ts-expect-error there is no such paper
  api.addressOf('/api/v1/reports/{file}', { path: { file: 'x' }, query: { paper: 'a3' } });
  expect(sent).toHaveLength(2);
});

test('a reply has the members of the contract and no others', async () => {
  const exported = await api.post('/api/v1/exports', { body: { target: 'x' } });
  if (exported.ok) {
    expect(exported.data.state).toBeUndefined();
    // @ts-expect-error the member is state
    expect(exported.data.status).toBeUndefined();
  }
  const gone = await api.remove('/api/v1/exports/{id}', { path: { id: 'x' } });
  // @ts-expect-error 204 has no body
  if (gone.ok) expect(gone.data.state).toBeUndefined();
  expect(sent).toHaveLength(2);
});
