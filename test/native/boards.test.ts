import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runTableOnBoard } from '../../compiler/run/boards/run-table.js';
import { nativeTable } from '../../compiler/table/layout/native.js';
import { FORMAT, KIND } from '../../compiler/table/specification.js';
import type { BlockTable } from '../../compiler/table/table.js';
import { BOARDS } from '../boards/setup.js';
import { temporaryFolder } from '../helpers/cli.js';
import { dualTable } from '../helpers/dual-table.js';
import { randomTable, randomWords } from '../helpers/random-table.js';
import { C99, COMMON, compileOrThrow, WARNINGS } from '../package/toolchain.js';

/**
 * The kernels in C on the emulated boards, record by record the integers of the oracle: portable C99 on Cortex-M0, M3,
 * rv32imc and Xtensa, the DSP extension on Cortex-M4, M7 and M33.
 */

const folder = temporaryFolder();
const POINTS = 60;
/** Kinds for the interpreter's packed kernels. */
const FOREIGN: readonly number[] = [KIND.LANES, KIND.MAP_SLOPES];
const NATIVE: readonly number[] = [KIND.DENSE_DUAL, KIND.DENSE_STARTS, KIND.MAP_HORNER, KIND.MAP_LINEAR];

/** Records as the native engines read them. */
function asNative(seed: number): BlockTable {
  const table = randomTable(seed, 1);
  const records = table.records.filter(({ kind }) => !FOREIGN.includes(kind));
  const peaks = records.map(({ format }) => (format & FORMAT.A_WIDE ? 2 ** 31 : 2 ** 15));
  return nativeTable({ ...table, records }, peaks);
}

describe.each(BOARDS)('$name', ({ board, isSkipped }) => {
  const run = (table: BlockTable, seed: number, way?: 'walked') =>
    runTableOnBoard(board, table, randomWords(seed, POINTS), way).points;

  test.skipIf(isSkipped)("every kind in every format, by the library's kernels", () => {
    expect(run(asNative(1), 1, 'walked')).toBe(POINTS);
    expect(run(dualTable(3), 3, 'walked')).toBe(POINTS);
  });

  test.skipIf(isSkipped)('every kind in every format, in one program', () => {
    expect(run(asNative(2), 2)).toBe(POINTS);
    expect(run(dualTable(4), 4)).toBe(POINTS);
  });

  test.skipIf(isSkipped).each(['-O0', '-O1', '-O2', '-O3', '-Os'])(
    'kernels compile without warnings at %s',
    (level) => {
      const flags = [...board.flags, ...C99, ...WARNINGS, level, `-I${COMMON}`, '-c', join(COMMON, 'pe_kernels.c')];
      compileOrThrow(board.compiler.command, [...flags, '-o', join(folder, `${board.name}${level}.o`)]);
    },
  );

  // Up to 15 records, each has a kernel of its own, with everything known.
  test.skipIf(isSkipped).each([5, 6])('kernels made for one record, seed %i', (seed) => {
    const maps = asNative(seed);
    const records = maps.records.filter(({ kind }) => NATIVE.includes(kind)).slice(-15);
    expect(run({ ...maps, records }, seed)).toBe(POINTS);
    const dual = dualTable(seed, 15);
    expect(run(dual, seed)).toBe(POINTS);
  });
});
