// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * Answers like the gateway, from memory, as gateway/openapi.yaml says. Modes: normal, empty, hostile
 * (names and ids that break careless pages), error (the ledger does not answer), partial (rankings,
 * rows and documents fail), slow, many (more users than a page lists). With a folder it serves the built pages under the gateway's policy.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { localDays, makeHouse, money } from './data.mjs';
import { answerInner, hearSender, refuseRecord, verifyCode } from './inner.mjs';
import {
  credits,
  dropStreams,
  emit,
  forgetLive,
  pipeline,
  startLive,
  stopLive,
  stream,
} from './live.mjs';
import { findUser as userOf, listUsers, nameOf, shownAs } from './users.mjs';

export const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; " +
  "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

const MIME = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
  '.txt': 'text/plain; charset=utf-8',
};
const KEYS = [
  'hour',
  'day',
  'month',
  'user',
  'group',
  'model',
  'provider',
  'origin',
  'task',
  'source',
];
const SESSION_MS = 8 * 3_600_000;
const SLOW_MS = 2500;
const ATTEMPTS = 5;

class Refusal extends Error {
  constructor(status, title, detail, headers = {}) {
    super(detail);
    Object.assign(this, { status, title, headers });
  }
}

const bad = (detail) => new Refusal(400, 'Bad Request', detail);

/** startMock listens on a port (0: any) and gives {address, setMode, endSessions, close}. */
export async function startMock({
  mode = 'normal',
  port = 0,
  dist = null,
  now = null,
  password = 'metering',
  readKey = 'read-key',
  timezone = 'Europe/Berlin',
  liveMs = 0,
} = {}) {
  const clock = () => (now ? new Date(now) : new Date());
  const state = {
    mode,
    house: makeHouse(mode, clock(), timezone),
    sessions: new Map(),
    tickets: new Map(),
    failed: 0,
  };
  const live = startLive();
  const context = {
    state,
    clock,
    dist,
    password,
    readKey,
    timezone,
    dayOf: localDays(timezone),
    live,
  };
  if (liveMs > 0) live.timers.push(setInterval(() => emit(context), liveMs));
  const server = createServer((req, res) => {
    answer(context, req, res).catch((e) => refuse(res, e));
  });
  // A connection that a test still holds must not be closed just when it is used again.
  server.keepAliveTimeout = 0;
  await new Promise((ready) => server.listen(port, '127.0.0.1', ready));
  return {
    address: `http://127.0.0.1:${server.address().port}`,
    setMode(next) {
      state.mode = next;
      state.failed = 0;
      state.house = makeHouse(next, clock(), timezone);
    },
    setJobs({ steps = null, fails = false }) {
      Object.assign(state, { jobSteps: steps, jobFails: fails });
    },
    setIssuing({ steps = null, fails = false }) {
      Object.assign(state, { issueSteps: steps, issueFails: fails });
    },
    setDelivery({ held = null, conflict = null }) {
      Object.assign(state, { held, termsConflict: conflict });
    },
    endSessions: () => {
      state.sessions.clear();
      dropStreams(live);
    },
    refuse: (what) => refuseRecord(context, what),
    hear: (what) => hearSender(context, what),
    emit: (changes) => emit(context, changes),
    dropStreams: () => dropStreams(live),
    forgetLive: () => forgetLive(live),
    close: () => {
      stopLive(live);
      server.closeAllConnections();
      return new Promise((done) => server.close(done));
    },
  };
}

function refuse(res, e) {
  if (res.headersSent) return res.destroy();
  const status = e instanceof Refusal ? e.status : 500;
  const title = e instanceof Refusal ? e.title : 'Internal Server Error';
  if (!(e instanceof Refusal)) console.error(e);
  const body = { type: 'about:blank', title, status, detail: e.message, request_id: randomUUID() };
  res.writeHead(status, { 'content-type': 'application/problem+json', ...e.headers });
  res.end(JSON.stringify(body));
}

