// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * The mock's answers for requests' histories, models and prices, files and jobs, issued documents,
 * settings and settlement. What it keeps lives as long as the mock's mode.
 */
import { randomUUID } from 'node:crypto';
import { MODELS, money } from './data.mjs';
import { failing, fileBytes, send } from './files.mjs';
import { decide, history, instant, lookupOf, unpair } from './history.mjs';
import {
  cancelIssued,
  firstIssues,
  issue,
  issuedFile,
  issueRequest,
  listIssued,
  oneIssued,
  verifyIssued,
} from './issued.mjs';
import { plugin, settings } from './settings.mjs';
import { changeTerms, firstTerms, listTerms } from './terms.mjs';
import { mergeUser, unmergeUser } from './users.mjs';

const UNIT = 10n ** 18n;
const HOUR_MS = 3_600_000;
/** A job of the mode "slow" is asked for so many times until it is done. */
const SLOW_STEPS = 40;

/** store is what was issued and what runs; it is made again when the mock's mode changes. */
function store(c) {
  if (c.state.inner?.house !== c.state.house) {
    c.state.inner = {
      house: c.state.house,
      jobs: new Map(),
      issued: c.state.mode === 'empty' ? [] : firstIssues(c),
      requests: new Map(),
      terms: firstTerms(c),
      dead: c.state.mode === 'empty' ? [] : deadLetters(c),
      refused: c.state.mode === 'empty' ? [] : refusals(c),
      senders: c.state.mode === 'empty' ? [] : senders(c),
    };
  }
  return c.state.inner;
}

/** answerInner gives true where the call was one of these. */
export async function answerInner(kit, c, req, res, url) {
  const path = url.pathname.replace('/api/v1/', '');
  const query = Object.fromEntries(url.searchParams);
  for (const [method, form, handle] of ROUTES) {
    const found = form.exec(path);
    if (!found || method !== req.method) continue;
    const params = found.slice(1).map(decodeURIComponent);
    const sent = Number(req.headers['content-length'] ?? 0) > 0;
    const body =
      method.startsWith('P') && (sent || !NO_BODY.test(path)) ? await kit.readBody(req) : null;
    await handle({ kit, c, res, query, params, body, store: store(c), req });
    return true;
  }
  return false;
}

/** verifyCode is open to everyone. */
export function verifyCode(kit, c, res, code) {
  verifyIssued({ kit, res, store: store(c) }, code);
}

/** Calls that say all in their path. */
const NO_BODY = /\/(unpair|unmerge)$/;

const ROUTES = [
  ['GET', /^generations\/([^/]+)$/, history],
  ['POST', /^generations\/([^/]+)\/unpair$/, unpair],
  ['POST', /^generations\/([^/]+)\/decision$/, decide],
  ['POST', /^user\/([^/]+)\/merge$/, mergeUser],
  ['POST', /^user\/([^/]+)\/unmerge$/, unmergeUser],
  ['GET', /^models$/, models],
  ['GET', /^prices$/, prices],
  ['GET', /^(usage|generations)\.(csv|xlsx)$/, shownAsFile],
  ['GET', /^reports\/(\d{4}-\d\d)\.(pdf|xlsx|csv|zip)$/, report],
  ['GET', /^statements\/group\/([^/]+)\/(\d{4}-\d\d)\.(pdf|xlsx|csv)$/, groupStatement],
  ['GET', /^statements\/([^/]+)\/(\d{4}-\d\d)\.(pdf|xlsx|csv)$/, statement],
  ['POST', /^exports$/, startExport],
  ['GET', /^exports\/([^/]+)$/, exportState],
  ['DELETE', /^exports\/([^/]+)$/, dropExport],
  ['GET', /^exports\/([^/]+)\/file$/, exportFile],
  ['GET', /^documents$/, listIssued],
  ['POST', /^documents$/, issue],
  ['GET', /^documents\/requests\/([^/]+)$/, issueRequest],
  ['GET', /^documents\/([^/]+)$/, oneIssued],
  ['POST', /^documents\/([^/]+)\/cancel$/, cancelIssued],
  ['GET', /^documents\/([^/]+)\/file$/, issuedFile],
  ['GET', /^terms$/, listTerms],
  ['PUT', /^terms$/, changeTerms],
  ['GET', /^settings$/, settings],
  ['GET', /^plugin$/, plugin],
  ['GET', /^unsettled$/, unsettled],
  ['GET', /^refused$/, listRefused],
  ['GET', /^senders$/, listSenders],
  ['GET', /^dead-letters$/, listDead],
  ['POST', /^dead-letters\/retry$/, retryDead],
  ['POST', /^dead-letters\/set-aside$/, setDeadAside],
  ['GET', /^discrepancies$/, discrepancies],
  ['GET', /^disputes$/, disputes],
];

