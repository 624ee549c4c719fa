// SPDX-License-Identifier: AGPL-3.0-or-later
// States that only the mock can be put into: slow and failing jobs, nothing, hostile names, an ended session.
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { login, settled } from '../scripts/browser.mjs';
import { axe, begin } from './support.mjs';

let at;
let page;

before(async () => {
  at = await begin({ mockOnly: true, expected: /status of (401|404|503)/ });
  page = at.page;
});
beforeEach(() => {
  at.mock.setMode('normal');
  at.mock.setJobs({});
  at.mock.setIssuing({});
  at.mock.setDelivery({});
});
after(() => at?.end());

describe('states', { concurrency: false }, () => {
  test('a file that takes long shows how far it is, on every page, and can be cancelled', async () => {
    at.mock.setJobs({ steps: 500 });
    await at.open('/');
    await page.getByRole('link', { name: /^Download.*as PDF$/ }).click();
    const tray = page.getByRole('region', { name: 'Files being prepared' });
    await tray.getByRole('progressbar').waitFor();
    await tray.getByText(/ of 12,500,000 rows/).waitFor();
    await page.getByRole('link', { name: 'Models', exact: true }).click();
    await page.getByRole('heading', { level: 1, name: 'Models' }).waitFor();
    await axe(page);
    const [request] = await Promise.all([
      page.waitForRequest((r) => r.method() === 'DELETE' && /exports/.test(r.url())),
      tray.getByRole('button', { name: /Cancel/ }).click(),
    ]);
    assert.equal((await request.response())?.status(), 204);
    await tray.waitFor({ state: 'detached' });
  });

  test('a file that fails says why, and is not saved', async () => {
    at.mock.setJobs({ steps: 3, fails: true });
    let saved = 0;
    page.on('download', () => (saved += 1));
    await at.open('/documents');
    await page.locator('main tbody a[download]').first().click();
    const tray = page.getByRole('region', { name: 'Files being prepared' });
    await tray.getByText('the disk is full').waitFor();
    await axe(page);
    assert.equal(saved, 0);
    at.mock.setJobs({});
    const [file] = await Promise.all([
      page.waitForEvent('download'),
      tray.getByRole('button', { name: 'Try again' }).click(),
    ]);
    assert.match(file.suggestedFilename(), /\.pdf$/);
  });

  test('a document that takes long is followed on every page, and is in the list then', async () => {
    at.mock.setIssuing({ steps: 3 });
    await at.open('/documents?tab=issued');
    const dialog = page.getByRole('dialog');
    await page.getByRole('button', { name: 'Issue a document' }).click();
    await dialog.getByRole('button', { name: 'Issue', exact: true }).click();
    await dialog.getByText('goes on by itself').waitFor();
    await page.waitForFunction(() => document.activeElement?.textContent === 'Close');
    await axe(page);
    await page.keyboard.press('Enter');
    await page.getByRole('link', { name: 'Models', exact: true }).click();
    await page.getByRole('heading', { level: 1, name: 'Models' }).waitFor();
    const tray = page.getByRole('region', { name: 'Files being prepared' });
    await tray.getByText(/was issued$/).waitFor();
    await axe(page);
    const [newest] = (await at.api('/api/v1/documents?limit=1')).items;
    const [file] = await Promise.all([
      page.waitForEvent('download'),
      tray.getByRole('link', { name: 'Download it' }).click(),
    ]);
    assert.equal(file.suggestedFilename(), newest.filename);
    await tray.getByRole('button', { name: 'Dismiss' }).click();
    await tray.waitFor({ state: 'detached' });
  });

  test('a document that could not be made says why, where it was asked for', async () => {
    at.mock.setMode('normal');
    at.mock.setIssuing({ steps: 1, fails: true });
    await at.open('/documents?tab=issued');
    const dialog = page.getByRole('dialog');
    await page.getByRole('button', { name: 'Issue a document' }).click();
    await dialog.getByRole('button', { name: 'Issue', exact: true }).click();
    await dialog.getByText('the disk is full').waitFor();
    await axe(page);
    at.mock.setIssuing({});
    await dialog.getByRole('button', { name: 'Issue', exact: true }).click();
    await dialog.getByText(/was issued$/).waitFor();
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
  });

  test('files that are held back are said where months are, and lead to the terms', async () => {
    const { items } = await at.api('/api/v1/terms');
    const month = items.find((t) => t.valid_from !== null).valid_from.slice(0, 7);
    const reason = 'the rate is of another month';
    at.mock.setDelivery({ held: { month, reason }, conflict: 'tax_rate is 19 here and 20 there' });
    for (const path of ['/', '/documents']) {
      await at.open(path);
      await page.getByText(reason).waitFor();
      await page.getByText('tax_rate is 19 here').waitFor();
      await axe(page);
    }
    await page.getByRole('link', { name: 'To the terms' }).first().click();
    await page.getByText(reason).waitFor();
    await page.getByText('tax_rate is 19 here').waitFor();
    await page.getByRole('button', { name: /^Terms of/ }).click();
    assert.equal(await page.getByRole('dialog').getByLabel('Valid from').inputValue(), month);
    await page.keyboard.press('Escape');
  });

  test('a rate of another month is confirmed for the month that it is set for', async () => {
    at.mock.setMode('normal');
    await at.open('/settings?tab=terms');
    const dialog = page.getByRole('dialog');
    await page.getByRole('button', { name: 'Set terms' }).click();
    const confirm = dialog.getByRole('checkbox', { name: /^The rate is right for/ });
    await confirm.check();
    await dialog.getByRole('button', { name: 'Set', exact: true }).click();
    await page.getByText(/^The terms are set from/).waitFor();
    const [set] = (await at.api('/api/v1/terms')).items;
    assert.equal(set.exchange_rate_confirmed, true);
    await page.getByRole('button', { name: 'Change' }).first().click();
    assert.equal(await confirm.isChecked(), true);
    await dialog.getByLabel('Day of the rate').fill(set.valid_from);
    await confirm.waitFor({ state: 'detached' });
    await dialog.getByLabel('Currency of documents').fill('USD');
    await dialog.getByLabel('What one USD is in it').waitFor({ state: 'detached' });
    await dialog.getByRole('button', { name: 'Set', exact: true }).click();
    await dialog.waitFor({ state: 'detached' });
    const [dollars] = (await at.api('/api/v1/terms')).items;
    assert.equal(dollars.exchange_rate, null);
    assert.equal(dollars.exchange_rate_confirmed, false);
  });

  test('an empty installation leads to the set-up from every page', async () => {
    at.mock.setMode('empty');
    for (const path of ['/', '/requests', '/users', '/documents']) {
      await at.open(path);
      await page.getByRole('link', { name: 'Connect Open WebUI' }).waitFor();
      await axe(page);
    }
    for (const [path, text] of [
      ['/models', 'No model was used'],
      ['/documents?tab=issued', 'Nothing was issued yet'],
      ['/settlement', 'Everything is settled'],
      ['/settlement?tab=dead', 'Every record could be stored'],
      ['/settings', 'No request has ever arrived.'],
    ]) {
      await at.open(path);
      await page.getByText(text).first().waitFor();
      await axe(page);
    }
    at.mock.setMode('normal');
    await page.getByText('It works: a request has arrived.').waitFor();
  });

  test('hostile names are text everywhere', async () => {
    at.mock.setMode('hostile');
    const { rows } = await at.api('/api/v1/usage?group_by=user');
    const one = (await at.api('/api/v1/generations?limit=1')).items[0];
    for (const path of [
      '/requests',
      `/requests/${encodeURIComponent(one.generation_id)}`,
      '/models',
      `/models/${encodeURIComponent('<img src=x onerror=alert(3)>/model')}`,
      '/documents?tab=issued',
      '/settlement',
      ...rows.slice(0, 3).map((r) => `/users/${encodeURIComponent(r.user)}`),
    ]) {
      await at.open(path);
      assert.equal(await page.locator('main img, main script').count(), 0, path);
      await axe(page);
    }
    await at.open('/requests');
    await page.getByRole('link', { name: '<script>alert(1)</script>' }).first().waitFor();
  });

  test('records that were refused are said on the overview, with the way to them', async () => {
    await at.open('/settlement?tab=dead'); // the mock has them from here on
    await at.open('/');
    await page.getByText(/were refused by the ledger/).waitFor();
    await page.getByRole('link', { name: 'Have a look' }).click();
    await page.waitForURL(/\/settlement\?tab=dead$/);
    await page.locator('main tbody tr').first().waitFor();
  });

  test('a ledger that does not answer is said plainly, and found again by itself', async () => {
    await at.open('/requests');
    at.mock.setMode('error');
    for (const path of [
      '/requests',
      '/models',
      '/documents',
      '/settlement',
      '/settings?tab=running',
    ]) {
      await at.open(path);
      await page.getByText('The figures cannot be read right now').first().waitFor();
    }
    await at.open('/requests');
    at.mock.setMode('normal');
    await page.locator('main tbody tr').first().waitFor();
  });

  test('a session that ends on a page leads back to that page', async () => {
    await at.open('/requests?period=30d&cost=looked_up');
    at.mock.endSessions();
    await page
      .locator('label', { hasText: /^\s*State/ })
      .locator('select')
      .selectOption('final');
    await page.getByText('Your session has ended.').waitFor();
    await login(page, at.password);
    await page.waitForURL(/state=final/);
    await settled(page);
    assert.match(page.url(), /cost=looked_up/);
  });

  test('the browser had nothing to complain about', () => assert.deepEqual(at.complaints, []));
});
