import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { PACKAGE_ROOT } from '../../compiler/host/package-root.js';
import { temporaryFolder } from '../helpers/cli.js';
import { C99, COMMON, compileOrThrow, includes, run, WARNINGS } from '../package/toolchain.js';
import { seeds } from './seeds.js';

/**
 * Every fuzz target once on every seed and every input of the kept corpus, with the sanitizers of any C compiler: what
 * fuzzing has reached or found stays covered. Fuzzing itself: npm run fuzz:firmware.
 */

const FUZZ = join(PACKAGE_ROOT, 'targets', 'fuzz');
const SANITIZERS = ['-O1', '-g', '-fsanitize=address,undefined', '-fno-sanitize-recover=undefined'];
/** As in targets/fuzz/run.mjs. */
const DEFINITIONS = ['-DPE_MAX_STEPS(memory_bytes)=3000u'];
const WASM3_FLAGS = ['-w', '-fwrapv', '-fno-strict-aliasing'];

interface FuzzTarget {
  sources: string[];
  wasm3: boolean;
  maxBytes: number;
}
const targets = JSON.parse(readFileSync(join(FUZZ, 'targets.json'), 'utf8')) as Record<string, FuzzTarget>;

const folder = temporaryFolder();
const wasm3 = join(folder, 'pe_wasm3.o');

beforeAll(async () => {
  const flags = [...SANITIZERS, ...DEFINITIONS, ...includes(FUZZ)];
  compileOrThrow('cc', [...flags, ...WASM3_FLAGS, '-c', join(COMMON, 'pe_wasm3.c'), '-o', wasm3]);
  for (const [name, bytes] of await seeds()) {
    const file = join(folder, 'seeds', name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, bytes);
  }
}, 300_000);

function filesIn(path: string): string[] {
  if (!existsSync(path)) return [];
  return readdirSync(path)
    .sort()
    .map((name) => join(path, name));
}

describe.each(Object.keys(targets))('fuzz target %s', (name) => {
  test('finds nothing in the seeds and the corpus', () => {
    const { sources, wasm3: withWasm3, maxBytes } = targets[name];
    const program = join(folder, name);
    const files = [join(FUZZ, `${name}.c`), join(FUZZ, 'replay.c'), ...sources.map((source) => join(COMMON, source))];
    if (withWasm3) files.push(join(FUZZ, 'arena.c'), wasm3);
    const flags = [...C99, ...SANITIZERS, ...DEFINITIONS, ...WARNINGS, ...includes(FUZZ)];
    compileOrThrow('cc', [...flags, ...files, '-lm', '-o', program]);
    const inputs = [...filesIn(join(folder, 'seeds', name)), ...filesIn(join(FUZZ, 'corpus', name))];
    expect(inputs.length).toBeGreaterThan(0);
    const { status, stdout, stderr } = run(program, inputs);
    // The last input that was begun is the one that it stopped at.
    expect(status, stderr.slice(-4000)).toBe(0);
    expect(stdout).toBe(`${inputs.length} inputs\n`);
    expect(maxBytes).toBeGreaterThan(0);
  }, 300_000);
});

describe('the corpus', () => {
  test('is small', () => {
    const sizes = Object.keys(targets).flatMap((name) =>
      filesIn(join(FUZZ, 'corpus', name)).map((file) => readFileSync(file).length),
    );
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(500_000);
  });
});
