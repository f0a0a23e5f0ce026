import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { cli, temporaryFolder } from '../helpers/cli.js';
import { perceptron } from '../helpers/models.js';
import { tinyModule } from './tiny-module.js';

/** A folder that looks like a build, with a module in it that no compiler of ours made. */

const folder = temporaryFolder();
const build = join(folder, 'build');
const hostile = join(folder, 'hostile');
const GRID = ['--grid', 'x0=-1:1:3,x1=0'];

beforeAll(() => {
  const model = join(folder, 'model.json');
  writeFileSync(model, JSON.stringify(perceptron([2, 8, 8, 2])));
  const made = cli(['build', model, '--compress', 'none', '--target', 'esp32', '--tol', '1e-3', '-o', build]);
  expect(made.code, made.err).toBe(0);
  cpSync(build, hostile, { recursive: true });
}, 300_000);

/** Puts a module with the build's own identity and this `run` into the folder. */
function poison(run: number[]): void {
  const { identity } = JSON.parse(readFileSync(join(build, 'report.json'), 'utf8')) as { identity: number };
  writeFileSync(join(hostile, 'model.wasm'), tinyModule({ identity, run: [0, ...run, 0x0b] }));
}

describe('simulate', () => {
  test.each<[string, number[], string]>([
    ['an endless loop', [0x03, 0x40, 0x0c, 0, 0x0b, 0x00], 'round its loops more often than it may'],
    ['loops in one another that take years', nestedCounts(6), 'round its loops more often than it may'],
    ['recursion', [0x10, 4], 'devices refuse it: the module calls itself'],
    ['growing memory', [0x41, 0, 0x40, 0], 'devices refuse it: the module is not a pinn-edge model'],
  ])('%s ends with a sentence', (_name, run, reason) => {
    poison(run);
    for (const command of [
      ['simulate', hostile, ...GRID],
      ['verify', hostile, '--samples', '64'],
    ]) {
      const { code, err } = cli(command);
      expect(code).not.toBe(0);
      expect(err).toContain(reason);
      expect(err).not.toMatch(/\n\s+at /);
    }
  });
});

/** `depth` loops in one another with 10,000 rounds each, counted in memory. */
function nestedCounts(depth: number): number[] {
  if (depth === 0) return [];
  const address = [0x41, depth * 4];
  const reset = [...address, 0x41, 0, 0x36, 2, 0];
  const count = [...address, ...address, 0x28, 2, 0, 0x41, 1, 0x6a, 0x36, 2, 0];
  const again = [...address, 0x28, 2, 0, 0x41, 0x90, 0xce, 0x00, 0x48, 0x0d, 0];
  const loop = [...reset, 0x03, 0x40, ...nestedCounts(depth - 1), ...count, ...again, 0x0b];
  return depth === 6 ? [...loop, 0x41, 0] : loop;
}
