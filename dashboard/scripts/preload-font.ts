// SPDX-License-Identifier: AGPL-3.0-or-later
// Asks the browser for the text font together with the style sheet, so that text does not change shape.
import type { Plugin } from 'vite';

export function preloadFont(name: string): Plugin {
  return {
    name: 'preload-font',
    apply: 'build',
    transformIndexHtml: {
      order: 'post',
      handler(_html, { bundle }) {
        const file = Object.keys(bundle ?? {}).find((f) => f.includes(name));
        if (file === undefined) throw new Error(`no font ${name} in the bundle`);
        return [
          {
            tag: 'link',
            attrs: {
              rel: 'preload',
              as: 'font',
              type: 'font/woff2',
              href: `/${file}`,
              crossorigin: '',
            },
            injectTo: 'head',
          },
        ];
      },
    },
  };
}
