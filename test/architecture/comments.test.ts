import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect, it } from 'vitest';
import { PACKAGE_ROOT } from '../../compiler/host/package-root.js';

/** Files of the repository that are written by hand, as git would list them; without git, as a package's sources lie. */
function sources(): string[] {
  try {
    const list = execFileSync('git', ['ls-files'], {
      cwd: PACKAGE_ROOT,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return list.split('\n').filter(Boolean);
  } catch {
    return ['compiler', 'runtime', 'targets', 'tools', 'bench', 'test'].flatMap((folder) =>
      readdirSync(join(PACKAGE_ROOT, folder), { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name)),
    );
  }
}

it('comments name TypeScript files that are there', () => {
  const files = sources();
  const names = new Set(files.map((file) => basename(file)));
  const isThere = (named: string) =>
    names.has(basename(named)) &&
    (!named.includes('/') || files.some((file) => file === named || file.endsWith(`/${named.replace(/^[./]+/, '')}`)));
  let seen = 0;
  const wrong: string[] = [];
  for (const file of files.filter((name) => /^(compiler|runtime|targets|tools|bench)\/.*\.(ts|c|h|mjs)$/.test(name))) {
    for (const line of readFileSync(join(PACKAGE_ROOT, file), 'utf8').split('\n')) {
      const [comment] = line.match(/^\s*(?:\/?\*|\/\/).*$|\/\/ .*$/) ?? [''];
      for (const [named] of comment.matchAll(/[\w./-]*[\w-]+\.ts\b/g)) {
        seen++;
        if (!isThere(named)) wrong.push(`${file}: ${named}`);
      }
    }
  }
  expect(wrong).toEqual([]);
  expect(seen).toBeGreaterThan(20);
});