function json(res, body, headers = {}, status = 200) {
  res.writeHead(status, {
    'content-type': 'application/json',
    'cache-control': 'no-store',
    ...headers,
  });
  res.end(JSON.stringify(body));
}

async function answer(c, req, res) {
  const url = new URL(req.url, 'http://mock');
  res.setHeader('date', c.clock().toUTCString());
  if (!url.pathname.startsWith('/api/')) return file(c, url, res);
  if (c.state.mode === 'slow') await new Promise((go) => setTimeout(go, SLOW_MS));
  const route = `${req.method} ${url.pathname}`;
  if (route === 'POST /api/v1/login') return login(c, req, res);
  if (route === 'POST /api/v1/logout') return logout(c, req, res);
  const code = /^GET \/api\/v1\/verify\/([^/]+)$/.exec(route)?.[1];
  if (code) return verifyCode(KIT, c, res, decodeURIComponent(code));
  authorise(c, req, url);
  if (route === 'POST /api/v1/tickets') return giveTicket(c, req, res);
  if (route === 'POST /api/v1/sessions/end-all') return endAll(c, res);
  if (url.pathname === '/api/v1/session') return json(res, sessionInfo(c, req));
  if (url.pathname === '/api/v1/live') return stream(c, req, res);
  if (url.pathname === '/api/v1/pipeline') return json(res, pipeline(c));
  if (c.state.mode === 'error') {
    throw new Refusal(503, 'Service Unavailable', 'costd does not answer', { 'retry-after': '5' });
  }
  if (await answerInner(KIT, c, req, res, url)) return;
  if (req.method !== 'GET') throw new Refusal(405, 'Method Not Allowed', 'only GET here');
  return read(c, url, res);
}

async function file(c, url, res) {
  if (!c.dist) throw new Refusal(404, 'Not Found', 'no folder of pages was given');
  const path = normalize(decodeURI(url.pathname));
  let name = extname(path) && !path.startsWith('/users/') ? path : '/index.html';
  const data = await readFile(join(c.dist, name)).catch(() => {
    name = '/index.html';
    return readFile(join(c.dist, name));
  });
  res.writeHead(200, {
    'content-type': MIME[extname(name)] ?? 'application/octet-stream',
    'content-security-policy': POLICY,
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cache-control': name.startsWith('/assets/')
      ? 'public, max-age=31536000, immutable'
      : 'no-cache',
  });
  res.end(data);
}

function cookie(req) {
  return /(?:^|;\s*)auth_token=([^;]+)/.exec(req.headers.cookie ?? '')?.[1];
}

/** runs tells whether cookie and header are the two halves of a session. */
function runs(c, id, token) {
  const session = c.state.sessions.get(id);
  return session !== undefined && session.token === token && session.ends > c.clock().getTime();
}

/** authorise takes a ticket off the address. */
function authorise(c, req, url) {
  const ticket = url.searchParams.get('ticket');
  if (ticket !== null) {
    url.searchParams.delete('ticket');
    const path = url.pathname + url.search;
    if (c.state.tickets.get(ticket) === path && c.state.tickets.delete(ticket)) return;
  } else {
    if (runs(c, cookie(req), req.headers['x-session-token'])) return;
    const byKey = req.headers.authorization === `Bearer ${c.readKey}`;
    if (byKey && !/^\/api\/v1\/users?(\/|$)/.test(url.pathname)) return;
  }
  throw new Refusal(401, 'Unauthorized', 'log in first');
}

async function giveTicket(c, req, res) {
  const { path } = await readBody(req);
  const ticket = randomBytes(32).toString('hex');
  const given = new URL(path, 'http://mock');
  c.state.tickets.set(ticket, given.pathname + given.search);
  json(res, {
    url: `${path}${path.includes('?') ? '&' : '?'}ticket=${ticket}`,
    expires_at: `${new Date(c.clock().getTime() + 60_000).toISOString().slice(0, -1)}000Z`,
  });
}

function endAll(c, res) {
  const ended = c.state.sessions.size;
  c.state.sessions.clear();
  dropStreams(c.live);
  json(res, { ended });
}

