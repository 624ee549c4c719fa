// SPDX-License-Identifier: AGPL-3.0-or-later
// The mock answers as the contract says, so that what works with it works with the gateway.
import { readFile } from 'node:fs/promises';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { type Mock, startMock } from './server.mjs';

interface Contract {
  paths: Record<string, { get?: { responses: Record<string, object> } }>;
}

const ID = 'contract';
const text = await readFile(new URL('../../gateway/openapi.yaml', import.meta.url), 'utf8');
const contract = parse(text) as Contract;
const ajv = new Ajv2020({ strict: false, allErrors: true });
addFormats.default(ajv);
ajv.addSchema(contract, ID);

const pointer = (...parts: string[]) =>
  parts.map((p) => `/${encodeURIComponent(p.replace(/~/g, '~0').replace(/\//g, '~1'))}`).join('');

let mock: Mock;
let cookie: string;
let token: string;
let user: string;

async function call(path: string) {
  return fetch(mock.address + path, { headers: { cookie, 'x-session-token': token } });
}

beforeAll(async () => {
  mock = await startMock({ now: '2026-11-23T15:20:00Z' });
  const reply = await fetch(`${mock.address}/api/v1/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"password":"metering"}',
  });
  cookie = reply.headers.get('set-cookie')?.split(';')[0] ?? '';
  ({ token } = (await reply.json()) as { token: string });
  const users = (await (await call('/api/v1/users')).json()) as { items: { id: string }[] };
  user = users.items[0]?.id ?? '';
});

afterAll(() => mock.close());

for (const mode of ['normal', 'empty', 'hostile'] as const) {
  test.each([
    ['/api/v1/session', ''],
    ['/api/v1/usage', ''],
    ['/api/v1/usage', '?group_by=day,user,model&limit=20'],
    ['/api/v1/usage', '?from=2026-09-01&to=2026-10-01&group_by=month'],
    ['/api/v1/usage', '?group_by=hour,source&from=2026-11-20&to=2026-11-22'],
    ['/api/v1/usage', '?group_by=group,task'],
    ['/api/v1/pipeline', ''],
    ['/api/v1/credits', ''],
    ['/api/v1/generations', '?limit=50'],
    ['/api/v1/generations', '?cost_state=unknown'],
    ['/api/v1/users', '?limit=3'],
    ['/api/v1/models', ''],
    ['/api/v1/prices', '?model=openai/gpt-5'],
    ['/api/v1/unsettled', '?limit=20'],
    ['/api/v1/refused', ''],
    ['/api/v1/senders', ''],
    ['/api/v1/dead-letters', ''],
    ['/api/v1/discrepancies', '?limit=20'],
    ['/api/v1/disputes', '?limit=20'],
    ['/api/v1/documents', '?limit=20'],
    ['/api/v1/settings', ''],
    ['/api/v1/terms', ''],
  ])(`${mode}: %s%s is as the contract says`, async (path, query) => {
    mock.setMode(mode);
    const reply = await call(path + query);
    expect(reply.status).toBe(200);
    const schema = pointer(
      'paths',
      path,
      'get',
      'responses',
      '200',
      'content',
      'application/json',
      'schema',
    );
    const check = ajv.getSchema(`${ID}#${schema}`);
    expect(check, `no schema for ${path}`).toBeDefined();
    const body = await reply.json();
    check?.(body);
    expect(check?.errors ?? []).toEqual([]);
  });
}

test.each(['owui:turn-1:1', 'owui:turn-2:1', 'chatcmpl-417'])(
  'the history of %s is as the contract says',
  async (id) => {
    mock.setMode('normal');
    const body = await (await call(`/api/v1/generations/${encodeURIComponent(id)}`)).json();
    const path = '/api/v1/generations/{generation_id}';
    const ok = ['get', 'responses', '200', 'content', 'application/json', 'schema'];
    const check = ajv.getSchema(`${ID}#${pointer('paths', path, ...ok)}`);
    check?.(body);
    expect(check?.errors).toBeNull();
  },
);

async function send(method: string, path: string, body: unknown, key = '') {
  const headers = {
    cookie,
    'x-session-token': token,
    'content-type': 'application/json',
    'idempotency-key': key,
  };
  return fetch(mock.address + path, { method, headers, body: JSON.stringify(body) });
}

/** fits checks a body against the answer that the contract has for a call. */
function fits(path: string, method: string, status: number, body: unknown): void {
  const schema = ['content', 'application/json', 'schema'];
  const answer = pointer('paths', path, method, 'responses', String(status), ...schema);
  const accepted = pointer('components', 'responses', 'IssueAccepted', ...schema);
  const check = ajv.getSchema(`${ID}#${status === 202 ? accepted : answer}`);
  expect(check, `no schema for ${method} ${path} ${status}`).toBeDefined();
  check?.(body);
  expect(check?.errors ?? []).toEqual([]);
}

test('terms are changed as the contract says', async () => {
  mock.setMode('normal');
  const changed = await send('PUT', '/api/v1/terms', {
    valid_from: '2026-11',
    exchange_rate: '0.9',
    exchange_rate_date: '2026-11-20',
  });
  expect(changed.status).toBe(200);
  const list = (await changed.json()) as { items: { valid_from: string; currency: string }[] };
  fits('/api/v1/terms', 'put', 200, list);
  expect(list.items[0]).toMatchObject({ valid_from: '2026-11-01', currency: 'EUR' });
  const wrong = await send('PUT', '/api/v1/terms', { valid_from: '2026-11', tax_rate: 'much' });
  expect(wrong.status).toBe(400);
  expect(((await wrong.json()) as { detail: string }).detail).toMatch(/^tax_rate: /);
});

