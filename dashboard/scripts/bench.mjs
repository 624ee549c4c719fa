// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * node scripts/bench.mjs [rounds]: how long the overview of the system at ADDRESS takes until it is of
 * use, on a processor four times slower than this one, and what is transferred for it. Each round is a
 * browser that was never here, but is logged in. The floor is a text file of the same server. Prints JSON.
 */
import { launch, login } from './browser.mjs';

const [rounds = '5'] = process.argv.slice(2);
const { ADDRESS, ADMIN_PASSWORD } = process.env;
const SLOWER = 4;

async function fresh(browser, state) {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 900 },
    locale: 'en-GB',
    storageState: state,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(120_000);
  const cdp = await context.newCDPSession(page);
  await cdp.send('Network.enable');
  await cdp.send('Emulation.setCPUThrottlingRate', { rate: SLOWER });
  const kinds = new Map();
  const seen = {};
  cdp.on('Network.responseReceived', (e) => kinds.set(e.requestId, e.type));
  cdp.on('Network.loadingFinished', (e) => {
    const kind = kinds.get(e.requestId) ?? 'Other';
    seen[kind] = (seen[kind] ?? 0) + e.encodedDataLength;
    seen.requests = (seen.requests ?? 0) + 1;
  });
  return { context, page, seen };
}

/** since is how many milliseconds after the navigation began something was there. */
const since = (page, selector) =>
  page
    .waitForSelector(selector, { state: 'visible' })
    .then(() => page.evaluate(() => performance.now()));

async function overview(browser, state) {
  const { context, page, seen } = await fresh(browser, state);
  await page.goto(`${ADDRESS}/`, { waitUntil: 'commit' });
  const figures = await since(page, 'dl data');
  const chart = await since(page, 'canvas');
  await page.waitForLoadState('networkidle');
  const paint = await page.evaluate(
    () => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null,
  );
  await context.close();
  return { paint, figures, chart, seen };
}

async function floor(browser, state) {
  const { context, page } = await fresh(browser, state);
  await page.goto(`${ADDRESS}/licenses.txt`, { waitUntil: 'commit' });
  const text = await since(page, 'pre');
  await context.close();
  return text;
}

const browser = await launch();
try {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(ADDRESS);
  await login(page, ADMIN_PASSWORD);
  const state = await context.storageState();
  await context.close();
  const results = [];
  for (let i = 0; i < Number(rounds); i++) {
    const bare = await floor(browser, state);
    results.push({ floor: bare, ...(await overview(browser, state)) });
  }
  console.log(JSON.stringify(results));
} finally {
  await browser.close();
}
