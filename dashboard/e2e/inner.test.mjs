// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * Requests and their histories, models, documents, settlement and settings against a running system:
 * each figure is the API's, files are real files, everything is reached by keyboard.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { settled } from '../scripts/browser.mjs';
import { amounts, axe, begin, download, fits, sameMoney } from './support.mjs';

const ALL = 'from=2020-01-01&to=2100-01-01';
const MAGIC = { PDF: '%PDF-', XLSX: 'PK\u0003\u0004', ZIP: 'PK', CSV: '', FOCUS: '' };

let at;
let page;

before(async () => {
  at = await begin({ expected: /status of (400|401|404|409)/ });
  page = at.page;
});
after(() => at?.end());

const rows = () => page.locator('main tbody tr');

describe('requests', { concurrency: false }, () => {
  test('stand as the API gives them, page by page, forwards and back', async () => {
    await at.open('/requests?period=365d&size=25');
    const query = new URL(page.url()).search;
    const span = await page.evaluate(() =>
      performance
        .getEntriesByType('resource')
        .map((e) => e.name)
        .findLast((n) => n.includes('/api/v1/generations?')),
    );
    const path = new URL(span).pathname + new URL(span).search;
    const first = await at.api(path);
    assert.equal(await rows().count(), first.items.length);
    const shown = (await amounts(page.locator('main tbody'))).values();
    for (const item of first.items) {
      if (item.cost !== null) sameMoney(shown.next().value, item.cost, item.generation_id);
    }
    assert.ok(first.next_cursor, 'there is no second page to go to');

    await page.getByRole('button', { name: 'Older' }).click();
    await page.waitForURL(/at=2/);
    await page.getByText('Page 2 ·').waitFor();
    const second = await at.api(`${path}&cursor=${encodeURIComponent(first.next_cursor)}`);
    const wanted = encodeURIComponent(second.items[0].generation_id);
    await page.locator(`main tbody a[href="/requests/${wanted}"]`).waitFor();

    await page.getByRole('button', { name: 'Older' }).click();
    await page.getByText('Page 3 ·').waitFor();
    await page.getByRole('button', { name: 'Newer' }).click();
    await page.getByText('Page 2 ·').waitFor();
    await page.locator(`main tbody a[href="/requests/${wanted}"]`).waitFor();
    await page.reload();
    await page.getByText('Page 2 ·').waitFor();
    await page.getByRole('button', { name: 'Newest' }).click();
    await page.waitForURL((url) => url.search === query);
    await axe(page);
  });

  test('are found by state, by user with the keyboard alone, and by id', async () => {
    await at.open('/requests?period=365d');
    await page.getByLabel('Cost is').selectOption('looked_up');
    await page.waitForURL(/cost=looked_up/);
    await settled(page);
    const found = await at.api(`/api/v1/generations?${ALL}&cost_state=looked_up&limit=1`);
    if (found.items.length > 0) {
      assert.match(await rows().first().innerText(), /looked up/);
    }
    await page.getByRole('button', { name: 'Clear filters' }).click();
    await page.waitForURL((url) => !url.searchParams.has('cost'));

    const { rows: users } = await at.api(`/api/v1/usage?${ALL}&group_by=user&limit=1`);
    await page.getByRole('combobox', { name: 'User' }).focus();
    await page.keyboard.type(users[0].user);
    await page.getByRole('listbox').getByRole('option').first().waitFor();
    await page.waitForFunction(
      () => document.activeElement?.getAttribute('aria-activedescendant') !== null,
    );
    await axe(page);
    await page.keyboard.press('Enter');
    await page.waitForURL((url) => url.searchParams.get('user') === users[0].user);
    await page.waitForFunction(() => /Take/.test(document.activeElement?.ariaLabel ?? ''));
    await page.keyboard.press('Enter');
    await page.waitForURL((url) => !url.searchParams.has('user'));

    const one = (await at.api(`/api/v1/generations?${ALL}&limit=1`)).items[0];
    await page.getByRole('searchbox', { name: 'Find by id' }).fill(one.generation_id);
    await page.keyboard.press('Enter');
    await page.waitForURL(/generation=/);
    await page.locator('main tbody tr').nth(1).waitFor({ state: 'detached' });
    assert.equal(await rows().count(), 1);
    sameMoney((await amounts(page.locator('main tbody')))[0] ?? '', one.cost ?? '', 'its cost');
  });

  test('tell their history: every record, and where the cost comes from', async () => {
    for (const state of ['looked_up', 'reported', 'estimated', 'unknown']) {
      const { items } = await at.api(`/api/v1/generations?${ALL}&cost_state=${state}&limit=100`);
      const plain = (g) => g.requests === 1 && (g.unsettled || state !== 'unknown');
      const id = encodeURIComponent(items.find(plain)?.generation_id ?? '');
      if (id === '') continue;
      const h = await at.api(`/api/v1/generations/${id}`);
      await at.open(`/requests/${id}`);
      const records = page.getByRole('region', { name: 'What arrived' });
      assert.equal(await records.locator('ol > li').count(), h.records.length);
      for (const r of h.records) await records.getByText(r.record_id).waitFor();
      const story = page.getByRole('region', { name: 'How the cost came about' });
      if (h.generation.cost !== null) {
        sameMoney((await amounts(story))[0], h.generation.cost, 'the amount that stands');
      }
      const words = { looked_up: /looked up/, reported: /together with the answer/ };
      assert.match(await story.innerText(), words[state] ?? /provider/);
      await axe(page);
    }
    await at.open('/requests/gen-there-is-none');
    await page.getByText('There is no request with this id').waitFor();
    await axe(page);
  });

  test('are taken along as CSV and XLSX', async () => {
    const day = (await at.api('/api/v1/session')).today;
    await at.open(`/requests?first=${day}&last=${day}`);
    const csv = await download(page, page.getByRole('link', { name: /as CSV$/ }));
    assert.match(csv.name, /\.csv$/);
    assert.match(csv.bytes.toString().split('\r\n')[0], /generation_id|,/);
    const xlsx = await download(page, page.getByRole('link', { name: /as XLSX$/ }));
    assert.equal(xlsx.bytes.subarray(0, 2).toString(), 'PK');
  });
});