function sessionInfo(c, req) {
  const expires = c.state.sessions.get(cookie(req))?.ends;
  return {
    expires_at: expires ? `${new Date(expires).toISOString().slice(0, -1)}000Z` : null,
    timezone: c.timezone,
    currency: 'USD',
    version: 'mock',
    now: `${c.clock().toISOString().slice(0, -1)}000Z`,
    today: c.dayOf(c.clock()),
    first_day: c.state.house.rows.at(-1)?.day ?? null,
  };
}

async function readBody(req) {
  if (!req.headers['content-type']?.startsWith('application/json')) {
    throw new Refusal(415, 'Unsupported Media Type', 'content-type must be application/json');
  }
  const parts = [];
  for await (const part of req) parts.push(part);
  try {
    return JSON.parse(Buffer.concat(parts).toString());
  } catch {
    throw bad('the body is not JSON');
  }
}

async function login(c, req, res) {
  const body = await readBody(req);
  if (c.state.failed >= ATTEMPTS) {
    throw new Refusal(429, 'Too Many Requests', 'too many failed attempts', {
      'retry-after': '30',
    });
  }
  if (body.password !== c.password) {
    c.state.failed += 1;
    throw new Refusal(401, 'Unauthorized', 'the password is wrong');
  }
  c.state.failed = 0;
  const id = randomUUID();
  const token = randomBytes(32).toString('hex');
  c.state.sessions.set(id, { token, ends: c.clock().getTime() + SESSION_MS });
  req.headers.cookie = `auth_token=${id}`;
  json(
    res,
    { token, ...sessionInfo(c, req) },
    { 'set-cookie': `auth_token=${id}; Path=/; HttpOnly; SameSite=Strict` },
  );
}

function logout(c, req, res) {
  c.state.sessions.delete(cookie(req));
  res.writeHead(204, { 'set-cookie': 'auth_token=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict' });
  res.end();
}

function read(c, url, res) {
  const path = url.pathname.replace('/api/v1/', '');
  const query = Object.fromEntries(url.searchParams);
  if (c.state.mode === 'partial') {
    const ranked = path === 'usage' && /user|model/.test(query.group_by ?? '');
    if (ranked || path === 'generations') {
      throw new Refusal(503, 'Service Unavailable', 'the database does not answer');
    }
  }
  if (path === 'usage') return json(res, usage(c, query));
  if (path === 'credits') return json(res, credits(c));
  if (path === 'generations') return json(res, generations(c, query));
  if (path === 'users') return json(res, users(c, query));
  const user = /^user\/([^/]+)$/.exec(path)?.[1];
  if (user) return json(res, findUser(c, decodeURIComponent(user)));
  throw new Refusal(404, 'Not Found', `there is no ${url.pathname}`);
}

function period(c, query) {
  const today = c.dayOf(c.clock());
  const next = new Date(Date.UTC(Number(today.slice(0, 4)), Number(today.slice(5, 7)), 1));
  const from = query.from ?? `${today.slice(0, 7)}-01`;
  const to = query.to ?? next.toISOString().slice(0, 10);
  if (to < from) throw bad('to is before from');
  return { from, to };
}

function select(c, query) {
  const { from, to } = period(c, query);
  const { house } = c.state;
  const user = query.user ? shownAs(house, query.user) : null;
  return house.rows.filter(
    (r) =>
      r.day >= from &&
      r.day < to &&
      (user === null || shownAs(house, r.user) === user) &&
      (!query.model || r.model === query.model) &&
      (!query.provider || r.provider === query.provider) &&
      (query.platform === undefined || (r.platform ?? '') === query.platform) &&
      (query.kind === undefined || (r.kind ?? '') === query.kind) &&
      (!query.origin || r.origin === query.origin) &&
      (!query.source || r.source === query.source) &&
      (query.task === undefined || (r.task ?? '') === query.task) &&
      (!query.group || r.groups.includes(query.group)) &&
      (query.unsettled === undefined || r.unsettled === (query.unsettled === '1')) &&
      (!query.cost_state || query.cost_state.split(',').includes(r.cost_state)) &&
      (!query.state || r.state === query.state) &&
      (!query.chat_id || r.chat_id === query.chat_id) &&
      // A row that counts nothing is part of another one; who has its id may see it.
      (query.generation_id
        ? r.generation_id === query.generation_id
        : r.requests > 0 || r.units > 0n || r.byokUnits > 0n),
  );
}

