// SPDX-License-Identifier: AGPL-3.0-or-later
// The explorer and the overview's stacks: every figure against the API, every view a link.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { settled } from '../scripts/browser.mjs';
import { amounts, axe, begin, digits, download, sameMoney } from './support.mjs';

let at;
let page;

before(async () => {
  at = await begin();
  page = at.page;
});
after(() => at?.end());

const table = () => page.getByRole('region', { name: 'What is shown, as a table' });
const rows = () => table().locator('tbody tr');

describe('exploring', { concurrency: false }, () => {
  test('days and models of the month are what the API says', async () => {
    await at.open('/explore');
    const usage = await at.api('/api/v1/usage?group_by=day,model');
    assert.ok(usage.rows.length > 0);
    const shown = await rows().all();
    assert.equal(shown.length, Math.min(50, usage.rows.length));
    for (const [i, line] of shown.entries()) {
      const row = usage.rows[i];
      sameMoney((await amounts(line))[0], row.cost, `row ${i + 1}`);
      assert.equal(digits(await line.locator('td').nth(1).innerText()), String(row.requests));
    }
    sameMoney((await amounts(table().locator('tfoot')))[0], usage.total.cost, 'total');
    await page.locator('canvas').waitFor();
    await axe(page);
  });

  test('two other keys, measured in tokens, are a link with bars and a legend', async () => {
    await at.open('/explore?by=user,model&measure=tokens');
    const usage = await at.api('/api/v1/usage?group_by=user,model');
    const tokens = usage.rows.reduce((n, r) => n + r.prompt_tokens + r.completion_tokens, 0);
    const bars = await amounts(page.getByRole('list', { name: /^Bar chart: Tokens per user/ }));
    assert.equal(
      bars.reduce((n, b) => n + Number(b), 0),
      tokens,
      'the bars are not the whole',
    );
    assert.equal(await rows().count(), Math.min(50, usage.rows.length));
    await axe(page);
  });

  test('a choice changes the address, and a name leads to only that', async () => {
    await at.open('/explore');
    await page.getByLabel('Grouped by').selectOption('model');
    await page.waitForURL((url) => url.searchParams.get('by') === 'model');
    await page.getByLabel('and by').selectOption('user');
    await page.waitForURL((url) => url.searchParams.get('by') === 'model,user');
    await at.open('/explore?by=model');
    const link = rows().first().getByRole('link');
    const name = (await link.innerText()).trim();
    await link.click();
    await page.waitForURL((url) => url.searchParams.get('model') === name);
    await settled(page);
    const usage = await at.api(`/api/v1/usage?group_by=model&model=${encodeURIComponent(name)}`);
    sameMoney((await amounts(table().locator('tfoot')))[0], usage.total.cost, 'only one model');
    await page.getByRole('button', { name: 'Remove the filter Model' }).click();
    await page.waitForURL((url) => !url.searchParams.has('model'));
  });

  test('rows are sorted by a column', async () => {
    await at.open('/explore?by=model&sort=-requests');
    const usage = await at.api('/api/v1/usage?group_by=model');
    const most = Math.max(...usage.rows.map((r) => r.requests));
    assert.equal(digits(await rows().first().locator('td').first().innerText()), String(most));
    await page.getByRole('button', { name: 'Requests' }).click();
    await page.waitForURL(/sort=requests/);
    const least = Math.min(...usage.rows.map((r) => r.requests));
    assert.equal(digits(await rows().first().locator('td').first().innerText()), String(least));
  });

  test('hours of a year are refused with a way out', async () => {
    await at.open('/explore?by=hour&period=365d');
    await page.getByText('31 days at most').waitFor();
    await page.getByRole('button', { name: 'Show the last 7 days' }).click();
    await page.waitForURL(/period=7d/);
    await page.locator('canvas').waitFor();
  });

  test('what is shown is downloaded as CSV and XLSX', async () => {
    await at.open('/explore?by=user,model');
    for (const [kind, magic] of [
      ['CSV', null],
      ['XLSX', 'PK\u0003\u0004'],
    ]) {
      const link = page.getByRole('link', { name: `Download what is shown as ${kind}` });
      const { name, bytes } = await download(page, link);
      assert.match(name, new RegExp(`\\.${kind.toLowerCase()}$`));
      assert.ok(bytes.length > 0);
      if (magic) assert.equal(bytes.subarray(0, 4).toString('latin1'), magic);
    }
  });

  for (const by of ['model', 'user', 'provider']) {
    test(`the overview's days stacked by ${by} add up to the API's days`, async () => {
      await at.open(`/?by=${by}&days=table`);
      const { rows: days } = await at.api('/api/v1/usage?group_by=day');
      const known = new Map(days.map((r) => [Number(r.day.slice(8)), r.cost]));
      const panel = page.getByRole('region', { name: 'Cost per day', exact: true });
      const lines = await panel.locator('tbody tr').all();
      assert.ok(lines.length > 0);
      for (const [i, line] of lines.entries()) {
        const shown = await amounts(line);
        sameMoney(shown.at(-1), known.get(i + 1) ?? '0', `day ${i + 1}`);
        assert.ok(shown.length >= 2);
      }
      const [most] = (await at.api(`/api/v1/usage?group_by=${by}&limit=1`)).rows;
      const name = (by === 'user' && most.user_name) || most[by];
      assert.equal(await panel.locator('thead th').nth(1).innerText(), name);
    });
  }

  test('the browser had nothing to complain about', () => assert.deepEqual(at.complaints, []));
});