describe('users and models', { concurrency: false }, () => {
  test('one user’s year: months and days add up to what the API says', async () => {
    const { rows: users } = await at.api('/api/v1/usage?group_by=user&limit=1');
    const id = encodeURIComponent(users[0].user);
    await at.open(`/users/${id}?year=table`);
    const months = page.getByRole('region', { name: 'Month by month' });
    const year = page.getByRole('region', { name: 'A year of days' });
    const shown = await amounts(months.locator('tbody'));
    const today = (await at.api('/api/v1/session')).today;
    const from = new Date(Date.UTC(Number(today.slice(0, 4)), Number(today.slice(5, 7)) - 12, 1))
      .toISOString()
      .slice(0, 10);
    const usage = await at.api(
      `/api/v1/usage?group_by=month&user=${id}&from=${from}&to=2100-01-01`,
    );
    const expected = usage.rows.map((r) => r.cost).reverse();
    assert.equal(shown.length, expected.length);
    expected.forEach((cost, i) => sameMoney(shown[i], cost, `month ${i + 1}`));
    const table = await amounts(year.locator('tbody'));
    sameMoney(table[0], expected[0], 'the running month in the table of days');
    await axe(page);
    await page.getByRole('radio', { name: 'Map' }).check({ force: true });
    await year.getByRole('img').waitFor();
    await axe(page);
    const file = await download(page, months.getByRole('link', { name: /as PDF$/ }).first());
    assert.equal(file.bytes.subarray(0, 5).toString(), '%PDF-');
  });

  test('models say what was really paid', async () => {
    await at.open('/models');
    const usage = await at.api('/api/v1/usage?group_by=model');
    const named = usage.rows.filter((r) => r.model !== null);
    const line = rows().first();
    const shown = await amounts(line);
    sameMoney(shown.at(-1), named[0].cost, 'the cost of the first model');
    const tokens = BigInt(named[0].prompt_tokens) + BigInt(named[0].completion_tokens);
    const [whole, fraction = ''] = named[0].cost.split('.');
    const units = BigInt(whole + fraction.padEnd(18, '0'));
    const paid = Number((units * 1_000_000n) / tokens) / 1e18;
    assert.ok(Math.abs(Number(shown.at(-2)) - paid) <= paid * 1e-9, `${shown.at(-2)} is ${paid}`);
    await axe(page);
    await line.getByRole('link').click();
    await page.getByRole('heading', { level: 1, name: named[0].model }).waitFor();
    await settled(page);
    const users = await at.api(
      `/api/v1/usage?group_by=user&limit=6&model=${encodeURIComponent(named[0].model)}`,
    );
    const who = await amounts(page.getByRole('region', { name: /^Who uses it/ }));
    users.rows.forEach((r, i) => sameMoney(who[i], r.cost, `user ${i + 1}`));
    await axe(page);
  });
});