/* Models and prices */

/** perToken writes USD per million tokens in millionths as USD per token. */
function perToken(millionths) {
  return money(millionths * 1_000_000n);
}

function models({ kit, c, res }) {
  const items = MODELS.map(([id, , , input, output]) => ({
    id,
    name: id.split('/')[1],
    context_length: 200_000,
    pricing: {
      prompt: perToken(input),
      completion: perToken(output),
      input_cache_read: perToken(input / 10n),
      request: '0',
    },
  }));
  items.push({
    id: 'openrouter/auto',
    name: 'Auto Router',
    context_length: 2_000_000,
    pricing: { prompt: '-1', completion: '-1' },
  });
  for (let i = 0; i < 40; i++) {
    items.push({
      id: `somebody/other-model-${i + 1}`,
      name: `Other model ${i + 1}`,
      context_length: 32_768,
      pricing: { prompt: '0.0000005', completion: `0.00000${i % 9}5` },
    });
  }
  const fetched = instant(c.clock().getTime() - 11 * 60_000);
  kit.json(res, { fetched_at: fetched, items, next_cursor: null });
}

function prices({ kit, c, res, query }) {
  const found = MODELS.find(([id]) => id === query.model);
  const now = c.clock().getTime();
  const items = [];
  if (found) {
    const [model, , , input, output] = found;
    const steps = [
      [300, 150n],
      [190, 120n],
      [60, 100n],
    ];
    steps.forEach(([back, percent], i) => {
      const next = steps[i + 1];
      items.push({
        model,
        valid_from: instant(now - back * 24 * HOUR_MS),
        valid_until: next ? instant(now - next[0] * 24 * HOUR_MS) : null,
        pricing: {
          prompt: perToken((input * percent) / 100n),
          completion: perToken((output * percent) / 100n),
        },
      });
    });
  }
  kit.json(res, { items: items.reverse(), next_cursor: null });
}

/* Files */

function shownAsFile(x) {
  failing(x);
  const [what, kind] = x.params;
  const rows = x.kit.select(x.c, x.query);
  const lines = rows.map((r) => `${r.generation_id},${r.user},${r.model},${r.cost ?? ''}`);
  const text = `generation_id,user,model,cost\r\n${lines.join('\r\n')}\r\n`;
  send(x.res, kind, what, kind === 'csv' ? text : undefined);
}

function report(x) {
  failing(x);
  send(x.res, x.params[1], `usage-${x.params[0]}`);
}

function statement(x) {
  failing(x);
  const user = x.kit.findUser(x.c, x.params[0]);
  send(x.res, x.params[2], `statement-${user.id.replace(/\W+/g, '_')}-${x.params[1]}`);
}

function groupStatement(x) {
  failing(x);
  send(x.res, x.params[2], `statement-group-${x.params[0].replace(/\W+/g, '_')}-${x.params[1]}`);
}

function targetName(target) {
  const url = new URL(target, 'http://mock');
  const file = url.pathname.split('/').at(-1);
  return { kind: file.split('.').at(-1), name: file.replace(/\.\w+$/, '') };
}

function startExport(x) {
  const { target } = x.body;
  if (typeof target !== 'string' || !target.startsWith('/api/v1/')) {
    throw new x.kit.Refusal(400, 'Bad Request', 'target: must be a document of this server');
  }
  failing(x);
  const job = { id: randomUUID().replaceAll('-', ''), target, looks: 0, state: 'queued' };
  x.store.jobs.set(job.id, job);
  x.kit.json(x.res, shownJob(x, job), {}, 202);
}

function findJob(x) {
  const job = x.store.jobs.get(x.params[0]);
  if (!job) throw new x.kit.Refusal(404, 'Not Found', 'there is no such job');
  return job;
}

function shownJob(x, job) {
  const { kind, name } = targetName(job.target);
  const steps = x.c.state.jobSteps ?? (x.c.state.mode === 'slow' ? SLOW_STEPS : 1);
  if (job.state === 'queued' || job.state === 'running') {
    job.state = job.looks >= steps ? 'done' : job.looks > 0 ? 'running' : 'queued';
    if (x.c.state.jobFails && job.looks > 0) job.state = 'failed';
  }
  const done = job.state === 'done';
  const total = steps * 25_000;
  return {
    id: job.id,
    state: job.state,
    progress: done ? 1 : job.looks === 0 ? null : job.looks / (steps + 1),
    rows_done: Math.min(job.looks * 25_000, total),
    rows_total: total,
    bytes: done ? fileBytes(kind, name).length : null,
    filename: done ? `${name}.${kind}` : null,
    detail: job.state === 'failed' ? 'the disk is full' : null,
  };
}

