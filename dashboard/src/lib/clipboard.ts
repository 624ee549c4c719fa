// SPDX-License-Identifier: AGPL-3.0-or-later

/** writeClipboard says whether it did: browsers offer it only on https and localhost; elsewhere a copy event does it. */
export async function writeClipboard(text: string): Promise<boolean> {
  if (window.isSecureContext) {
    return navigator.clipboard.writeText(text).then(
      () => true,
      () => false,
    );
  }
  const listener = (e: ClipboardEvent) => {
    e.clipboardData?.setData('text/plain', text);
    e.preventDefault();
    e.stopImmediatePropagation();
  };
  document.addEventListener('copy', listener, true);
  const done = document.execCommand('copy');
  document.removeEventListener('copy', listener, true);
  return done;
}
