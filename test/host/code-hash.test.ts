import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { describe, expect, it } from 'vitest';
import { codeHash } from '../../compiler/host/code-hash.js';
import { PACKAGE_ROOT } from '../../compiler/host/package-root.js';
import { COMPRESSION_CODE } from '../../compiler/pipeline/compression-cache.js';
import { temporaryFolder } from '../helpers/cli.js';
import { perceptron } from '../helpers/models.js';

/** The hash of the compiler's own code, by which finished searches are found again. */

const folder = temporaryFolder();

describe('the hash of code', () => {
  const place = join(folder, 'compiler');
  const write = (name: string, text: string) => {
    mkdirSync(dirname(join(place, name)), { recursive: true });
    writeFileSync(join(place, name), text);
  };
  write('one/a.ts', 'const a = 1;');
  write('one/deep/b.ts', 'const b = 2;');
  write('two/c.ts', 'const c = 3;');
  write('one/data.json', '{}');
  const hash = () => codeHash(['one'], { code: place, data: place });
  const first = hash();

  it.each([
    ['a file', () => write('one/a.ts', 'const a = 2;')],
    ['a file in a folder below', () => write('one/deep/b.ts', 'const b = 3;')],
    ['data', () => write('one/data.json', '{"a":1}')],
    ['a new file', () => write('one/d.ts', '')],
    ['a name', () => renameSync(join(place, 'one/a.ts'), join(place, 'one/e.ts'))],
  ])('changes with %s', (_what, change) => {
    const before = hash();
    change();
    expect(hash()).not.toBe(before);
    expect(hash()).not.toBe(first);
  });

  it('does not change with times, declarations and other folders', () => {
    const before = hash();
    utimesSync(join(place, 'one/deep/b.ts'), 1, 1);
    write('one/a.d.ts', 'declare const a: number;');
    write('two/c.ts', 'const c = 4;');
    expect(hash()).toBe(before);
  });

  it('is that of the running file where there are no folders, as in a bundle', () => {
    const nowhere = { code: join(folder, 'nowhere'), data: join(folder, 'nowhere') };
    expect(codeHash(['one'], nowhere)).toBe(codeHash(['two'], nowhere));
    expect(codeHash(['one'], nowhere)).not.toBe(hash());
  });
});

describe('the cache of finished searches', () => {
  it('counts all code that compression runs', () => {
    const root = join(PACKAGE_ROOT, 'compiler');
    const seen = new Set<string>();
    const follow = (file: string) => {
      if (seen.has(file)) return;
      seen.add(file);
      const text = readFileSync(file, 'utf8');
      for (const [, path] of text.matchAll(/^(?:import|export) (?!type )[^;]*? from '(\.[^']*)';/gm))
        follow(join(dirname(file), path.replace(/\.js$/, '.ts')));
    };
    follow(join(root, 'compress/compress.ts'));
    const folders = new Set(
      [...seen].map((file) => relative(root, file).split(sep)).flatMap(([a, b]) => (b ? [a] : [])),
    );
    // How files are read and where they are makes no other network.
    folders.delete('host');
    expect(seen.size).toBeGreaterThan(50);
    expect([...folders].sort()).toEqual([...COMPRESSION_CODE].sort());
  });

  it('has no answer for code that changed, with the same version', () => {
    const copy = join(folder, 'package');
    for (const name of ['package.json', 'dist', 'compiler/model', 'compiler/code/cost'])
      cpSync(join(PACKAGE_ROOT, name), join(copy, name), { recursive: true });
    for (const name of ['node_modules', 'targets', 'runtime']) symlinkSync(join(PACKAGE_ROOT, name), join(copy, name));
    const model = join(folder, 'net.json');
    writeFileSync(model, JSON.stringify(perceptron([2, 4, 1])));
    const cached = () => {
      const args = [
        join(copy, 'dist/compiler/cli.js'),
        'compress',
        model,
        '--method',
        'int16',
        '--tol',
        '1e-2',
        '--json',
      ];
      const env = { ...process.env, XDG_CACHE_HOME: join(folder, 'cache') };
      const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: 'utf8', env });
      expect(status, stderr).toBe(0);
      return JSON.parse(stdout.trim().split('\n').at(-1)!).cached;
    };
    expect(cached()).toBe(false);
    expect(cached()).toBe(true);
    const changed = join(copy, 'dist/compiler/compress/comparisons/round-weights.js');
    expect(existsSync(changed)).toBe(true);
    writeFileSync(changed, `${readFileSync(changed, 'utf8')}\n// changed\n`);
    expect(cached()).toBe(false);
  });
});
