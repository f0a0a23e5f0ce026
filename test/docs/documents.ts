import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { PACKAGE_ROOT } from '../../compiler/host/package-root.js';

/** The documents of this repository, taken apart: prose, code, links. */

export interface Document {
  /** Path in the repository. */
  file: string;
  text: string;
  /** Lines of code blocks, fenced or indented, continued lines joined. */
  lines: string[];
  /** Code within sentences. */
  spans: string[];
}

export function documents(): Document[] {
  const inFolder = (folder: string) =>
    readdirSync(join(PACKAGE_ROOT, folder), { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name));
  const files = ['README.md', 'CONTRIBUTING.md', ...inFolder('docs'), ...inFolder('examples'), ...inFolder('.github')];
  return files.filter((file) => file.endsWith('.md')).map(read);
}

export function read(file: string): Document {
  return { file, ...takeApart(readFileSync(join(PACKAGE_ROOT, file), 'utf8')) };
}

export function takeApart(text: string): Omit<Document, 'file'> {
  const lines: string[] = [];
  const prose: string[] = [];
  let fenced = false;
  for (const line of text.replace(/\\\n\s*/g, ' ').split('\n')) {
    if (/^\s*```/.test(line)) fenced = !fenced;
    else if (fenced || /^ {4}\S/.test(line)) lines.push(line.trim());
    else prose.push(line);
  }
  const spans = [...prose.join('\n').matchAll(/`([^`]+)`/g)].map(([, code]) => code.replace(/\s+/g, ' '));
  return { text, lines, spans };
}

/** Targets of `[words](target)`, those of the web left out. */
export function linksOf({ text }: Pick<Document, 'text'>): string[] {
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target]) => target)
    .filter((target) => !/^[a-z]+:/.test(target));
}

/** Why a link leads nowhere; undefined where it leads to a file and, with `#`, a heading there. */
export function brokenLink(from: string, link: string): string | undefined {
  const [path, anchor] = link.split('#');
  const file = path ? join(dirname(from), path) : from;
  if (!existsSync(join(PACKAGE_ROOT, file))) return `${from}: ${link}: no ${file}`;
  if (anchor === undefined) return undefined;
  const headings = [...readFileSync(join(PACKAGE_ROOT, file), 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, words]) =>
    words
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replace(/ /g, '-'),
  );
  return headings.includes(anchor) ? undefined : `${from}: ${link}: no such heading in ${file}`;
}

/** Folders of the repository whose paths are named in full. */
const FOLDERS = ['compiler', 'runtime', 'targets', 'test', 'bench', 'examples', 'docs', '.ci', '.github'];

/** Paths of the repository that code names, `*` and the beginnings of names of tests included. */
export function pathsOf({ lines, spans }: Pick<Document, 'lines' | 'spans'>): string[] {
  const path = new RegExp(
    `(?:^|[\\s"'(=])((?:${FOLDERS.map((name) => name.replace('.', '\\.')).join('|')})/[\\w./*-]*)`,
    'g',
  );
  return [...lines, ...spans].flatMap((code) => [...code.matchAll(path)].map(([, found]) => found.replace(/\.$/, '')));
}

/** Whether a path, or something that begins with the name of a test without its ending, is there. */
export function isThere(path: string): boolean {
  if (existsSync(join(PACKAGE_ROOT, path))) return true;
  const folder = join(PACKAGE_ROOT, dirname(path));
  if (!existsSync(folder)) return false;
  const name = path.slice(dirname(path).length + 1);
  const isNameOfTests = path.startsWith('test/') && !name.includes('.');
  const pattern =
    name.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replace(/\*/g, '.*') + (isNameOfTests ? '.*\\.test\\.ts' : '');
  return readdirSync(folder).some((entry) => new RegExp(`^${pattern}$`).test(entry));
}

/** Scripts of package.json that code runs. */
export function scriptsOf({ lines, spans }: Pick<Document, 'lines' | 'spans'>): string[] {
  return [...lines, ...spans].flatMap((code) => [...code.matchAll(/\bnpm run ([\w:-]+)/g)].map(([, name]) => name));
}

/** A command of pinn-edge as it is printed, and its words. */
export interface Invocation {
  text: string;
  command: string;
  words: string[];
}

/**
 * Commands that code gives: `pinn-edge build model.json ...`, and within sentences `build --tol 1e-3` as well.
 * @param names of the commands that there are
 */
export function invocationsOf(
  { lines, spans }: Pick<Document, 'lines' | 'spans'>,
  names: readonly string[],
): Invocation[] {
  const short = new RegExp(`^(?:${names.join('|')}) --?\\w`);
  const code = [...lines, ...spans, ...spans.filter((span) => short.test(span)).map((span) => `pinn-edge ${span}`)];
  return code.flatMap((line) =>
    [...line.matchAll(/\bpinn-edge ([a-z]+)((?: [^#|&;]*)?)/g)].map(([text, command, rest]) => ({
      text: text.trim(),
      command,
      words: [...rest.matchAll(/"([^"]*)"|'([^']*)'|\S+/g)].map(([word, double, single]) => double ?? single ?? word),
    })),
  );
}