function exportState(x) {
  const job = findJob(x);
  job.looks += 1;
  x.kit.json(x.res, shownJob(x, job));
}

function dropExport(x) {
  x.store.jobs.delete(findJob(x).id);
  x.res.writeHead(204);
  x.res.end();
}

function exportFile(x) {
  const job = findJob(x);
  if (job.state !== 'done') throw new x.kit.Refusal(404, 'Not Found', 'it is not done');
  const { kind, name } = targetName(job.target);
  send(x.res, kind, name);
}

/* Settlement */

const NOT_ASKED = { attempts: 0, next_at: null, last_status: null, last_error: null };
/** Another platform's: it is not asked for its price. */
const isUnpriced = (r) => r.platform !== 'openrouter' && r.cost_state === 'unknown';

function unsettled({ kit, c, res, query }) {
  const rows = c.state.house.rows.filter((r) => r.unsettled || isUnpriced(r));
  const shape = (r) => {
    const l = isUnpriced(r) ? NOT_ASKED : lookupOf(c, r);
    return {
      generation_id: r.generation_id,
      user: r.user,
      user_name: r.user_name,
      model: r.model,
      provider: r.provider,
      started_at: r.started_at,
      cost_state: r.cost_state,
      cost: r.cost,
      missing: r.cost_state === 'reported' ? 'byok_cost' : 'cost',
      reason: isUnpriced(r) ? 'no_price' : 'retrying',
      no_estimate: r.cost === null ? 'no_tokens' : null,
      attempts: l.attempts,
      next_at: l.next_at,
      last_status: l.last_status,
      last_error: l.last_error,
    };
  };
  kit.json(res, kit.page(rows, query, shape));
}

function deadLetters(c) {
  const now = c.clock().getTime();
  return [3, 27].map((hours, i) => ({
    spool_id: '0190f6d27a00700080000000000a0001',
    bytes: 412,
    generation_id: `gen-1795440000-dead${i}`,
    turn_id: null,
    user: 'u-1',
    model: 'openai/gpt-5-mini',
    cost: '0.0021',
    started_at: instant(now - hours * HOUR_MS),
    seq: 40_181 + i,
    at: instant(now - hours * HOUR_MS),
    reason: 'user.id: holds a character that the database does not take',
  }));
}

function refusals(c) {
  const now = c.clock().getTime();
  const hostile = c.state.mode === 'hostile';
  const sender = hostile ? '"><img src=x onerror=alert(4)>' : '172.18.0.9 my-billing-script/2';
  return [
    [
      'record',
      sender,
      'neither generation_id nor turn_id: there is nothing to count it under',
      412,
    ],
    ['events', '172.18.0.4 openwebui-metering/3.1.0', 'item 4 is not an object', 1],
    ['traces', '198.51.100.7', 'a generation without gen_ai.response.id', 7],
  ].map(([door, name, reason, count], i) => ({
    door,
    sender: name,
    reason,
    count,
    first_at: instant(now - (30 + i) * 24 * HOUR_MS),
    last_at: instant(now - (2 + i) * 24 * HOUR_MS),
  }));
}

const SENDER = {
  sender: null,
  plugin: '1.1.0',
  openwebui: '0.12.4',
  tap: 'on',
  reason: null,
  processes: 1,
  seen: 0,
  missed: 0,
  faults: 0,
  unnamed: 0,
  queued: 0,
  rejected: 0,
  state: 'heard',
};

function senders(c) {
  const now = c.clock().getTime();
  const hostile = c.state.mode === 'hostile';
  return [
    { sender: '018f3b2a-9c1d-7e4f-8a2b-3c4d5e6f7a8b', processes: 2, seen: 48_211, queued: 3 },
    {
      sender: '018f3b2a-9c1d-7e4f-8a2b-3c4d5e6f7a8c',
      openwebui: hostile ? 'x'.repeat(64) : '0.13.0',
      tap: hostile ? 'does_not_fit' : 'off',
      reason: hostile ? '<img src=x onerror=alert(5)>'.repeat(9) : 'switched off by the valve',
      seen: 1_203,
      missed: 4,
      faults: 1,
      unnamed: 17,
      rejected: 2,
    },
    { openwebui: null, plugin: '1.1.0-dev', tap: 'off', state: 'silent', ago: 5 * HOUR_MS },
  ].map(({ ago = 20_000, ...one }) => ({
    ...SENDER,
    ...one,
    first_at: instant(now - 30 * 24 * HOUR_MS),
    last_at: instant(now - ago),
  }));
}

