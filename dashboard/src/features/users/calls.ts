// SPDX-License-Identifier: AGPL-3.0-or-later
// The calls about users.
import { get, type List, type Query, type Result, type User } from '#api/client.ts';

export type UsersQuery = Query<'/api/v1/users'>;

export function users(query: UsersQuery, signal?: AbortSignal): Promise<Result<List<User>>> {
  return get('/api/v1/users', { query, signal });
}

export function user(id: string, signal?: AbortSignal): Promise<Result<User>> {
  return get('/api/v1/user/{id}', { path: { id }, signal });
}
