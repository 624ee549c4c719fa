// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * One person with several ids: merged and taken apart again, on the real installation or the mock; and
 * what Open WebUI's list says of users, on the mock.
 */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { settled } from '../scripts/browser.mjs';
import { amounts, axe, begin, fits, sameMoney } from './support.mjs';

const NOW = '2026-11-23T15:20:00Z';
const LIMIT_MS = 120_000; // a guard against hangs, not a measure

let at;
let page;

const main = () => page.locator('main');
const dialog = () => page.getByRole('dialog');
const ids = () => page.getByRole('region', { name: 'Ids' });
const path = (id) => `/users/${encodeURIComponent(id)}`;
const heading = (name) => page.getByRole('heading', { level: 1, name, exact: true });
const months = () => page.getByRole('region', { name: 'Month by month' });

/** post sends what a session alone may, from the page. */
function post(call, body) {
  return page.evaluate(
    async ([url, json]) => {
      const token = localStorage.getItem('session-token');
      const headers = { 'x-session-token': token, 'content-type': 'application/json' };
      const reply = await fetch(url, { method: 'POST', headers, body: json });
      return { status: reply.status, body: await reply.json() };
    },
    [`/api/v1/user/${call}`, body && JSON.stringify(body)],
  );
}

async function usage(user) {
  return at.api(`/api/v1/usage?group_by=user&user=${encodeURIComponent(user)}`);
}

async function figures() {
  const { total } = await at.api('/api/v1/usage?from=2020-01-01&to=2100-01-01');
  return total;
}

/** twoUsers gives two users with usage this month, on an installation ones of this test alone. */
async function twoUsers() {
  if (at.mock) {
    const { rows } = await at.api('/api/v1/usage?group_by=user');
    return rows.slice(1, 3).map((r) => ({ id: r.user, name: r.user_name, cost: r.cost }));
  }
  const run = randomUUID();
  const made = [
    { id: `e2e-before ${run}`, cost: 0.0025 },
    { id: `e2e/after ${run}`, cost: 0.005 },
  ];
  const end = Date.now() + LIMIT_MS;
  for (const { id, cost } of made) {
    await at.record({ user: id, cost });
    while ((await usage(id)).rows.length === 0) {
      assert.ok(Date.now() < end, `the request of ${id} is not counted`);
      await new Promise((go) => setTimeout(go, 100));
    }
  }
  return made.map((u) => ({ ...u, name: u.id, cost: String(u.cost) }));
}

function sum(a, b) {
  const units = (text) => {
    const [whole, fraction = ''] = text.split('.');
    return BigInt(whole + fraction.padEnd(18, '0'));
  };
  const text = (units(a) + units(b)).toString().padStart(19, '0');
  return `${text.slice(0, -18)}.${text.slice(-18)}`;
}