/** hearSender is what a plugin says of itself just now. */
export function hearSender(c, changes = {}) {
  const now = instant(c.clock().getTime());
  const list = store(c).senders;
  const there = list.find((s) => s.sender === (changes.sender ?? null));
  const one = { ...SENDER, first_at: there?.first_at ?? now, last_at: now, ...changes };
  store(c).senders = [one, ...list.filter((s) => s !== there)];
}

/** refuseRecord is a record that could not be taken just now. */
export function refuseRecord(
  c,
  { door = 'events', sender = '172.18.0.9 a-script', reason = 'no object' } = {},
) {
  const now = instant(c.clock().getTime());
  const list = store(c).refused;
  const there = list.find((r) => r.door === door && r.sender === sender && r.reason === reason);
  if (there) Object.assign(there, { count: there.count + 1, last_at: now });
  else list.unshift({ door, sender, reason, count: 1, first_at: now, last_at: now });
}

function listRefused({ kit, res, query, store: s }) {
  if (Object.keys(query).length > 0) {
    throw new kit.Refusal(400, 'Bad Request', 'the list takes no parameters');
  }
  kit.json(res, { items: s.refused, next_cursor: null });
}

function listSenders({ kit, res, query, store: s }) {
  if (Object.keys(query).length > 0) {
    throw new kit.Refusal(400, 'Bad Request', 'the list takes no parameters');
  }
  kit.json(res, { items: s.senders, next_cursor: null });
}

function listDead({ kit, res, query, store: s }) {
  kit.json(
    res,
    kit.page(s.dead, query, (d) => ({ set_aside_at: null, set_aside_reason: null, ...d })),
  );
}

function setDeadAside({ kit, res, body, store: s }) {
  const chosen = s.dead.filter(
    (d) => !d.set_aside_at && (body.seq === undefined || d.seq === body.seq),
  );
  for (const d of chosen) {
    d.set_aside_at = instant(Date.now());
    d.set_aside_reason = body.reason;
  }
  kit.json(res, { set_aside: chosen.length });
}

function retryDead({ kit, res, body, store: s }) {
  const chosen = s.dead.filter((d) => body.seq === undefined || d.seq === body.seq);
  s.dead = s.dead.filter((d) => !chosen.includes(d));
  const n = chosen.length;
  kit.json(res, { tried: n, stored: n, duplicate: 0, refused: 0, more: false });
}

const LISTED = ['disputed', 'unproven', 'odd_day'];

function disputes({ kit, c, res, query }) {
  const marks = (r) => r.marks.filter((m) => LISTED.includes(m));
  const wanted = query.mark ? [query.mark] : ['disputed', 'unproven'];
  const rows = c.state.house.rows.filter((r) => wanted.some((m) => r.marks.includes(m)));
  const shape = (r) => ({
    generation_id: r.generation_id,
    user: r.user,
    user_name: r.user_name,
    model: r.model,
    provider: r.provider,
    source: r.source,
    started_at: r.started_at,
    marks: marks(r),
    in_dispute: r.disputed_cost === null ? [] : ['cost'],
    cost_state: r.cost_state,
    cost: r.cost,
    greatest_cost: r.disputed_cost === null ? null : money(BigInt(r.units) + 5n * UNIT),
    disputed_cost: r.disputed_cost,
    prompt_tokens: r.prompt_tokens,
    greatest_prompt_tokens: null,
    completion_tokens: r.completion_tokens,
    greatest_completion_tokens: null,
    users: [],
    earliest_at: null,
    latest_at: null,
    received_at: r.finished_at,
    attempts: null,
    next_at: null,
    last_status: null,
    last_error: null,
  });
  kit.json(res, kit.page(rows, query, shape));
}

function discrepancies({ kit, c, res, query }) {
  const rows = c.state.house.rows.filter((r) => r.cost_state === 'looked_up').slice(0, 60);
  const shape = (r) => ({
    generation_id: r.generation_id,
    user: r.user,
    user_name: r.user_name,
    model: r.model,
    started_at: r.started_at,
    provider: r.provider,
    found_at: instant(Date.parse(r.started_at) + HOUR_MS),
    reported: money((BigInt(r.units) * 97n) / 100n),
    looked_up: r.cost ?? money(UNIT),
    difference: money(BigInt(r.units) - (BigInt(r.units) * 97n) / 100n),
  });
  kit.json(res, kit.page(rows, query, shape));
}
