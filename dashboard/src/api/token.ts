// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * The half of the session that the login's reply tells. The other half is the cookie, which a browser sends to every
 * port of the host: a page of another service there receives it, and must not be able to use it. Storage belongs to an
 * origin, which the port is part of. It is the storage that all tabs share: a tab is no login of its own, and the
 * cookie of a second login would end the session of the first tab.
 */
const KEY = 'session-token';

let here: string | null = null;

/** sessionToken is the token that calls send, null without a session. */
export function sessionToken(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return here; // No storage, as in a private window of some browsers: it lasts as long as the page.
  }
}

export function keepToken(token: string | null): void {
  here = token;
  try {
    if (token === null) localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, token);
  } catch {
    // As above.
  }
}
