import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PACKAGE_ROOT } from '../../compiler/host/package-root.js';

/** Folders of compiler/ that others may read, in the order of the data's way; those of one line do not read each other. */
const LAYERS = [
  ['model'],
  ['reference', 'linear-algebra'],
  ['ir'],
  ['judge'],
  ['compress', 'quantize'],
  ['lower'],
  ['tolerance', 'certify'],
  ['package'],
  ['simulate', 'boards'],
  ['verify'],
  ['commands'],
];

const layerOf = (folder: string) => LAYERS.findIndex((names) => names.includes(folder));

describe('the compiler', () => {
  it('lets data flow one way: no folder imports one that comes after it or beside it', () => {
    const root = join(PACKAGE_ROOT, 'compiler');
    const wrong: string[] = [];
    let seen = 0;
    for (const file of readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.ts'),
    )) {
      const from = file.split(sep)[0];
      if (layerOf(from) < 0) continue;
      const text = readFileSync(join(root, file), 'utf8');
      for (const [, path] of text.matchAll(/(?:from|import\() ?'(\.[^']*)'/g)) {
        const to = relative(root, join(root, file, '..', path)).split(sep)[0];
        if (to === from || layerOf(to) < 0) continue;
        seen++;
        if (layerOf(to) >= layerOf(from)) wrong.push(`${file} imports ${path}`);
      }
    }
    expect(wrong).toEqual([]);
    expect(seen).toBeGreaterThan(100);
  });
});
