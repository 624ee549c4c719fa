// SPDX-License-Identifier: AGPL-3.0-or-later
// What moves: requests as they come in, a connection that is lost, a server that goes, a session that ends.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { login } from '../scripts/browser.mjs';
import { amounts, axe, begin, sameMoney } from './support.mjs';

let at;
let page;

before(async () => {
  at = await begin({ expected: /status of (401|503)|net::ERR_/ });
  page = at.page;
});
after(() => at?.end());

const lines = () => page.locator('tbody tr');
const line = (id) =>
  lines().filter({ has: page.locator(`a[href="/requests/${encodeURIComponent(id)}"]`) });
/** booked waits until the ledger has a request: a gateway answers as soon as it is on its disk. */
const booked = async (id) => {
  for (let has = false; !has;)
    has = await at.api(`/api/v1/generations/${id}`).then(
      () => true,
      () => false,
    );
};
const connected = () => page.getByText('Connected').waitFor();

describe('what moves', { concurrency: false }, () => {
  test('a request appears on top as it is accepted, once', async () => {
    await at.open('/live');
    await connected();
    const id = await at.record({ cost: '0.0123' });
    await line(id).waitFor();
    const first = await lines().first().locator('a').first().getAttribute('href');
    assert.equal(first, `/requests/${id}`);
    sameMoney((await amounts(line(id)))[0], '0.0123', 'its cost');
    await at.record({ cost: '0.0123', id });
    const next = await at.record({ cost: '0.5' });
    await line(next).waitFor();
    assert.equal(await line(id).count(), 1);
    await axe(page);
  });

  test('while paused nothing moves; afterwards everything is there', async () => {
    await page.getByRole('button', { name: 'Pause' }).click();
    const before = await lines().count();
    const ids = [];
    for (let i = 0; i < 3; i++) ids.push(await at.record({ cost: '0.001' }));
    await page.getByText('3 new records').waitFor();
    assert.equal(await lines().count(), before);
    await page.getByRole('button', { name: 'Resume' }).click();
    for (const id of ids) await line(id).waitFor();
  });

  test('filters are in the address and hide the others', async () => {
    const user = `e2e-${randomUUID()}`;
    const id = await at.record({ cost: '0.002', user });
    await line(id).waitFor();
    await page.getByRole('searchbox').fill(user);
    await page.waitForURL((url) => url.searchParams.get('q') === user);
    assert.equal(await lines().count(), 1);
    await page.getByLabel('State').selectOption('error');
    await page.getByText('No request matches').waitFor();
    await page.getByRole('button', { name: 'Clear the filters' }).click();
    await page.waitForURL((url) => !url.search);
  });

  test('a connection that was lost comes back, and the gap is filled', async () => {
    await at.context.setOffline(true);
    at.mock?.dropStreams();
    await page.getByText('This device is offline').waitFor();
    const id = await at.record({ cost: '0.003' });
    if (!at.mock) await booked(id); // the gap is filled from the ledger
    await at.context.setOffline(false);
    if (at.mock) await at.record({ cost: '0.004' });
    await connected();
    // The mock's ledger has no live records; its stream repeats them only to who asks with an id.
    if (!at.mock) await line(id).waitFor();
  });

  test('the stream repeats what was missed to a browser that comes back by itself', async (t) => {
    if (!at.mock) return t.skip('only the mock lets go of a stream on demand');
    await at.open('/live');
    await connected();
    const seen = await at.record({ cost: '0.005' });
    await line(seen).waitFor();
    at.mock.dropStreams();
    const missed = await at.record({ cost: '0.006' });
    await line(missed).waitFor();
    assert.equal(await line(seen).count(), 1);
  });

  test('a server that is gone leaves the figures with a word, and comes back by itself', async () => {
    await at.open('/');
    const main = page.locator('dl data').first();
    const cost = await main.getAttribute('value');
    await page.route('**/api/**', (route) => route.abort('connectionrefused'));
    await page.getByRole('button', { name: 'Refresh' }).click();
    await page.getByText('Not refreshed').first().waitFor();
    assert.equal(await main.getAttribute('value'), cost);
    await axe(page);
    await page.unroute('**/api/**');
    await page.getByText('Not refreshed').first().waitFor({ state: 'detached' });
  });

  test('a page that is opened while the server is gone says so, and fills when it is back', async () => {
    await page.route('**/api/**', (route) => route.abort('connectionrefused'));
    await page.goto(`${at.address}/explore`);
    await page.getByText('The server does not answer').waitFor();
    await page.unroute('**/api/**');
    await page.getByRole('heading', { level: 1, name: 'Explore' }).waitFor();
  });

  test('a session that ends is noticed without a click', async () => {
    await at.open('/live');
    await connected();
    await at.context.clearCookies();
    if (at.mock) at.mock.endSessions();
    else await at.context.setOffline(true).then(() => at.context.setOffline(false));
    await page.getByText('Your session has ended.').waitFor();
    await login(page, at.password);
    await page.getByRole('heading', { level: 1, name: 'Live' }).waitFor();
  });

  test('the browser had nothing to complain about', () => assert.deepEqual(at.complaints, []));
});
