// SPDX-License-Identifier: AGPL-3.0-or-later
// What Vite builds: index.html and theme.js keep their names, everything else is hashed under assets/.
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';
import { messages } from './scripts/messages.mjs';
import { licenses } from './scripts/licenses.ts';
import { preloadFont } from './scripts/preload-font.ts';

export default defineConfig({
  base: '/',
  plugins: [messages(), svelte(), preloadFont('inter-latin-wght-normal'), licenses('licenses.txt')],
  build: {
    target: 'es2022',
    assetsDir: 'assets',
    assetsInlineLimit: 0,
    cssCodeSplit: false,
    modulePreload: { polyfill: false },
    reportCompressedSize: true,
    // Few files: what the first page needs, what further pages share, and a file per page.
    rolldownOptions: {
      output: {
        codeSplitting: {
          groups: [
            { name: 'first', tags: ['$initial'], priority: 2 },
            {
              name: 'shared',
              test: /\/src\//,
              minShareCount: 2,
              priority: 1,
            },
          ],
        },
      },
    },
  },
  server: {
    proxy: { '/api': { target: process.env.METERING_ADDRESS ?? 'http://127.0.0.1:45000' } },
  },
});
