// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * The only fetch of the pages. Every call ends in one envelope, {ok: true, data} or {ok: false, error},
 * and never throws; a call that was given up ends with the error kind "aborted".
 * A 401 calls the listener of onUnauthorized, except that of the login itself.
 */
import type {
  Address,
  JsonReply,
  Operation,
  Options,
  PathOf,
  PostReply,
  ReplyOf,
  Rest,
} from './contract.ts';
import { keepToken, sessionToken } from './token.ts';
import type { components } from './types.ts';

export type { JsonReply, PostBody, PostReply, Query } from './contract.ts';

export type Schemas = components['schemas'];
export type Figures = Schemas['Figures'];
export type Usage = Schemas['Usage'];
export type UsageRow = Schemas['UsageRow'];
export type Generation = Schemas['Generation'];
export type User = Schemas['User'];
export type SessionInfo = Schemas['Session'];
export type CostState = Generation['cost_state'];

/** What a list call answers with: one page, and the cursor of the next. */
export interface List<T> {
  items: T[];
  next_cursor: string | null;
}

export interface ApiError {
  /** network: no answer at all. problem: the server said why. broken: it answered something else. */
  kind: 'network' | 'problem' | 'broken' | 'aborted';
  status: number;
  detail: string;
  requestId: string | null;
  /** Seconds, where the server said when to come back. */
  retryAfter: number | null;
}

export type Result<T> = { ok: true; data: T } | { ok: false; error: ApiError };

const READ_MS = 30_000;
/** Issuing a document or writing a file may take longer than reading does. */
const WRITE_MS = 180_000;
/** Writes that take no longer than reading does. */
const QUICK: readonly string[] = [
  '/api/v1/login',
  '/api/v1/login/link',
  '/api/v1/logout',
  '/api/v1/tickets',
];

let unauthorized: () => void = () => {};
let clockOffsetMs = 0;

/** onUnauthorized sets the listener that is called when the session is over. */
export function onUnauthorized(listener: () => void): void {
  unauthorized = listener;
}

/** serverNow is the server's time as of its last answer; a device's own clock may be wrong. */
export function serverNow(): Date {
  return new Date(Date.now() + clockOffsetMs);
}

/** buildUrl fills {names} of a path and appends what of the query is set. */
export function buildUrl(
  path: string,
  params: Record<string, string | number> = {},
  query: Record<string, string | number | boolean | null | undefined> = {},
): string {
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = params[name];
    if (value === undefined) throw new Error(`${path} needs ${name}`);
    return encodeURIComponent(value);
  });
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null) search.set(name, String(value));
  }
  const text = search.toString();
  return text ? `${filled}?${text}` : filled;
}

function fail(kind: ApiError['kind'], status = 0, detail = ''): ApiError {
  return { kind, status, detail, requestId: null, retryAfter: null };
}

async function readProblem(response: Response): Promise<ApiError> {
  const retryAfter = Number.parseInt(response.headers.get('retry-after') ?? '', 10);
  const error = fail('broken', response.status, `HTTP ${response.status}`);
  error.retryAfter = Number.isFinite(retryAfter) ? retryAfter : null;
  if (!response.headers.get('content-type')?.includes('json')) return error;
  const body = (await response.json().catch(() => null)) as Partial<Schemas['Problem']> | null;
  if (typeof body?.detail === 'string' || typeof body?.title === 'string') {
    error.kind = 'problem';
    error.detail = body.detail || body.title || error.detail;
    error.requestId = body.request_id ?? null;
  }
  return error;
}

async function send<T>(
  url: string,
  init: RequestInit,
  limitMs: number,
  read: (response: Response) => Promise<T>,
): Promise<Result<T>> {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(new Error('no answer in time')), limitMs);
  init.signal?.addEventListener('abort', () => stop.abort());
  const token = sessionToken();
  const headers = {
    ...(init.headers as Record<string, string>),
    ...(token === null ? {} : { 'x-session-token': token }),
  };
  try {
    const response = await fetch(url, {
      ...init,
      headers,
      signal: stop.signal,
      credentials: 'same-origin',
    });
    const date = Date.parse(response.headers.get('date') ?? '');
    if (Number.isFinite(date)) clockOffsetMs = date - Date.now();
    if (response.ok) return { ok: true, data: await read(response) };
    if (response.status === 401 && !url.startsWith('/api/v1/login')) unauthorized();
    return { ok: false, error: await readProblem(response) };
  } catch (e) {
    if (init.signal?.aborted) return { ok: false, error: fail('aborted') };
    const detail = e instanceof Error ? e.message : String(e);
    return { ok: false, error: fail(e instanceof SyntaxError ? 'broken' : 'network', 0, detail) };
  } finally {
    clearTimeout(timer);
  }
}

