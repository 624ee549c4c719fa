// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * What the contract says of a call. "get" | "post" | … and a path name an operation; what it takes and
 * what it answers with are read from the generated types, so that a misspelled name does not compile.
 */
import type { paths } from './types.ts';

type Method = 'get' | 'post' | 'put' | 'delete';

/** The paths that have a method. */
export type PathOf<M extends Method> = {
  [P in keyof paths]: paths[P] extends Record<M, object> ? P : never;
}[keyof paths];

export type Operation<M extends Method, P extends keyof paths> =
  paths[P] extends Record<M, infer O> ? O : never;
type Parameter<O, Kind extends 'path' | 'query' | 'header'> = O extends {
  parameters: { [K in Kind]?: infer T };
}
  ? NonNullable<T>
  : never;
type BodyOf<O> = O extends { requestBody: { content: { 'application/json': infer B } } }
  ? B
  : never;

/** The JSON of a reply that says "done" or "under way"; null where such a reply has no body. */
type JsonOf<R> = R extends { content: { 'application/json': infer T } }
  ? T
  : R extends { content?: never }
    ? null
    : never;
export type ReplyOf<O> = O extends { responses: infer R }
  ? { [S in keyof R & (200 | 201 | 202 | 204)]: JsonOf<R[S]> }[keyof R & (200 | 201 | 202 | 204)]
  : never;

export type Query<P extends PathOf<'get'>> = Parameter<Operation<'get', P>, 'query'>;
export type JsonReply<P extends PathOf<'get'>> = ReplyOf<Operation<'get', P>>;
/** What a POST takes, and what it answers with when it worked. */
export type PostBody<P extends PathOf<'post'>> = BodyOf<Operation<'post', P>>;
export type PostReply<P extends PathOf<'post'>> = ReplyOf<Operation<'post', P>>;

/** One member of the options: not allowed, optional or required, as the contract has it. */
type Option<Name extends string, T> = [T] extends [never]
  ? { [N in Name]?: never }
  : object extends T
    ? { [N in Name]?: T }
    : { [N in Name]: T };
export type Address<O> = Option<'path', Parameter<O, 'path'>> &
  Option<'query', Parameter<O, 'query'>>;
export type Options<O> = Address<O> &
  Option<'header', Parameter<O, 'header'>> &
  ([BodyOf<O>] extends [never] ? { body?: never } : { body: BodyOf<O> }) & {
    signal?: AbortSignal | undefined;
  };
/** An argument that may be left out where nothing in it is required. */
export type Rest<T> = object extends T ? [options?: T] : [options: T];
