import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { casesOf } from '../../bench/training-rows.js';
import { createTraining } from '../../compiler/compress/integer-training/training.js';
import { PACKAGE_ROOT } from '../../compiler/host/package-root.js';

it.each([
  [
    '--only',
    'nosuch',
    'known are poisson, hjb-constant, hjb-logarithm, heat, heat-15, blocks-poisson, blocks-burgers, boards',
  ],
  ['--mode', 'float', 'known are exact, stein, direct, differences, wide'],
  ['--seeds', '0', 'found 0'],
  ['--seeds', 'some', 'found some'],
  ['--block-seeds', '1.5', 'found 1.5'],
  ['--bogus', '1', '--bogus'],
])('bench:training refuses %s %s and measures nothing', (option, value, part) => {
  const args = [join(PACKAGE_ROOT, 'dist/bench/training.js'), option, value];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  expect(status, stderr).toBe(2);
  expect(stdout).toBe('');
  expect(stderr.trim().split('\n')).toHaveLength(1);
  expect(stderr).toContain(part);
});

it.each([true, false])('bench:training has cases that training takes, full size: %s', (full) => {
  for (const { problem, options, hidden, rank, smallestTrain, name } of casesOf(full)) {
    const made = problem();
    for (const structure of ['train', 'merged', 'dense'] as const) {
      const shape = { inputs: made.inputs, hidden, structure, rank, smallestTrain };
      const each = { ...options, shape, derivatives: 'stein', carry: 'difference', seed: 1 } as const;
      expect(() => createTraining(made, each), name).not.toThrow();
    }
  }
});
