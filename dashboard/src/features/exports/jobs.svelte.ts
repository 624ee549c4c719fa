// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * Files that the server is asked to write. Whatever is downloaded goes this way: a file that is there at
 * once is saved at once, one that takes longer shows how far it is and can be cancelled, on whatever
 * page the reader is by then; one that fails says why, and nothing broken is saved.
 */
import type { ApiError } from '#api/client.ts';
import {
  byTicket,
  dropExport,
  type Export,
  exportFile,
  exportState,
  startExport,
} from './calls.ts';
import { showTray } from './tray.ts';

/** What is quicker than this is not worth a word about progress. */
const QUIET_MS = 900;
const FIRST_LOOK_MS = 150;
const LOOK_MS = 1_000;
const GIVE_UP_AFTER = 5;

export class Job {
  state = $state<Export['state']>('queued');
  progress = $state<number | null>(null);
  rows = $state<{ done: number; total: number | null }>({ done: 0, total: null });
  /** The name the server gave the file. */
  name = $state<string | null>(null);
  detail = $state<string | null>(null);
  error = $state.raw<ApiError | null>(null);
  /** Long enough under way to be shown. */
  shown = $state(false);
  id: string | null = null;

  constructor(
    readonly title: string,
    readonly target: string,
    /** The name of a file that is there and only fetched; null: one that is to be made. */
    readonly ready: string | null = null,
  ) {}

  get running(): boolean {
    return this.state === 'queued' || this.state === 'running';
  }
}

/** save has the browser fetch the file, and tells what was in the way. */
async function save(path: string, name: string | null): Promise<ApiError | null> {
  const reply = await byTicket(path);
  if (!reply.ok) return reply.error;
  const link = document.createElement('a');
  link.href = reply.data;
  link.download = name ?? '';
  link.click();
  return null;
}

class Jobs {
  all = $state.raw<Job[]>([]);
  /** What became of the last one, for those who cannot see it. */
  last = $state.raw<Job | null>(null);

  /** Whether this very file is being written. */
  runs(target: string): boolean {
    return this.all.some((j) => j.target === target && j.running);
  }

  async start(title: string, target: string): Promise<void> {
    if (this.runs(target)) return;
    this.all = this.all.filter((j) => j.target !== target);
    const job = new Job(title, target);
    this.all = [...this.all, job];
    showTray();
    setTimeout(() => (job.shown = true), QUIET_MS);
    const reply = await startExport(target);
    if (!reply.ok) return this.#fail(job, reply.error);
    job.id = reply.data.id;
    await this.#follow(job, reply.data);
  }

  /** fetch saves a file that is there already. */
  async fetch(title: string, path: string, name: string): Promise<void> {
    this.all = this.all.filter((j) => j.target !== path);
    const error = await save(path, name);
    if (!error) return;
    const job = new Job(title, path, name);
    this.all = [...this.all, job];
    showTray();
    this.#fail(job, error);
  }

  async #follow(job: Job, first: Export): Promise<void> {
    let now = first;
    let wait = FIRST_LOOK_MS;
    let misses = 0;
    for (;;) {
      this.#take(job, now);
      if (!job.running) break;
      await new Promise((go) => setTimeout(go, wait));
      if (!job.running) return; // Cancelled meanwhile.
      wait = Math.min(wait * 2, LOOK_MS);
      const reply = await exportState(now.id);
      if (reply.ok) {
        now = reply.data;
        misses = 0;
      } else if (reply.error.kind === 'problem' && reply.error.status < 500) {
        return this.#fail(job, reply.error);
      } else if (++misses >= GIVE_UP_AFTER) {
        return this.#fail(job, reply.error);
      }
    }
    if (job.state === 'done') {
      const error = await save(exportFile(now.id), now.filename);
      if (error) {
        job.state = 'running'; // It is not saved yet.
        return this.#fail(job, error);
      }
      this.last = job;
      this.drop(job);
    } else {
      job.shown = true;
    }
  }

  #take(job: Job, now: Export): void {
    if (!job.running) return;
    job.state = now.state;
    job.progress = now.progress;
    job.rows = { done: now.rows_done, total: now.rows_total };
    job.name = now.filename;
    job.detail = now.detail;
  }

  #fail(job: Job, error: ApiError): void {
    if (!job.running) return;
    job.state = 'failed';
    job.error = error;
    job.detail = error.detail;
    job.shown = true;
  }

  async cancel(job: Job): Promise<void> {
    job.state = 'cancelled';
    this.last = job;
    this.drop(job);
    if (job.id) await dropExport(job.id);
  }

  /** drop takes a job out of sight; the file, if there is one, is the server's to clear away. */
  drop(job: Job): void {
    this.all = this.all.filter((j) => j !== job);
  }

  retry(job: Job): void {
    this.drop(job);
    if (job.ready === null) void this.start(job.title, job.target);
    else void this.fetch(job.title, job.target, job.ready);
  }
}

export const jobs = new Jobs();
