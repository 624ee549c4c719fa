// SPDX-License-Identifier: AGPL-3.0-or-later
// Collects the licences of every package whose code or fonts end up in the bundle.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Plugin } from 'vite';

interface Package {
  name: string;
  version: string;
  license: string;
  text: string;
}

/** packageOf reads name and licence of the package that a file belongs to, or null for our own files. */
function packageOf(file: string): Package | null {
  if (!file.includes('/node_modules/')) return null;
  let dir = dirname(file);
  for (; !dir.endsWith('/node_modules'); dir = dirname(dir)) {
    const manifest = join(dir, 'package.json');
    if (!existsSync(manifest)) continue;
    const { name, version, license } = JSON.parse(readFileSync(manifest, 'utf8')) as Package;
    if (!name || !version) continue; // A nested package.json that only sets the module type.
    const licence = readdirSync(dir).find((f) => /^(licen[cs]e|copying)/i.test(f));
    const text = licence ? readFileSync(join(dir, licence), 'utf8').trim() : '';
    return { name, version, license, text };
  }
  return null;
}

export function licenses(fileName: string): Plugin {
  return {
    name: 'licenses',
    apply: 'build',
    generateBundle(_options, bundle) {
      const files = Object.values(bundle).flatMap((out) =>
        out.type === 'chunk' ? out.moduleIds : out.originalFileNames,
      );
      const found = new Map<string, Package>();
      for (const file of [...files, ...this.getModuleIds()]) {
        const path = file.replace(/^\0/, '').split('?')[0] ?? '';
        const pkg = packageOf(path.startsWith('/') ? path : join(process.cwd(), path));
        if (pkg) found.set(pkg.name, pkg);
      }
      const parts = [...found.values()]
        .sort((a, b) => a.name.localeCompare(b.name))
        .map((p) => `${p.name} ${p.version} (${p.license})\n\n${p.text}`);
      const source =
        'The pages contain code and fonts of these packages.\n\n' +
        parts.join(`\n\n${'-'.repeat(72)}\n\n`) +
        '\n';
      this.emitFile({ type: 'asset', fileName, source });
    },
  };
}
