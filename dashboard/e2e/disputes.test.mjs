// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * What a person decides: a request in dispute, records that are set aside, sessions that end, documents
 * that differ from their month; on the mock, which has one of each.
 */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { settled } from '../scripts/browser.mjs';
import { axe, begin, fits } from './support.mjs';

const ALL = 'from=2020-01-01&to=2100-01-01';

const NOW = '2026-11-23T15:20:00Z';

let at;
let page;

before(async () => {
  at = await begin({ mockOnly: true, now: NOW, expected: /status of 401/ });
  page = at.page;
});
after(() => at?.end());
beforeEach(() => at.mock.setMode('normal'));

const main = () => page.locator('main');
const dialog = () => page.getByRole('dialog');

/** wrong waits for the field that the form leads to, and gives what it says of it. */
async function wrong() {
  const field = dialog().locator('[aria-invalid="true"]:focus');
  await field.waitFor();
  return dialog()
    .locator(`[id="${await field.getAttribute('aria-describedby')}"]`)
    .innerText();
}

async function marked(mark) {
  const { items } = await at.api(`/api/v1/generations?${ALL}&limit=1000`);
  return items.find((g) => g.marks.includes(mark));
}

describe('a request in dispute', { concurrency: false }, () => {
  test('stands in the list with both amounts, at every width', async () => {
    const { items } = await at.api('/api/v1/disputes');
    const amount = items.find((d) => d.greatest_cost !== null).greatest_cost;
    await at.open('/settlement?tab=disputes');
    const row = main().locator('tbody tr', { hasText: 'in dispute' });
    const greatest = row.locator(`data[value="${amount}"]`);
    for (const width of [1280, 768, 390, 320]) {
      await page.setViewportSize({ width, height: 900 });
      await greatest.filter({ visible: true }).first().waitFor();
      await fits(page);
      const [table, card] = await Promise.all(
        [main().locator('table'), main().locator('.table-wrap')].map((l) => l.boundingBox()),
      );
      assert.ok(table.width <= card.width + 1, `the table is ${table.width} px wide at ${width}`);
    }
    await axe(page);
    await page.setViewportSize({ width: 1280, height: 900 });
    await row.getByText('(cost)').waitFor();
  });

  test('leaves rows of an odd day to a list of their own', async () => {
    const { items } = await at.api('/api/v1/disputes?mark=odd_day');
    await at.open('/settlement?tab=disputes');
    assert.equal(await main().getByText('odd day', { exact: true }).count(), 0);
    await page.getByLabel('Show').selectOption('odd_day');
    await page.waitForURL((url) => url.searchParams.get('mark') === 'odd_day');
    await main().locator('tbody').getByText('odd day').first().waitFor();
    assert.equal(await main().locator('tbody tr').count(), items.length);
    await axe(page);
  });

  test('is decided with a number and a reason, and with nothing less', async () => {
    const row = await marked('disputed');
    await at.open(`/requests/${encodeURIComponent(row.generation_id)}`);
    await main().getByText('Senders disagree about its cost').first().waitFor();
    await page.getByRole('button', { name: 'Decide' }).click();
    const send = dialog().getByRole('button', { name: 'Decide' });
    await send.click();
    assert.match(await wrong(), /what it cost, how many tokens it took, or whose/);
    await dialog().getByLabel('Cost in USD').fill('0,75');
    await send.click();
    assert.match(await wrong(), /A number with “\.”/);
    await dialog().getByLabel('Cost in USD').fill('0.75');
    await dialog().getByLabel('Prompt tokens').fill('1.5');
    await send.click();
    assert.equal(await wrong(), 'A whole number.');
    await dialog().getByLabel('Prompt tokens').fill('500');
    await send.click();
    assert.equal(await wrong(), 'Say why.');
    await axe(page);
    await dialog().getByLabel('Reason').fill('The invoice says so.');
    await send.click();
    await dialog().waitFor({ state: 'detached' });
    await main().getByText('$0.75').first().waitFor();
    await settled(page);
    assert.equal(await page.getByRole('button', { name: 'Decide' }).count(), 0);
    const { generation } = await at.api(`/api/v1/generations/${row.generation_id}`);
    assert.deepEqual([generation.cost, generation.prompt_tokens], ['0.75', 500]);
  });

  test('says of a user who was only told that it is so', async () => {
    const { items } = await at.api(`/api/v1/generations?${ALL}&limit=1000`);
    const told = items.find((g) => g.user_state === 'told');
    await at.open(`/requests/${encodeURIComponent(told.generation_id)}`);
    await main().locator('dd', { hasText: told.user_name }).getByText('told').first().waitFor();
    await at.open(`/requests?period=365d&user=${encodeURIComponent(told.user)}`);
    await main().locator('td.who').getByText('told').first().waitFor();
    await fits(page);
  });
});

test('records are set aside with a reason, one and then all', async () => {
  await at.open('/settlement?tab=dead');
  const tab = page.getByRole('link', { name: /^Not storable/ });
  assert.match(await tab.innerText(), /2/);
  await page
    .getByRole('button', { name: /^Set aside/ })
    .first()
    .click();
  const send = dialog().locator('.button.primary');
  await send.click();
  assert.equal(await wrong(), 'Say why.');
  await dialog().getByLabel('Reason').fill('A script of the past.');
  await axe(page);
  await send.click();
  await page.getByText('1 set aside: kept').waitFor();
  await main().locator('tbody').getByText('A script of the past.').waitFor();
  await page.getByRole('button', { name: 'Set all aside' }).click();
  await dialog().getByLabel('Reason').fill('Another one.');
  await send.click();
  await main().locator('tbody').getByText('Another one.').waitFor();
  await settled(page);
  assert.equal(await page.getByRole('button', { name: /^Set / }).count(), 0);
  await tab.filter({ hasNotText: /\d/ }).waitFor(); // the alarm is at zero
  await main().getByText('2 set aside', { exact: false }).first().waitFor();
  await page.setViewportSize({ width: 390, height: 844 });
  await fits(page);
  await axe(page);
  await page.setViewportSize({ width: 1280, height: 900 });
});

test('a document that differs from its month says so in the list and by itself', async () => {
  const { items } = await at.api('/api/v1/documents?limit=1000');
  const one = items.find((d) => d.differs);
  await at.open('/documents?tab=issued');
  await main().locator('tbody tr', { hasText: one.number }).getByText('differs').waitFor();
  await at.open(`/documents?tab=issued&number=${one.number}`);
  await main().getByText('Since it was issued its month has changed').waitFor();
  await axe(page);
});

test('a login link that is used up says how to get another one', async () => {
  const stranger = await at.visitor();
  await stranger.goto(`${at.address}/login#link=used`);
  const said = stranger.getByRole('alert');
  await said.getByText('was used already').waitFor();
  assert.match(await said.innerText(), /gateway --login-link/);
  assert.equal(new URL(stranger.url()).hash, '', 'the code leaves the address');
  assert.equal(await stranger.locator('#password').getAttribute('aria-invalid'), 'false');
  await axe(stranger);
  await stranger.close();
});

test('all sessions end when that was asked once more', async () => {
  await at.open('/settings?tab=keys');
  await page.getByRole('button', { name: 'End all sessions' }).click();
  await axe(page);
  await dialog().getByRole('button', { name: 'Keep them' }).click();
  await page.getByRole('button', { name: 'End all sessions' }).click();
  await dialog().getByRole('button', { name: 'End all sessions' }).click();
  await page.locator('#password').waitFor();
  await at.open('/settings?tab=keys');
  await page.locator('#password').waitFor();
});

test('nothing complains', () => assert.deepEqual(at.complaints, []));
