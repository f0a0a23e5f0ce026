import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { writeBuild } from '../../compiler/deliver/package/store.js';
import { cli, temporaryFolder } from '../helpers/cli.js';
import { stepBuild } from '../steps/helpers.js';
import { fitted, sensor } from './helpers.js';

/** The command `fit`: what it prints, and every kind of bad input in one sentence. */

const folder = temporaryFolder();
const place = join(folder, 'build');
writeBuild(place, (await fitted(['a', 'b'])).files);

function data(rows: readonly string[]): string {
  const file = join(folder, 'measured.csv');
  writeFileSync(file, `${rows.join('\n')}\n`);
  return file;
}

const [A, B] = [1.3, 0.2];
const measured = [
  'x,y',
  ...Array.from({ length: 12 }, (_, k) => {
    const x = -0.9 + 0.15 * k;
    return `${x},${Math.tanh(2 * A * x + B) + 0.02 * Math.cos(7 * k)}`;
  }),
];
const KNOWN = ['--known', 'c=0.5', '--sigma', '0.02'];

describe('pinn-edge fit', () => {
  it('prints estimates, intervals, the float64 network and residuals', () => {
    const { code, out } = cli(['fit', place, '--data', data(measured), '--free', 'a', '--free', 'b', ...KNOWN]);
    expect(code).toBe(0);
    const [, a, low, high, float] = out.match(
      / a = ([\d.]+) m\/s +95 % from ([\d.]+) to ([\d.]+) +\(float64 ([\d.]+)\)/,
    )!;
    expect(Math.abs(Number(a) - A)).toBeLessThan(0.1);
    expect(Math.abs(Number(a) / Number(float) - 1)).toBeLessThan(0.01);
    expect([Number(low), Number(high)]).toEqual([expect.closeTo(2 * Number(a) - Number(high), 3), expect.any(Number)]);
    expect(out).toMatch(/\d steps, chi-square [\d.]+ for 10 degrees of freedom; effects: smallest singular value/);
    expect(out).toMatch(/output +measured +fitted +residual +by sigma\n/);
    expect(out.match(/ y +-?[\d.]+ /g)).toHaveLength(12);
  });

  it('says the same in JSON, with covariances', () => {
    const { code, out } = cli(['fit', place, '--data', data(measured), '--free', 'a,b', ...KNOWN, '--json']);
    expect(code).toBe(0);
    const { estimates, covariance, reference, measurements } = JSON.parse(out);
    expect(estimates.map(({ name }: { name: string }) => name)).toEqual(['a', 'b']);
    expect(covariance[0][1]).toBe(covariance[1][0]);
    expect(Object.keys(reference)).toEqual(['a', 'b']);
    expect(measurements).toHaveLength(12);
  });

  const one = (row: string) => [measured[0], row, ...measured.slice(2)];
  it.each<[what: string, code: number, rows: readonly string[], options: string[], sentence: string]>([
    ['fewer measurements than parameters', 2, measured.slice(0, 2), [], 'measured.csv'],
    ['a measurement outside of the box', 2, one('1.5,0.2'), [], 'row 2, x is 1.5, outside of its range -1 to 1'],
    ['an input that is no number', 2, one('NaN,0.2'), [], 'row 2, x is "NaN", expected a number'],
    ['a value that is no number', 2, one('0.5,inf'), [], 'row 2, y is "inf", expected a number'],
    ['a sigma of zero', 2, measured, ['--sigma', '0'], 'expected a number above 0'],
    ['a parameter without effect', 1, ['x,y', '0,0.1', '0,0.2', '0,0.3'], [], 'the measurements say nothing of "a"'],
    ['parameters that are alike', 1, ['x,y', '0.5,0.7', '0.5,0.8', '0.5,0.75'], [], 'cannot tell a, b apart'],
    ['too few steps', 1, measured, ['--max-steps', '1'], 'no minimum was found in 1 steps'],
    ['a start outside of the box', 2, measured, ['--start', 'a=3'], 'lies outside of the range 0.5 to 2'],
    ['a parameter that the build cannot fit', 2, measured, ['--free', 'c'], 'this build can fit a, b'],
  ])('refuses %s', (_, wanted, rows, options, sentence) => {
    const { code, out, err } = cli(['fit', place, '--data', data(rows), '--free', 'a,b', ...KNOWN, ...options]);
    expect(err).toContain(sentence);
    expect([code, out]).toEqual([wanted, '']);
  });

  it('refuses a build without tangents, and a file that is not there', async () => {
    const other = join(folder, 'other');
    writeBuild(other, (await stepBuild()).files);
    const without = cli(['fit', other, '--data', data(measured), '--free', 'u']);
    expect([without.code, without.err]).toEqual([2, expect.stringContaining('has no tangents; build it again with')]);
    const missing = cli(['fit', place, '--data', join(folder, 'nowhere.csv'), '--free', 'a,b', ...KNOWN]);
    expect([missing.code, missing.err]).toEqual([2, expect.stringContaining('nowhere.csv')]);
  });
});

it('build --fit refuses an input that changes nothing', () => {
  const file = join(folder, 'sensor.json');
  const { name, inputs, outputs, nodes } = sensor();
  writeFileSync(file, JSON.stringify({ format: 'pinn-edge/1', name, inputs, outputs, nodes, tensors: {} }));
  const { code, err } = cli([
    'build',
    file,
    '--fit',
    'c',
    '--target',
    'cortex-m4',
    '--engine',
    'c',
    '-o',
    join(folder, 'x'),
  ]);
  expect([code, err]).toEqual([2, expect.stringContaining('input "c" changes no output (y)')]);
});
