// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * The mock's issued documents: one number for all files of a document, corrections, cancellations and
 * duplicates, refused where the ledger refuses them. With setIssuing a request takes a while.
 */
import { createHash, randomUUID } from 'node:crypto';
import { failing, send } from './files.mjs';
import { instant } from './history.mjs';

const UNIT = 10n ** 18n;
const HOUR_MS = 3_600_000;

/** printed is an amount as documents print it: two digits. */
function printed(units) {
  const cents = (units + UNIT / 200n) / (UNIT / 100n);
  return `${cents / 100n}.${String(cents % 100n).padStart(2, '0')}`;
}

const sha256 = (text) => createHash('sha256').update(text).digest('hex');
const stands = (d) => !d.corrected_by && !d.cancelled_by && !d.cancels;

function fileOf(number, kind, n, { format, locale, duplicate = false }, at) {
  const suffix = duplicate ? '-duplicate' : '';
  return {
    format,
    duplicate,
    bytes: 48_213 + Number(number.slice(5)) * 1017 + n,
    sha256: sha256(`${number} ${n}`),
    filename: `${kind}-${number}${suffix}.${format}`,
    made_at: instant(at),
    locale: locale ?? null,
  };
}

function issuedOf(c, n, wish) {
  const rows = c.state.house.rows.filter(
    (r) =>
      r.day.startsWith(wish.month) &&
      (!wish.user || r.user === wish.user) &&
      (!wish.group ||
        c.state.house.users.find((u) => u.id === r.user)?.groups.includes(wish.group)),
  );
  const number = `${wish.month.slice(0, 4)}-${String(n).padStart(6, '0')}`;
  const user = c.state.house.users.find((u) => u.id === wish.user);
  const hash = sha256(number);
  const at = wish.at ?? c.clock().getTime();
  const first = fileOf(number, wish.kind, 0, { ...wish, format: wish.format ?? 'pdf' }, at);
  return {
    number,
    kind: wish.kind,
    user: wish.user ?? null,
    user_name: user?.name ?? null,
    group: wish.group ?? null,
    month: wish.month,
    format: first.format,
    locale: wish.locale ?? null,
    issued_at: instant(at),
    total: printed(rows.reduce((sum, r) => sum + r.units, 0n)),
    currency: 'USD',
    sha256: first.sha256,
    bytes: first.bytes,
    filename: first.filename,
    verification_code: [0, 4, 8, 12].map((i) => hash.slice(i, i + 4).toUpperCase()).join('-'),
    corrects: wish.corrects ?? null,
    corrected_by: null,
    cancels: null,
    cancelled_by: null,
    differs: false,
    difference: '0',
    reason: null,
    unsettled: rows.filter((r) => r.cost === null).length,
    files: [first],
  };
}

function addFile(c, d, wish, at = c.clock().getTime()) {
  d.files.push(fileOf(d.number, d.kind, d.files.length, wish, at + d.files.length));
  return d;
}

function cancellationOf(c, n, d, reason, at = c.clock().getTime()) {
  const made = issuedOf(c, n, {
    ...{ kind: d.kind, month: d.month, locale: d.locale, format: 'pdf', at },
    ...(d.user && { user: d.user }),
    ...(d.group && { group: d.group }),
  });
  const total = /^0(\.0+)?$/.test(d.total) ? d.total : `-${d.total}`;
  Object.assign(made, { total, cancels: d.number, reason });
  d.cancelled_by = made.number;
  return made;
}

/** firstIssues are some months' documents: one corrected, one taken back, one twice as an older release allowed,
 * one whose month has changed since. */
export function firstIssues(c) {
  const list = [];
  const today = c.dayOf(c.clock());
  const back = (n) => {
    const at = new Date(Date.UTC(Number(today.slice(0, 4)), Number(today.slice(5, 7)) - 1 - n, 1));
    return { month: at.toISOString().slice(0, 7), at: at.getTime() + 31 * 24 * HOUR_MS };
  };
  const add = (d) => list.push(d) && d;
  const next = () => list.length + 1;
  const people = c.state.house.users.slice(0, 5);
  for (let n = 4; n >= 1; n--) {
    const common = { ...back(n), locale: 'en', format: 'pdf' };
    if (n > 1) add(issuedOf(c, next(), { ...common, kind: 'report' }));
    for (const { id } of people) {
      add(issuedOf(c, next(), { ...common, kind: 'statement', user: id }));
    }
    if (n === 2 && people[0]) {
      add(issuedOf(c, next(), { ...common, kind: 'statement', user: people[0].id }));
    }
  }
  const now = c.clock().getTime();
  const [twice, taken, wrong] = [list.at(-1), list.at(-2), list.at(-3)];
  const old = { ...wrong, user: wrong.user ?? undefined, group: undefined };
  const right = issuedOf(c, next(), { ...old, at: now - 50 * HOUR_MS, corrects: wrong.number });
  wrong.corrected_by = add(right).number;
  addFile(c, twice, { format: 'xlsx', locale: 'en' }, now - 40 * HOUR_MS);
  addFile(c, twice, { format: 'pdf', locale: 'de', duplicate: true }, now - 30 * HOUR_MS);
  Object.assign(list.at(-5), { differs: true, difference: '0.7504' });
  add(cancellationOf(c, next(), taken, 'Issued for the wrong person.', now - 20 * HOUR_MS));
  return list.reverse();
}

export function listIssued({ kit, res, query, store: s }) {
  const found = s.issued.filter(
    (d) =>
      (!query.year || d.number.startsWith(query.year)) &&
      (!query.month || d.month === query.month) &&
      (!query.user || d.user === query.user) &&
      (!query.kind || d.kind === query.kind),
  );
  kit.json(
    res,
    kit.page(found, query, (d) => d),
  );
}

