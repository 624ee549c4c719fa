// SPDX-License-Identifier: AGPL-3.0-or-later
// What the first page loads, and the languages: one at a time, kept, and complete.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { settled } from '../scripts/browser.mjs';
import { axe, begin } from './support.mjs';

const MOST_REQUESTS = 20;
const MOST_SCRIPT_BYTES = 150_000;
const PAGES = [
  ['/', 'Übersicht'],
  ['/live', 'Live'],
  ['/explore', 'Erkunden'],
  ['/requests', 'Anfragen'],
  ['/users', 'Personen'],
  ['/models', 'Modelle'],
  ['/documents', 'Dokumente'],
  ['/settlement', 'Abrechnungsstand'],
  ['/settings', 'Einstellungen'],
  ['/verify', 'Ein Dokument prüfen'],
];

let at;
let page;

before(async () => {
  at = await begin();
  page = at.page;
});
after(() => at?.end());

/** loads notes what a page asks for from now on. */
function loads(on) {
  const seen = [];
  on.on('requestfinished', (r) => seen.push(r));
  return seen;
}

const scripts = (seen) => seen.filter((r) => r.resourceType() === 'script');
const texts = (seen) => scripts(seen).filter((r) => /texts/.test(r.url()));

describe('loading and languages', { concurrency: false }, () => {
  test('the first page is few and small files, and one language', async () => {
    const other = await page.context().newPage();
    const seen = loads(other);
    await at.open('/', other);
    await other.locator('canvas').first().waitFor();
    await settled(other);
    const names = seen.map((r) => r.url()).join('\n');
    assert.ok(seen.length <= MOST_REQUESTS, `${seen.length} requests:\n${names}`);
    assert.ok(seen.every((r) => r.url().startsWith(at.address)));
    const sizes = await Promise.all(scripts(seen).map((r) => r.sizes()));
    const bytes = sizes.reduce((n, s) => n + s.responseBodySize, 0);
    // The mock does not compress.
    if (!at.mock) assert.ok(bytes < MOST_SCRIPT_BYTES, `${bytes} bytes of script`);
    assert.equal(texts(seen).length, 1);
    await other.close();
  });

  test('another language is fetched when it is chosen, and kept', async () => {
    await at.open('/users');
    const seen = loads(page);
    await page.getByRole('button', { name: 'Display' }).click();
    await page.getByText('Deutsch', { exact: true }).click();
    await page.getByRole('heading', { level: 1, name: 'Personen' }).waitFor();
    assert.equal(await page.evaluate(() => document.documentElement.lang), 'de');
    assert.equal(texts(seen).length, 1);
    seen.length = 0;
    await page.reload();
    await page.getByRole('heading', { level: 1, name: 'Personen' }).waitFor();
    assert.equal(texts(seen).length, 1);
  });

  test('every page is German then', async () => {
    for (const [path, title] of PAGES) {
      await at.open(path);
      await page.getByRole('heading', { level: 1, name: title, exact: true }).waitFor();
      await axe(page);
    }
  });

  test('so is what each setting means', async () => {
    await at.open('/settings?tab=running');
    const token = await page.evaluate(() => localStorage.getItem('session-token'));
    const reply = await page.context().request.get(`${at.address}/api/v1/settings`, {
      headers: { 'x-session-token': token },
    });
    const { services } = await reply.json();
    const shown = await page.locator('main').innerText();
    const all = services.flatMap((s) => s.settings);
    assert.ok(all.length > 0);
    const english = all.filter((x) => shown.includes(x.description)).map((x) => x.name);
    assert.deepEqual(english, []);
  });

  test('the browser had nothing to complain about', () => assert.deepEqual(at.complaints, []));
});
