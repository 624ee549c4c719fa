// SPDX-License-Identifier: AGPL-3.0-or-later
// The mock's terms of months and their history, changed as the ledger changes them.
import { instant } from './history.mjs';

const DECIMALS = [
  'minimum_charge_fee',
  'markup_percent',
  'markup_per_million_tokens',
  'tax_rate',
  'exchange_rate',
];
const RATE = ['exchange_rate', 'exchange_rate_date', 'exchange_rate_source'];
const NAMES = [
  'minimum_charge_fee',
  'minimum_charge_mode',
  'markup_percent',
  'markup_per_million_tokens',
  'tax_rate',
  'tax_name',
  'currency',
  ...RATE,
];
const NONE = Object.fromEntries(NAMES.map((n) => [n, null]));
const DAY_MS = 86_400_000;

function row(from, ms, source, texts = {}, rest = {}) {
  return {
    valid_from: from,
    changed_at: instant(ms),
    source,
    withdrawn: false,
    ...NONE,
    ...texts,
    exchange_rate_confirmed: false,
    ...rest,
  };
}

/** firstTerms are three months of a house that went from dollars to euros, and once was mistaken. */
export function firstTerms(c) {
  const now = c.clock().getTime();
  const today = c.dayOf(c.clock());
  const month = (back) => {
    const at = new Date(Date.UTC(Number(today.slice(0, 4)), Number(today.slice(5, 7)) - 1 - back));
    return at.toISOString().slice(0, 7);
  };
  const base = { minimum_charge_fee: '10', minimum_charge_mode: 'floor', markup_percent: '4' };
  if (c.state.mode === 'empty') return [row(null, now - 40 * DAY_MS, 'settings')];
  const source =
    c.state.mode === 'hostile' ? '<img src=x onerror=alert(7)>'.repeat(4) : 'European Central Bank';
  const tax = { tax_rate: '19', tax_name: c.state.mode === 'hostile' ? 'W'.repeat(40) : 'VAT' };
  const euro = { currency: 'EUR', exchange_rate_source: source };
  const rate = (value, day) => ({ exchange_rate: value, exchange_rate_date: day });
  return [
    row(`${month(0)}-01`, now - 2 * DAY_MS, 'api', { ...base, markup_percent: '40' }),
    row(`${month(0)}-01`, now - DAY_MS, 'api', {}, { withdrawn: true }),
    row(`${month(1)}-01`, now - 20 * DAY_MS, 'api', {
      ...{ ...base, ...tax, ...euro, markup_per_million_tokens: '0.25' },
      ...rate('0.8634', `${month(1)}-30`),
    }),
    row(`${month(3)}-01`, now - 80 * DAY_MS, 'settings', {
      ...{ ...base, ...tax, ...euro },
      ...rate('0.8521', `${month(3)}-28`),
    }),
    row(null, now - 200 * DAY_MS, 'settings', base),
  ];
}

const later = (a, b) => (a.changed_at < b.changed_at ? 1 : -1);
const from = (t) => t.valid_from ?? '';

function shown(x) {
  const all = [...x.store.terms].sort((a, b) =>
    from(a) < from(b) ? 1 : from(a) > from(b) ? -1 : later(a, b),
  );
  const newest = (t) => !all.some((o) => o.valid_from === t.valid_from && later(t, o) > 0);
  const history = all.map((t) => ({ ...t, counts: !t.withdrawn && newest(t) }));
  return {
    items: history.filter((t) => t.counts),
    history,
    conflict: x.c.state.termsConflict ?? null,
  };
}

export function listTerms(x) {
  x.kit.json(x.res, shown(x));
}

function refuse(x, detail, status = 400) {
  const title = status === 404 ? 'Not Found' : 'Bad Request';
  throw new x.kit.Refusal(status, title, detail);
}

/** check says what om_terms_check says. */
function check(x, t) {
  for (const name of DECIMALS) {
    if (t[name] !== null && !/^\d+(\.\d{1,18})?$/.test(t[name])) {
      refuse(x, `${name}: must be a decimal of at most 18 fraction digits`);
    }
  }
  if (t.currency !== null && !/^[A-Z]{3}$/.test(t.currency)) {
    refuse(x, 'currency: must be three capital letters (ISO 4217), like EUR');
  }
  for (const name of RATE) {
    const set = t[name] !== null && t[name] !== '0';
    const usd = (t.currency ?? 'USD') === 'USD';
    if (!usd && !set) refuse(x, `${name}: is needed, and not 0, since currency is ${t.currency}`);
    if (usd && set) refuse(x, `${name}: is set, but currency is USD; set currency or leave it out`);
  }
}

export function changeTerms(x) {
  const known = [...NAMES, 'valid_from', 'exchange_rate_confirmed', 'withdrawn'];
  const unknown = Object.keys(x.body).find((name) => !known.includes(name));
  if (unknown) refuse(x, `${unknown}: is not known`);
  if (x.body.valid_from === undefined) refuse(x, 'valid_from: is missing');
  const day = x.body.valid_from === null ? null : `${x.body.valid_from.slice(0, 7)}-01`;
  const { items } = shown(x);
  const now = x.c.clock().getTime() + x.store.terms.length;
  if (x.body.withdrawn) {
    if (!items.some((t) => t.valid_from === day)) refuse(x, 'there are no terms of that day', 404);
    x.store.terms.push(row(day, now, 'api', {}, { withdrawn: true }));
    return listTerms(x);
  }
  const before = items.find((t) => from(t) <= (day ?? '')) ?? NONE;
  const texts = Object.fromEntries(
    NAMES.map((n) => [n, x.body[n] === undefined ? before[n] : x.body[n]]),
  );
  for (const n of DECIMALS) if (texts[n] !== null) texts[n] = String(texts[n]);
  check(x, texts);
  const confirmed = x.body.exchange_rate_confirmed === true;
  x.store.terms.push(row(day, now, 'api', texts, { exchange_rate_confirmed: confirmed }));
  listTerms(x);
}
