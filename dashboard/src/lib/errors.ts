// SPDX-License-Identifier: AGPL-3.0-or-later
// What an error means to a reader.
import type { ApiError } from '#api/client.ts';
import type { Texts } from '#lib/i18n/index.ts';

export interface ErrorText {
  title: string;
  text: string;
}

export function errorText(error: ApiError, t: Texts, online: boolean): ErrorText {
  const s = t.state;
  if (error.kind === 'network') {
    return { title: online ? s.network : s.offline, text: s.networkText };
  }
  if (error.status === 503) return { title: s.unavailable, text: s.unavailableText };
  if (error.status >= 500) return { title: s.broken, text: error.detail };
  if (error.kind === 'problem') return { title: s.refused, text: error.detail };
  return { title: s.broken, text: error.detail };
}
