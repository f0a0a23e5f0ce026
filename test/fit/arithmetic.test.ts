import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PACKAGE_ROOT } from '../../compiler/host/package-root.js';
import { runFit } from '../../targets/host/wasm3.js';
import { temporaryFolder } from '../helpers/cli.js';
import { randoms } from '../helpers/models.js';

const COMMON = join(PACKAGE_ROOT, 'targets', 'common');
const SOURCES = ['pe_fit.c', 'pe_fit_condition.c', 'pe_fit_observe.c', 'pe_filter.c', 'pe_fit_job.c'].map((name) =>
  join(COMMON, name),
);
const MODEL = Float64Array.from([...[3, 3, 1, 2], ...[-1, 1, 0.5, 2, -1, 1], ...[1, 2], ...[1, 2], ...[1e-9, 1e-9]]);
const folder = temporaryFolder();

function compile(name: string, flags: readonly string[]) {
  const program = join(folder, name);
  const main = join(PACKAGE_ROOT, 'test', 'fit', 'fit_main.c');
  const run = spawnSync('cc', [...flags, `-I${COMMON}`, ...SOURCES, main, '-o', program], { encoding: 'utf8' });
  return { ...run, program };
}

const answer = ([x, a, b]: Float64Array) => [a * (x * x) + b * x + a * b, x * x + b, x + a];

function job(seed: number, isFilter: boolean): Float64Array {
  const next = randoms(seed);
  const [a, b] = [1.25 + 0.7 * next(), 0.9 * next()];
  const rows = Array.from({ length: 12 }, () => {
    const x = next();
    return [0, answer(Float64Array.of(x, a, b))[0] + 0.05 * next(), 0.05, x, 0, 0];
  });
  return Float64Array.from([Number(isFilter), 3, 0, 0, rows.length, 0, 0, 0, 0, 0, 0, 0, 0, 0, ...rows.flat()]);
}

const bits = (numbers: Float64Array) => Buffer.from(numbers.slice().buffer).toString('hex');

describe('the arithmetic of fits', () => {
  const plain = compile('plain', ['-std=c99', '-O0', '-Wall', '-Wextra', '-Wconversion', '-Werror']);
  const fused = compile('fused', ['-O3', '-march=native', '-ffp-contract=fast']);

  it('is the same to the last bit without optimisation, with fused products allowed, and in Node', () => {
    expect.soft(plain.stderr).toBe('');
    expect(fused.status, fused.stderr).toBe(0);
    let found = 0;
    for (let seed = 1; seed <= 40; seed++) {
      const numbers = job(seed, seed % 3 === 0);
      const here = runFit(MODEL, numbers, answer);
      if (here[0] >= 0) found++;
      for (const { program } of [plain, fused]) {
        const there = spawnSync(program, { input: Buffer.from(numbers.buffer) });
        expect(there.stdout.toString('hex'), `${program}, seed ${seed}`).toBe(bits(here));
      }
    }
    expect(found).toBeGreaterThan(30);
  });

  it('is refused where a compiler may reorder it', () => {
    const fast = compile('fast', ['-O2', '-ffast-math']);
    expect(fast.status).not.toBe(0);
    expect(fast.stderr).toContain('compile it without -ffast-math');
  });

  it('takes what the caller throws out of a fit', () => {
    const broken = () => {
      throw new Error('the engine is gone');
    };
    expect(() => runFit(MODEL, job(1, false), broken)).toThrow('the engine is gone');
  });
});
