// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * Rows that are one call, rows of other platforms, and records that could not be taken, as the pages show
 * them: on the mock, which has one of each.
 */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { settled } from '../scripts/browser.mjs';
import { amounts, axe, begin, fits, sameMoney } from './support.mjs';

const TURN = 'owui:turn-1:1';
const REST = 'owui:turn-2:1';
const LOCAL = 'chatcmpl-417';

const NOW = '2026-11-23T15:20:00Z';

let at;
let page;

before(async () => {
  at = await begin({ mockOnly: true, now: NOW, expected: /status of (401|404|409|503)/ });
  page = at.page;
});
beforeEach(() => at.mock.setMode('normal'));
after(() => at?.end());

const path = (id) => `/requests/${encodeURIComponent(id)}`;
const panel = () => page.getByRole('region', { name: 'What belongs together' });
const undo = () => page.getByRole('button', { name: 'Undo pairing' }).first();
const one = (id) => at.api(`/api/v1/generations/${encodeURIComponent(id)}`);

describe('pairs', { concurrency: false }, () => {
  test('a row that is part of another counts nothing, says so, and leads there', async () => {
    const wholes = (await one(TURN)).generation.part_of;
    await at.open(path(TURN));
    await panel().getByText('This row counts nothing: it is part of').waitFor();
    await page.getByText('No cost stands here').waitFor();
    await panel().getByText('no id says that they belong together').waitFor();
    assert.equal(await page.locator('main s, main .over').count(), 0, 'nothing it said is wrong');
    await axe(page);

    await panel().getByRole('link', { name: wholes[0] }).click();
    await page.waitForURL((url) => url.pathname === path(wholes[0]));
    await panel().getByText('Part of it, and counted with it').waitFor();
    const records = page.getByRole('region', { name: 'What arrived' });
    const other = records.locator('li', { hasText: `of the row ${TURN}` });
    assert.equal(await other.count(), 1);
    await records.getByRole('link', { name: TURN }).waitFor();
    assert.equal(await page.locator('main .over').count(), 0, 'nothing the turn said is wrong');
    await axe(page);
  });

  test('the list marks what is paired, with what that means', async () => {
    await at.open('/requests');
    const mark = page.locator('main tbody .mark', { hasText: /^paired/ }).first();
    await mark.waitFor();
    assert.match(await mark.getAttribute('title'), /no id says so/);
    const { items } = await at.api('/api/v1/generations?limit=50');
    assert.ok(!items.some((g) => g.generation_id === TURN), 'a part has no line of its own');
    await page.locator('main tbody .mark', { hasText: 'rest of a turn' }).waitFor();
    await page.locator('main tbody .mark', { hasText: 'other id' }).waitFor();
    await page.locator('main tbody .mark', { hasText: /^odd day/ }).waitFor();
    const box = (l) => l.evaluate((e) => e.getBoundingClientRect().toJSON());
    for (const cell of await page.locator('main tbody td.time:has(.mark)').all()) {
      const { right } = await box(cell);
      for (const m of await cell.locator('.mark').all()) {
        assert.ok((await box(m)).right <= right, 'a mark stands in the next column');
      }
    }
    await axe(page);
  });

  test('what a turn left over is explained, with its known requests', async () => {
    const { generation } = await one(REST);
    await at.open(path(REST));
    await panel().getByText('what the turn cost beyond its known requests').waitFor();
    for (const id of generation.part_of) await panel().getByRole('link', { name: id }).waitFor();
    const story = page.getByRole('region', { name: 'How the cost came about' });
    sameMoney((await amounts(story))[0], generation.cost, 'what is left');
    await story.getByText('its sum, less what those cost').waitFor();
    await axe(page);
  });

  test('a pairing is undone after a question, by keyboard, and the row counts by itself', async () => {
    await at.open(path(TURN));
    await undo().focus();
    await page.keyboard.press('Enter');
    const dialog = page.getByRole('dialog', { name: 'Undo this pairing?' });
    await dialog.waitFor();
    await axe(page);
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'hidden' });
    assert.equal((await one(TURN)).generation.requests, 0, 'nothing was asked of the server');
    await page.waitForFunction(() => document.activeElement?.textContent === 'Undo pairing');

    await page.keyboard.press('Enter');
    await dialog.getByRole('button', { name: 'Undo pairing' }).click();
    await page.getByText('This row counts by itself now:').waitFor();
    await undo().waitFor({ state: 'detached' });
    const { generation } = await one(TURN);
    assert.equal(generation.requests, 1);
    const story = page.getByRole('region', { name: 'How the cost came about' });
    await story.getByText('together with the answer').waitFor();
    sameMoney((await amounts(story))[0], generation.cost, 'its own cost');
    const records = page.getByRole('region', { name: 'What arrived' });
    const word = records.locator('li', { hasText: 'Operator’s decision' });
    await word.getByText('The pairing was undone').waitFor();
    assert.equal(await word.getByText('running').count(), 0);
    await axe(page);
  });

  test('the request’s own page undoes it, too, and says which rows count now', async () => {
    const wholes = (await one(TURN)).generation.part_of;
    await at.open(path(wholes[0]));
    await undo().click();
    await page.getByRole('dialog').getByRole('button', { name: 'Undo pairing' }).click();
    const said = panel().getByRole('status');
    await said.getByRole('link', { name: TURN }).waitFor();
    await page.getByText(`of the row ${TURN}`).waitFor({ state: 'detached' });
    await said.getByRole('link', { name: TURN }).click();
    await page.waitForURL((url) => url.pathname === path(TURN));
    await page.getByText('together with the answer').waitFor();
    assert.equal(await page.getByText('Undone.').count(), 0, 'another row, another page');
  });

  for (const [status, title, detail, text] of [
    [409, 'Conflict', 'the row is not paired', 'The row is not paired any more'],
    [404, 'Not Found', 'there is no such generation', 'There is no such row any more'],
    [503, 'Service Unavailable', 'costd does not answer', 'costd does not answer'],
  ]) {
    test(`an undoing that is answered ${status} says why, and nothing is claimed`, async () => {
      await at.open(path(REST));
      const body = { type: 'about:blank', title, status, detail, request_id: `r-${status}` };
      await page.route('**/unpair', (route) =>
        route.fulfill({
          status,
          contentType: 'application/problem+json',
          body: JSON.stringify(body),
        }),
      );
      await undo().click();
      await page.getByRole('dialog').getByRole('button', { name: 'Undo pairing' }).click();
      await page.getByText('The pairing was not undone.').waitFor();
      await page.getByText(text).waitFor();
      await page.getByText(`r-${status}`).waitFor();
      await page.unroute('**/unpair');
      await axe(page);
      assert.equal((await one(REST)).generation.requests, 0);
    });
  }

  test('rows of a platform are found, and the address says so', async () => {
    await at.open('/requests');
    await page.getByLabel('Platform').selectOption('ollama');
    await page.waitForURL((url) => url.searchParams.get('platform') === 'ollama');
    await page.locator('main tbody tr').nth(1).waitFor({ state: 'detached' });
    await page.getByRole('link', { name: new RegExp(LOCAL) }).waitFor();
    await page.reload();
    await settled(page);
    assert.equal(await page.getByLabel('Platform').inputValue(), '=ollama');
    await page.getByLabel('Platform').selectOption('not said');
    await page.waitForURL(
      (url) => url.search.includes('platform=') && !url.search.includes('olla'),
    );
    await page.getByText('No request matches these filters').waitFor();
    await page.getByRole('button', { name: 'Clear filters' }).click();
    await page.waitForURL((url) => !url.searchParams.has('platform'));
    await page.locator('main tbody tr').nth(1).waitFor();
  });

  test('a request whose platform cannot be asked is not called unsettled', async () => {
    await at.open(path(LOCAL));
    await page.getByText('holds up neither the month nor its files').waitFor();
    await page.getByText('no price', { exact: true }).waitFor();
    assert.equal(await page.getByText('is being asked for').count(), 0);
    await page.getByRole('link', { name: 'ollama' }).click();
    await page.waitForURL(/platform=ollama/);
    await at.open('/settlement');
    const line = page.locator('main tbody tr', { hasText: 'no price is known' });
    await line.getByText('not asked').waitFor();
    assert.equal(await line.getByText('given up').count(), 0);
    await axe(page);
  });

  test('a fee whose bill is missing is listed with its cost, and its page says what is asked', async () => {
    const { items } = await at.api('/api/v1/unsettled?limit=1000');
    const [fee] = items.filter((i) => i.missing === 'byok_cost');
    await at.open('/settlement');
    const line = page.locator('main tbody tr', { hasText: fee.generation_id });
    await line.getByText('the upstream bill is not yet').waitFor();
    await line.getByText('fee only').waitFor();
    sameMoney((await amounts(line))[0], fee.cost, 'the fee');
    await line.getByRole('link').click();
    await page.getByText('What the owner of the key pays upstream is not known yet').waitFor();
    await axe(page);
  });

  test('what is called not settled is what totals count as such', async () => {
    const { total } = await at.api('/api/v1/usage');
    await at.open('/requests?size=250');
    await page.getByLabel('Cost is').selectOption('open');
    await page.waitForURL(/cost=open/);
    await settled(page);
    const lines = page.locator('main tbody tr');
    await page.waitForFunction(
      (n) => document.querySelectorAll('main tbody tr').length === n,
      total.unsettled,
    );
    assert.equal(await lines.filter({ hasText: 'fee only' }).count(), 1);
    assert.equal(await lines.filter({ hasText: 'no price' }).count(), 0);
    await at.open('/');
    const panelOf = page.getByRole('region', { name: 'Not yet settled' });
    assert.equal(await panelOf.locator('tbody tr').count(), Math.min(total.unsettled, 5));
    assert.equal(await panelOf.getByText('no price').count(), 0);
  });

  test('a reason that the pages do not know is shown as it is', async () => {
    await page.route('**/api/v1/unsettled?*', async (route) => {
      const reply = await route.fetch();
      const list = await reply.json();
      list.items[0].reason = 'waits_for_moon';
      list.items[0].no_estimate = 'no_tide';
      await route.fulfill({ response: reply, json: list });
    });
    await at.open('/settlement');
    await page.getByText('waits for moon').waitFor();
    await page.getByText('no tide').waitFor();
    assert.equal(await page.getByText('undefined').count(), 0);
    await page.unroute('**/api/v1/unsettled?*');
  });
});

