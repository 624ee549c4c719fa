// SPDX-License-Identifier: AGPL-3.0-or-later
// The addresses of our pages. README.md lists what else a new page needs.

export const pages = {
  login: '/login',
  overview: '/',
  live: '/live',
  explore: '/explore',
  requests: '/requests',
  request: '/requests/{id}',
  users: '/users',
  user: '/users/{id}',
  models: '/models',
  model: '/models/{id}',
  documents: '/documents',
  settlement: '/settlement',
  settings: '/settings',
  verify: '/verify',
  verifyCode: '/verify/{code}',
} as const;

export type PageName = keyof typeof pages;

/** The pages that a stranger may see. */
const open: readonly PageName[] = ['verify', 'verifyCode'];

export function isOpenPage(page: PageName | undefined): boolean {
  return page !== undefined && open.includes(page);
}

export interface Match {
  page: PageName;
  params: Record<string, string>;
}

/** matchPage finds the page of a path; null means that there is none. */
export function matchPage(path: string): Match | null {
  const clean = path.length > 1 ? path.replace(/\/$/, '') : path;
  for (const [page, pattern] of Object.entries(pages)) {
    const names: string[] = [];
    const form = pattern.replace(/\{(\w+)\}/g, (_, name: string) => {
      names.push(name);
      return '([^/]+)';
    });
    const found = new RegExp(`^${form}$`).exec(clean);
    if (!found) continue;
    try {
      const params = names.map((name, i) => [name, decodeURIComponent(found[i + 1] ?? '')]);
      return { page: page as PageName, params: Object.fromEntries(params) };
    } catch {
      return null; // A stray per cent sign.
    }
  }
  return null;
}

export function userHref(id: string, month: string | null): string {
  return withQuery(`/users/${encodeURIComponent(id)}`, { month });
}

export function generationHref(generationId: string): string {
  return `/requests/${encodeURIComponent(generationId)}`;
}

export function modelHref(id: string, month: string | null): string {
  return withQuery(`/models/${encodeURIComponent(id)}`, { month });
}

/** issuedHref leads to one issued document with all its files. */
export function issuedHref(number: string): string {
  return withQuery(pages.documents, { tab: 'issued', number });
}

export function verifyHref(code: string): string {
  return pages.verifyCode.replace('{code}', encodeURIComponent(code));
}

/** withQuery is a relative address with some of its query changed; null takes a part out. */
export function withQuery(to: string, changes: Record<string, string | null>): string {
  const [path = '/', search = ''] = to.split('?');
  const query = new URLSearchParams(search);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === '') query.delete(name);
    else query.set(name, value);
  }
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

/** withFilter sets a part of the query that may be empty and yet be there: "without any". */
export function withFilter(to: string, name: string, value: string): string {
  const [path = '/', search = ''] = to.split('?');
  const query = new URLSearchParams(search);
  query.set(name, value);
  return `${path}?${query.toString()}`;
}

/** safeNext is where to go after the login: a page of ours, never another site. */
export function safeNext(next: string | null): string {
  if (!next?.startsWith('/') || next.startsWith('//') || next.includes('\\')) return '/';
  const match = matchPage(next.split(/[?#]/)[0] ?? '');
  return match && match.page !== 'login' ? next : '/';
}