describe('documents', { concurrency: false }, () => {
  test('the files of a month are real files', async () => {
    await at.open('/documents');
    const line = rows().first();
    for (const kind of ['PDF', 'XLSX', 'CSV', 'FOCUS', 'ZIP']) {
      const link = line.getByRole('link', { name: new RegExp(`\\b${kind}\\b`) }).last();
      const { bytes, name } = await download(page, link);
      assert.match(name, /\d{4}/, name);
      assert.ok(bytes.length > 0, `${kind} is empty`);
      assert.equal(bytes.subarray(0, MAGIC[kind].length).toString('latin1'), MAGIC[kind]);
    }
    await axe(page);
  });

  test('one is issued, kept, verified by a stranger, and corrected', async () => {
    await at.open('/documents?tab=issued');
    const opener = page.getByRole('button', { name: 'Issue a document' });
    await opener.focus();
    await page.keyboard.press('Enter');
    const dialog = page.getByRole('dialog');
    await dialog.waitFor();
    await axe(page);
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    await page.waitForFunction(() => document.activeElement?.textContent === 'Issue a document');

    await opener.press('Enter');
    await dialog.getByRole('button', { name: 'Issue', exact: true }).click();
    await dialog.getByText(/was issued$/).waitFor();
    const [newest] = (await at.api('/api/v1/documents?limit=1')).items;
    await dialog.getByText(newest.number).waitFor();
    await page.keyboard.press('Escape');
    await rows().first().locator('th').getByText(newest.number).waitFor();
    const file = await download(
      page,
      rows()
        .first()
        .getByRole('link', { name: /^PDF of/ }),
    );
    assert.equal(file.bytes.subarray(0, 5).toString(), '%PDF-');
    await axe(page);

    const stranger = await at.visitor();
    await at.open('/verify', stranger);
    await stranger.getByLabel('Verification code').fill(newest.verification_code.toLowerCase());
    await stranger.keyboard.press('Enter');
    await stranger.getByText('This document was issued here').waitFor();
    await stranger.getByText(newest.sha256).waitFor();
    await axe(stranger);
    await at.open('/verify/0000-0000-0000-0000', stranger);
    await stranger.getByText('No document has this code').waitFor();
    await axe(stranger);
    await stranger.context().close();

    await rows()
      .first()
      .getByRole('button', { name: /^Correct/ })
      .click();
    await dialog.getByRole('button', { name: 'Issue', exact: true }).click();
    await dialog.getByText(/was issued$/).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('link', { name: `corrects ${newest.number}` }).waitFor();
  });

  test('one number has every format, and a second one is refused but for a duplicate', async () => {
    const [first] = (await at.api('/api/v1/documents?limit=1')).items;
    await at.open(`/documents?tab=issued&number=${first.number}`);
    const dialog = page.getByRole('dialog');
    await page.getByRole('button', { name: 'Add XLSX' }).click();
    await axe(page);
    await dialog.getByRole('button', { name: 'Add the file' }).click();
    await dialog.getByText(`XLSX was added to ${first.number}`).waitFor();
    await page.keyboard.press('Escape');
    const xlsx = page.getByRole('link', { name: `XLSX of ${first.number}` });
    await xlsx.waitFor();
    const file = await download(page, xlsx);
    assert.equal(file.bytes.subarray(0, 2).toString(), 'PK');
    await axe(page);

    await at.open('/documents?tab=issued');
    await page.getByRole('button', { name: 'Issue a document' }).click();
    await dialog.getByRole('button', { name: 'Issue', exact: true }).click();
    await dialog.getByRole('link', { name: first.number }).waitFor();
    await axe(page);
    const duplicate = dialog.getByRole('button', { name: 'Ask for a duplicate' });
    await page.waitForFunction(
      () => !document.querySelector('dialog .taken [aria-disabled="true"]'),
    );
    await duplicate.click();
    await dialog.getByRole('button', { name: 'Make the duplicate' }).click();
    await dialog.getByText(`A duplicate of ${first.number} was made`).waitFor();
    await page.keyboard.press('Escape');
    const { files, number } = await at.api(`/api/v1/documents/${first.number}`);
    assert.equal(number, first.number);
    assert.deepEqual(
      files.map((f) => `${f.format} ${f.duplicate}`),
      ['pdf false', 'xlsx false', 'pdf true'],
    );
  });

  test('one is cancelled, after it was said what that means', async () => {
    const [first] = (await at.api('/api/v1/documents?limit=1')).items;
    await at.open(`/documents?tab=issued&number=${first.number}`);
    const dialog = page.getByRole('dialog');
    await page.getByRole('button', { name: 'Cancel it' }).click();
    await dialog.getByLabel(/^Reason/).fill('Issued for the wrong month.');
    await axe(page);
    await dialog.getByRole('button', { name: 'Issue the cancellation' }).click();
    await dialog.getByText(`it cancels ${first.number}`).waitFor();
    await page.keyboard.press('Escape');
    const [cancellation] = (await at.api('/api/v1/documents?limit=1')).items;
    assert.equal(cancellation.cancels, first.number);
    assert.equal(cancellation.reason, 'Issued for the wrong month.');
    await page.getByRole('link', { name: `cancelled by ${cancellation.number}` }).click();
    await page.getByText('Issued for the wrong month.').waitFor();
    await settled(page);
    await axe(page);
    assert.equal(await page.getByRole('button', { name: 'Cancel it' }).count(), 0);
  });
});

