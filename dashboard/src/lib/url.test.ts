// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'vitest';
import { matchPage, safeNext, userHref, withQuery, withFilter } from './url.ts';

test('pages are found by their path', () => {
  expect(matchPage('/')?.page).toBe('overview');
  expect(matchPage('/users/')?.page).toBe('users');
  expect(matchPage('/users/a%2Fb')).toEqual({ page: 'user', params: { id: 'a/b' } });
  for (const none of ['/users/a/b', '/api/v1/usage', '/users/%', '/licenses.txt']) {
    expect(matchPage(none)).toBeNull();
  }
});

test('any id survives the way into an address and back', () => {
  for (const id of ['a/b?c=%41&d#e', '<b>id</b>', 'ü 漢', '%']) {
    expect(matchPage(userHref(id, null))?.params.id).toBe(id);
  }
});

test('a query is changed, not replaced', () => {
  expect(withQuery('/users?month=2026-10&q=a', { q: null, sort: '-name' })).toBe(
    '/users?month=2026-10&sort=-name',
  );
  expect(withQuery('/?month=2026-10', { month: null })).toBe('/');
});

test('after the login only our own pages are gone to', () => {
  expect(safeNext('/users/x?month=2026-10')).toBe('/users/x?month=2026-10');
  for (const bad of [
    null,
    '',
    '//evil.example',
    '/\\evil.example',
    'https://evil.example',
    '/login',
    '/api/v1/logout',
    'javascript:alert(1)',
  ]) {
    expect(safeNext(bad)).toBe('/');
  }
});

test('a filter may be empty and yet be there', () => {
  expect(withFilter('/explore?by=user', 'task', '')).toBe('/explore?by=user&task=');
  expect(withFilter('/explore', 'model', 'a/b&c')).toBe('/explore?model=a%2Fb%26c');
});
