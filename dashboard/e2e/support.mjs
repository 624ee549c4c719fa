// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * What browser tests share: the system they run against (ADDRESS, ADMIN_PASSWORD and READ_API_KEY name
 * it; without ADDRESS it is the mock with dist/), a browser that notes complaints, and ways to compare.
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { startMock } from '../mock/server.mjs';
import { launch, login, settled } from '../scripts/browser.mjs';

const AXE = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

export const real = Boolean(process.env.ADDRESS);

/** begin gives a logged-in page on the real system, or on a mock of its own. */
export async function begin({ mockOnly = false } = {}) {
  const mock =
    real && !mockOnly
      ? null
      : await startMock({ dist: new URL('../dist', import.meta.url).pathname });
  const address = mock?.address ?? process.env.ADDRESS.replace(/\/$/, '');
  const password = mock ? 'metering' : process.env.ADMIN_PASSWORD;
  const key = mock ? 'read-key' : process.env.READ_API_KEY;
  const browser = await launch();
  const complaints = [];

  async function visitor() {
    const context = await browser.newContext({
      viewport: { width: 1280, height: 900 },
      locale: 'en-GB',
      colorScheme: 'light',
      acceptDownloads: true,
      permissions: ['clipboard-read', 'clipboard-write'],
    });
    const page = await context.newPage();
    page.setDefaultTimeout(30_000);
    page.on('pageerror', (e) => complaints.push(e.message));
    page.on('dialog', (d) => {
      complaints.push(`a dialog opened: ${d.message()}`);
      void d.dismiss();
    });
    page.on('console', (m) => {
      const expected = /status of (401|404|503)/.test(m.text());
      if (m.type() === 'error' && !expected) complaints.push(m.text());
    });
    return page;
  }

  const page = await visitor();
  await page.goto(address);
  await login(page, password);

  return {
    mock,
    page,
    address,
    password,
    key,
    complaints,
    visitor,
    async api(path) {
      const reply = await fetch(address + path, { headers: { authorization: `Bearer ${key}` } });
      assert.equal(reply.status, 200, `${path} answered ${reply.status}`);
      return reply.json();
    },
    async open(path, on = page) {
      await on.goto(address + path);
      await on.locator('h1').waitFor();
      await settled(on);
    },
    async end() {
      await browser.close();
      await mock?.close();
    },
  };
}

/** axe finds nothing on the page as it is now. */
export async function axe(page) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(
    (values) => window.axe.run(document, { runOnly: values }),
    RULES,
  );
  assert.deepEqual(
    violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(' ')).join(', ')}`),
    [],
  );
}

/** amounts reads the exact amounts under a locator, as they stand in the page. */
export function amounts(locator) {
  return locator.locator('data').evaluateAll((all) => all.map((d) => d.getAttribute('value')));
}

/** sameMoney compares decimal strings as numbers without turning them into floats. */
export function sameMoney(a, b, what) {
  const plain = (text) => (text.includes('.') ? text.replace(/0+$/, '').replace(/\.$/, '') : text);
  assert.equal(plain(a), plain(b), what);
}

/** fits says that the page is not wider than the window. */
export async function fits(page, what) {
  const over = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
  assert.equal(over, 0, `${what} is ${over} px too wide`);
}