function figures(rows) {
  const sum = (name) => rows.reduce((n, r) => n + (r[name] ?? 0), 0);
  return {
    requests: sum('requests'),
    prompt_tokens: sum('prompt_tokens'),
    completion_tokens: sum('completion_tokens'),
    reasoning_tokens: sum('reasoning_tokens'),
    cached_tokens: sum('cached_tokens'),
    cache_write_tokens: sum('cache_write_tokens'),
    images: sum('images'),
    cost: money(rows.reduce((n, r) => n + r.units, 0n)),
    byok_cost: money(rows.reduce((n, r) => n + r.byokUnits, 0n)),
    unsettled: rows.filter((r) => r.unsettled).length,
    disputed_cost: '0',
  };
}

function valueOf(house, row, key) {
  if (key === 'user') return shownAs(house, row.user);
  if (key === 'month') return row.day.slice(0, 7);
  if (key === 'group') return row.groups[0] ?? null;
  return row[key];
}

function usage(c, query) {
  const keys = query.group_by ? query.group_by.split(',') : [];
  if (keys.some((k) => !KEYS.includes(k))) throw bad('group_by: not a key');
  const rows = select(c, query);
  const groups = new Map();
  for (const row of keys.length ? rows : []) {
    const values = keys.map((k) => valueOf(c.state.house, row, k));
    const name = JSON.stringify(values);
    const group = groups.get(name) ?? { keys: {}, rows: [] };
    keys.forEach((k, i) => (group.keys[k] = values[i]));
    if (keys.includes('user')) group.keys.user_name = nameOf(c.state.house, row);
    group.rows.push(row);
    groups.set(name, group);
  }
  const time = keys.find((k) => k === 'hour' || k === 'day' || k === 'month');
  const cost = (g) => g.rows.reduce((n, r) => n + r.units, 0n);
  const sorted = [...groups.values()]
    .map((g) => ({ ...g, cost: cost(g) }))
    .sort((a, b) => {
      if (time && a.keys[time] !== b.keys[time]) return a.keys[time] < b.keys[time] ? -1 : 1;
      return a.cost === b.cost ? 0 : a.cost > b.cost ? -1 : 1;
    });
  const limit = Number(query.limit ?? 10_000);
  return {
    currency: 'USD',
    timezone: c.timezone,
    ...period(c, query),
    rows: sorted.slice(0, limit).map((g) => ({ ...g.keys, ...figures(g.rows) })),
    total: figures(rows),
    truncated: sorted.length > limit,
  };
}

function page(list, query, shape) {
  const start = Number(query.cursor ?? 0);
  const limit = Number(query.limit ?? 100);
  const more = start + limit < list.length;
  return {
    items: list.slice(start, start + limit).map(shape),
    next_cursor: more ? String(start + limit) : null,
  };
}

function generations(c, query) {
  const shape = (r) => {
    const { units, byokUnits, hour, said, request, alone, part_of, parts, ...shown } = r;
    const { house } = c.state;
    return { ...shown, user: shownAs(house, r.user), user_name: nameOf(house, r) };
  };
  return { timezone: c.timezone, ...page(select(c, query), query, shape) };
}

function users(c, query) {
  return page(listUsers(c.state.house, query.q), query, (u) => u);
}

function findUser(c, id) {
  const user = userOf(c.state.house, id);
  if (!user) throw new Refusal(404, 'Not Found', 'there is no such user');
  return user;
}

/** What the answers of inner.mjs are made with. */
const KIT = { Refusal, json, readBody, page, select, findUser };
