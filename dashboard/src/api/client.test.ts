// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type Mock, startMock } from '../../mock/server.mjs';
import * as api from './client.ts';

let mock: Mock;
let cookie = '';
const ended = vi.fn();
const browserFetch = globalThis.fetch;

/** A browser would know where it is and keep the cookie. */
async function fetchHere(path: string, init: RequestInit = {}): Promise<Response> {
  const reply = await browserFetch(mock.address + path, {
    ...init,
    headers: { ...(init.headers as Record<string, string>), cookie },
  });
  cookie = reply.headers.get('set-cookie')?.split(';')[0] ?? cookie;
  return reply;
}

beforeEach(async () => {
  mock = await startMock({ now: '2026-11-23T15:20:00Z' });
  cookie = '';
  ended.mockReset();
  api.onUnauthorized(ended);
  vi.stubGlobal('fetch', fetchHere);
});

afterEach(async () => {
  vi.unstubAllGlobals();
  await mock.close();
});

test('a wrong password is an error with its status, and no ended session', async () => {
  const reply = await api.login('wrong');
  expect(reply).toMatchObject({ ok: false, error: { kind: 'problem', status: 401 } });
  expect(ended).not.toHaveBeenCalled();
});

test('after the login figures are read; after the logout they are not', async () => {
  expect(await api.login('metering')).toMatchObject({ ok: true, data: { currency: 'USD' } });
  const usage = await api.get('/api/v1/usage', { query: { group_by: 'day' } });
  expect(usage.ok && usage.data.rows.length).toBeGreaterThan(0);
  expect(await api.logout()).toMatchObject({ ok: true });
  expect(await api.get('/api/v1/usage')).toMatchObject({ ok: false, error: { status: 401 } });
  expect(ended).toHaveBeenCalledOnce();
});

test('a problem carries what the server says, its id, and when to come back', async () => {
  await api.login('metering');
  mock.setMode('error');
  const reply = await api.get('/api/v1/usage');
  if (reply.ok) throw new Error('expected an error');
  expect(reply.error).toMatchObject({ kind: 'problem', status: 503, retryAfter: 5 });
  expect(reply.error.requestId).toMatch(/^[0-9a-f-]{36}$/);
});

test('what is no problem document is still an error', async () => {
  vi.stubGlobal('fetch', async () => new Response('<h1>Bad Gateway</h1>', { status: 502 }));
  expect(await api.get('/api/v1/usage')).toMatchObject({
    ok: false,
    error: { kind: 'broken', status: 502, requestId: null },
  });
  vi.stubGlobal('fetch', async () => new Response('not JSON'));
  expect(await api.get('/api/v1/usage')).toMatchObject({ ok: false, error: { kind: 'broken' } });
});

test('no answer is an error too, and a call that was given up is told apart', async () => {
  vi.stubGlobal('fetch', () => Promise.reject(new TypeError('Failed to fetch')));
  expect(await api.get('/api/v1/usage')).toMatchObject({ ok: false, error: { kind: 'network' } });
  const stop = new AbortController();
  stop.abort();
  const given = await api.get('/api/v1/usage', { signal: stop.signal });
  expect(given).toMatchObject({ ok: false, error: { kind: 'aborted' } });
});

test('the clock is the server’s', async () => {
  await api.login('metering');
  expect(Math.abs(api.serverNow().getTime() - Date.parse('2026-11-23T15:20:00Z'))).toBeLessThan(
    5000,
  );
});

test('addresses are filled and encoded', () => {
  expect(api.buildUrl('/api/v1/user/{id}', { id: 'a/b?c' })).toBe('/api/v1/user/a%2Fb%3Fc');
  expect(api.buildUrl('/x', {}, { a: 1, b: undefined, c: null, d: 'e f' })).toBe('/x?a=1&d=e+f');
});
