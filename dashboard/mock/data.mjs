// SPDX-License-Identifier: AGPL-3.0-or-later
// A made-up school: its users, the models they use, and every request of the last months.
// The same seed and the same "now" give the same data.

const UNIT = 10n ** 18n;

/** A small generator of numbers from 0 to 1 (mulberry32). */
function random(seed) {
  let a = seed;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Id, provider, share of the requests, and USD per million tokens in and out. */
export const MODELS = [
  ['anthropic/claude-sonnet-4.5', 'Anthropic', 22, 3_000_000n, 15_000_000n],
  ['openai/gpt-5-mini', 'OpenAI', 24, 250_000n, 2_000_000n],
  ['google/gemini-2.5-flash', 'Google', 18, 300_000n, 2_500_000n],
  ['openai/gpt-5', 'OpenAI', 8, 1_250_000n, 10_000_000n],
  ['deepseek/deepseek-v3.2', 'DeepInfra', 9, 270_000n, 400_000n],
  ['anthropic/claude-haiku-4.5', 'Anthropic', 8, 1_000_000n, 5_000_000n],
  ['mistralai/mistral-small-3.2-24b-instruct', 'Mistral', 5, 75_000n, 200_000n],
  ['qwen/qwen3-235b-a22b-thinking-2507', 'Together', 3, 110_000n, 600_000n],
  ['meta-llama/llama-3.3-70b-instruct:free', 'Venice', 2, 0n, 0n],
  ['anthropic/claude-opus-4.1', 'Anthropic', 1, 15_000_000n, 75_000_000n],
];

const PEOPLE = [
  ['Ada Lindqvist', 'staff', 1.6],
  ['Bogdan Ionescu', 'staff', 1.1],
  ['Chiara Marchetti', 'staff', 0.9],
  ['Dilnoza Karimova', 'student', 0.35],
  ['Emil Sørensen', 'student', 0.4],
  ['Fatima El-Amin', 'staff', 0.8],
  ['Greta Ahlers', 'student', 0.2],
  ['Hiroshi Tanaka', 'staff', 1.3],
  ['Ingrid Vogt', 'staff', 0.6],
  ['Jonas Pfeiffer', 'student', 0.5],
  ['Klára Nováková', 'student', 0.3],
  ['Liam O’Connor', 'student', 0.25],
  ['Mei-Ling Zhou', 'staff', 0.7],
  ['Nadia Haddad', 'student', 0.15],
  ['Olumide Adeyemi', 'student', 0.2],
  ['Paulina Wójcik', 'student', 0.1],
  ['Quentin Dubois', 'student', 0.05],
  ['Rosa Jiménez', 'student', 0.3],
  ['Stefan Huber', 'staff', 0.45],
  ['Thuy Nguyen', 'student', 0.12],
];

const HOSTILE = [
  ['<script>alert(1)</script>', 'student', 1.5],
  ['A'.repeat(60) + ' very long name without any break '.repeat(2) + 'Z'.repeat(72), 'staff', 1.2],
  ['"><img src=x onerror=alert(2)>', 'staff', 1],
  ['مريم العبدالله', 'student', 0.8],
  ['=HYPERLINK("http://example.org")', 'student', 0.7],
  ['\u202Egnirts desrever', 'student', 0.6],
  ['   ', 'student', 0.5],
];

function slug(name) {
  return name
    .normalize('NFKD')
    .replace(/[^A-Za-z]+/g, '.')
    .replace(/^\.+|\.+$/g, '')
    .toLowerCase();
}

function makeUsers(mode, rnd) {
  const list = mode === 'hostile' ? [...HOSTILE, ...PEOPLE.slice(0, 5)] : PEOPLE;
  return list.map(([name, group, weight], i) => ({
    weight,
    user: {
      id:
        mode === 'hostile' && i < 3
          ? ['a/b?c=%41&d#e', 'x'.repeat(128), '<b>id</b>'][i]
          : `${Math.floor(rnd() * 2 ** 32)
              .toString(16)
              .padStart(8, '0')}-5a1c-4f0e-9d2b-${String(i).padStart(12, '0')}`,
      name,
      email: `${slug(name).slice(0, 40) || 'nobody'}@school.example`,
      role: i === 0 ? 'admin' : 'user',
      groups: i % 5 === 0 ? [group, 'school'] : [group],
      inherited_groups: i % 5 === 0 ? ['school'] : [],
    },
  }));
}

function pick(list, weightOf, rnd) {
  let at = rnd() * list.reduce((n, x) => n + weightOf(x), 0);
  for (const x of list) if ((at -= weightOf(x)) <= 0) return x;
  return list.at(-1);
}

/** money writes units of 10^-18 as a decimal string. */
export function money(units) {
  const fraction = (units % UNIT).toString().padStart(18, '0').replace(/0+$/, '');
  return `${units / UNIT}${fraction ? `.${fraction}` : ''}`;
}

export function localDays(timezone) {
  const form = new Intl.DateTimeFormat('en-CA', {
    timeZone: timezone,
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
  });
  return perQuarter((at) => form.format(at));
}

/** perQuarter keeps what is the same for a quarter of an hour everywhere: Intl is slow. */
function perQuarter(name) {
  const known = new Map();
  return (at) => {
    const key = Math.floor(at.getTime() / 900_000);
    if (!known.has(key)) known.set(key, name(at));
    return known.get(key);
  };
}

function instant(ms, micros) {
  return `${new Date(ms).toISOString().slice(0, -1)}${String(micros).padStart(3, '0')}Z`;
}

const DAY_MS = 86_400_000;
const MONTHS_BACK = 14;

/** makeHouse gives {users, rows, merges}: rows newest first, merges from an id to the one it is merged into. */
export function makeHouse(mode, now, timezone) {
  if (mode === 'empty') return { users: [], rows: [], merges: new Map() };
  const rnd = random(20261123);
  const people = makeUsers(mode, rnd);
  const dayOf = localDays(timezone);
  const hourOf = hourNames(timezone);
  const rows = [];
  for (let back = MONTHS_BACK * 30; back >= 0; back--) {
    const noon = now.getTime() - back * DAY_MS;
    const weekday = new Date(noon).getUTCDay();
    const week = weekday === 0 || weekday === 6 ? 0.22 : 1;
    const growth = 0.45 + 0.55 * (1 - back / (MONTHS_BACK * 30));
    const requests = Math.round(70 * week * growth * (0.6 + rnd() * 0.8));
    for (let i = 0; i < requests; i++) {
      const hour = 7 + 13 * ((rnd() + rnd() + rnd()) / 3);
      const ms = Math.floor(noon / DAY_MS) * DAY_MS + Math.floor(hour * 3_600_000);
      if (ms < now.getTime() - 20_000)
        rows.push(makeRow(ms, people, rnd, dayOf, now, rows.length, mode));
    }
  }
  rows.push(...irregular(rows));
  for (const r of rows) r.hour = `${r.day}T${hourOf(new Date(r.started_at))}`;
  rows.sort((a, b) => (a.started_at < b.started_at ? 1 : -1));
  for (const { user } of people) {
    const own = rows.filter((r) => r.user === user.id);
    user.last_seen_at = own[0]?.started_at ?? instant(now.getTime() - DAY_MS, 0);
    user.first_seen_at = own.at(-1)?.started_at ?? user.last_seen_at;
  }
  const users = people.map((p) => p.user);
  const merges = list(users, now, mode);
  if (mode === 'many') users.push(...crowd(users[0]));
  return { users, rows, merges };
}

const LISTED_MS = 4 * 60_000;

/**
 * list adds what only Open WebUI's list knows: somebody without a request, and since when somebody is gone.
 * It gives the merges that there are: the first user has an id of a server of before.
 */
function list(users, now, mode) {
  const listed_at = instant(now.getTime() - LISTED_MS, 0);
  for (const user of users) Object.assign(user, { listed_at, gone_at: null, merged: [] });
  const gone = users[mode === 'hostile' ? 1 : 13];
  gone.listed_at = instant(now.getTime() - 12 * DAY_MS, 0);
  gone.gone_at = instant(now.getTime() - 12 * DAY_MS + 600_000, 0);
  const before = mode === 'hostile' ? 'y'.repeat(128) : 'old-server-00417';
  const never = {
    first_seen_at: null,
    last_seen_at: null,
    groups: ['staff'],
    inherited_groups: [],
  };
  users.push(
    {
      ...users[0],
      ...never,
      id: 'listed-only',
      name: 'Ursula Okafor',
      email: 'u.okafor@school.example',
    },
    { ...users[0], id: before, listed_at: null },
  );
  return new Map([[before, users[0].id]]);
}

/** More people than a page lists, none of them with any use. */
function crowd(like) {
  return Array.from({ length: 6200 }, (_, i) => ({
    ...like,
    id: `crowd-${String(i).padStart(5, '0')}`,
    name: `Person ${i}`,
    email: `person.${i}@school.example`,
    role: 'user',
  }));
}

const TASKS = ['title_generation', 'tags_generation', 'follow_up_generation', 'query_generation'];

/** How a request came to be: mostly chats, some background tasks, a few by the API and by traces. */
function waysOf(n) {
  if (n % 9 === 0) return { origin: 'ui', task: TASKS[n % 4], kind: 'chat', source: 'tap' };
  if (n % 23 === 0) return { origin: 'api', task: null, kind: null, source: 'otlp' };
  if (n % 17 === 0) return { origin: 'ui', task: null, kind: null, source: 'filter-outlet' };
  if (n % 13 === 0) return { origin: 'ui', task: null, kind: 'embedding', source: 'tap' };
  if (n % 29 === 0) return { origin: 'ui', task: null, kind: 'image', source: 'tap' };
  return { origin: 'ui', task: null, kind: 'chat', source: 'filter-stream' };
}

/** hourOf writes a local hour with its offset, as the ledger does. */
function hourNames(timezone) {
  const form = new Intl.DateTimeFormat('en-CA', {
    timeZone: timezone,
    hour: '2-digit',
    hourCycle: 'h23',
    timeZoneName: 'longOffset',
  });
  return perQuarter((at) => {
    const parts = Object.fromEntries(form.formatToParts(at).map((p) => [p.type, p.value]));
    const offset = parts.timeZoneName.replace('GMT', '') || '+00:00';
    return `${parts.hour}:00${offset}`;
  });
}

/** What a row is of itself: found by its id only where it counts nothing. */
const turnRow = (like, turn, units) => ({
  ...like,
  generation_id: `owui:${turn}`,
  turn_id: turn,
  source: 'filter-outlet',
  requests: 0,
  cost: money(units),
  units,
  parts: [],
});

/** The n-th newest that is an ordinary request with a reported cost. */
function ordinary(rows) {
  const list = rows
    .filter((r) => r.state === 'final' && r.cost_state === 'reported' && r.units > 0n && !r.is_byok)
    .sort((a, b) => (a.started_at < b.started_at ? 1 : -1));
  return (n) => list[n] ?? list.at(-1);
}

/**
 * irregular makes some of the rows other than most: paired with a turn's row, known by another id,
 * another platform's without a price, on a key of its owner's whose bill is not known. It gives the rows
 * of the turns: of one nothing is left to count, of the other a rest.
 */
function irregular(rows) {
  const at = ordinary(rows);
  const [alone, first, second] = [at(3), at(9), at(10)];
  const whole = { ...turnRow(alone, 'turn-1:1', 0n), said: alone.units, marks: ['matched'] };
  Object.assign(alone, { marks: ['matched'], parts: [whole.generation_id] });
  Object.assign(whole, { part_of: [alone.generation_id] });

  const left = first.units / 5n + 1n;
  const rest = { ...turnRow(first, 'turn-2:1', left), said: left + first.units + second.units };
  for (const [i, r] of [first, second].entries()) {
    Object.assign(r, { user: rest.user, user_name: rest.user_name, groups: rest.groups });
    Object.assign(r, { turn_id: 'turn-2:1', request: i + 1, parts: [rest.generation_id] });
  }
  Object.assign(rest, { part_of: [first.generation_id, second.generation_id] });

  Object.assign(at(27), { marks: ['disputed'], disputed_cost: money(5n * UNIT) });
  Object.assign(at(33), { marks: ['unproven'] });
  Object.assign(at(15), { marks: ['other_id', 'odd_day'], other_id: 'gen-1795000000-elsewhere' });
  const known = { prompt_tokens: 812, completion_tokens: 96, cost: null, cost_state: 'unknown' };
  const local = { platform: 'ollama', provider: null, model: 'llama3.2:3b', units: 0n };
  Object.assign(at(21), { ...known, ...local, generation_id: 'chatcmpl-417', unsettled: false });
  Object.assign(at(60), { is_byok: true, byok_cost: null, unsettled: true });
  return [whole, rest];
}

function makeRow(ms, people, rnd, dayOf, now, n, mode) {
  const { user } = pick(people, (p) => p.weight, rnd);
  const [id, provider, , priceIn, priceOut] = pick(MODELS, (m) => m[2], rnd);
  const model = mode === 'hostile' && rnd() < 0.1 ? '<img src=x onerror=alert(3)>/model' : id;
  const input = Math.floor(400 + rnd() ** 3 * 42_000);
  const output = Math.floor(30 + rnd() ** 2 * 2600);
  const reasoning = /gpt-5|thinking/.test(id) ? Math.floor(output * rnd() * 0.6) : 0;
  const cached = rnd() < 0.3 ? Math.floor(input * rnd() * 0.8) : 0;
  // Prices are USD per million tokens in millionths: 10^-12 USD per token, so 10^6 of our units.
  const units = (BigInt(input) * priceIn + BigInt(output) * priceOut) * 1_000_000n;
  const fresh = now.getTime() - ms < 30 * 3_600_000;
  const luck = rnd();
  const state = fresh && luck < 0.07 ? 'cancelled' : luck > 0.995 ? 'error' : 'final';
  const costState =
    fresh && luck < 0.03
      ? 'unknown'
      : fresh && luck < 0.05
        ? 'estimated'
        : luck < 0.11
          ? 'looked_up'
          : 'reported';
  const byok = luck > 0.5 && luck < 0.51;
  const own = byok ? units : 0n;
  return {
    generation_id: `gen-${Math.floor(ms / 1000)}-${n.toString(36).padStart(6, 'x')}`,
    user: user.id,
    user_name: user.name,
    model,
    provider,
    requested_model: model,
    started_at: instant(ms, Math.floor(rnd() * 1000)),
    finished_at: instant(ms + 800 + output * 12, 0),
    day: dayOf(new Date(ms)),
    state,
    cost: costState === 'unknown' ? null : money(byok ? units / 20n : units),
    cost_state: costState,
    byok_cost: byok ? money(own) : null,
    is_byok: byok,
    user_state: n % 40 === 7 ? 'told' : n % 90 === 11 ? 'inferred' : 'proven',
    prompt_tokens: costState === 'unknown' ? null : input,
    completion_tokens: costState === 'unknown' ? null : output,
    reasoning_tokens: reasoning,
    cached_tokens: cached,
    cache_write_tokens: 0,
    images: null,
    chat_id: `chat-${n % 4000}`,
    message_id: `message-${n}`,
    turn_id: null,
    platform: 'openrouter',
    unsettled: costState === 'unknown' || costState === 'estimated',
    part_of: [],
    parts: [],
    marks: [],
    disputed_cost: null,
    requests: 1,
    other_id: null,
    groups: user.groups,
    ...waysOf(n),
    units: costState === 'unknown' ? 0n : byok ? units / 20n : units,
    byokUnits: own,
  };
}