describe('a person with two ids', { concurrency: false }, () => {
  let old;
  let now;

  before(async () => {
    at = await begin({ now: NOW, expected: /status of (401|404|409)/ });
    page = at.page;
    [old, now] = await twoUsers();
  });
  after(() => at?.end());

  async function openMerge() {
    await at.open(path(old.id));
    await ids().getByRole('button', { name: 'Merge into another user …' }).click();
    await dialog().getByRole('combobox', { name: 'User that stays' }).waitFor();
  }

  async function choose(user) {
    // The list of everybody stands there already, and is not to be chosen from once something was typed.
    await dialog().getByRole('combobox').click();
    await dialog().getByRole('option').first().waitFor();
    await dialog().getByRole('combobox').fill(user.id);
    await dialog().getByRole('option').first().click();
    await dialog().locator('code').getByText(user.id, { exact: true }).waitFor();
  }

  test('cannot be merged into nobody, nor into themselves', async () => {
    await openMerge();
    const box = dialog().getByRole('combobox');
    await box.fill(old.id);
    await dialog().getByText('Nobody matches.').waitFor();
    await page.keyboard.press('Enter');
    await dialog().getByRole('button', { name: 'Merge', exact: true }).click();
    await dialog().getByRole('alert').getByText('Choose the user that stays.').waitFor();
    await axe(page);
    await dialog().getByRole('button', { name: 'Cancel' }).click();
    await dialog().waitFor({ state: 'detached' });
    assert.equal((await usage(old.id)).rows[0].user, old.id);
  });

  test('is shown as one user after the merge, and no figure changes', async () => {
    const before = await figures();
    await openMerge();
    await dialog().getByText('No figure of a request or of the whole changes').waitFor();
    await choose(now);
    if (now.name !== now.id) await dialog().locator('.stays').getByText(now.name).waitFor();
    await axe(page);
    await dialog().getByRole('button', { name: 'Merge', exact: true }).click();
    await page.waitForURL((url) => url.pathname === path(now.id));
    await heading(now.name).waitFor();
    await page.waitForFunction(() => document.activeElement?.tagName === 'H1');
    await settled(page);
    await ids().locator('code').getByText(old.id, { exact: true }).waitFor();
    sameMoney((await amounts(months().locator('tbody')))[0], sum(old.cost, now.cost), 'the sum');
    assert.deepEqual(await figures(), before);
    await axe(page);
    for (const width of [1280, 768, 390]) {
      await page.setViewportSize({ width, height: 900 });
      await fits(page, `the user at ${width}`);
    }
    await page.setViewportSize({ width: 1280, height: 900 });
  });

  test('has one line in the list, which says of the other id', async () => {
    await at.open(`/users?q=${encodeURIComponent(now.id)}`);
    const line = main().locator('tbody tr');
    await line.getByText('1 merged id', { exact: true }).waitFor();
    assert.equal(await line.count(), 1);
    assert.equal(
      await main()
        .locator(`a[href^="${path(old.id)}"]`)
        .count(),
      0,
    );
    await page.getByRole('searchbox').fill(old.id);
    await page.waitForURL((url) => url.searchParams.get('q') === old.id);
    await line.getByText('1 merged id', { exact: true }).waitFor();
  });

  test('is opened by either id, at the address of the one that stays', async () => {
    await at.open('/users');
    await page.goto(`${at.address}${path(old.id)}?year=table`);
    await page.waitForURL((url) => url.pathname === path(now.id) && url.search === '?year=table');
    await heading(now.name).waitFor();
    await settled(page);
    await page.goBack();
    await page.waitForURL((url) => url.pathname === '/users');
    await heading('Users').waitFor();
  });

  test('is named in filters by either id, and asked for once', async () => {
    let asked = 0;
    const countUser = (request) => {
      if (new URL(request.url()).pathname === `/api/v1/user/${encodeURIComponent(old.id)}`)
        asked += 1;
    };
    page.on('request', countUser);
    await at.open(`/requests?period=1d&user=${encodeURIComponent(old.id)}`);
    await page
      .getByRole('button', { name: `Take ${now.name === now.id ? old.id : now.name} out` })
      .waitFor();
    await settled(page);
    page.off('request', countUser);
    assert.equal(asked, 1);
  });

  test('is not merged twice: the form says what the server says', async () => {
    await post(`${encodeURIComponent(old.id)}/unmerge`);
    await openMerge();
    await choose(now);
    // Somebody else is quicker, and merges the other way round.
    const other = await post(`${encodeURIComponent(now.id)}/merge`, { into: old.id });
    assert.equal(other.status, 200);
    await dialog().getByRole('button', { name: 'Merge', exact: true }).click();
    const said = dialog().getByRole('alert');
    await said.getByText('into: that user is merged into this one').waitFor();
    await page.waitForFunction(() => document.activeElement?.getAttribute('role') === 'alert');
    await axe(page);
    await dialog().getByRole('button', { name: 'Cancel' }).click();
    await ids()
      .getByRole('button', { name: `Take back ${now.id}` })
      .waitFor();
    await post(`${encodeURIComponent(now.id)}/unmerge`);
    const back = await post(`${encodeURIComponent(old.id)}/merge`, { into: now.id });
    assert.deepEqual(back.body.merged, [old.id]);
  });

  test('comes apart again, to the last digit', async () => {
    await at.open(path(now.id));
    const take = ids().getByRole('button', { name: `Take back ${old.id}` });
    await take.click();
    await axe(page);
    await dialog().getByRole('button', { name: 'Keep it' }).click();
    await dialog().waitFor({ state: 'detached' });
    await take.click();
    await dialog().getByRole('button', { name: 'Take back' }).click();
    await take.waitFor({ state: 'detached' });
    const own = ids().getByRole('status').getByRole('link', { name: old.id });
    await own.waitFor();
    await settled(page);
    await axe(page);
    sameMoney((await amounts(months().locator('tbody')))[0], now.cost, 'the cost of before');
    await own.click();
    await page.waitForURL((url) => url.pathname === path(old.id));
    await heading(old.name).waitFor();
    await settled(page);
    sameMoney((await amounts(months().locator('tbody')))[0], old.cost, 'the other one’s');
    assert.equal(
      await ids()
        .getByRole('button', { name: /^Take back/ })
        .count(),
      0,
    );
  });

  test('is not taken apart twice: the form says what the server says', async () => {
    await post(`${encodeURIComponent(old.id)}/merge`, { into: now.id });
    await at.open(path(now.id));
    const take = ids().getByRole('button', { name: `Take back ${old.id}` });
    await take.click();
    await post(`${encodeURIComponent(old.id)}/unmerge`);
    await dialog().getByRole('button', { name: 'Take back' }).click();
    const said = dialog().getByRole('alert');
    await said.getByText('the user is not merged into another one').waitFor();
    await axe(page);
    await dialog().getByRole('button', { name: 'Keep it' }).click();
    await take.waitFor({ state: 'detached' });
  });

  test('the browser had nothing to complain about', () => assert.deepEqual(at.complaints, []));
});

