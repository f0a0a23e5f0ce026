import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { targetClass } from '../../compiler/deliver/image/image.js';
import { PACKAGE_ROOT } from '../../compiler/host/package-root.js';
import { compile } from '../../compiler/pipeline/compile.js';
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

/** The images of the tests of slots: two modules, and a block table that may replace the first one. */
export interface Images {
  old: string;
  next: string;
  table: string;
}

export async function writeImages(folder: string): Promise<Images> {
  const images = { old: join(folder, 'old.img'), next: join(folder, 'new.img'), table: join(folder, 'table.img') };
  writeFileSync(images.old, imageOf(await smallModel(), { version: 3 }));
  for (const [file, engine] of [[images.next, 'wasm3'] as const, [images.table, 'c'] as const]) {
    const other = await compile(modelFrom(perceptron([3, 5, 1], 'sin')), { tolerance: 1e-3, engine });
    writeFileSync(file, imageOf(other, { version: 4 }));
  }
  return images;
}

/** Compiles slots_test.c or rules_test.c with the library and both engines. */
export function buildHarness(folder: string, name: string, flags: readonly string[] = SANITIZED): string {
  const sources = [...UPDATE_SOURCES, ...CORE_SOURCES, ...MODULE_SOURCES, ...TABLE_SOURCES];
  const program = join(PACKAGE_ROOT, `test/update/${name}.c`);
  return buildProgram(folder, `${name}${flags.join('')}`.replace(/\W/g, ''), [program, ...sources], {
    wasm3: true,
    flags,
  });
}

/** Runs it; its last line counts the failures. */
export function drive(program: string, mode: string, unit: number, old: string, next: string): string[] {
  const { status, stdout, stderr } = run(program, [mode, old, next, String(targetClass(TARGET)), String(unit)]);
  expect(stderr).toBe('');
  expect(stdout).not.toContain('FAIL');
  expect(stdout).toMatch(/ 0 failures\n$/);
  expect(status).toBe(0);
  return stdout.trim().split('\n');
}
