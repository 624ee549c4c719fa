// SPDX-License-Identifier: AGPL-3.0-or-later
// The texts of the pages behind the first, fetched with those pages. A further language is a file
// beside inner.en.ts and a line here.
import type { Lang } from '../money.ts';
import { de } from './inner.de.ts';
import { en, type InnerTexts } from './inner.en.ts';

export const words: Record<Lang, InnerTexts> = { en, de };