describe('Open WebUI’s list', { concurrency: false }, () => {
  before(async () => {
    at = await begin({ mockOnly: true, now: NOW });
    page = at.page;
  });
  after(() => at?.end());

  const line = (name) => main().locator('tbody tr', { hasText: name });

  test('has users without a request and users who are gone, and the list says so', async () => {
    await at.open('/users?sort=-seen');
    await line('Ursula Okafor').getByText('no request yet').waitFor();
    await line('Nadia Haddad').getByText('gone from Open WebUI').waitFor();
    await line('Ada Lindqvist').getByText('1 merged id').waitFor();
    assert.equal(await main().getByText('no request yet').count(), 1);
    assert.equal(await main().getByText('gone from Open WebUI').count(), 1);
    assert.equal(
      await main()
        .getByText(/merged id/)
        .count(),
      1,
    );
    for (const sort of ['-seen', 'seen']) {
      await at.open(`/users?sort=${sort}`);
      assert.match(await main().locator('tbody tr').last().innerText(), /Ursula Okafor/);
    }
    for (const width of [1280, 768, 390]) {
      await page.setViewportSize({ width, height: 900 });
      await fits(page, `the list at ${width}`);
      await axe(page);
    }
    await page.setViewportSize({ width: 1280, height: 900 });
  });

  test('is what a user’s page tells of it', async () => {
    await at.open('/users');
    await line('Ursula Okafor').getByRole('link').click();
    await heading('Ursula Okafor').waitFor();
    await settled(page);
    await main().getByText('no request yet').waitFor();
    await main().getByText('In Open WebUI’s list, last seen there 23 Nov 2026').waitFor();
    await ids().locator('code').getByText('listed-only', { exact: true }).waitFor();
    await axe(page);
    await at.open('/users');
    await line('Nadia Haddad').getByRole('link').click();
    await heading('Nadia Haddad').waitFor();
    await main().getByText('Gone from Open WebUI since 11 Nov 2026').waitFor();
    assert.equal(await main().getByText('In Open WebUI’s list').count(), 0);
    await settled(page);
    await axe(page);
  });

  test('the browser had nothing to complain about', () => assert.deepEqual(at.complaints, []));
});
