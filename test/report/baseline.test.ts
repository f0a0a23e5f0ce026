import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import type { Report } from '../../compiler/deliver/package/report.js';
import { EXIT } from '../../compiler/diagnostics.js';
import { compareReports } from '../../compiler/run/baseline.js';
import { cli, temporaryFolder } from '../helpers/cli.js';
import { perceptron } from '../helpers/models.js';

/** verify --baseline: what grew is found, said, and allowed up to what is stated. */

const folder = temporaryFolder();
const build = join(folder, 'build');
const baseline = join(folder, 'baseline.json');
let report: Report;

beforeAll(() => {
  const file = join(folder, 'net.json');
  writeFileSync(file, JSON.stringify(perceptron([2, 6, 1])));
  const built = cli(['build', file, '--compress', 'none', '--tol', '1e-2', '-o', build]);
  expect(built.code, built.err).toBe(0);
  report = JSON.parse(readFileSync(join(build, 'report.json'), 'utf8'));
});

it('names each figure that grew, and none that did not', () => {
  const [output] = report.outputs;
  const smaller: [string, Partial<Report>][] = [
    ['error of y0', { outputs: [{ ...output, maxAbsolute: output.maxAbsolute / 1.02 }] }],
    ['module bytes', { wasmBytes: report.wasmBytes / 1.02 }],
    ['weight and table bytes', { modelBytes: report.modelBytes / 1.02 }],
    ['RAM bytes', { ramBytes: report.ramBytes / 1.02 }],
    ['stack bytes', { nativeStackBytes: report.nativeStackBytes / 1.02 }],
    ['instructions', { instructions: report.instructions! / 1.02 }],
  ];
  const tooMuch = (before: Report, allowed: number) =>
    compareReports(before, report, allowed).flatMap(({ figure, isTooMuch }) => (isTooMuch ? [figure] : []));
  expect(tooMuch(report, 0)).toEqual([]);
  for (const [figure, change] of smaller) {
    expect(tooMuch({ ...report, ...change }, 0.019)).toEqual([figure]);
    expect(tooMuch({ ...report, ...change }, 0.02)).toEqual([]);
  }
  expect(tooMuch({ ...report, nativeStackBytes: 0 }, 10)).toEqual(['stack bytes']);
});

it('fails the command, with a table and a summary', () => {
  const summary = join(folder, 'summary.md');
  const run = (...args: string[]) => cli(['verify', build, '--baseline', baseline, '--summary', summary, ...args]);
  writeFileSync(baseline, JSON.stringify({ ...report, wasmBytes: Math.round(report.wasmBytes / 1.1) }));
  const failed = run('--growth', '5');
  expect(failed.code, failed.err).toBe(EXIT.checkFailed);
  expect(failed.out).toContain('FAIL: module bytes grew by more than 5 %');
  expect(readFileSync(summary, 'utf8')).toMatch(/FAIL[\s\S]*\| module bytes \|.*too much/);
  const passed = run('--growth', '11');
  expect(passed.code, passed.err).toBe(EXIT.ok);
  expect(readFileSync(summary, 'utf8')).toContain('PASS');
  writeFileSync(baseline, '{}');
  expect(run().err).toContain('not the report.json of a build');
  expect(run('--growth', 'much').code).toBe(EXIT.badInput);
});
