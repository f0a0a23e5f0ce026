import { nativeTable } from '../../compiler/table/layout/native.js';
import { FLAG, FORMAT, KIND } from '../../compiler/table/specification.js';
import type { BlockTable } from '../../compiler/table/table.js';
import { layOut, tableRandom } from './random-table.js';

/** Kinds for the interpreter's packed kernels. */
export const FOREIGN: readonly number[] = [KIND.LANES, KIND.MAP_SLOPES];

/** The records that native engines have kernels for. */
export function nativeOnly(table: BlockTable): BlockTable {
  return { ...table, records: table.records.filter(({ kind }) => !FOREIGN.includes(kind)) };
}

/** Laid out for the native engines, whatever the operands are. */
export function asNativeEnginesRead(table: BlockTable): BlockTable {
  const peaks = table.records.map(({ format }) => (format & FORMAT.A_WIDE ? 2 ** 31 : 2 ** 15));
  return nativeTable(table, peaks);
}

/** Squares of int16, and one minus them, by every shift that their kernel may meet and those beyond it. */
export function squaresTable(seed: number): BlockTable {
  const random = tableRandom(seed);
  const format = FORMAT.ACC_WIDE;
  const drafts = Array.from({ length: 34 }, (_, shift) => [
    { kind: KIND.MUL, format, rows: random.int(1, 9), shift },
    ...[0, 7, 15, 16].map((ones) => ({
      kind: KIND.MUL,
      format,
      flags: FLAG.SUBTRACT,
      rows: random.int(1, 9),
      shift,
      shiftA: ones,
      shiftB: Math.min(ones, 15),
    })),
  ]).flat();
  const table = layOut(random, drafts, new Uint8Array());
  return { ...table, records: table.records.map((record) => ({ ...record, b: record.a })) };
}
