// SPDX-License-Identifier: AGPL-3.0-or-later
// npm run mock -- [--mode normal|empty|hostile|error|partial|slow|many] [--port 45000] [--dist dist] [--now instant]
import { parseArgs } from 'node:util';
import { startMock } from './server.mjs';

const { values } = parseArgs({
  options: {
    mode: { type: 'string', default: 'normal' },
    port: { type: 'string', default: '45000' },
    dist: { type: 'string' },
    now: { type: 'string' },
  },
});
const mock = await startMock({ ...values, port: Number(values.port) });
console.log(`${mock.address} (mode ${values.mode}, password "metering", read key "read-key")`);
