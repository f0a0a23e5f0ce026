import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PACKAGE_ROOT } from '../../compiler/host/package-root.js';

/** The rooms of compiler/ in the order of the data's way: each imports only from those before it, types counted. */
const ROOMS = [
  'host',
  'model',
  'ir',
  'judge',
  'import',
  'table',
  'code',
  'compress',
  'formats',
  'pipeline',
  'certify',
  'deliver',
  'run',
  'commands',
];
/** Files beside the rooms: what any room may import, and what imports any. */
const BELOW = ['diagnostics.ts'];
const ABOVE = ['index.ts', 'cli.ts'];

const ROOT = join(PACKAGE_ROOT, 'compiler');

/** Every import of a file of the repository, type imports included, as paths from the repository's root. */
function importsIn(folder: string): { from: string; to: string }[] {
  const files = readdirSync(join(PACKAGE_ROOT, folder), { recursive: true, encoding: 'utf8' });
  return files
    .filter((name) => name.endsWith('.ts'))
    .flatMap((name) => {
      const file = join(PACKAGE_ROOT, folder, name);
      const text = readFileSync(file, 'utf8');
      return [...text.matchAll(/^(?:import|export)\b[^;]*?from '(\.[^']*)'|import\('(\.[^']*)'\)/gm)].map(
        ([, named, called]) => ({
          from: relative(PACKAGE_ROOT, file),
          to: relative(PACKAGE_ROOT, join(dirname(file), (named ?? called).replace(/\.js$/, '.ts'))),
        }),
      );
    });
}

/** Cycles among nodes, each as the nodes that reach each other (Tarjan, SIAM J. Comput. 1 (1972) 146-160). */
function cyclesOf(edges: readonly { from: string; to: string }[]): string[][] {
  const next = new Map<string, Set<string>>();
  for (const { from, to } of edges) {
    if (from === to) continue;
    next.set(from, (next.get(from) ?? new Set()).add(to));
  }
  const order = new Map<string, number>();
  const low = new Map<string, number>();
  const stack: string[] = [];
  const cycles: string[][] = [];
  const visit = (node: string) => {
    order.set(node, order.size);
    low.set(node, order.get(node)!);
    stack.push(node);
    for (const other of next.get(node) ?? []) {
      if (!order.has(other)) visit(other);
      if (stack.includes(other)) low.set(node, Math.min(low.get(node)!, low.get(other)!));
    }
    if (low.get(node) !== order.get(node)) return;
    const found = stack.splice(stack.indexOf(node));
    if (found.length > 1) cycles.push(found.sort());
  };
  for (const node of next.keys()) if (!order.has(node)) visit(node);
  return cycles;
}

describe('the compiler', () => {
  const imports = importsIn('compiler').map(({ from, to }) => ({ from: from.slice('compiler/'.length), to }));

  it('has no other folders and files than these', () => {
    const entries = readdirSync(ROOT, { withFileTypes: true });
    expect(entries.filter((entry) => entry.isDirectory()).map(({ name }) => name)).toEqual([...ROOMS].sort());
    const files = entries.filter((entry) => entry.isFile()).map(({ name }) => name);
    expect(files.sort()).toEqual([...BELOW, ...ABOVE].sort());
  });

  it('lets data flow one way: no room imports one that comes after it', () => {
    const levelOf = (path: string): number => {
      const [top] = path.split(sep);
      if (BELOW.includes(top)) return -1;
      return ABOVE.includes(top) ? ROOMS.length : ROOMS.indexOf(top);
    };
    const wrong: string[] = [];
    for (const { from, to } of imports) {
      if (!to.startsWith(`compiler${sep}`)) continue;
      if (levelOf(to.slice('compiler/'.length)) > levelOf(from)) wrong.push(`${from} imports ${to}`);
    }
    expect(wrong).toEqual([]);
    expect(imports.length).toBeGreaterThan(1000);
  });

  it('reaches outside of its folder only for the addon that runs wasm3', () => {
    const outside = imports.filter(({ to }) => !to.startsWith(`compiler${sep}`));
    expect([...new Set(outside.map(({ to }) => to))]).toEqual([join('targets', 'host', 'wasm3.ts')]);
  });

  it('has no cycle of files and none of folders at any depth', () => {
    const all = importsIn('compiler');
    expect.soft(cyclesOf(all), 'files').toEqual([]);
    for (let depth = 2; depth <= 4; depth++) {
      // A folder's own files are the base of its subfolders or put them together: cycles of files say if they do both.
      const folder = (path: string) => dirname(path).split(sep).slice(0, depth).join(sep);
      const isWithin = (a: string, b: string) => `${a}${sep}`.startsWith(`${b}${sep}`);
      const edges = all
        .map(({ from, to }) => ({ from: folder(from), to: folder(to) }))
        .filter(({ from, to }) => !isWithin(from, to) && !isWithin(to, from));
      expect.soft(cyclesOf(edges), `folders, ${depth} deep`).toEqual([]);
    }
  });

  it('is not reached into by its benchmarks at the command line, nor by itself from its tools', () => {
    const wrong = importsIn('bench').filter(({ to }) => to.startsWith(join('compiler', 'commands')));
    expect(wrong).toEqual([]);
    const tools = [...importsIn('compiler'), ...importsIn('bench')].filter(({ to }) => to.startsWith('tools'));
    expect(tools).toEqual([]);
  });
});
