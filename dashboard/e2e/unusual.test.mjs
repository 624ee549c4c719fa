// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * What is out of the ordinary, on a real installation: a call that two paths reported, a request of
 * another platform, a record that cannot be taken. The last of the files by name: for a day after it the
 * overview says that something was refused.
 */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { amounts, axe, begin, sameMoney } from './support.mjs';

const LIMIT_MS = 120_000; // a guard against hangs, not a measure
const real = { skip: !process.env.ADDRESS && 'needs a real installation' };

let at;
let page;

before(async () => {
  at = await begin({ expected: /status of (401|404)/ });
  page = at.page;
});
after(() => at?.end());

/** send posts records as a sender would, and gives the answer. */
async function send(records, status = 200) {
  const reply = await fetch(`${at.address}/api/v1/events`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${process.env.API_KEY}`,
      'user-agent': 'e2e-script/1',
    },
    body: JSON.stringify(records),
  });
  const body = await reply.json();
  assert.equal(reply.status, status, JSON.stringify(body));
  return body;
}

const headers = () => ({ authorization: `Bearer ${at.key}` });

/** history waits until the row is as it is wanted. */
async function history(id, wanted) {
  const end = Date.now() + LIMIT_MS;
  for (;;) {
    const url = `${at.address}/api/v1/generations/${encodeURIComponent(id)}`;
    const reply = await fetch(url, { headers: headers() });
    const body = reply.status === 200 ? await reply.json() : null;
    if (body && wanted(body.generation)) return body;
    assert.ok(Date.now() < end, `${id} did not become what it should: ${JSON.stringify(body)}`);
    await new Promise((go) => setTimeout(go, 100));
  }
}

/** Tokens that no other request has, so that nothing else can be taken for the same call. */
const tokens = () => ({
  prompt_tokens: 1_000_000 + Math.floor(Math.random() * 900_000_000),
  completion_tokens: 7,
});

const path = (id) => `/requests/${encodeURIComponent(id)}`;
const panel = () => page.getByRole('region', { name: 'What belongs together' });

describe('on a real installation', { concurrency: false }, () => {
  test('a call that two paths reported counts once, says so, and is undone', real, async () => {
    const [turn, id] = [`e2e-${randomUUID()}:1`, `gen-e2e-${randomUUID()}`];
    const row = `owui:${turn}`;
    const finished_at = new Date().toISOString();
    const said = {
      state: 'final',
      user: { id: 'e2e-pairs' },
      model: 'e2e/model',
      usage: { ...tokens(), cost: 0.25 },
      finished_at,
    };
    await send([{ ...said, record_id: randomUUID(), turn_id: turn, source: 'filter-outlet' }]);
    await history(row, (g) => g.requests === 1);
    await send([{ ...said, record_id: randomUUID(), generation_id: id, source: 'e2e' }]);
    await history(row, (g) => g.requests === 0 && g.part_of.includes(id));

    await at.open(`/requests?user=e2e-pairs&period=1d`);
    await page.locator(`main tbody a[href="${path(id)}"]`).waitFor();
    assert.equal(await page.locator(`main tbody a[href="${path(row)}"]`).count(), 0);
    await page
      .locator('main tbody .mark', { hasText: /^paired/ })
      .first()
      .waitFor();

    await at.open(path(row));
    await panel().getByText('This row counts nothing: it is part of').waitFor();
    await axe(page);
    await panel().getByRole('link', { name: id }).click();
    await page.waitForURL((url) => url.pathname === path(id));
    await panel().getByRole('link', { name: row }).waitFor();
    await panel().getByText('no id says that they belong together').waitFor();
    const records = page.getByRole('region', { name: 'What arrived' });
    assert.equal(await records.locator('li', { hasText: `of the row ${row}` }).count(), 1);
    assert.equal(await records.locator('.over').count(), 0, 'nothing that was said is wrong');

    await page.getByRole('button', { name: 'Undo pairing' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Undo pairing' }).click();
    await panel().getByRole('status').getByRole('link', { name: row }).click();
    await page.waitForURL((url) => url.pathname === path(row));
    await records.getByText('The pairing was undone').waitFor();
    const { generation } = await history(row, (g) => g.requests === 1);
    assert.deepEqual([...generation.part_of, ...generation.parts], []);
    const story = page.getByRole('region', { name: 'How the cost came about' });
    sameMoney((await amounts(story))[0], '0.25', 'its own cost');
    await axe(page);
  });

  test('what a turn cost beyond its known requests is a row that says so', real, async () => {
    const turn = `e2e-${randomUUID()}`;
    const id = `gen-e2e-${randomUUID()}`;
    const row = `owui:${turn}`;
    const finished_at = new Date().toISOString();
    const common = { state: 'final', user: { id: 'e2e-rest' }, model: 'e2e/model', finished_at };
    const usage = tokens();
    const sum = { ...usage, prompt_tokens: usage.prompt_tokens + 50, cost: 0.3 };
    await send([
      { ...common, record_id: randomUUID(), turn_id: turn, source: 'e2e', usage: sum },
      {
        ...common,
        record_id: randomUUID(),
        generation_id: id,
        turn_id: turn,
        request: 1,
        source: 'e2e',
        usage: { ...usage, cost: 0.25 },
      },
    ]);
    const { generation } = await history(row, (g) => g.requests === 0 && Number(g.cost) > 0);
    sameMoney(generation.cost, '0.05', 'the sum less what is known');
    await at.open(path(row));
    await panel().getByText('what the turn cost beyond its known requests').waitFor();
    await panel().getByRole('link', { name: id }).waitFor();
    const story = page.getByRole('region', { name: 'How the cost came about' });
    sameMoney((await amounts(story))[0], generation.cost, 'what is left');
    assert.equal(await page.locator('main .over').count(), 0, 'the sum was not said wrongly');
    await axe(page);
  });

  test(
    'another platform’s request without a price is found and does not wait for a look-up',
    real,
    async () => {
      const id = `chatcmpl-e2e-${randomUUID()}`;
      await send([
        {
          record_id: randomUUID(),
          generation_id: id,
          state: 'final',
          platform: 'ollama',
          user: { id: 'e2e-local' },
          model: 'llama3.2:3b',
          usage: tokens(),
          finished_at: new Date().toISOString(),
          source: 'e2e',
        },
      ]);
      const { generation } = await history(id, () => true);
      assert.equal(generation.unsettled, false);
      await at.open('/requests?period=1d&user=e2e-local');
      await page.getByLabel('Platform').selectOption('ollama');
      await page.waitForURL(/platform=ollama/);
      const line = page.locator('main tbody tr', { has: page.locator(`a[href="${path(id)}"]`) });
      await line.getByText('no price').first().waitFor();
      await page.getByLabel('Platform').selectOption('openrouter');
      await page.getByText('No request matches these filters').waitFor();
      await page.getByLabel('Platform').selectOption('not said');
      await page.waitForURL((url) => url.searchParams.get('platform') === '');
      await page.getByText('No request matches these filters').waitFor();
      await at.open(path(id));
      await page.getByText('holds up neither the month nor its files').waitFor();
      await axe(page);
    },
  );

  test('a record that cannot be taken is listed, and said on the overview', real, async () => {
    await send([{ record_id: randomUUID(), state: 'final', user: { id: 'u' } }], 400);
    const { items } = await at.api('/api/v1/refused');
    const mine = items.find((r) => r.sender.includes('e2e-script/1'));
    assert.ok(mine, JSON.stringify(items));
    await at.open('/');
    const line = page.locator('li', { hasText: 'could not be taken in the last 24 hours' });
    await line.getByRole('link', { name: 'Have a look' }).click();
    await page.waitForURL(/\/settlement\?tab=refused$/);
    const row = page.locator('main tbody tr', { hasText: 'e2e-script/1' });
    assert.match(await row.innerText(), /plugin’s call/);
    assert.ok((await row.innerText()).includes(mine.reason));
    await axe(page);
  });

  test('the browser had nothing to complain about', () => assert.deepEqual(at.complaints, []));
});
