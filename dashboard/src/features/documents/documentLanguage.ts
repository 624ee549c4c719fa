// SPDX-License-Identifier: AGPL-3.0-or-later
// The languages that documents can be in. The server writes those, so there may be fewer than of the pages.
import type { Lang } from '#lib/i18n/index.ts';

export const documentLanguages = ['en', 'de'] as const;
export type DocumentLanguage = (typeof documentLanguages)[number];

/** documentLanguage is that of the reader, where documents can be in it. */
export function documentLanguage(lang: Lang): DocumentLanguage {
  return documentLanguages.find((known) => known === lang) ?? 'en';
}
