// SPDX-License-Identifier: AGPL-3.0-or-later
/* What plugins say of themselves, kinds of requests and inherited groups, as the pages show them: on the mock. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { settled } from '../scripts/browser.mjs';
import { axe, begin, fits } from './support.mjs';

let at;
let page;

before(async () => {
  at = await begin({ mockOnly: true });
  page = at.page;
});
beforeEach(() => at.mock.setMode('normal'));
after(() => at?.end());

describe('plugins', { concurrency: false }, () => {
  test('stand in the settings with their tap, its reason and their counts', async () => {
    await at.open('/settings?tab=plugins');
    const { items } = await at.api('/api/v1/senders');
    const lines = page.locator('main tbody tr');
    assert.equal(await lines.count(), items.length);
    for (const [i, s] of items.entries()) {
      const text = await lines.nth(i).innerText();
      const tap = s.state === 'silent' ? 'silent' : s.tap;
      for (const part of [s.plugin, tap, s.reason ?? '', `${s.unnamed}`]) {
        assert.ok(text.includes(part), `${part} in ${text}`);
      }
    }
    await axe(page);
    for (const width of [768, 390]) {
      await page.setViewportSize({ width, height: 844 });
      await fits(page, `the plugins at ${width} px`);
      await page.getByText('switched off by the valve').locator('visible=true').waitFor();
    }
    await page.setViewportSize({ width: 1280, height: 900 });
  });

  test('that do not fit are said on the overview, with the way to them', async () => {
    await at.open('/settings?tab=plugins'); // the mock has its list from here on
    at.mock.hear({ tap: 'does_not_fit', reason: 'the stream of aiohttp is another one' });
    await at.open('/');
    const line = page.getByRole('listitem').filter({ hasText: 'does not fit' });
    await line.getByRole('link', { name: 'Have a look' }).click();
    await page.waitForURL(/tab=plugins/);
    await page.getByText('the stream of aiohttp is another one').locator('visible=true').waitFor();
    at.mock.hear({ tap: 'on' });
    await at.open('/');
    await page.getByText('Something is wrong').waitFor(); // the mock has dead letters
    await settled(page);
    assert.equal(await line.count(), 0);
  });

  test('that no request has are said to be none', async () => {
    at.mock.setMode('empty');
    await at.open('/settings?tab=plugins');
    await page.getByText('No plugin has said anything yet').waitFor();
    await axe(page);
  });
});

describe('kinds and groups', { concurrency: false }, () => {
  test('rows of a kind are found, and the list says it where it is no chat', async () => {
    await at.open('/requests');
    await page.getByRole('combobox', { name: /^Kind(?! of)/ }).selectOption('embedding');
    await page.waitForURL((url) => url.searchParams.get('kind') === 'embedding');
    await settled(page);
    const lines = page.locator('main tbody tr');
    await lines.first().getByText('embedding').waitFor();
    assert.equal(await lines.filter({ hasText: 'embedding' }).count(), await lines.count());
    // no record says what a turn cost beyond its requests; the day decides where such a row stands
    const whole = lines.filter({ hasNotText: 'rest of a turn' });
    await whole.first().getByRole('link').first().click();
    await page.getByText('Open WebUI plugin, the request itself').first().waitFor();
    await page.locator('dd', { hasText: 'embedding' }).first().waitFor();
    await axe(page);
    await at.open('/requests?kind=chat');
    assert.equal(await lines.locator('.tag', { hasText: 'chat' }).count(), 0);
  });

  test('a group that is inherited is marked on the page of its user', async () => {
    await at.open('/users');
    const { items } = await page.evaluate(async () => {
      const headers = { 'x-session-token': localStorage.getItem('session-token') };
      return (await fetch('/api/v1/users?limit=100', { headers })).json();
    });
    const one = items.find((u) => u.inherited_groups.length > 0);
    await at.open(`/users/${encodeURIComponent(one.id)}`);
    await page.getByText(`${one.inherited_groups[0]} (inherited)`).waitFor();
  });
});