function findIssued(x, number = x.params[0]) {
  const found = x.store.issued.find((d) => d.number === number);
  if (!found) throw new x.kit.Refusal(404, 'Not Found', `there is no document ${number}`);
  return found;
}

const conflict = (x, detail) => new x.kit.Refusal(409, 'Conflict', detail);

/** mayReplace refuses what was replaced already. */
function mayReplace(x, d) {
  if (d.cancels) throw conflict(x, `${d.number} is a cancellation itself`);
  if (d.corrected_by) throw conflict(x, `${d.number} is corrected by ${d.corrected_by} already`);
  if (d.cancelled_by) throw conflict(x, `${d.number} is cancelled by ${d.cancelled_by} already`);
  return d;
}

function make(x, wish) {
  const made = issuedOf(x.c, x.store.issued.length + 1, wish);
  x.store.issued.unshift(made);
  return { status: 201, document: made };
}

/** decide does what the ledger does with a wish: a new number, a file more, or a refusal. */
function decide(x, body) {
  const { kind, month, user = null, group = null, format = 'pdf', duplicate, corrects } = body;
  if (corrects) {
    const old = mayReplace(x, findIssued(x, corrects));
    const made = make(x, body);
    old.corrected_by = made.document.number;
    return made;
  }
  const standing = x.store.issued
    .filter(
      (d) =>
        stands(d) && d.kind === kind && d.month === month && d.user === user && d.group === group,
    )
    .reverse();
  const having = standing.find((d) => d.files.some((f) => f.format === format && !f.duplicate));
  if (duplicate) {
    if (!standing[0])
      throw conflict(x, 'nothing is issued for this: there is nothing to duplicate');
    return { status: 200, document: addFile(x.c, having ?? standing[0], { ...body, format }) };
  }
  if (having) {
    const ways = 'correct it, cancel it, or ask for a duplicate';
    throw conflict(x, `${having.number} is issued for this already; ${ways}`);
  }
  if (standing[0]) return { status: 200, document: addFile(x.c, standing[0], { ...body, format }) };
  return make(x, body);
}

function cancel(x, number, body) {
  const old = mayReplace(x, findIssued(x, number));
  const made = cancellationOf(x.c, x.store.issued.length + 1, old, body?.reason ?? null);
  x.store.issued.unshift(made);
  return { status: 201, document: made };
}

function accepted(x, key, request) {
  const body = { request: key, state: request.looks > 0 ? 'running' : 'queued' };
  const location = `/api/v1/documents/requests/${key}`;
  x.kit.json(x.res, body, { location, 'retry-after': '2' }, 202);
}

/** answerWith does it at once, or later where the mock is told to take its time; the same key once. */
function answerWith(x, run) {
  failing(x);
  const key = x.req.headers['idempotency-key'] ?? randomUUID();
  const known = x.store.requests.get(key);
  if (known && !known.document && !known.error) return accepted(x, key, known);
  if (known?.document) return x.kit.json(x.res, known.document);
  const request = { looks: 0, run, document: null, error: null };
  if (x.c.state.issueSteps) {
    x.store.requests.set(key, request);
    return accepted(x, key, request);
  }
  const { status, document } = run();
  x.store.requests.set(key, Object.assign(request, { document }));
  const location = `/api/v1/documents/${document.number}`;
  return x.kit.json(x.res, document, { location }, status);
}

export function issue(x) {
  answerWith(x, () => decide(x, x.body));
}

export function cancelIssued(x) {
  const old = findIssued(x);
  answerWith(x, () => cancel(x, old.number, x.body));
}

export function issueRequest(x) {
  const key = x.params[0];
  const request = x.store.requests.get(key);
  if (!request) throw new x.kit.Refusal(404, 'Not Found', 'there is no request of that name');
  request.looks += 1;
  if (!request.document && !request.error && request.looks >= (x.c.state.issueSteps ?? 0)) {
    if (x.c.state.issueFails) request.error = { status: 503, message: 'the disk is full' };
    else {
      try {
        request.document = request.run().document;
      } catch (e) {
        request.error = { status: e.status ?? 500, message: e.message };
      }
    }
  }
  const { document, error } = request;
  const state = document ? 'done' : error ? 'failed' : 'running';
  x.kit.json(x.res, { request: key, state, document, error });
}

export function oneIssued(x) {
  x.kit.json(x.res, findIssued(x));
}

export function issuedFile(x) {
  const d = findIssued(x);
  const { format = d.format, duplicate = '0' } = x.query;
  const files = d.files.filter((f) => f.format === format && f.duplicate === (duplicate === '1'));
  const file = duplicate === '1' ? files.at(-1) : files[0];
  if (!file) throw new x.kit.Refusal(404, 'Not Found', 'the document has no such file');
  send(x.res, file.format, file.filename.replace(/\.\w+$/, ''));
}

export function verifyIssued({ kit, res, store: s }, code) {
  const found = s.issued.find((d) => d.verification_code === code.toUpperCase());
  if (!found) throw new kit.Refusal(404, 'Not Found', 'no document has this code');
  const { number, kind, issued_at, total, currency, sha256: hash } = found;
  const { corrected_by, cancels, cancelled_by } = found;
  const files = found.files.map((f) => ({
    format: f.format,
    duplicate: f.duplicate,
    sha256: f.sha256,
  }));
  kit.json(res, {
    ...{ number, kind, issued_at, total, currency, sha256: hash },
    ...{ corrected_by, cancels, cancelled_by, files },
  });
}
