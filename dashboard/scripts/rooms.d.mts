// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Rule } from 'eslint';

export type Rooms = ReadonlyMap<string, ReadonlySet<string>>;
export const MOST_SOURCES: number;
export function parseRooms(text: string): Rooms;
export function readRooms(src: string): Rooms;
export function sourcesIn(src: string, room: string): string[];
export function importFault(rooms: Rooms, file: string, source: string): string | null;
export function makeRule(
  src: string,
  rooms: Rooms,
  sources?: (room: string) => readonly string[],
): Rule.RuleModule;
