// SPDX-License-Identifier: AGPL-3.0-or-later
// Writes src/api/types.ts from the HTTP contract; with --check it only fails when the file is stale.
import { readFile, writeFile } from 'node:fs/promises';
import openapiTS, { astToString } from 'openapi-typescript';

const contract = new URL('../../gateway/openapi.yaml', import.meta.url);
const target = new URL('../src/api/types.ts', import.meta.url);
const head = `// SPDX-License-Identifier: AGPL-3.0-or-later
// Generated from gateway/openapi.yaml by "npm run generate". Do not edit.

`;

const wanted = head + astToString(await openapiTS(contract));
if (!process.argv.includes('--check')) {
  await writeFile(target, wanted);
} else if ((await readFile(target, 'utf8').catch(() => '')) !== wanted) {
  console.error('src/api/types.ts does not match gateway/openapi.yaml: run "npm run generate"');
  process.exit(1);
}