/** What of the options goes over the wire, whatever the call. */
interface Sent {
  path?: object;
  query?: object;
  header?: object;
  body?: unknown;
  signal?: AbortSignal | undefined;
}

function urlOf(path: string, { path: params, query }: Sent): string {
  return buildUrl(path, params as Record<string, string>, query as Record<string, string>);
}

async function readJson(response: Response): Promise<unknown> {
  const text = await response.text();
  return text === '' ? null : JSON.parse(text);
}

/** addressOf is where a file or page of the contract is read, for links and for the browser itself. */
export function addressOf<P extends PathOf<'get'>>(
  path: P,
  ...[options]: Rest<Address<Operation<'get', P>>>
): string {
  return urlOf(path, (options ?? {}) as Sent);
}

/** get reads JSON; path, query and reply are those of the contract. */
export function get<P extends PathOf<'get'>>(
  path: P,
  ...[options]: Rest<Options<Operation<'get', P>>>
): Promise<Result<JsonReply<P>>> {
  const sent = (options ?? {}) as Sent;
  const init: RequestInit = { headers: { accept: 'application/json' } };
  if (sent.signal) init.signal = sent.signal;
  return send(urlOf(path, sent), init, READ_MS, (r) => r.json() as Promise<JsonReply<P>>);
}

/** getText reads what is not JSON as it stands. */
export function getText<P extends PathOf<'get'>>(
  path: P,
  ...[options]: Rest<Options<Operation<'get', P>>>
): Promise<Result<string>> {
  const sent = (options ?? {}) as Sent;
  const init: RequestInit = sent.signal ? { signal: sent.signal } : {};
  return send(urlOf(path, sent), init, READ_MS, (r) => r.text());
}

function write<T>(method: string, path: string, options: object, limitMs: number) {
  const sent = options as Sent;
  const init: RequestInit = { method, headers: { ...(sent.header as Record<string, string>) } };
  if (sent.body !== undefined) {
    init.headers = { 'content-type': 'application/json', ...init.headers };
    init.body = JSON.stringify(sent.body);
  }
  if (sent.signal) init.signal = sent.signal;
  return send(urlOf(path, sent), init, limitMs, (r) => readJson(r) as Promise<T>);
}

/** post sends JSON and reads the JSON that comes back, if any does; what is written may take its time. */
export function post<P extends PathOf<'post'>>(
  path: P,
  ...[options]: Rest<Options<Operation<'post', P>>>
): Promise<Result<PostReply<P>>> {
  return write('POST', path, options ?? {}, QUICK.includes(path) ? READ_MS : WRITE_MS);
}

/** put is post for what is there already. */
export function put<P extends PathOf<'put'>>(
  path: P,
  ...[options]: Rest<Options<Operation<'put', P>>>
): Promise<Result<ReplyOf<Operation<'put', P>>>> {
  return write('PUT', path, options ?? {}, WRITE_MS);
}

/** remove is the contract's DELETE. */
export function remove<P extends PathOf<'delete'>>(
  path: P,
  ...[options]: Rest<Options<Operation<'delete', P>>>
): Promise<Result<ReplyOf<Operation<'delete', P>>>> {
  return write('DELETE', path, options ?? {}, READ_MS);
}

export async function login(password: string): Promise<Result<SessionInfo>> {
  const reply = await post('/api/v1/login', { body: { password } });
  if (reply.ok) keepToken(reply.data.token);
  return reply;
}

/** loginByLink trades the code of a link that was made on the host. */
export async function loginByLink(code: string): Promise<Result<SessionInfo>> {
  const reply = await post('/api/v1/login/link', { body: { code } });
  if (reply.ok) keepToken(reply.data.token);
  return reply;
}

export async function logout(): Promise<Result<null>> {
  const reply = await post('/api/v1/logout');
  if (reply.ok) keepToken(null);
  return reply;
}

/** endAll ends every session, of all browsers. */
export async function endAll(): Promise<Result<{ ended: number }>> {
  const reply = await post('/api/v1/sessions/end-all');
  if (reply.ok) keepToken(null);
  return reply;
}

/**
 * byTicket gives the address that opens a file or the live stream once, within a minute: what the browser fetches
 * by itself has the cookie and not our header.
 */
export async function byTicket(path: string): Promise<Result<string>> {
  const reply = await post('/api/v1/tickets', { body: { path } });
  return reply.ok ? { ok: true, data: reply.data.url } : reply;
}
