// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * What the browser tests share: the system they look at, a page in it, and how figures are compared.
 * ADDRESS, ADMIN_PASSWORD, READ_API_KEY and API_KEY name the system (./run writes them into access.env);
 * without ADDRESS the mock server and dist/ are used.
 */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { startMock } from '../mock/server.mjs';
import { launch, settled } from '../scripts/browser.mjs';

const AXE = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** startHouse opens a browser on the system; `complaints` is what the browser said and must not. */
export async function startHouse() {
  const house = {
    address: process.env.ADDRESS?.replace(/\/$/, ''),
    password: process.env.ADMIN_PASSWORD ?? 'metering',
    key: process.env.READ_API_KEY ?? 'read-key',
    ingestKey: process.env.API_KEY,
    mock: null,
    complaints: [],
  };
  if (!house.address) {
    house.mock = await startMock({ dist: new URL('../dist', import.meta.url).pathname });
    house.address = house.mock.address;
  }
  house.browser = await launch();
  house.context = await house.browser.newContext({
    viewport: { width: 1280, height: 900 },
    locale: 'en-GB',
    colorScheme: 'light',
    acceptDownloads: true,
  });
  house.page = await house.context.newPage();
  house.page.setDefaultTimeout(30_000);
  house.page.on('pageerror', (e) => house.complaints.push(e.message));
  house.page.on('console', (m) => {
    const expected = /status of (401|503)|net::ERR_/.test(m.text());
    if (m.type() === 'error' && !expected) house.complaints.push(m.text());
  });
  return house;
}

export async function stopHouse(house) {
  await house?.browser?.close();
  await house?.mock?.close();
}

export async function api(house, path) {
  const reply = await fetch(house.address + path, {
    headers: { authorization: `Bearer ${house.key}` },
  });
  assert.equal(reply.status, 200, `${path} answered ${reply.status}`);
  return reply.json();
}

/** record sends one request as the plugin would, and gives its generation id. */
export async function record(house, { cost, user = 'e2e-user', id = `gen-e2e-${randomUUID()}` }) {
  if (house.mock) {
    house.mock.emit({ generation_id: id, user, user_name: null, cost });
    return id;
  }
  const event = {
    v: 1,
    record_id: randomUUID(),
    generation_id: id,
    state: 'final',
    user: { id: user },
    model: 'test/model',
    usage: { cost, prompt_tokens: 10, completion_tokens: 5 },
    started_at: new Date().toISOString(),
    finished_at: new Date().toISOString(),
    source: 'e2e',
  };
  const reply = await fetch(`${house.address}/api/v1/events`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${house.ingestKey}` },
    body: JSON.stringify(event),
  });
  assert.equal(reply.status, 200, await reply.text());
  return id;
}

/** amounts reads the exact amounts under a locator, as they stand in the page. */
export function amounts(locator) {
  return locator.locator('data').evaluateAll((all) => all.map((d) => d.getAttribute('value')));
}

/** sameMoney compares decimal strings as numbers without turning them into floats. */
export function sameMoney(a, b, what) {
  const plain = (text) => text.replace(/(\.\d*?)0+$/, '$1').replace(/\.$/, '');
  assert.equal(plain(a), plain(b), what);
}

export const digits = (text) => text.replace(/[^\d]/g, '');

export async function open(house, path) {
  await house.page.goto(house.address + path);
  await house.page.locator('h1').waitFor();
  await settled(house.page);
}

export async function axe(page) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() =>
    window.axe.run(document, {
      runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
    }),
  );
  assert.deepEqual(
    violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(' ')).join(', ')}`),
    [],
  );
}
