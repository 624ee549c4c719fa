// SPDX-License-Identifier: AGPL-3.0-or-later
// npm run screenshot -- <out.png>: the README's picture, the overview of the system at ADDRESS.
import { launch, login, settled } from './browser.mjs';

const [out] = process.argv.slice(2);
const { ADDRESS, ADMIN_PASSWORD } = process.env;
if (!out || !ADDRESS || !ADMIN_PASSWORD) {
  console.error('usage: ADDRESS=… ADMIN_PASSWORD=… npm run screenshot -- <out.png>');
  process.exit(2);
}

const browser = await launch();
try {
  const page = await browser.newPage({
    viewport: { width: 1440, height: 900 },
    deviceScaleFactor: 1,
    colorScheme: 'light',
    locale: 'en-GB',
    reducedMotion: 'reduce',
  });
  await page.goto(ADDRESS);
  await login(page, ADMIN_PASSWORD);
  await page.locator('canvas').waitFor();
  await settled(page);
  await page.evaluate(() => document.activeElement?.blur());
  await page.screenshot({ path: out });
} finally {
  await browser.close();
}
