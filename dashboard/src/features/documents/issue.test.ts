// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, test } from 'vitest';
import type { ApiError, Result } from '#api/client.ts';
import type { Accepted, Issued, IssuedFile, IssueRequest } from './calls.ts';
import { loadTexts } from '#lib/i18n/index.ts';
import {
  doneText,
  filesToShow,
  issueAndFollow,
  missingFormats,
  newestFile,
  newKey,
  numberIn,
  stands,
} from './issue.ts';

function file(format: 'pdf' | 'xlsx', duplicate: boolean, made: string): IssuedFile {
  return {
    format,
    duplicate,
    bytes: 1,
    sha256: '0'.repeat(64),
    filename: `f.${format}`,
    made_at: `2026-11-${made}T00:00:00.000000Z`,
    locale: 'en',
  };
}
const document = { number: '2026-000012' } as Issued;

test('a document stands while nothing took its place', () => {
  const d = { corrected_by: null, cancelled_by: null, cancels: null };
  expect(stands(d)).toBe(true);
  expect(stands({ ...d, corrected_by: '2026-000002' })).toBe(false);
  expect(stands({ ...d, cancelled_by: '2026-000002' })).toBe(false);
  expect(stands({ ...d, cancels: '2026-000001' })).toBe(false);
});

describe('the files of a number', () => {
  const pdf = file('pdf', false, '01');
  const again = file('pdf', true, '02');
  const third = file('pdf', true, '03');

  test('lack a format until its original is there', () => {
    expect(missingFormats({ files: [pdf] })).toEqual(['xlsx']);
    expect(missingFormats({ files: [pdf, file('xlsx', true, '02')] })).toEqual(['xlsx']);
    expect(missingFormats({ files: [pdf, file('xlsx', false, '02')] })).toEqual([]);
  });
  test('are shown as far as they have an address', () => {
    expect(filesToShow({ files: [pdf, again, third] })).toEqual([
      { file: pdf, more: 0 },
      { file: third, more: 1 },
    ]);
    expect(filesToShow({ files: [pdf] })).toEqual([{ file: pdf, more: 0 }]);
  });
  test('have a newest one', () => {
    expect(newestFile({ files: [pdf, third, again] })).toBe(third);
    expect(newestFile({ files: [] })).toBeUndefined();
  });
});

test('what came of a wish is said: a new number, or a file more under one', async () => {
  const t = (await loadTexts('en')).documents.form;
  const one = { ...document, format: 'pdf', cancels: null, files: [file('pdf', false, '01')] };
  const two = { ...one, files: [...one.files, file('xlsx', false, '02')] };
  expect(doneText('issue', one as Issued, t)).toBe('2026-000012 was issued');
  expect(doneText('correct', one as Issued, t)).toBe('2026-000012 was issued');
  expect(doneText('issue', two as Issued, t)).toBe('XLSX was added to 2026-000012');
  expect(doneText('file', one as Issued, t)).toBe('PDF was added to 2026-000012');
  expect(doneText('duplicate', two as Issued, t)).toBe('A duplicate of 2026-000012 was made');
  expect(doneText('cancel', { ...one, cancels: '2026-000001' } as Issued, t)).toBe(
    '2026-000012 was issued: it cancels 2026-000001',
  );
});

test('a refusal names the document that stands', () => {
  expect(numberIn('2026-000001 is issued for this already; correct it')).toBe('2026-000001');
  expect(numberIn('the last document is dated 2026-12-31T10:00:00Z')).toBeNull();
  expect(numberIn('')).toBeNull();
});

test('each wish has a key of its own', () => {
  expect(newKey()).toMatch(/^[0-9a-f]{32}$/);
  expect(newKey()).not.toBe(newKey());
});

describe('a request is followed', () => {
  const accepted: Accepted = { request: 'k', state: 'queued' };
  const ok = <T>(data: T): Result<T> => ({ ok: true, data });
  const no = (status: number, kind: ApiError['kind'] = 'problem'): Result<never> => ({
    ok: false,
    error: { kind, status, detail: 'why', requestId: null, retryAfter: null },
  });
  const at = (state: IssueRequest['state'], rest: Partial<IssueRequest> = {}) =>
    ok<IssueRequest>({ request: 'k', state, document: null, error: null, ...rest });

  async function follow(
    posts: Result<Issued | Accepted>[],
    looks: Result<IssueRequest>[],
  ): Promise<{ result: Result<Issued>; told: string[]; waits: number[] }> {
    const told: string[] = [];
    const waits: number[] = [];
    const next = <T>(list: T[], name: string): T => {
      const one = list.shift();
      if (one === undefined) throw new Error(`one ${name} more than expected`);
      return one;
    };
    const result = await issueAndFollow(
      {
        post: () => Promise.resolve(next(posts, 'post')),
        look: () => Promise.resolve(next(looks, 'look')),
        wait: (ms) => {
          waits.push(ms);
          return Promise.resolve();
        },
      },
      (state) => told.push(state),
    );
    expect(posts.length + looks.length, 'calls left').toBe(0);
    return { result, told, waits };
  }

  test('not where the document is there at once', async () => {
    const { result, told } = await follow([ok(document)], []);
    expect(result).toEqual(ok(document));
    expect(told).toEqual([]);
  });
  test('until it is done', async () => {
    const looks = [at('queued'), at('running'), at('done', { document })];
    const { result, told, waits } = await follow([ok(accepted)], looks);
    expect(result).toEqual(ok(document));
    expect(told).toEqual(['queued', 'queued', 'running']);
    expect(waits).toEqual([2000, 2000, 2000]);
  });
  test('until it failed, with what the call would have answered', async () => {
    const error = { status: 409, message: '2026-000001 is issued for this already' };
    const { result } = await follow([ok(accepted)], [at('failed', { error })]);
    expect(result).toMatchObject({ ok: false, error: { status: 409, detail: error.message } });
  });
  test('through a server that does not answer for a while, ever more slowly', async () => {
    const looks = [no(0, 'network'), no(503), at('done', { document })];
    const { result, waits } = await follow([ok(accepted)], looks);
    expect(result).toEqual(ok(document));
    expect(waits).toEqual([2000, 4000, 6000]);
  });
  test('and given up where it never does', async () => {
    const { result } = await follow(
      [ok(accepted)],
      Array.from({ length: 8 }, () => no(503)),
    );
    expect(result).toMatchObject({ ok: false, error: { status: 503 } });
  });
  test('and asked for again where it was forgotten', async () => {
    const { result } = await follow([ok(accepted), ok(document)], [no(404)]);
    expect(result).toEqual(ok(document));
  });
  test('and not for ever', async () => {
    const four = Array.from({ length: 4 }, () => ok(accepted));
    const { result } = await follow(
      four,
      Array.from({ length: 4 }, () => no(404)),
    );
    expect(result).toMatchObject({ ok: false, error: { status: 404 } });
  });
  test('not after a refusal', async () => {
    expect((await follow([no(409)], [])).result).toMatchObject({ error: { status: 409 } });
    const { result } = await follow([ok(accepted)], [no(403)]);
    expect(result).toMatchObject({ error: { status: 403 } });
  });
});
