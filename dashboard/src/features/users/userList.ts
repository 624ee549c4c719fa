// SPDX-License-Identifier: AGPL-3.0-or-later
// Users joined with a month's figures, searched and sorted.
import type { Figures, UsageRow, User } from '#api/client.ts';
import { parseMoney } from '#lib/money.ts';

export interface ListedUser {
  id: string;
  name: string | null;
  email: string | null;
  lastSeen: string | null;
  /** False: only Open WebUI's list has the user so far. */
  hasRequests: boolean;
  /** Open WebUI's list had the user, and has them no more. */
  gone: boolean;
  /** The ids that are merged into this one. */
  merged: readonly string[];
  /** Null where the month has nothing of this user. */
  figures: Figures | null;
}

/** joinUsers keeps users without use and use without a user; neither may vanish from a bill. */
export function joinUsers(users: readonly User[], rows: readonly UsageRow[]): ListedUser[] {
  const figures = new Map(rows.map((r) => [r.user ?? '', r]));
  const people: ListedUser[] = users.map((u) => ({
    id: u.id,
    name: u.name,
    email: u.email,
    lastSeen: u.last_seen_at,
    hasRequests: u.first_seen_at !== null || figures.has(u.id),
    gone: u.gone_at !== null,
    merged: u.merged,
    figures: figures.get(u.id) ?? null,
  }));
  const known = new Set(users.map((u) => u.id));
  for (const [id, row] of figures) {
    if (known.has(id)) continue;
    people.push({
      id,
      name: row.user_name ?? null,
      email: null,
      lastSeen: null,
      hasRequests: true,
      gone: false,
      merged: [],
      figures: row,
    });
  }
  return people;
}

/** groupsOf tells which of a user's groups are inherited: the user is in them through a group below only. */
export function groupsOf(user: User): { name: string; inherited: boolean }[] {
  const inherited = new Set(user.inherited_groups);
  return user.groups.map((name) => ({ name, inherited: inherited.has(name) }));
}

export function matches(person: ListedUser, query: string): boolean {
  const q = query.trim().toLocaleLowerCase();
  if (q === '') return true;
  return [person.id, person.name, person.email, ...person.merged].some((t) =>
    t?.toLocaleLowerCase().includes(q),
  );
}

export const sortKeys = ['name', 'requests', 'input', 'output', 'cost', 'seen'] as const;
export type SortKey = (typeof sortKeys)[number];
export interface Sort {
  key: SortKey;
  down: boolean;
}

export const defaultSort: Sort = { key: 'cost', down: true };

/** readSort reads "cost" or "-cost" of an address; the minus means highest first. */
export function readSort(text: string | null): Sort {
  const key = sortKeys.find((k) => k === text?.replace(/^-/, ''));
  return key ? { key, down: text?.startsWith('-') ?? false } : defaultSort;
}

export function writeSort(sort: Sort): string | null {
  if (sort.key === defaultSort.key && sort.down === defaultSort.down) return null;
  return (sort.down ? '-' : '') + sort.key;
}

function label(p: ListedUser): string {
  return p.name?.trim() ? p.name : p.id;
}

type Value = bigint | number | string | null;

function value(p: ListedUser, key: SortKey): Value {
  switch (key) {
    case 'name':
      return label(p);
    case 'cost':
      return p.figures && parseMoney(p.figures.cost);
    case 'requests':
      return p.figures && p.figures.requests;
    case 'input':
      return p.figures && p.figures.prompt_tokens;
    case 'output':
      return p.figures && p.figures.completion_tokens;
    case 'seen':
      return p.lastSeen;
  }
}

/** sortUsers puts those without a value last in both directions, and equals by name. */
export function sortUsers(people: readonly ListedUser[], sort: Sort, locale: string): ListedUser[] {
  const collator = new Intl.Collator(locale, { numeric: true, sensitivity: 'base' });
  const keyed = people.map((person) => ({ person, value: value(person, sort.key) }));
  const compare = (a: NonNullable<Value>, b: NonNullable<Value>): number => {
    if (typeof a === 'string' && typeof b === 'string') return collator.compare(a, b);
    return a < b ? -1 : a > b ? 1 : 0;
  };
  return keyed
    .sort((a, b) => {
      if (a.value === null || b.value === null) {
        const missing = Number(a.value === null) - Number(b.value === null);
        return missing || collator.compare(label(a.person), label(b.person));
      }
      const order = compare(a.value, b.value) * (sort.down ? -1 : 1);
      return order || collator.compare(label(a.person), label(b.person));
    })
    .map((k) => k.person);
}
