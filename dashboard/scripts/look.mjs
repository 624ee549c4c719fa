// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * npm run look -- <folder> [name part …]
 * Looks at every page of dist/ at four widths, light and dark, with data and without, with errors and
 * with names that break careless pages. Writes a picture of each and fails on what a picture does not
 * show: findings of axe, a page wider than the window, script errors, breaches of the content policy.
 */
import { mkdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { startMock } from '../mock/server.mjs';
import { launch, login, settled } from './browser.mjs';
import { press, userLooks } from './look-users.mjs';

const [folder = 'look', ...only] = process.argv.slice(2);
const NOW = '2026-11-23T15:20:00Z';
const WIDTHS = [1440, 1024, 768, 390];
const AXE = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Each look: a name, the mock's mode, the address (or a way to find it), and what to do there. */
const LOOKS = [
  { name: 'login', out: true },
  { name: 'login-wrong', out: true, act: wrongPassword },
  { name: 'login-link-wrong', out: true, to: '/login#link=used', act: refusedLink },
  { name: 'overview', to: '/' },
  { name: 'overview-unfit', to: '/', act: tapUnfit },
  { name: 'overview-held', to: '/', act: heldBack },
  { name: 'overview-past', to: '/?month=2026-09' },
  { name: 'overview-table', to: '/?days=table' },
  { name: 'overview-menu', to: '/', act: openMenu },
  { name: 'overview-by-user', to: '/?by=user' },
  { name: 'overview-table-by-provider', to: '/?by=provider&days=table' },
  { name: 'nav-open', to: '/', act: openNav },
  { name: 'live', to: '/live', act: someRecords },
  { name: 'live-paused', to: '/live', act: pauseLive },
  { name: 'live-none', to: '/live?q=nobody' },
  { name: 'live-lost', to: '/live', act: loseLive },
  { name: 'explore', to: '/explore' },
  { name: 'explore-names', to: '/explore?by=user,model&measure=tokens&period=30d' },
  { name: 'explore-hours', to: '/explore?by=hour,source&period=1d' },
  { name: 'explore-hours-long', to: '/explore?by=hour&period=365d' },
  { name: 'explore-filtered', to: '/explore?by=task&group=staff&provider=Google&period=365d' },
  { name: 'explore-none', to: '/explore?by=model&model=nothing' },
  { name: 'requests', to: '/requests' },
  { name: 'requests-filtered', to: '/requests?period=365d&cost=looked_up&group=staff' },
  { name: 'requests-platform', to: '/requests?platform=ollama' },
  { name: 'requests-kind', to: '/requests?kind=embedding' },
  { name: 'requests-none', to: '/requests?model=nothing' },
  { name: 'request-looked-up', to: (mock) => firstRequest(mock, 'looked_up') },
  { name: 'request-unknown', to: (mock) => firstRequest(mock, 'estimated') },
  { name: 'request-paired', to: '/requests/owui%3Aturn-1%3A1' },
  { name: 'request-whole', to: (mock) => markedRequest(mock, 'matched') },
  { name: 'request-rest', to: '/requests/owui%3Aturn-2%3A1' },
  { name: 'request-unpair', to: '/requests/owui%3Aturn-1%3A1', act: askUnpair },
  { name: 'request-disputed', to: (mock) => markedRequest(mock, 'disputed') },
  { name: 'request-unproven', to: (mock) => markedRequest(mock, 'unproven') },
  {
    name: 'request-decide',
    to: (mock) => markedRequest(mock, 'disputed'),
    act: press('Decide'),
  },
  { name: 'request-decide-fault', to: (mock) => markedRequest(mock, 'disputed'), act: noReason },
  { name: 'request-told', to: (mock) => requestOf(mock, (g) => g.user_state === 'told') },
  { name: 'request-inferred', to: (mock) => requestOf(mock, (g) => g.user_state === 'inferred') },
  { name: 'request-unpriced', to: '/requests/chatcmpl-417' },
  { name: 'request-none', to: '/requests/gen-none' },
  { name: 'models', to: '/models' },
  { name: 'models-all', to: '/models?which=all' },
  { name: 'model', to: '/models/openai%2Fgpt-5' },
  { name: 'model-table', to: '/models/openai%2Fgpt-5?prices=table' },
  { name: 'model-unpriced', to: '/models/openrouter%2Fauto' },
  { name: 'documents', to: '/documents' },
  { name: 'documents-issued', to: '/documents?tab=issued' },
  { name: 'documents-form', to: '/documents?tab=issued', act: openIssueForm },
  { name: 'documents-taken', to: '/documents?tab=issued', act: takenIssue },
  { name: 'documents-waits', to: '/documents?tab=issued', act: waitingIssue },
  { name: 'documents-waits-tray', to: '/documents?tab=issued', act: leftIssue },
  { name: 'documents-failed-tray', to: '/documents?tab=issued', act: failedIssue },
  { name: 'documents-done', to: '/documents?tab=issued', act: doneIssue },
  { name: 'documents-held', to: '/documents', act: heldBack },
  { name: 'documents-one', to: (mock) => oneIssued(mock, (d) => d.files.length > 2) },
  { name: 'documents-differs', to: (mock) => oneIssued(mock, (d) => d.differs) },
  { name: 'documents-cancellation', to: (mock) => oneIssued(mock, (d) => d.cancels) },
  { name: 'documents-cancelled', to: (mock) => oneIssued(mock, (d) => d.cancelled_by) },
  { name: 'documents-none', to: '/documents?tab=issued&number=2026-999999' },
  { name: 'documents-correct', to: (mock) => oneIssued(mock, stands), act: press('Correct') },
  { name: 'documents-add', to: (mock) => oneIssued(mock, stands), act: press('Add XLSX') },
  {
    name: 'documents-duplicate',
    to: (mock) => oneIssued(mock, stands),
    act: press('Ask for a duplicate'),
  },
  { name: 'documents-cancel', to: (mock) => oneIssued(mock, stands), act: press('Cancel it') },
  { name: 'verify', to: '/verify' },
  { name: 'verify-files', to: (mock) => verifyOf(mock, (d) => d.files.length > 2) },
  { name: 'verify-cancelled', to: (mock) => verifyOf(mock, (d) => d.cancelled_by) },
  { name: 'settlement', to: '/settlement' },
  { name: 'settlement-refused', to: '/settlement?tab=refused' },
  { name: 'settlement-dead', to: '/settlement?tab=dead' },
  { name: 'settlement-aside-form', to: '/settlement?tab=dead', act: askAside },
  { name: 'settlement-aside', to: '/settlement?tab=dead', act: setAside },
  { name: 'settlement-disputes', to: '/settlement?tab=disputes' },
  { name: 'settlement-discrepancies', to: '/settlement?tab=discrepancies' },
  { name: 'settings', to: '/settings' },
  { name: 'settings-plugins', to: '/settings?tab=plugins' },
  { name: 'settings-keys', to: '/settings?tab=keys' },
  { name: 'settings-running', to: '/settings?tab=running' },
  { name: 'sessions-end', to: '/settings?tab=keys', act: askEndAll },
  { name: 'terms', to: '/settings?tab=terms' },
  { name: 'terms-held', to: '/settings?tab=terms', act: heldBack },
  { name: 'terms-form', to: '/settings?tab=terms', act: press('Set terms') },
  { name: 'terms-fault', to: '/settings?tab=terms', act: faultyTerms },
  { name: 'terms-saved', to: '/settings?tab=terms', act: saveTerms },
  { name: 'terms-withdraw', to: '/settings?tab=terms', act: press(/^Withdraw/) },
  { name: 'empty-terms', mode: 'empty', to: '/settings?tab=terms' },
  { name: 'error-terms', mode: 'error', to: '/settings?tab=terms' },
  { name: 'hostile-terms', mode: 'hostile', to: '/settings?tab=terms' },
  {
    name: 'hostile-one',
    mode: 'hostile',
    to: (mock) => oneIssued(mock, (d) => d.files.length > 2),
  },
  {
    name: 'hostile-cancel',
    mode: 'hostile',
    to: (mock) => oneIssued(mock, stands),
    act: press('Cancel it'),
  },
  { name: 'german-terms', to: '/settings?tab=terms', lang: 'de-DE', act: heldBack },
  {
    name: 'german-terms-form',
    to: '/settings?tab=terms',
    lang: 'de-DE',
    act: press('Konditionen setzen'),
  },
  {
    name: 'german-terms-withdraw',
    to: '/settings?tab=terms',
    lang: 'de-DE',
    act: press(/^Zurücknehmen/),
  },
  { name: 'german-issued', to: '/documents?tab=issued', lang: 'de-DE' },
  { name: 'german-taken', to: '/documents?tab=issued', lang: 'de-DE', act: takenIssue },
  { name: 'german-one', to: (mock) => oneIssued(mock, (d) => d.files.length > 2), lang: 'de-DE' },
  {
    name: 'german-correct',
    to: (mock) => oneIssued(mock, stands),
    lang: 'de-DE',
    act: press('Korrigieren'),
  },
  {
    name: 'german-cancel',
    to: (mock) => oneIssued(mock, stands),
    lang: 'de-DE',
    act: press('Stornieren'),
  },
  { name: 'german-held', to: '/documents', lang: 'de-DE', act: heldBack },
  { name: 'german-overview-held', to: '/', lang: 'de-DE', act: heldBack },
  { name: 'empty-requests', mode: 'empty', to: '/requests' },
  { name: 'empty-documents', mode: 'empty', to: '/documents' },
  { name: 'empty-settings', mode: 'empty', to: '/settings' },
  { name: 'error-requests', mode: 'error', to: '/requests' },
  { name: 'error-settings', mode: 'error', to: '/settings' },
  { name: 'hostile-requests', mode: 'hostile', to: '/requests' },
  { name: 'hostile-issued', mode: 'hostile', to: '/documents?tab=issued' },
  { name: 'hostile-plugins', mode: 'hostile', to: '/settings?tab=plugins' },
  { name: 'hostile-refused', mode: 'hostile', to: '/settlement?tab=refused' },
  { name: 'german-refused', to: '/settlement?tab=refused', lang: 'de-DE' },
  { name: 'german-dead', to: '/settlement?tab=dead', lang: 'de-DE', act: setAside },
  { name: 'german-disputes', to: '/settlement?tab=disputes', lang: 'de-DE' },
  { name: 'german-disputed', to: (mock) => markedRequest(mock, 'disputed'), lang: 'de-DE' },
  {
    name: 'german-decide',
    to: (mock) => markedRequest(mock, 'disputed'),
    lang: 'de-DE',
    act: press('Entscheiden'),
  },
  {
    name: 'german-told',
    to: (mock) => requestOf(mock, (g) => g.user_state === 'told'),
    lang: 'de-DE',
  },
  { name: 'german-differs', to: (mock) => oneIssued(mock, (d) => d.differs), lang: 'de-DE' },
  { name: 'german-sessions', to: '/settings?tab=keys', lang: 'de-DE', act: askEndAll },
  {
    name: 'german-login-link',
    out: true,
    to: '/login#link=used',
    lang: 'de-DE',
    act: refusedLink,
  },
  { name: 'german-rest', to: '/requests/owui%3Aturn-2%3A1', lang: 'de-DE' },
  { name: 'german-requests', to: '/requests', lang: 'de-DE' },
  { name: 'german-settings', to: '/settings', lang: 'de-DE' },
  { name: 'german-documents', to: '/documents', lang: 'de-DE' },
  { name: 'not-found', to: '/nothing' },
  { name: 'overview-refused', to: '/', act: refuseSome },
  { name: 'empty-overview', mode: 'empty', to: '/' },
  { name: 'error-overview', mode: 'error', to: '/' },
  { name: 'partial-overview', mode: 'partial', to: '/', act: failDownload },
  { name: 'slow-overview', mode: 'slow', to: '/', early: true },
  { name: 'stale-overview', to: '/', act: failRefresh },
  { name: 'login-throttled', out: true, act: wrongOften },
  { name: 'hostile-overview', mode: 'hostile', to: '/' },
  { name: 'empty-live', mode: 'empty', to: '/live' },
  { name: 'empty-explore', mode: 'empty', to: '/explore' },
  { name: 'error-live', mode: 'error', to: '/live' },
  { name: 'error-explore', mode: 'error', to: '/explore' },
  { name: 'hostile-live', mode: 'hostile', to: '/live' },
  { name: 'hostile-explore', mode: 'hostile', to: '/explore?by=user,model' },
  { name: 'german-live', to: '/live', lang: 'de-DE' },
  { name: 'german-explore', to: '/explore', lang: 'de-DE' },
  { name: 'offline', to: '/', act: goOffline },
  { name: 'overview-hover', to: '/', act: hoverChart },
  { name: 'german-overview', to: '/', lang: 'de-DE' },
  { name: 'german-plugins', to: '/settings?tab=plugins', lang: 'de-DE' },
  { name: 'exact-overview', to: '/', exact: true },
  ...userLooks,
];

async function firstRequest(mock, state) {
  const url = `${mock.address}/api/v1/generations?cost_state=${state}&limit=1`;
  const reply = await fetch(url, { headers: { authorization: 'Bearer read-key' } });
  const { items } = await reply.json();
  return `/requests/${encodeURIComponent(items[0].generation_id)}`;
}

async function requestOf(mock, wanted) {
  const url = `${mock.address}/api/v1/generations?limit=1000`;
  const reply = await fetch(url, { headers: { authorization: 'Bearer read-key' } });
  const row = (await reply.json()).items.find(wanted);
  return `/requests/${encodeURIComponent(row.generation_id)}`;
}

const markedRequest = (mock, mark) => requestOf(mock, (g) => g.marks.includes(mark));

async function askUnpair(page) {
  await page.getByRole('button', { name: 'Undo pairing' }).click();
  await page.locator('dialog[open]').waitFor();
}

async function refuseSome(page, mock) {
  for (let i = 0; i < 3; i++) mock.refuse();
  await page.reload();
  await page.getByText('could not be taken').waitFor();
}

async function tapUnfit(page, mock) {
  mock.hear({ tap: 'does_not_fit', reason: 'the stream of aiohttp is another one' });
  await page.reload();
  await page.getByText('does not fit').waitFor();
}

const stands = (d) => !d.corrected_by && !d.cancelled_by && !d.cancels && d.files.length === 1;

async function findIssued(mock, wanted) {
  const url = `${mock.address}/api/v1/documents?limit=1000`;
  const reply = await fetch(url, { headers: { authorization: 'Bearer read-key' } });
  return (await reply.json()).items.find(wanted);
}

async function oneIssued(mock, wanted) {
  return `/documents?tab=issued&number=${(await findIssued(mock, wanted)).number}`;
}

async function verifyOf(mock, wanted) {
  return `/verify/${(await findIssued(mock, wanted)).verification_code}`;
}

async function noReason(page) {
  await press('Decide')(page);
  await page.getByLabel('Cost in USD').fill('0.75');
  await page.locator('dialog[open] .button.primary').click();
  await page.locator('dialog[open] [aria-invalid=true]').waitFor();
}

/** The first button in a line asks to send again, the second to set aside. */
async function askAside(page) {
  await page.locator('tbody .button').nth(1).click();
  await page.locator('dialog[open]').waitFor();
}

async function setAside(page) {
  await askAside(page);
  await page
    .locator('dialog[open] input')
    .fill('The script that sent it was mended; its records came again.');
  await page.locator('dialog[open] .button.primary').click();
  await page.getByText('The script that sent it').waitFor();
}

async function askEndAll(page) {
  await press(/End all sessions|Alle Sitzungen beenden/)(page);
}

async function heldBack(page, mock) {
  mock.setDelivery({
    held: { month: '2026-10', reason: 'the exchange rate is of 2026-09-30, outside of the month' },
    conflict: 'tax_rate is 19 here and 20 there; currency is EUR here and USD there',
  });
  await page.reload();
  await page.getByText('the exchange rate is of 2026-09-30').waitFor();
}

/** submitIssue asks for the report of the month before, or of an earlier one, which is there already. */
async function submitIssue(page, month) {
  await page.locator('.button.primary').first().click();
  const dialog = page.locator('dialog[open]');
  if (month) await dialog.locator('select').selectOption(month);
  await dialog.locator('.button.primary').click();
  return dialog;
}

async function takenIssue(page) {
  const dialog = await submitIssue(page, '2026-09');
  await dialog.locator('.taken .buttons').waitFor();
}

async function waitingIssue(page, mock) {
  mock.setIssuing({ steps: 1000 });
  await (await submitIssue(page)).locator('progress').waitFor();
}

async function leftIssue(page, mock) {
  await waitingIssue(page, mock);
  await page.keyboard.press('Escape');
  await page.locator('.tray progress').waitFor();
}

async function failedIssue(page, mock) {
  mock.setIssuing({ steps: 1, fails: true });
  await (await submitIssue(page)).locator('progress').waitFor();
  await page.keyboard.press('Escape');
  await page.locator('.tray [role=alert]').waitFor();
}

async function doneIssue(page) {
  await (await submitIssue(page)).getByText('was issued').waitFor();
}

async function faultyTerms(page) {
  await press('Set terms')(page);
  await page.getByLabel('What one USD is in it').fill('0,86');
  await page.getByLabel('Day of the rate').fill('2026-10-15');
  await page.locator('dialog[open] .button.primary').click();
  await page.locator('[aria-invalid=true]').waitFor();
}

async function saveTerms(page) {
  await press('Set terms')(page);
  await page.getByRole('checkbox').check();
  await page.locator('dialog[open] .button.primary').click();
  await page.getByText('The terms are set').waitFor();
}

async function openIssueForm(page) {
  await page.getByRole('button', { name: 'Issue a document' }).click();
  await page.locator('dialog').waitFor();
}

async function wrongPassword(page) {
  await page.locator('#password').fill('wrong');
  await page.keyboard.press('Enter');
  await page.locator('[role=alert]').waitFor();
}

async function refusedLink(page) {
  await page.locator('[role=alert]').waitFor();
}

async function wrongOften(page) {
  for (let i = 0; i < 6; i++) {
    const [reply] = await Promise.all([
      page.waitForResponse((r) => r.url().endsWith('/api/v1/login')),
      wrongPassword(page),
    ]);
    await reply.finished();
  }
  await page.getByText('Too many attempts').waitFor();
}

async function failRefresh(page, mock) {
  mock.setMode('error');
  await page.getByRole('button', { name: 'Refresh' }).click();
  await page.getByText('Not refreshed').first().waitFor();
}

async function openMenu(page) {
  await page.locator('.menu > button').click();
}

/** The button is there only where the navigation has no room beside the page. */
async function openNav(page) {
  await page.setViewportSize({ width: 768, height: 900 });
  await page.getByRole('button', { name: 'Menu' }).click();
}

async function someRecords(page, mock) {
  await page.getByText('Connected').waitFor();
  const states = ['open', 'final', 'error', 'cancelled', 'final'];
  for (const state of states) mock.emit({ state, ...(state === 'open' && { cost: null }) });
  await page.getByRole('cell', { name: 'failed' }).first().waitFor();
}

async function pauseLive(page, mock) {
  await page.getByText('Connected').waitFor();
  await page.getByRole('button', { name: 'Pause' }).click();
  for (let i = 0; i < 12; i++) mock.emit();
  await page.getByText('12 new records').waitFor();
}

async function loseLive(page, mock) {
  await page.getByText('Connected').waitFor();
  await page.context().setOffline(true);
  mock.dropStreams();
  await page.getByText('Connection lost').waitFor();
}

async function goOffline(page) {
  await page.context().setOffline(true);
  await page.getByText('This device is offline').first().waitFor();
}

async function hoverChart(page) {
  const box = await page.locator('.u-over').boundingBox();
  await page.mouse.move(box.x + box.width * 0.75, box.y + box.height / 2);
}

async function failDownload(page) {
  await page.locator('a[download]').first().click();
  await page.locator('.tray [role=alert]').waitFor();
}

/** The browser itself reports every reply above 399 and every stream that is cut; those are what these looks are for. */
const isExpected = (text) =>
  /Failed to load resource: (the server responded|net::ERR_(INTERNET_DISCONNECTED|INCOMPLETE_CHUNKED_ENCODING))/.test(
    text,
  );

async function check(page, full) {
  const wide = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
  const found = wide > 0 ? [`wider than the window by ${wide} px`] : [];
  if (!full) return found;
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() =>
    window.axe.run(document, {
      runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
    }),
  );
  for (const v of violations) {
    const where = v.nodes
      .slice(0, 3)
      .map((n) => `${n.target.join(' ')} (${n.failureSummary?.split('\n')[1]?.trim()})`);
    found.push(`axe ${v.id}: ${v.help}: ${where.join('; ')}`);
  }
  return found;
}

