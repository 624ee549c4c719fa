// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * Writes src/api/types.ts from the HTTP contract and src/lib/i18n/texts.ts from the English texts; with
 * --check it only fails when one of them is stale. Either way every language must be complete.
 */
import { readFile, writeFile } from 'node:fs/promises';
import openapiTS, { astToString } from 'openapi-typescript';
import { compile, readAll, typeOf } from './messages.mjs';

const contract = new URL('../../gateway/openapi.yaml', import.meta.url);
const head = (source) => `// SPDX-License-Identifier: AGPL-3.0-or-later
// Generated from ${source} by "npm run generate". Do not edit.

`;

async function put(name, source, code) {
  const target = new URL(`../${name}`, import.meta.url);
  const wanted = head(source) + code;
  if (!process.argv.includes('--check')) {
    await writeFile(target, wanted);
  } else if ((await readFile(target, 'utf8').catch(() => '')) !== wanted) {
    console.error(`${name} does not match ${source}: run "npm run generate"`);
    process.exitCode = 1;
  }
}

await put('src/api/types.ts', 'gateway/openapi.yaml', astToString(await openapiTS(contract)));
const languages = await readAll();
const texts = `export interface Texts ${typeOf(languages.en)}\n`;
await put('src/lib/i18n/texts.ts', 'src/lib/i18n/en.json', texts);
for (const [language, words] of Object.entries(languages)) {
  try {
    compile(language, words, languages.en);
  } catch (error) {
    console.error(`src/lib/i18n/${language}.json: ${error.message}`);
    process.exitCode = 1;
  }
}
