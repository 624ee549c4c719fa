// SPDX-License-Identifier: AGPL-3.0-or-later
// The tray of what takes a while stands outside the pages, and so outlives them. The shell has it; here
// it is only asked for.

let mountTray: () => Promise<void> = () => Promise.resolve();
let tray: Promise<void> | null = null;

/** setTray names who mounts the tray when it is first needed. */
export function setTray(mount: () => Promise<void>): void {
  mountTray = mount;
}

/** showTray is called whenever there is something to show; after a failure the next call tries again. */
export function showTray(): void {
  tray ??= mountTray();
  tray.catch(() => (tray = null));
}
