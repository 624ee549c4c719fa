// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * The only fetch of the pages. Every call ends in one envelope, {ok: true, data} or {ok: false, error},
 * and never throws; a call that was given up ends with the error kind "aborted".
 * A 401 is told to whoever asked with onUnauthorized, except that of the login itself.
 */
import type { components, paths } from './types.ts';

export type Schemas = components['schemas'];
export type Figures = Schemas['Figures'];
export type Usage = Schemas['Usage'];
export type UsageRow = Schemas['UsageRow'];
export type Generation = Schemas['Generation'];
export type User = Schemas['User'];
export type SessionInfo = Schemas['Session'];
export type CostState = Generation['cost_state'];

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

export type JsonReply<P extends keyof paths> = paths[P] extends {
  get: { responses: { 200: { content: { 'application/json': infer R } } } };
}
  ? R
  : never;
/** What a POST takes, and what it answers with when it worked. */
export type JsonBody<P extends keyof paths> = paths[P] extends {
  post: { requestBody: { content: { 'application/json': infer B } } };
}
  ? B
  : never;
export type PostReply<P extends keyof paths> = paths[P] extends {
  post: { responses: { 200: { content: { 'application/json': infer R } } } };
}
  ? R
  : never;
type GetPath = { [P in keyof paths]: [JsonReply<P>] extends [never] ? never : P }[keyof paths];
export type Query<P extends GetPath> = paths[P] extends { get: { parameters: { query?: infer Q } } }
  ? NonNullable<Q>
  : never;
type PathParams<P extends GetPath> = paths[P] extends { get: { parameters: { path: infer Q } } }
  ? Q
  : never;

export interface GetOptions<P extends GetPath> {
  query?: Query<P>;
  path?: PathParams<P>;
  signal?: AbortSignal | undefined;
}

const READ_MS = 30_000;
const DOCUMENT_MS = 180_000;

let unauthorized: () => void = () => {};
let clockOffsetMs = 0;

/** onUnauthorized names the one who hears that the session is over. */
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
  try {
    const response = await fetch(url, { ...init, signal: stop.signal, credentials: 'same-origin' });
    const date = Date.parse(response.headers.get('date') ?? '');
    if (Number.isFinite(date)) clockOffsetMs = date - Date.now();
    if (response.ok) return { ok: true, data: await read(response) };
    if (response.status === 401 && url !== '/api/v1/login') unauthorized();
    return { ok: false, error: await readProblem(response) };
  } catch (e) {
    if (init.signal?.aborted) return { ok: false, error: fail('aborted') };
    const detail = e instanceof Error ? e.message : String(e);
    return { ok: false, error: fail(e instanceof SyntaxError ? 'broken' : 'network', 0, detail) };
  } finally {
    clearTimeout(timer);
  }
}

/** get reads JSON; path, query and reply are those of the contract. */
export function get<P extends GetPath>(
  path: P,
  options: GetOptions<P> = {},
): Promise<Result<JsonReply<P>>> {
  const url = buildUrl(
    path,
    options.path as Record<string, string> | undefined,
    options.query as Record<string, string> | undefined,
  );
  const init: RequestInit = { headers: { accept: 'application/json' } };
  if (options.signal) init.signal = options.signal;
  return send(url, init, READ_MS, (r) => r.json() as Promise<JsonReply<P>>);
}

function post<T>(url: string, body: unknown, read: (r: Response) => Promise<T>) {
  const init = {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  };
  return send(url, init, READ_MS, read);
}

export function readText(url: string, signal?: AbortSignal): Promise<Result<string>> {
  return send(url, signal ? { signal } : {}, READ_MS, (r) => r.text());
}

/** change sends JSON and reads the JSON that comes back, if any does. */
export function change<T>(
  method: 'POST' | 'PUT',
  url: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Result<T>> {
  const init = {
    method,
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  };
  return send(url, init, DOCUMENT_MS, async (r) => {
    const text = await r.text();
    return (text === '' ? null : JSON.parse(text)) as T;
  });
}

export function remove(url: string): Promise<Result<null>> {
  return send(url, { method: 'DELETE' }, READ_MS, () => Promise.resolve(null));
}

export function login(password: string): Promise<Result<SessionInfo>> {
  return post('/api/v1/login', { password }, (r) => r.json() as Promise<SessionInfo>);
}

export function logout(): Promise<Result<null>> {
  return post('/api/v1/logout', {}, () => Promise.resolve(null));
}

/** streamLive opens the stream of records; the browser opens it again where it breaks off. */
export function streamLive(): EventSource {
  return new EventSource('/api/v1/live');
}
