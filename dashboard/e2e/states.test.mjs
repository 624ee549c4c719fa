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
