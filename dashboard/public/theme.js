/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Runs before the first paint: sets the theme and the language of the document from what was chosen
 * last, or from the system, and asks for that language's texts. src/lib/state/prefs.svelte.ts changes them afterwards.
 */
(function () {
  var root = document.documentElement;
  var kept = {};
  try {
    kept = { theme: localStorage.getItem('theme'), lang: localStorage.getItem('lang') };
  } catch {
    /* Storage may be blocked; the system's choice then holds. */
  }
  var dark =
    kept.theme === 'dark' ||
    (kept.theme !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches);
  root.dataset.theme = dark ? 'dark' : 'light';
  root.lang = kept.lang || navigator.language || 'en';
  var texts = JSON.parse(document.currentScript.dataset.texts || '{}');
  var link = document.createElement('link');
  link.rel = 'modulepreload';
  link.href = texts[root.lang] || texts[root.lang.split('-')[0]] || texts.en || '';
  if (link.getAttribute('href')) document.head.append(link);
})();
