// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * The rooms of the pages: a room is a folder under src/ with sources in it, and src/rooms says which
 * other rooms each may use. ESLint checks every import by it; eslint.config.js takes the rule from here.
 *
 * An import from another room names it ('#kit/Icon.svelte'), one inside a room is bare ('./parts.ts').
 * Files straight under src/ start the pages and may use every room. Tests stand in the room of what they
 * test and keep to its line; they alone may reach out of src/, for the mock and the scripts.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { join, posix } from 'node:path';

export const MOST_SOURCES = 18;
const GENERATED = new Set(['api/types.ts', 'lib/i18n/texts.ts']);

/** parseRooms reads "room: those it may use" from the ground up: a line names only rooms above it. */
export function parseRooms(text) {
  const rooms = new Map();
  for (const [i, raw] of text.split('\n').entries()) {
    const line = raw.replace(/#.*/, '').trim();
    if (line === '') continue;
    const [, room, rest] = /^([\w/]+):(.*)$/.exec(line) ?? [];
    if (!room) throw new Error(`src/rooms:${i + 1}: "${line}" is not "room: other rooms"`);
    if (rooms.has(room)) throw new Error(`src/rooms:${i + 1}: ${room} has a line already`);
    const uses = rest.split(/\s+/).filter(Boolean);
    const unknown = uses.filter((other) => !rooms.has(other));
    if (unknown.length > 0) {
      throw new Error(`src/rooms:${i + 1}: ${unknown.join(', ')} does not stand above ${room}`);
    }
    rooms.set(room, new Set(uses));
  }
  return rooms;
}

/** sourcesIn lists what counts as a source of a folder under src/: neither tests nor what is generated. */
export function sourcesIn(src, room) {
  return readdirSync(join(src, room))
    .filter((name) => /\.(svelte|ts)$/.test(name) && !name.endsWith('.test.ts'))
    .filter((name) => !GENERATED.has(posix.join(room, name)))
    .sort();
}

/** importFault says what is wrong with one import of a file, or null; paths are relative to src/. */
export function importFault(rooms, file, source) {
  const own = posix.dirname(file);
  if (own === '.') return null;
  if (source.startsWith('#')) {
    const target = posix.dirname(source.slice(1));
    if (target === own) return `inside ${own} the import is bare: ./${posix.basename(source)}`;
    if (rooms.get(own)?.has(target)) return null;
    return `${own} may not use ${target}: its line in src/rooms does not name it`;
  }
  if (!source.startsWith('.')) return null;
  const target = posix.join(own, source);
  if (posix.dirname(target) === own) return null;
  if (target.startsWith('../')) {
    return file.endsWith('.test.ts') ? null : `${source} leaves src/`;
  }
  return `${source} leaves ${own}: write '#${target}'`;
}

/** makeRule is the ESLint rule over a list of rooms; `sources` lists the sources of one. */
export function makeRule(src, rooms, sources = (room) => sourcesIn(src, room)) {
  return {
    meta: { type: 'problem', schema: [], messages: { fault: '{{text}}' } },
    create(context) {
      const path = context.filename.replaceAll('\\', '/');
      const root = `${src.replaceAll('\\', '/').replace(/\/$/, '')}/`;
      if (!path.startsWith(root)) return {};
      const file = path.slice(root.length);
      const room = posix.dirname(file);
      const report = (node, text) => context.report({ node, messageId: 'fault', data: { text } });
      const check = ({ source }) => {
        if (typeof source?.value !== 'string') return;
        const text = importFault(rooms, file, source.value);
        if (text) report(source, text);
      };
      return {
        Program(node) {
          if (room === '.') return;
          if (!rooms.has(room)) report(node, `src/rooms has no line for ${room}`);
          const all = sources(room);
          if (all.length > MOST_SOURCES && all[0] === posix.basename(file)) {
            report(node, `${room} has ${all.length} sources; a folder has at most ${MOST_SOURCES}`);
          }
        },
        ImportDeclaration: check,
        ExportNamedDeclaration: check,
        ExportAllDeclaration: check,
        ImportExpression: check,
        TSImportType: ({ argument }) => check({ source: argument?.literal ?? argument }),
      };
    },
  };
}

/** readRooms is the list of src/rooms, in which every room is a folder with sources. */
export function readRooms(src) {
  const rooms = parseRooms(readFileSync(join(src, 'rooms'), 'utf8'));
  for (const room of rooms.keys()) {
    if (sourcesIn(src, room).length === 0) throw new Error(`src/rooms: ${room} has no sources`);
  }
  return rooms;
}
