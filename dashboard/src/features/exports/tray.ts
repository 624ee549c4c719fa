// SPDX-License-Identifier: AGPL-3.0-or-later
// The tray of what takes a while is fetched when it is first needed; it stands outside the pages and so
// outlives them.
import { mount } from 'svelte';

let tray: Promise<void> | null = null;

export function showTray(): void {
  tray ??= import('#shell/JobTray.svelte').then(({ default: JobTray }) => {
    mount(JobTray, { target: document.body });
  });
  tray.catch(() => (tray = null));
}
