// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * The pages against a running system, as a reader uses them.
 * The figures on the pages are compared with the API, which reads the database, to the last digit.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { login, settled } from '../scripts/browser.mjs';
import { amounts, axe, begin, digits, download, fits, sameMoney } from './support.mjs';

let at;
let page;

before(async () => {
  at = await begin({ stranger: true });
  page = at.page;
});
after(() => at?.end());

const panel = (title) => page.getByRole('region', { name: title, exact: true });
const figure = (label) => {
  const term = page.locator('dt');
  const named =
    typeof label === 'string'
      ? page.locator(`dt:text-is("${label}")`)
      : term.filter({ hasText: label });
  return page.locator('dl > div', { has: named });
};

describe('the dashboard', { concurrency: false }, () => {
  test('a stranger is asked for the password and comes back to where they were going', async () => {
    await page.goto(`${at.address}/users?sort=name`);
    await page.locator('#password').waitFor();
    assert.match(page.url(), /\/login\?next=%2Fusers%3Fsort%3Dname$/);
    assert.equal(await page.getByRole('navigation').count(), 0);
    await axe(page);

    await page.locator('#password').fill('certainly not the password');
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByText('That password is not right.').waitFor();

    await login(page, at.password);
    await page.waitForURL(`${at.address}/users?sort=name`);
    await page.getByRole('heading', { level: 1, name: 'Users' }).waitFor();
  });

  test('the session’s cookie is out of reach of scripts', async () => {
    const cookie = (await at.context.cookies()).find((c) => c.name === 'auth_token');
    assert.ok(cookie?.httpOnly);
    assert.equal(cookie.sameSite, 'Strict');
    assert.doesNotMatch(await page.evaluate(() => document.cookie), /auth_token/);
    const reply = await fetch(`${at.address}/api/v1/users`, {
      headers: { cookie: `auth_token=${cookie.value}` },
    });
    assert.equal(reply.status, 401, 'the cookie alone, as a page at another port receives it');
  });

  test('the overview shows what the API says', async () => {
    await at.open('/');
    const [{ total, rows, from }, users, models] = await Promise.all([
      at.api('/api/v1/usage?group_by=day'),
      at.api('/api/v1/usage?group_by=user&limit=7'),
      at.api('/api/v1/usage?group_by=model&limit=7'),
    ]);
    assert.ok(total.requests > 0, 'the running month has no data to compare');

    sameMoney((await amounts(figure('This month so far')))[0], total.cost, 'cost of the month');
    const read = (label) => figure(label).locator('dd.value [title]').getAttribute('title');
    assert.equal(await read('Requests'), String(total.requests));
    assert.equal(await read('Tokens'), String(total.prompt_tokens + total.completion_tokens));
    const part = (name) => figure('Tokens').locator(`[data-figure=${name}]`).getAttribute('title');
    assert.equal(await part('input'), String(total.prompt_tokens));
    assert.equal(await part('output'), String(total.completion_tokens));
    const { today } = await at.api('/api/v1/session');
    const ofToday = rows.find((r) => r.day === today)?.cost ?? '0';
    sameMoney((await amounts(figure(/^Today/)))[0], ofToday, 'cost of today');
    assert.match(await figure(/^Forecast/).innerText(), /≈ \$[\d,.]+\s+likely \$[\d,.]+ to \$/);
    const credits = await at.api('/api/v1/credits').catch(() => null);
    const balance = await amounts(figure('Balance at the provider'));
    if (credits?.known) sameMoney(balance[0], credits.remaining, 'balance');
    else assert.deepEqual(balance, []);
    await page.getByText('All is recorded').waitFor();
    const unsettled = await figure('Not settled').locator('dd.value').innerText();
    assert.equal(digits(unsettled), String(total.unsettled));

    for (const [title, usage] of [
      ['Top users', users],
      ['Top models', models],
    ]) {
      const shown = await amounts(panel(title));
      usage.rows.forEach((row, i) => sameMoney(shown[i], row.cost, `${title}, line ${i + 1}`));
      assert.equal(shown.length, usage.rows.length + (usage.truncated ? 1 : 0));
    }

    await page.getByRole('radio', { name: 'Table' }).check({ force: true });
    const days = new Map(rows.map((r) => [Number(r.day.slice(8)), r.cost]));
    assert.equal(from.slice(8), '01');
    const lines = await panel('Cost per day').locator('tbody tr').all();
    for (const [i, line] of lines.entries()) {
      const shown = await amounts(line);
      sameMoney(shown.at(-1), days.get(i + 1) ?? '0', `day ${i + 1}`);
    }
    await page.getByRole('radio', { name: 'Chart' }).check({ force: true });
    await panel('Cost per day').locator('canvas').waitFor();
    await axe(page);
  });

  test('another month is in the address, and its figures are its own', async () => {
    await at.open('/');
    await page.getByRole('button', { name: 'Month before' }).click();
    await page.waitForURL(/\?month=\d{4}-\d\d$/);
    const month = new URL(page.url()).searchParams.get('month');
    await settled(page);
    const next = new Date(Date.UTC(Number(month.slice(0, 4)), Number(month.slice(5)), 1));
    const to = next.toISOString().slice(0, 10);
    const { total } = await at.api(`/api/v1/usage?from=${month}-01&to=${to}`);
    if (total.requests > 0) {
      const cost = figure('Cost').locator(`data[value="${total.cost}"]`);
      await cost.first().waitFor();
    } else {
      await page.getByText('Nothing recorded').waitFor();
    }
    await page.goBack();
    await page.waitForURL((url) => !url.search);
  });

  test('users are listed with their figures, found and sorted', async () => {
    await at.open('/users');
    const { rows } = await at.api('/api/v1/usage?group_by=user');
    const table = page.getByRole('table');
    const shown = await amounts(table);
    rows.slice(0, 50).forEach((row, i) => sameMoney(shown[i], row.cost, `line ${i + 1}`));

    const first = rows[0];
    await page.getByRole('searchbox').fill(first.user);
    await page.waitForURL(/[?&]q=/);
    await table.locator('tbody tr').nth(1).waitFor({ state: 'detached' });
    sameMoney((await amounts(table))[0], first.cost, 'the one that was searched');
    await page.getByRole('searchbox').fill('');
    await page.waitForURL((url) => !url.searchParams.has('q'));

    await page.getByRole('button', { name: 'Requests' }).click();
    await page.waitForURL(/sort=-requests/);
    const most = Math.max(...rows.map((r) => r.requests));
    const top = await table.locator('tbody tr').first().locator('td').first().innerText();
    assert.equal(digits(top), String(most));
    assert.equal(await table.locator('th[aria-sort]').getAttribute('aria-sort'), 'descending');
    await axe(page);
  });

  test('one user’s month shows their rows, each with where its cost comes from', async () => {
    const { rows } = await at.api('/api/v1/usage?group_by=user');
    const who = rows[0];
    const id = encodeURIComponent(who.user);
    await at.open(`/users/${id}`);
    sameMoney((await amounts(figure('Cost')))[0], who.cost, 'cost of the month');

    const models = await at.api(`/api/v1/usage?group_by=model&user=${id}`);
    const perModel = await amounts(panel('Per model'));
    models.rows.forEach((row, i) => sameMoney(perModel[i], row.cost, `model ${i + 1}`));
    sameMoney(perModel.at(-1), models.total.cost, 'the sum of the models');

    const span = `from=${models.from}&to=${models.to}`;
    const first = await at.api(`/api/v1/generations?user=${id}&${span}&limit=50`);
    const lines = panel('Requests').locator('tbody tr');
    assert.equal(await lines.count(), first.items.length);
    const costs = (await amounts(panel('Requests'))).values();
    const words = {
      reported: 'reported',
      looked_up: 'looked up',
      estimated: 'estimated',
      unknown: 'unknown',
    };
    for (const [i, item] of first.items.entries()) {
      assert.match(await lines.nth(i).innerText(), new RegExp(words[item.cost_state]));
      if (item.cost !== null) sameMoney(costs.next().value, item.cost, `row ${i + 1}`);
    }
    if (first.next_cursor) {
      await page.getByRole('button', { name: 'Load more' }).click();
      await lines.nth(50).waitFor();
    }
    await axe(page);
  });

  test('PDF and XLSX are downloaded, of everyone and of one user', async () => {
    const { rows } = await at.api('/api/v1/usage?group_by=user');
    for (const path of ['/', `/users/${encodeURIComponent(rows[0].user)}`]) {
      await at.open(path);
      for (const [kind, magic] of [
        ['PDF', '%PDF-'],
        ['XLSX', 'PK\u0003\u0004'],
      ]) {
        const link = page.getByRole('link', { name: new RegExp(`^Download.*as ${kind}$`) });
        const { name, bytes } = await download(page, link);
        assert.match(name, new RegExp(`\\d{4}.*\\.${kind.toLowerCase()}$`));
        assert.equal(bytes.subarray(0, magic.length).toString('latin1'), magic);
      }
    }
  });

  test('the theme changes, is kept, and is there before anything is painted', async () => {
    const theme = () => page.evaluate(() => document.documentElement.dataset.theme);
    await at.open('/');
    assert.equal(await theme(), 'light');
    await page.getByRole('button', { name: 'Display' }).click();
    await page.getByRole('radio', { name: 'Dark' }).check({ force: true });
    assert.equal(await theme(), 'dark');
    await page.addInitScript(() => {
      new MutationObserver((_, observer) => {
        if (!document.body) return;
        window.themeAtBody = document.documentElement.dataset.theme;
        observer.disconnect();
      }).observe(document, { childList: true, subtree: true });
    });
    await at.open('/');
    assert.equal(await page.evaluate(() => window.themeAtBody), 'dark');
    await axe(page);
    await page.getByRole('button', { name: 'Display' }).click();
    await page.getByRole('radio', { name: 'System' }).check({ force: true });
    assert.equal(await theme(), 'light');
  });

  test('everything is reached by keyboard, and is seen to have the focus', async () => {
    await at.open('/');
    await page.locator('body').press('Tab');
    const focused = () =>
      page.evaluate(() => {
        const e = document.activeElement;
        const ring = [e, e?.nextElementSibling].some(
          (x) => x && getComputedStyle(x).outlineStyle !== 'none',
        );
        return { text: e?.getAttribute('aria-label') ?? e?.textContent?.trim() ?? '', ring };
      });
    const seen = [];
    for (let i = 0; i < 24; i++) {
      const now = await focused();
      if (now.text === '' && !now.ring) break;
      assert.ok(now.ring, `no focus ring on “${now.text}”`);
      seen.push(now.text);
      await page.keyboard.press('Tab');
    }
    for (const wanted of [
      /Skip/,
      /Overview/,
      /Users/,
      /Display/,
      /Month before/,
      /^Month$/,
      /PDF/,
      /XLSX/,
    ]) {
      assert.ok(
        seen.some((s) => wanted.test(s)),
        `${wanted} was not reached: ${seen.join(' | ')}`,
      );
    }
    await page.getByRole('button', { name: 'Display' }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('radio', { name: 'Dark' }).waitFor({ state: 'attached' });
    await page.keyboard.press('Escape');
    assert.equal((await focused()).text, 'Display');
    await page.getByRole('link', { name: 'Users', exact: true }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: 'Users' }).waitFor();
    await page.waitForFunction(() => document.activeElement?.tagName === 'H1');
  });

  test('a phone’s width is enough on every page', async () => {
    const { rows } = await at.api('/api/v1/usage?group_by=user');
    await page.setViewportSize({ width: 390, height: 844 });
    for (const path of [
      '/',
      '/?days=table',
      '/users',
      `/users/${encodeURIComponent(rows[0].user)}`,
    ]) {
      await at.open(path);
      await fits(page, path);
    }
    await page.setViewportSize({ width: 1280, height: 900 });
  });

  test('after logging out the cookie is worth nothing', async () => {
    await at.open('/');
    const cookie = (await at.context.cookies()).find((c) => c.name === 'auth_token');
    const token = await page.evaluate(() => localStorage.getItem('session-token'));
    assert.match(token, /^[0-9a-f]{64}$/);
    await page.getByRole('button', { name: 'Display' }).click();
    await page.getByRole('button', { name: 'Log out' }).click();
    await page.getByText('You are logged out.').waitFor();
    const reply = await fetch(`${at.address}/api/v1/usage`, {
      headers: { cookie: `auth_token=${cookie.value}`, 'x-session-token': token },
    });
    assert.equal(reply.status, 401);
    assert.equal(await page.evaluate(() => localStorage.getItem('session-token')), null);
    await page.goto(`${at.address}/users`);
    await page.locator('#password').waitFor();
  });

  test('a session that ends elsewhere leads to the login and back', async () => {
    await login(page, at.password);
    await page.getByRole('heading', { level: 1, name: 'Users' }).waitFor();
    await at.context.clearCookies();
    await page.getByRole('link', { name: 'Overview', exact: true }).click();
    await page.getByText('Your session has ended.').waitFor();
    await login(page, at.password);
    await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();
  });

  test('the browser had nothing to complain about', () => assert.deepEqual(at.complaints, []));
});