test('a document is issued once, in every format under one number, and taken back', async () => {
  mock.setMode('normal');
  const path = '/api/v1/documents';
  const wish = { kind: 'report', month: '2026-10' };
  const first = await send('POST', path, wish, 'a');
  expect(first.status).toBe(201);
  const document = (await first.json()) as { number: string; verification_code: string };
  fits(path, 'post', 201, document);
  expect((await send('POST', path, wish, 'a')).status).toBe(200);
  const again = await send('POST', path, wish, 'b');
  expect(again.status).toBe(409);
  expect(((await again.json()) as { detail: string }).detail).toContain(document.number);
  const more = await send('POST', path, { ...wish, format: 'xlsx' }, 'c');
  expect(more.status).toBe(200);
  expect(await more.json()).toMatchObject({ number: document.number });
  expect((await send('POST', path, { ...wish, duplicate: true }, 'd')).status).toBe(200);
  const file = `${path}/${document.number}/file`;
  expect((await call(`${file}?format=pdf&duplicate=1`)).status).toBe(200);
  expect((await call(`${file}?format=xlsx&duplicate=1`)).status).toBe(404);
  const verified = await (await call(`/api/v1/verify/${document.verification_code}`)).json();
  fits('/api/v1/verify/{code}', 'get', 200, verified);
  const cancelled = await send('POST', `${path}/${document.number}/cancel`, { reason: 'x' }, 'e');
  expect(cancelled.status).toBe(201);
  const cancellation = await cancelled.json();
  fits(`${path}/{number}/cancel`, 'post', 201, cancellation);
  expect(cancellation).toMatchObject({ cancels: document.number, reason: 'x' });
  expect((await send('POST', `${path}/${document.number}/cancel`, {}, 'f')).status).toBe(409);
  expect((await send('POST', path, wish, 'g')).status).toBe(201);
});

test('what takes long is found by its key', async () => {
  mock.setMode('normal');
  mock.setIssuing({ steps: 2 });
  const path = '/api/v1/documents';
  const started = await send('POST', path, { kind: 'report', month: '2026-10' }, 'slow');
  expect(started.status).toBe(202);
  fits(path, 'post', 202, await started.json());
  const states: unknown[] = [];
  for (let i = 0; i < 2; i++) {
    const state = await (await call(`${path}/requests/slow`)).json();
    fits(`${path}/requests/{key}`, 'get', 200, state);
    states.push((state as { state: string }).state);
  }
  expect(states).toEqual(['running', 'done']);
  expect((await call(`${path}/requests/other`)).status).toBe(404);
  mock.setIssuing({});
});

test('users are merged and taken apart as the contract says, and no figure changes', async () => {
  mock.setMode('normal');
  const usage = async (query: string) =>
    (await (await call(`/api/v1/usage?group_by=user${query}`)).json()) as {
      rows: { user: string; requests: number }[];
      total: { requests: number };
    };
  const before = await usage('');
  const [one, other] = before.rows;
  if (!one || !other) throw new Error('there are no two users');
  const path = '/api/v1/user/{id}';
  const at = (id: string, act: string) => `/api/v1/user/${id}/${act}`;
  const merged = await send('POST', at(one.user, 'merge'), { into: other.user });
  expect(merged.status).toBe(200);
  const shown = (await merged.json()) as object;
  fits(`${path}/merge`, 'post', 200, shown);
  expect(shown).toMatchObject({ id: other.user });
  expect(await (await call(`/api/v1/user/${one.user}`)).json()).toEqual(shown);
  const after = await usage(`&user=${one.user}`);
  expect(after.rows).toMatchObject([{ user: other.user, requests: one.requests + other.requests }]);
  expect((await usage('')).total).toEqual(before.total);
  for (const [id, into, status] of [
    [one.user, other.user, 200],
    [one.user, one.user, 400],
    [one.user, before.rows[2]?.user, 409],
    [other.user, one.user, 409],
    [other.user, 'nobody', 404],
    ['nobody', other.user, 404],
  ] as const) {
    expect((await send('POST', at(id, 'merge'), { into })).status).toBe(status);
  }
  const taken = await fetch(mock.address + at(one.user, 'unmerge'), {
    method: 'POST',
    headers: { cookie, 'x-session-token': token },
  });
  expect(taken.status).toBe(200);
  fits(`${path}/unmerge`, 'post', 200, await taken.json());
  expect((await send('POST', at(one.user, 'unmerge'), {})).status).toBe(409);
  expect(await usage('')).toEqual(before);
});

test('totals are the sum of their rows', async () => {
  mock.setMode('normal');
  const reply = await call('/api/v1/usage?group_by=user');
  const usage = (await reply.json()) as {
    rows: { cost: string; requests: number }[];
    total: { cost: string; requests: number };
  };
  const { sumMoney } = await import('../src/lib/money.ts');
  expect(sumMoney(usage.rows.map((r) => r.cost))).toBe(usage.total.cost);
  expect(usage.rows.reduce((n, r) => n + r.requests, 0)).toBe(usage.total.requests);
});

test('an error is a problem document', async () => {
  const reply = await call('/api/v1/user/nobody');
  expect(reply.status).toBe(404);
  expect(reply.headers.get('content-type')).toBe('application/problem+json');
  const check = ajv.getSchema(`${ID}#/components/schemas/Problem`);
  expect(check?.(await reply.json())).toBe(true);
});

test('one user and the documents', async () => {
  expect((await call(`/api/v1/user/${user}`)).status).toBe(200);
  const pdf = await call(`/api/v1/statements/${user}/2026-11.pdf`);
  expect(await pdf.text()).toMatch(/^%PDF-/);
  const xlsx = await call('/api/v1/reports/2026-11.xlsx');
  expect((await xlsx.text()).slice(0, 2)).toBe('PK');
});
