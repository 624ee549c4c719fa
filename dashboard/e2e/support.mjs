// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * What browser tests share: the system they run against (ADDRESS, ADMIN_PASSWORD, READ_API_KEY and API_KEY
 * name it, ./run writes them into access.env; without ADDRESS it is the mock with DASHBOARD_DIST or dist/; REPORT_TIMEZONE is the zone of either),
 * a browser that notes complaints, and ways to compare.
 */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { startMock } from '../mock/server.mjs';
import { launch, login, settled } from '../scripts/browser.mjs';

const AXE = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

/**
 * begin gives a page on the real system, or on a mock of its own, logged in unless a stranger is wanted.
 * `now` is where a mock's clock stands, in the mock's own zone whatever day it is: a month that is a day old has
 * too few requests for some tests.
 * `expected` is what the browser may say on its console: that is where it reports refused requests.
 */
export async function begin({
  mockOnly = false,
  now,
  stranger = false,
  expected = /status of 401/,
} = {}) {
  const mock =
    process.env.ADDRESS && !mockOnly
      ? null
      : await startMock({
          ...(now ? { now } : { timezone: process.env.REPORT_TIMEZONE }),
          dist: process.env.DASHBOARD_DIST ?? new URL('../dist', import.meta.url).pathname,
        });
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
    page.setDefaultTimeout(120_000); // a guard against hangs, not a measure
    page.on('pageerror', (e) => complaints.push(e.message));
    page.on('dialog', (d) => {
      complaints.push(`a dialog opened: ${d.message()}`);
      void d.dismiss();
    });
    page.on('console', (m) => {
      if (m.type() === 'error' && !expected.test(m.text())) complaints.push(m.text());
    });
    return page;
  }

  const page = await visitor();
  if (!stranger) {
    await page.goto(address);
    await login(page, password);
  }

  return {
    mock,
    page,
    context: page.context(),
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
    /** record sends one request as the plugin would, and gives its generation id. */
    async record({ cost, user = 'e2e-user', id = `gen-e2e-${randomUUID()}` }) {
      if (mock) {
        mock.emit({ generation_id: id, user, user_name: null, cost });
        return id;
      }
      const now = new Date().toISOString();
      const reply = await fetch(`${address}/api/v1/events`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          authorization: `Bearer ${process.env.API_KEY}`,
        },
        body: JSON.stringify({
          v: 1,
          record_id: randomUUID(),
          generation_id: id,
          state: 'final',
          user: { id: user },
          model: 'test/model',
          usage: { cost, prompt_tokens: 10, completion_tokens: 5 },
          started_at: now,
          finished_at: now,
          source: 'e2e',
        }),
      });
      assert.equal(reply.status, 200, await reply.text());
      return id;
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

export const digits = (text) => text.replace(/[^\d]/g, '');

/** download clicks and gives the name and the bytes of what was saved. */
export async function download(page, locator) {
  const [file] = await Promise.all([page.waitForEvent('download'), locator.click()]);
  return { name: file.suggestedFilename(), bytes: await readFile(await file.path()) };
}

/** fits says that the page is not wider than the window. */
export async function fits(page, what) {
  const over = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
  assert.equal(over, 0, `${what} is ${over} px too wide`);
}
