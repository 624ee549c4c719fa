// SPDX-License-Identifier: AGPL-3.0-or-later
// Whether this device says that it has a network. "Yes" does not mean that the server is reached.

class Online {
  now = $state(navigator.onLine);

  constructor() {
    const read = () => (this.now = navigator.onLine);
    window.addEventListener('online', read);
    window.addEventListener('offline', read);
  }
}

export const online = new Online();