async function look(browser, mock, what, theme) {
  const found = [];
  mock.setMode(what.mode === 'hostile' ? 'hostile' : 'normal');
  mock.setDelivery({});
  mock.setIssuing({});
  const to = typeof what.to === 'function' ? await what.to(mock) : what.to;
  mock.setMode(what.mode === 'slow' ? 'normal' : (what.mode ?? 'normal'));
  const context = await browser.newContext({
    viewport: { width: WIDTHS[0], height: 900 },
    colorScheme: theme,
    locale: what.lang ?? 'en-GB',
    timezoneId: 'America/New_York',
    reducedMotion: 'reduce',
  });
  await context.addInitScript((exact) => {
    if (exact) localStorage.setItem('amounts', 'exact');
  }, what.exact ?? false);
  const page = await context.newPage();
  page.on('console', (m) => {
    if (['error', 'warning'].includes(m.type()) && !isExpected(m.text())) found.push(m.text());
  });
  page.on('pageerror', (e) => found.push(e.message));
  page.on('dialog', (d) => found.push(`a dialog opened: ${d.message()}`) && d.dismiss());
  await page.goto(mock.address + (what.out ? (what.to ?? '') : ''));
  if (!what.out) {
    await login(page, 'metering');
    if (what.mode === 'slow') mock.setMode('slow');
    await page.goto(mock.address + to, { waitUntil: what.early ? 'commit' : 'load' });
    if (what.early) await page.locator('main [role=status]').first().waitFor();
  }
  if (!what.early) await settled(page);
  await what.act?.(page, mock);
  for (const width of what.early ? [1440] : WIDTHS) {
    await page.setViewportSize({ width, height: width < 768 ? 844 : 900 });
    if (!what.early) await settled(page);
    const problems = await check(page, width === 1440 || width === 390);
    found.push(...problems.map((p) => `${width} px: ${p}`));
    const path = join(folder, `${what.name}-${width}-${theme}.png`);
    await page.screenshot({ path, fullPage: true });
  }
  await context.close();
  return found;
}

await mkdir(folder, { recursive: true });
const browser = await launch();
const mock = await startMock({ now: NOW, dist: new URL('../dist', import.meta.url).pathname });
let problems = 0;
for (const what of LOOKS.filter((l) => !only.length || only.some((o) => l.name.includes(o)))) {
  for (const theme of ['light', 'dark']) {
    const found = await look(browser, mock, what, theme).catch((e) => [`failed: ${e.message}`]);
    problems += found.length;
    console.log(`${found.length ? 'not ok' : 'ok'} ${what.name} ${theme}`);
    for (const f of new Set(found)) console.log(`  ${f}`);
  }
}
await browser.close();
await mock.close();
console.log(problems ? `${problems} problems` : 'nothing found');
process.exitCode = problems ? 1 : 0;
