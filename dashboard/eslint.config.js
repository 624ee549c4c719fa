// SPDX-License-Identifier: AGPL-3.0-or-later
import { fileURLToPath } from 'node:url';
import js from '@eslint/js';
import svelte from 'eslint-plugin-svelte';
import globals from 'globals';
import ts from 'typescript-eslint';
import { makeRule, readRooms } from './scripts/rooms.mjs';
import svelteConfig from './svelte.config.js';

const src = fileURLToPath(new URL('src', import.meta.url));

export default ts.config(
  { ignores: ['dist/', 'node_modules/', 'src/api/types.ts', 'src/lib/i18n/texts.ts'] },
  js.configs.recommended,
  ts.configs.strict,
  svelte.configs.recommended,
  {
    languageOptions: { globals: { ...globals.browser, ...globals.node } },
    rules: {
      eqeqeq: 'error',
      'no-restricted-globals': [
        'error',
        { name: 'fetch', message: 'Only src/api/client.ts fetches.' },
      ],
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', ignoreRestSiblings: true },
      ],
      'max-lines': ['error', 600],
    },
  },
  {
    files: ['src/api/client.ts', 'mock/**', 'e2e/**', 'scripts/**'],
    rules: { 'no-restricted-globals': 'off' },
  },
  {
    files: ['src/**'],
    plugins: { local: { rules: { rooms: makeRule(src, readRooms(src)) } } },
    rules: { 'local/rooms': 'error' },
  },
  {
    files: ['src/**'],
    ignores: ['src/kit/chart/**'],
    rules: {
      'no-restricted-imports': ['error', { name: 'uplot', message: 'Only src/kit/chart draws.' }],
    },
  },
  {
    files: ['**/*.svelte', '**/*.svelte.ts'],
    languageOptions: {
      parserOptions: { parser: ts.parser, extraFileExtensions: ['.svelte'], svelteConfig },
    },
    rules: { 'svelte/no-at-html-tags': 'error' },
  },
);
