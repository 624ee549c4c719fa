// SPDX-License-Identifier: AGPL-3.0-or-later
import { jobs } from './jobs.svelte.ts';

/** fetchLink has a link to a file that is there fetch it with a ticket, which a bare link does not have. */
export function fetchLink(link: HTMLAnchorElement): () => void {
  function fetch(e: Event): void {
    e.preventDefault();
    const path = link.getAttribute('href') ?? '';
    void jobs.fetch(link.title || link.download, path, link.download);
  }
  link.addEventListener('click', fetch);
  return () => link.removeEventListener('click', fetch);
}
