import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { PACKAGE_ROOT } from '../../compiler/host/package-root.js';
import { targetClass } from '../../compiler/image/image.js';
import { compile } from '../../compiler/pipeline.js';
import { temporaryFolder } from '../helpers/cli.js';
import { modelFrom, perceptron } from '../helpers/models.js';
import { smallModel } from '../package/fixture.js';
import { run } from '../package/toolchain.js';
import {
  buildProgram,
  CORE_SOURCES,
  imageOf,
  MODULE_SOURCES,
  SANITIZED,
  TABLE_SOURCES,
  TARGET,
  UPDATE_SOURCES,
} from './fixture.js';

const folder = temporaryFolder();

const SOURCES = [
  join(PACKAGE_ROOT, 'test/update/slots_test.c'),
  ...UPDATE_SOURCES,
  ...[...CORE_SOURCES, ...MODULE_SOURCES, ...TABLE_SOURCES],
];
let fast = '';
let sanitized = '';
const oldImage = join(folder, 'old.img');
const newImage = join(folder, 'new.img');
const tableImage = join(folder, 'table.img');

beforeAll(async () => {
  writeFileSync(oldImage, imageOf(await smallModel(), { version: 3 }));
  for (const [file, engine] of [[newImage, 'wasm3'] as const, [tableImage, 'c'] as const]) {
    const other = await compile(modelFrom(perceptron([3, 5, 1], 'sin')), { tolerance: 1e-3, engine });
    writeFileSync(file, imageOf(other, { version: 4 }));
  }
  fast = buildProgram(folder, 'slots', SOURCES, { wasm3: true, flags: ['-O2'] });
  sanitized = buildProgram(folder, 'slots_sanitized', SOURCES, { wasm3: true, flags: SANITIZED });
}, 300_000);

/** Runs the harness; its last line counts the failures. */
function drive(program: string, mode: string, unit: number, next = newImage): string[] {
  const args = [mode, oldImage, next, String(targetClass(TARGET)), String(unit)];
  const { status, stdout, stderr } = run(program, args);
  expect(stderr).toBe('');
  expect(stdout).not.toContain('FAIL');
  expect(stdout).toMatch(/ 0 failures\n$/);
  expect(status).toBe(0);
  return stdout.trim().split('\n');
}

describe('power loss', () => {
  test.each([
    { unit: 8, by: 'a module', next: newImage },
    { unit: 256, by: 'a module', next: newImage },
    { unit: 64, by: 'a block table', next: tableImage },
  ])(
    'at every write and erase, programming $unit bytes at once, of a module replaced by $by',
    ({ unit, next }) => {
      const lines = drive(fast, 'cuts', unit, next);
      expect(lines).toHaveLength(5);
      for (const line of lines.slice(0, 4)) {
        const [operations, cuts, before, after] = line.match(/\d+/g)!.map(Number);
        expect(operations).toBeGreaterThan(line.startsWith('a rollback') ? 1 : 10);
        expect(cuts).toBe(3 * operations);
        expect(before + after).toBe(cuts);
        // Both do happen: until the record is written the old model runs, and the new one afterwards.
        expect(Math.min(before, after)).toBeGreaterThan(0);
      }
    },
    300_000,
  );

  test('again and again', () => {
    const [line] = drive(fast, 'storms', 16);
    expect(Number(/(\d+) cuts/.exec(line)![1])).toBeGreaterThan(20);
  }, 120_000);

  test('with sanitizers', () => {
    drive(sanitized, 'storms', 32);
  }, 120_000);
});

test('every flipped bit of a record or slot leaves the old or the new model running', () => {
  drive(fast, 'flips', 16);
}, 120_000);

test('versions, rollback, refusals and resume', () => {
  for (const unit of [1, 4, 32, 256]) drive(sanitized, 'rules', unit);
  drive(sanitized, 'rules', 64, tableImage);
}, 120_000);
