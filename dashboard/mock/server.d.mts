// SPDX-License-Identifier: AGPL-3.0-or-later
export type Mode = 'normal' | 'empty' | 'hostile' | 'error' | 'partial' | 'slow' | 'many';

export interface MockOptions {
  mode?: Mode;
  /** 0 chooses a free one. */
  port?: number;
  /** A folder of built pages to serve. */
  dist?: string | null;
  /** The time it is; otherwise the real one. */
  now?: string | null;
  password?: string;
  readKey?: string;
  timezone?: string;
  /** A record appears on the live stream every so often; 0: only by emit. */
  liveMs?: number;
}

export interface Mock {
  address: string;
  setMode: (mode: Mode) => void;
  /** How many looks a job takes until it is done, and whether it fails. */
  setJobs: (jobs: { steps?: number; fails?: boolean }) => void;
  /** How many looks an issued document takes until it is done (0: none), and whether it fails. */
  setIssuing: (issuing: { steps?: number; fails?: boolean }) => void;
  /** The month whose files are held back, and what differs between two reportd. */
  setDelivery: (delivery: { held?: { month: string; reason: string }; conflict?: string }) => void;
  endSessions: () => void;
  /** A record that cannot be taken, counted by door, sender and reason. */
  refuse: (what?: { door?: string; sender?: string; reason?: string }) => void;
  /** What a plugin says of itself just now. */
  hear: (what?: Record<string, unknown>) => void;
  emit: (changes?: Record<string, unknown>) => Record<string, unknown>;
  dropStreams: () => void;
  forgetLive: () => void;
  close: () => Promise<void>;
}

export const POLICY: string;
export function startMock(options?: MockOptions): Promise<Mock>;
