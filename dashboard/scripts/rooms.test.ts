// SPDX-License-Identifier: AGPL-3.0-or-later
// That the rule of rooms finds what it is there for; that the pages keep to it is ESLint's to say.
import { Linter } from 'eslint';
import { expect, test } from 'vitest';
import { makeRule, parseRooms } from './rooms.mjs';

const rooms = parseRooms(`
lib:
kit:            lib        # and a remark
features/users: lib kit
features/live:  lib kit
`);

function lint(file: string, code: string, sources: readonly string[] = []): string[] {
  const rule = makeRule('/pages/src', rooms, () => sources);
  const found = new Linter({ cwd: '/pages' }).verify(
    code,
    {
      files: ['**/*.js', '**/*.ts'],
      plugins: { local: { rules: { rooms: rule } } },
      rules: { 'local/rooms': 'error' },
    },
    `/pages/src/${file}`,
  );
  return found.map((f) => f.message);
}

test('what a line names may be used, and a room itself', () => {
  const code = `
    import a from '#kit/Card.js';
    import b from './parts.js';
    import { mount } from 'svelte';
    export * from '#lib/money.js';
    const page = () => import('#lib/month.js');
  `;
  expect(lint('features/users/page.js', code)).toEqual([]);
  expect(
    lint('main.js', `import a from '#features/live/page.js'; import './styles/x.css';`),
  ).toEqual([]);
});

test.each([
  ['a room above it', 'kit/card.js', `import a from '#features/users/page.js';`, 'may not use'],
  ['another feature', 'features/users/a.js', `import '#features/live/page.js';`, 'may not use'],
  ['by export', 'lib/a.js', `export { b } from '#kit/card.js';`, 'lib may not use kit'],
  ['when it is shown', 'lib/a.js', `const c = () => import('#kit/card.js');`, 'may not use kit'],
  ['a folder that is no room', 'kit/a.js', `import '#nowhere/a.js';`, 'may not use nowhere'],
  ['a bare way out', 'features/users/a.js', `import '../../kit/card.js';`, `write '#kit/card.js'`],
  ['a bare way down', 'kit/a.js', `import './form/select.js';`, `write '#kit/form/select.js'`],
  ['out of the pages', 'kit/a.js', `import '../../mock/server.mjs';`, 'leaves src/'],
  ['its own room by name', 'kit/a.js', `import '#kit/card.js';`, 'bare: ./card.js'],
  ['a folder without a line', 'extra/a.js', '', 'no line for extra'],
])('an import is refused: %s', (_, file, code, said) => {
  expect(lint(file, code)).toEqual([expect.stringContaining(said)]);
});

test('only tests reach out of the pages', () => {
  expect(lint('kit/a.test.ts', `import '../../mock/server.mjs';`)).toEqual([]);
});

test('a folder with too many sources is told once', () => {
  const many = Array.from({ length: 19 }, (_, i) => `f${String(i).padStart(2, '0')}.js`);
  expect(lint('kit/f00.js', '', many)).toEqual(['kit has 19 sources; a folder has at most 18']);
  expect(lint('kit/f01.js', '', many)).toEqual([]);
  expect(lint('kit/f00.js', '', many.slice(1))).toEqual([]);
});

test('a circle cannot be written down', () => {
  expect(() => parseRooms('lib: kit\nkit: lib\n')).toThrow(
    'src/rooms:1: kit does not stand above lib',
  );
  expect(() => parseRooms('lib: lib\n')).toThrow('does not stand above');
  expect(() => parseRooms('lib:\nlib:\n')).toThrow('has a line already');
  expect(() => parseRooms('lib uses kit\n')).toThrow('is not "room: other rooms"');
});
