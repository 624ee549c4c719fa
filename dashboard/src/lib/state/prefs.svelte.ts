// SPDX-License-Identifier: AGPL-3.0-or-later
// What the reader chose on this device: theme, language, and short or exact amounts. public/theme.js
// reads the same keys before the first paint.
import { type Lang, type Texts, isLang, loadTexts } from '#lib/i18n/index.ts';

export type Theme = 'system' | 'light' | 'dark';

function kept(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null; // Storage may be blocked; the choice then lasts until the page is left.
  }
}

function keep(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // As above.
  }
}

const system = matchMedia('(prefers-color-scheme: dark)');

class Prefs {
  #theme = $state<Theme>('system');
  #lang = $state<Lang>('en');
  #texts = $state.raw<Texts | null>(null);
  #exact = $state(false);
  /** What the theme comes to, with the system's wish resolved. */
  shade = $state<'light' | 'dark'>('light');

  constructor() {
    const theme = kept('theme');
    this.#theme = theme === 'light' || theme === 'dark' ? theme : 'system';
    this.#exact = kept('amounts') === 'exact';
    this.#show();
    system.addEventListener('change', () => this.#show());
  }

  #show(): void {
    const dark = this.#theme === 'dark' || (this.#theme === 'system' && system.matches);
    this.shade = dark ? 'dark' : 'light';
    document.documentElement.dataset.theme = this.shade;
    const page = getComputedStyle(document.documentElement).getPropertyValue('--page').trim();
    document.querySelector('meta[name=theme-color]')?.setAttribute('content', page);
  }

  get theme(): Theme {
    return this.#theme;
  }
  set theme(theme: Theme) {
    this.#theme = theme;
    keep('theme', theme);
    this.#show();
  }

  get lang(): Lang {
    return this.#lang;
  }

  /** load fetches the texts of the language that public/theme.js found. */
  async load(): Promise<void> {
    const wanted = document.documentElement.lang;
    await this.#change([wanted, wanted.split('-')[0]].find(isLang) ?? 'en');
  }

  /** speak changes the language; where it can't be fetched, nothing changes. */
  async speak(lang: Lang): Promise<void> {
    await this.#change(lang).then(
      () => keep('lang', lang),
      () => {},
    );
  }

  async #change(lang: Lang): Promise<void> {
    const texts = await loadTexts(lang);
    this.#texts = texts;
    this.#lang = lang;
    document.documentElement.lang = lang;
  }

  get exact(): boolean {
    return this.#exact;
  }
  set exact(exact: boolean) {
    this.#exact = exact;
    keep('amounts', exact ? 'exact' : 'short');
  }

  /** The texts of the chosen language. */
  get t(): Texts {
    if (!this.#texts) throw new Error('no language is loaded');
    return this.#texts;
  }
}

export const prefs = new Prefs();
