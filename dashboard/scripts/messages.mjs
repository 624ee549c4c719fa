// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * The languages of the pages, src/lib/i18n/<language>.json, made into modules when the pages are built:
 * texts are strings, texts with arguments functions. A text is an ICU message with plain arguments,
 * {n, number} and {n, plural, …}. English says which texts there are and which arguments each takes: the
 * numbers first, then the others, in the order in which its message has them. What English has as an
 * empty object is keyed by names of the server's, and each language has of it what it knows.
 */
import { TYPE, parse } from '@formatjs/icu-messageformat-parser';
import { readFile, readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const folder = new URL('../src/lib/i18n/', import.meta.url);
const urlOf = (language) => new URL(`${language}.json`, folder);
const isFile = (name) => /^[a-z]{2,3}(-[A-Za-z]+)?\.json$/.test(name);

/** readAll is every language with its texts. */
export async function readAll() {
  const names = (await readdir(folder)).filter(isFile).sort();
  const languages = names.map((name) => name.slice(0, -'.json'.length));
  const read = async (l) => [l, JSON.parse(await readFile(urlOf(l), 'utf8'))];
  return Object.fromEntries(await Promise.all(languages.map(read)));
}

/** argumentsOf a message: those that are numbers, then the others. */
function argumentsOf(elements, numbers = new Set(), others = new Set()) {
  for (const e of elements) {
    if (e.type === TYPE.argument) others.add(e.value);
    if (e.type === TYPE.number || e.type === TYPE.plural) numbers.add(e.value);
    for (const { value } of Object.values(e.options ?? {})) argumentsOf(value, numbers, others);
  }
  const rest = [...others].filter((name) => !numbers.has(name));
  return [...[...numbers].map((name) => ({ name, type: 'number' })), ...rest.map(asText)];
}

const asText = (name) => ({ name, type: 'string' });

/** expression is the JavaScript of a message. */
function expression(elements, language, around = null) {
  const parts = elements.map((e) => {
    if (e.type === TYPE.literal) return JSON.stringify(e.value);
    if (e.type === TYPE.argument || e.type === TYPE.number) return e.value;
    if (e.type === TYPE.pound && around) return around;
    if (e.type === TYPE.plural && e.pluralType === 'cardinal') return choice(e, language);
    throw new Error('only plain arguments, numbers and plurals are understood');
  });
  return parts.length === 0 ? '""' : parts[0].startsWith('"') ? sum(parts) : sum(['""', ...parts]);
}

const sum = (parts) => (parts.length === 1 ? parts[0] : parts.join('+'));

function choice({ value, options }, language) {
  const of = (key) => `(${expression(options[key].value, language, value)})`;
  const known = new Intl.PluralRules(language).resolvedOptions().pluralCategories;
  const left = Object.keys(options).filter((k) => !k.startsWith('=') && !known.includes(k));
  if (left.length > 0) throw new Error(`${language} has no plural of the kind ${left.join()}`);
  const exact = Object.keys(options).filter((k) => k.startsWith('='));
  const kinds = Object.keys(options).filter((k) => !k.startsWith('=') && k !== 'other');
  const when = [
    ...exact.map((k) => `${value}===${Number(k.slice(1))}?${of(k)}`),
    ...kinds.map((k) => `plural(${value})===${JSON.stringify(k)}?${of(k)}`),
  ];
  return `(${[...when, of('other')].join(':')})`;
}

const isGroup = (v) => typeof v === 'object' && v !== null;
const isOpen = (v) => isGroup(v) && Object.keys(v).length === 0;
const key = (name) => (/^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name));

/** compare names what one language has and English has not, or the other way round. */
function compare(texts, english, path) {
  const unknown = Object.keys(texts).filter((k) => !(k in english));
  const missing = Object.keys(english).filter((k) => !(k in texts));
  if (missing.length > 0) throw new Error(`${path}: ${missing.join(', ')} missing`);
  if (unknown.length > 0) throw new Error(`${path}: ${unknown.join(', ')} not in en.json`);
}

function compileText(text, english, language, path) {
  if (typeof text !== 'string') throw new Error(`${path} is not a text`);
  try {
    const wanted = argumentsOf(parse(english));
    const message = parse(text);
    const names = new Set(wanted.map((a) => a.name));
    const left = argumentsOf(message).filter((a) => !names.has(a.name));
    if (left.length > 0) throw new Error(`unknown argument ${left.map((a) => a.name).join(', ')}`);
    const js = expression(message, language);
    return wanted.length === 0 ? js : `(${wanted.map((a) => a.name).join()})=>${js}`;
  } catch (error) {
    throw new Error(`${path}: ${error.message}`, { cause: error });
  }
}

function compileGroup(texts, english, language, path) {
  if (!isGroup(texts)) throw new Error(`${path} is not a group of texts`);
  if (isOpen(english)) return JSON.stringify(texts);
  compare(texts, english, path);
  const entries = Object.entries(english).map(([name, wanted]) => {
    const compileOne = isGroup(wanted) ? compileGroup : compileText;
    return `${key(name)}:${compileOne(texts[name], wanted, language, `${path}.${name}`)}`;
  });
  return `{${entries.join(',\n')}}`;
}

/** compile is the module of a language; it throws where that is not complete. */
export function compile(language, texts, english) {
  const group = compileGroup(texts, english, language, language);
  const rules = `const rules=new Intl.PluralRules(${JSON.stringify(language)});`;
  return `${rules}const plural=(n)=>rules.select(n);\nexport default ${group};\n`;
}

/** typeOf is the TypeScript of what every language is. */
export function typeOf(english, indent = '') {
  const deeper = `${indent}  `;
  const lines = Object.entries(english).map(([name, v]) => {
    if (isOpen(v)) return `${deeper}${key(name)}: Partial<Record<string, string>>;`;
    if (isGroup(v)) return `${deeper}${key(name)}: ${typeOf(v, deeper)};`;
    const args = argumentsOf(parse(v)).map((a) => `${a.name}: ${a.type}`);
    return `${deeper}${key(name)}: ${args.length === 0 ? 'string' : `(${args.join(', ')}) => string`};`;
  });
  return `{\n${lines.join('\n')}\n${indent}}`;
}

/** messages makes Vite understand the languages; they are no JSON to it, but modules of their own. */
export function messages() {
  const ours = '\0texts:';
  const file = /\/([\w-]+)\.json$/;
  return {
    name: 'messages',
    enforce: 'pre',
    resolveId(source, importer) {
      const language = importer?.endsWith('/lib/i18n/index.ts') && file.exec(source)?.[1];
      return language ? ours + language : null;
    },
    async load(id) {
      if (!id.startsWith(ours)) return null;
      const all = await readAll();
      const language = id.slice(ours.length);
      for (const name of [language, 'en']) this.addWatchFile(fileURLToPath(urlOf(name)));
      return compile(language, all[language], all.en);
    },
    // theme.js, which knows the language first, asks for its texts at once.
    transformIndexHtml: {
      order: 'post',
      handler(html, { bundle }) {
        const chunks = Object.values(bundle ?? {}).filter((c) =>
          c.facadeModuleId?.startsWith(ours),
        );
        const files = chunks.map((c) => [c.facadeModuleId.slice(ours.length), `/${c.fileName}`]);
        const data = JSON.stringify(Object.fromEntries(files)).replaceAll('"', '&quot;');
        return html.replace('src="/theme.js"', `src="/theme.js" data-texts="${data}"`);
      },
    },
  };
}