describe('refused records', { concurrency: false }, () => {
  test('stand on the settlement page by sender and reason, with counts and times', async () => {
    await at.open('/settlement?tab=refused');
    const { items } = await at.api('/api/v1/refused');
    const lines = page.locator('main tbody tr');
    assert.equal(await lines.count(), items.length);
    for (const [i, r] of items.entries()) {
      const text = await lines.nth(i).innerText();
      for (const part of [r.sender, r.reason, `${r.count}`]) {
        assert.ok(text.includes(part), `${part} in ${text}`);
      }
    }
    const total = items.reduce((n, r) => n + r.count, 0);
    const tab = page.getByRole('link', { name: 'Refused records' });
    assert.match(await tab.innerText(), new RegExp(`${total}$`));
    await axe(page);
    for (const width of [768, 390]) {
      await page.setViewportSize({ width, height: 844 });
      await fits(page, `the refused records at ${width} px`);
      await page.getByText(items[0].reason).locator('visible=true').waitFor();
    }
    await page.setViewportSize({ width: 1280, height: 900 });
  });

  test('of the last day are said on the overview, with the way to them', async () => {
    await at.open('/settlement?tab=refused'); // the mock has its list from here on
    await at.open('/');
    assert.equal(await page.getByText('could not be taken').count(), 0, 'those are older');
    at.mock.refuse();
    await at.open('/');
    const line = page.locator('li', {
      hasText: '1 record could not be taken in the last 24 hours',
    });
    await axe(page);
    await line.getByRole('link', { name: 'Have a look' }).click();
    await page.waitForURL(/\/settlement\?tab=refused$/);
    await page.locator('main tbody tr', { hasText: 'a-script' }).waitFor();
    await at.open('/settings');
    await page.getByRole('link', { name: '1 record could not be taken' }).click();
    await page.waitForURL(/\/settlement\?tab=refused$/);
  });

  test('that there are none is said', async () => {
    at.mock.setMode('empty');
    await at.open('/settlement?tab=refused');
    await page.getByText('Every record could be taken').waitFor();
    await axe(page);
  });

  test('a hostile sender is text', async () => {
    at.mock.setMode('hostile');
    await at.open('/settlement?tab=refused');
    await page.getByText('<img src=x onerror=alert(4)>').first().waitFor();
    assert.equal(await page.locator('main img').count(), 0);
    await axe(page);
  });

  test('the browser had nothing to complain about', () => assert.deepEqual(at.complaints, []));
});
