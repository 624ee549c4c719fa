// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * Issuing a document: what is possible with one that was issued, and following a request that takes
 * longer than the server lets anyone wait. The same key finds the same document, however often it is sent.
 */
import type { ApiError, Result } from '#api/client.ts';
import type { Accepted, Issued, IssuedFile, IssuedFormat, IssueRequest } from './calls.ts';
import type { Texts } from '#lib/i18n/index.ts';

/** stands says whether a document was neither corrected nor taken back, and takes nothing back itself. */
export function stands(d: Pick<Issued, 'corrected_by' | 'cancelled_by' | 'cancels'>): boolean {
  return d.corrected_by === null && d.cancelled_by === null && d.cancels === null;
}

const formats: readonly IssuedFormat[] = ['pdf', 'xlsx'];

/** missingFormats are those in which a document has no original. */
export function missingFormats(d: Pick<Issued, 'files'>): IssuedFormat[] {
  return formats.filter((f) => !d.files.some((file) => file.format === f && !file.duplicate));
}

/**
 * filesToShow are the originals and, of each format, the newest duplicate: the only one that has an
 * address. `more` counts the duplicates before it.
 */
export function filesToShow(d: Pick<Issued, 'files'>): { file: IssuedFile; more: number }[] {
  const originals = d.files.filter((f) => !f.duplicate).map((file) => ({ file, more: 0 }));
  const duplicates = formats.flatMap((format) => {
    const all = d.files.filter((f) => f.duplicate && f.format === format);
    const file = all.at(-1);
    return file ? [{ file, more: all.length - 1 }] : [];
  });
  return [...originals, ...duplicates];
}

/** newestFile is the file that was added last: the one that the caller just asked for. */
export function newestFile(d: Pick<Issued, 'files'>): IssuedFile | undefined {
  return d.files.reduce<IssuedFile | undefined>(
    (last, f) => (last === undefined || f.made_at >= last.made_at ? f : last),
    undefined,
  );
}

/** What is asked for: a new number, a file more under one, or to take one back. */
export type Way = 'issue' | 'correct' | 'file' | 'duplicate' | 'cancel';

/** doneText says what came of it: a new number, or one that has a file more. */
export function doneText(way: Way, d: Issued, t: Texts['documents']['form']): string {
  const format = (newestFile(d)?.format ?? d.format).toUpperCase();
  if (way === 'duplicate') return t.duplicated(d.number);
  if (way === 'cancel') return t.cancelledDone(d.number, d.cancels ?? '');
  if (way === 'file' || d.files.length > 1) return t.added(format, d.number);
  return t.done(d.number);
}

/** numberIn finds the number of a document that a refusal names. */
export function numberIn(detail: string): string | null {
  return /\b2\d{3}-\d{6,}\b/.exec(detail)?.[0] ?? null;
}

/** newKey names a wish, so that a second try of it does not issue twice. */
export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((b) => b.toString(16).padStart(2, '0')).join('');
}

export interface IssueCalls {
  /** Asks for the document; the same key each time. */
  post: () => Promise<Result<Issued | Accepted>>;
  look: (key: string) => Promise<Result<IssueRequest>>;
  wait: (ms: number) => Promise<void>;
}

const LOOK_MS = 2_000;
/** So many looks in a row may fail, each after a longer wait. */
const MISSES = 8;
/** A server that was started again knows nothing of what waited there; it is asked again so often. */
const POSTS = 4;

const isIssued = (reply: Issued | Accepted): reply is Issued => 'number' in reply;

function failure(of: NonNullable<IssueRequest['error']>): ApiError {
  const { status, message: detail } = of;
  return { kind: 'problem', status, detail, requestId: null, retryAfter: null };
}

/** look asks until the request has ended; null where the server does not know it. */
async function lookUntilDone(
  calls: IssueCalls,
  key: string,
  told: (state: Accepted['state']) => void,
): Promise<Result<Issued> | null> {
  let misses = 0;
  for (;;) {
    await calls.wait(LOOK_MS * (misses + 1));
    const reply = await calls.look(key);
    if (!reply.ok) {
      const { kind, status } = reply.error;
      if (kind === 'problem' && status === 404) return null;
      if (kind === 'problem' && status < 500) return reply;
      misses += 1;
      if (misses >= MISSES) return reply;
      continue;
    }
    misses = 0;
    const { state, document, error } = reply.data;
    if (document !== null) return { ok: true, data: document };
    if (error !== null) return { ok: false, error: failure(error) };
    if (state === 'queued' || state === 'running') told(state);
  }
}

/** issueAndFollow asks for a document and gives it, or why there is none; `told` hears what it waits for. */
export async function issueAndFollow(
  calls: IssueCalls,
  told: (state: Accepted['state']) => void,
): Promise<Result<Issued>> {
  for (let posts = 1; ; posts++) {
    const reply = await calls.post();
    if (!reply.ok) return reply;
    if (isIssued(reply.data)) return { ok: true, data: reply.data };
    told(reply.data.state);
    const ended = await lookUntilDone(calls, reply.data.request, told);
    if (ended !== null) return ended;
    if (posts >= POSTS) {
      return { ok: false, error: failure({ status: 404, message: reply.data.request }) };
    }
  }
}
