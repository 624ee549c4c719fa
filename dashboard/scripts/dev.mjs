// SPDX-License-Identifier: AGPL-3.0-or-later
// The pages with reload on change, against METERING_ADDRESS or, without it, a mock server of our own.
import { createServer } from 'vite';
import { startMock } from '../mock/server.mjs';

if (!process.env.METERING_ADDRESS) {
  const mock = await startMock({ mode: process.env.MOCK_MODE ?? 'normal' });
  process.env.METERING_ADDRESS = mock.address;
  console.log(`mock server at ${mock.address}, password "metering"`);
}
const server = await createServer();
await server.listen();
server.printUrls();
