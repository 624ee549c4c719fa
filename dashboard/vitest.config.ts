// SPDX-License-Identifier: AGPL-3.0-or-later
import { defineConfig } from 'vitest/config';
import { messages } from './scripts/messages.mjs';

export default defineConfig({
  plugins: [messages()],
  test: {
    include: ['src/**/*.test.ts', 'mock/**/*.test.ts', 'scripts/**/*.test.ts'],
    environment: 'node',
    // Guards against hangs, not measures.
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
