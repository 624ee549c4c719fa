// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Plugin } from 'vite';

export interface Catalogue {
  [name: string]: string | Catalogue;
}

export function readAll(): Promise<Record<string, Catalogue>>;
export function compile(language: string, texts: Catalogue, english: Catalogue): string;
export function typeOf(english: Catalogue): string;
export function messages(): Plugin;