describe('terms', { concurrency: false }, () => {
  test('they are set from a month to come, refused where they are wrong, and withdrawn', async () => {
    await at.open('/settings?tab=terms');
    await axe(page);
    const before = (await at.api('/api/v1/terms')).items;
    const dialog = page.getByRole('dialog');
    await page.getByRole('button', { name: 'Set terms' }).click();
    const month = await dialog.getByLabel('Valid from').locator('option').first().innerText();
    await dialog.getByLabel('Valid from').selectOption({ label: month });
    await dialog.getByRole('button', { name: 'Set', exact: true }).click();
    await dialog.getByText('Nothing was changed.').waitFor();
    const percent = dialog.getByLabel('Percent of the usage');
    await percent.fill('1,5');
    await dialog.getByRole('button', { name: 'Set', exact: true }).click();
    await dialog.getByText('A number with “.”').waitFor();
    await percent.fill('12345');
    await dialog.getByLabel('Currency of documents').fill('eu');
    await axe(page);
    await dialog.getByRole('button', { name: 'Set', exact: true }).click();
    await dialog.locator('[aria-invalid="true"]:focus').waitFor();
    await percent.fill('1.5');
    await dialog.getByLabel('Currency of documents').fill('USD');
    await dialog.getByRole('button', { name: 'Set', exact: true }).click();
    await page.getByText(`The terms are set from ${month}.`).waitFor();
    const [set] = (await at.api('/api/v1/terms')).items;
    assert.equal(set.markup_percent, '1.5');
    assert.equal(set.source, 'api');
    assert.equal(set.tax_rate, before[0]?.tax_rate ?? null, 'what was not changed stays');
    await axe(page);

    await page.getByRole('button', { name: `Withdraw from ${month}` }).click();
    await axe(page);
    await dialog.getByRole('button', { name: 'Withdraw', exact: true }).click();
    await page.getByText(`The terms from ${month} were withdrawn.`).waitFor();
    const after = await at.api('/api/v1/terms');
    assert.deepEqual(after.items, before);
    assert.ok(after.history.some((t) => t.withdrawn && t.valid_from === set.valid_from));
  });
});

describe('settlement and settings', { concurrency: false }, () => {
  test('what is not settled is listed with its reason', async () => {
    const { items } = await at.api('/api/v1/unsettled?limit=50');
    await at.open('/settlement');
    if (items.length > 0) assert.equal(await rows().count(), items.length);
    else await page.getByText('Everything is settled').waitFor();
    for (const tab of ['Not storable', 'Discrepancies']) {
      await axe(page);
      await page.getByRole('link', { name: tab }).click();
      await settled(page);
    }
    await axe(page);
  });

  test('the plugin is set up from here, and the test sees that requests arrive', async () => {
    await at.open('/settings');
    await page.getByText('It works: a request has arrived.').waitFor();
    await page.getByRole('button', { name: 'Copy the source' }).click();
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    assert.match(copied, /class Filter/);
    await page.getByRole('button', { name: 'Copy the endpoint' }).click();
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), at.address);
    await page.getByRole('button', { name: 'Wait for the next request' }).click();
    await page.getByText('Waiting …').waitFor();
    await axe(page);
  });

  test('the configuration is shown and searched, and holds no secret', async () => {
    await at.open('/settings?tab=running');
    const text = await page.locator('main').innerText();
    // The mock's password is a word that stands in a path.
    for (const secret of at.mock ? [at.key] : [at.key, at.password])
      assert.ok(!text.includes(secret));
    assert.match(text, /JWT_SECRET/);
    await page.getByRole('searchbox').fill('JWT_SECRET');
    await page.waitForURL(/q=JWT_SECRET/);
    assert.equal(await rows().count(), 1);
    await axe(page);
    await page.getByRole('link', { name: 'Keys' }).click();
    await page.getByText('Ingest key').waitFor();
    await axe(page);
  });

  test('a phone’s and a tablet’s width are enough on every page', async () => {
    const one = (await at.api(`/api/v1/generations?${ALL}&limit=1`)).items[0];
    for (const path of [
      '/requests',
      `/requests/${encodeURIComponent(one.generation_id)}`,
      '/models',
      `/models/${encodeURIComponent(one.model ?? 'none')}`,
      '/documents',
      '/documents?tab=issued',
      '/settlement',
      '/settings',
      '/settings?tab=running',
      '/settings?tab=terms',
      '/verify',
    ]) {
      await at.open(path);
      for (const width of [768, 390]) {
        await page.setViewportSize({ width, height: 844 });
        await fits(page, `${path} at ${width} px`);
      }
    }
    await page.setViewportSize({ width: 1280, height: 900 });
  });

  test('the browser had nothing to complain about', () => assert.deepEqual(at.complaints, []));
});
