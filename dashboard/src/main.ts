// SPDX-License-Identifier: AGPL-3.0-or-later
import { mount } from 'svelte';
import App from '#shell/App.svelte';
import { prefs } from '#lib/state/prefs.svelte.ts';
import { session } from '#lib/state/session.svelte.ts';
import './styles/fonts.css';
import './styles/tokens.css';
import './styles/base.css';

const RETRY_MS = 3000;

const target = document.getElementById('app');
if (!target) throw new Error('index.html has no #app');

/** texts fetches the language; without words there is nothing to show, so it is tried until it comes. */
async function texts(): Promise<void> {
  try {
    await prefs.load();
  } catch {
    await new Promise((again) => setTimeout(again, RETRY_MS));
    await texts();
  }
}

void session.check();
await texts();
mount(App, { target });
