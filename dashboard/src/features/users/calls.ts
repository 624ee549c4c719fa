// SPDX-License-Identifier: AGPL-3.0-or-later
// The calls about users.
import { get, type List, post, type Query, type Result, type User } from '#api/client.ts';

export type UsersQuery = Query<'/api/v1/users'>;

export function users(query: UsersQuery, signal?: AbortSignal): Promise<Result<List<User>>> {
  return get('/api/v1/users', { query, signal });
}

/** user gives whom an id is shown as: another one, where the id is merged into them. */
export function user(id: string, signal?: AbortSignal): Promise<Result<User>> {
  return get('/api/v1/user/{id}', { path: { id }, signal });
}

/** merge has a user shown as another one, and gives that one. */
export function merge(id: string, into: string): Promise<Result<User>> {
  return post('/api/v1/user/{id}/merge', { path: { id }, body: { into } });
}

/** unmerge takes a merge back, and gives the user of its own. */
export function unmerge(id: string): Promise<Result<User>> {
  return post('/api/v1/user/{id}/unmerge', { path: { id } });
}
