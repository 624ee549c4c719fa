// SPDX-License-Identifier: AGPL-3.0-or-later
// Debian's Chromium for tests and pictures, and the way through the login.
import { chromium } from 'playwright-core';

/** launch starts the browser that CHROMIUM names. */
export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    headless: true,
    timeout: 120_000,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

/** login fills the form that is open and waits until it is gone. */
export async function login(page, password) {
  await page.locator('#password').fill(password);
  await page.locator('form button[type=submit]').click();
  await page.locator('#password').waitFor({ state: 'detached' });
}

/** settled waits until the page shows what it has to show. */
export async function settled(page) {
  // A stream that does not end keeps the network from ever being idle.
  if (!new URL(page.url()).pathname.startsWith('/live')) {
    await page.waitForLoadState('networkidle');
  }
  // After a click the network still counts as idle, from the page before: so no panel may be empty or dimmed.
  await page.waitForFunction(
    () => !document.querySelector('.frame[role="status"], [aria-busy="true"]'),
  );
  await page.evaluate(async () => {
    await document.fonts.ready;
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  });
}
