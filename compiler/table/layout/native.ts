import { partialSumsFit } from '../check.js';
import { DUAL_COLUMNS, dualGroupFits, dualLayout } from '../dual.js';
import { align } from '../lower/arena.js';
import { PoolBuilder } from '../lower/pool.js';
import { type RecordShape, recordShape } from '../record.js';
import { FLAG, FORMAT, KIND, LIMIT } from '../specification.js';
import type { BlockTable, TableRecord } from '../table.js';
import { moved, moveEntries } from './move-record.js';

/**
 * The table for the native engines, whose kernels know less and do less:
 *
 * - rows whose results fit 32 bits, whatever the inputs, start with bias and half a unit in place (DENSE_STARTS);
 * - of these, int16 weights and inputs are laid out for dual multiply-accumulate (DENSE_DUAL);
 * - polynomials whose partial sums stay below 2^30 are evaluated in 32 bits (MAP_HORNER).
 *
 * Every sum is exact before and after, so the integers are the same.
 *
 * @param peaks per record, the largest magnitude of the integers of operand a (LoweredModel)
 */
export function nativeTable(table: BlockTable, peaks: readonly number[]): BlockTable {
  const pool = new PoolBuilder();
  let { arenaBytes } = table;
  const plain = plainWeights(table, peaks);
  const records = table.records.map((record, i) => {
    if (record.kind === KIND.MAP_POLYNOMIAL && partialSumsFit(record, table)) {
      return moved({ ...record, kind: KIND.MAP_HORNER }, table, pool);
    }
    const rows = rowsOf(record, table, peaks[i]);
    if (!rows) return moved(record, table, pool);
    const dual = plain.has(record.weights) ? undefined : toDual(record, rows);
    const rowShifts = record.flags & FLAG.ROW_SHIFTS ? pool.add(rows.shifts, 1) : 0;
    const common = { ...record, shift: rows.shifts[0], rowShifts, shiftA: 0, bias: addStarts(record, rows, pool) };
    if (!dual) {
      const weights = moveEntries(record.weights, rows.shape.weightCount, rows.shape.weightEntryBytes, table, pool);
      return { ...common, kind: KIND.DENSE_STARTS, weights };
    }
    // The filled-up columns are read, whatever lies there.
    arenaBytes = Math.max(arenaBytes, align(2 * record.a + 2 * dual.cols));
    const weights = pool.add(new Int32Array(dual.weights.buffer), 4);
    return { ...common, kind: KIND.DENSE_DUAL, cols: dual.cols, shiftB: dual.group, weights };
  });
  return { ...table, arenaBytes, records, pool: pool.bytes() };
}

/** Weights that several matrices read, of which one has to have them as they are: all do, so that they are there once. */
function plainWeights(table: BlockTable, peaks: readonly number[]): Set<number> {
  const plain = new Set<number>();
  const seen = new Set<number>();
  const shared = new Set<number>();
  for (const { kind, cols, weights } of table.records) {
    if (kind !== KIND.DENSE || cols === 0) continue;
    (seen.has(weights) ? shared : seen).add(weights);
  }
  table.records.forEach((record, i) => {
    if (record.kind !== KIND.DENSE || record.cols === 0 || !shared.has(record.weights)) return;
    const rows = rowsOf(record, table, peaks[i]);
    if (!rows || !toDual(record, rows)) plain.add(record.weights);
  });
  return plain;
}

/** The numbers of a DENSE record. */
interface Rows {
  shape: RecordShape;
  /** Row-major. */
  weights: number[];
  shifts: number[];
  /** Bias and half a unit of the result, at the accumulator's scale. */
  starts: bigint[];
}

/** Undefined where it is no DENSE record, or where a result might not fit 32 bits after its shift. */
function rowsOf(record: TableRecord, table: BlockTable, peak: number): Rows | undefined {
  if (record.kind !== KIND.DENSE) return undefined;
  const { rows, cols } = record;
  const shape = recordShape(record);
  const weights = integers(record.weights, rows * cols, shape.weightBytes, table);
  const bias = integers(record.bias, rows, 4, table);
  const shifts = Array.from({ length: rows }, (_, r) =>
    record.flags & FLAG.ROW_SHIFTS ? table.pool[record.rowShifts + r] : record.shift,
  );
  if (shifts.some((shift) => shift > LIMIT.MAX_SHIFT_STARTS)) return undefined;
  const starts = shifts.map(
    (shift, r) => (BigInt(bias[r]) << BigInt(shift - record.shiftA)) + (1n << BigInt(shift - 1)),
  );
  const largest = largestInputs(record, table, peak);
  const fits = starts.every((start, r) => {
    let sum = Math.abs(Number(start));
    for (let c = 0; c < cols; c++) sum += Math.abs(weights[r * cols + c]) * largest[c];
    return sum / 2 ** shifts[r] < 2 ** 31 - 1;
  });
  return fits ? { shape, weights, shifts, starts } : undefined;
}

/** Largest magnitude of every element of operand a: inputs are held to ranges of their own. */
function largestInputs(record: TableRecord, { inputs }: BlockTable, peak: number): number[] {
  return Array.from({ length: record.cols }, (_, c) => {
    const input = record.format & FORMAT.A_WIDE ? inputs[record.a / 2 + c] : undefined;
    return input ? Math.max(Math.abs(input.min), Math.abs(input.max)) : peak;
  });
}

function addStarts({ format }: TableRecord, { starts }: Rows, pool: PoolBuilder): number {
  if (!(format & FORMAT.ACC_WIDE)) return pool.add(starts.map(Number), 4);
  return pool.add(new Int32Array(BigInt64Array.from(starts).buffer), 4);
}

interface DualBlock {
  cols: number;
  weights: Int16Array;
  /** Log2 of the columns whose products are summed in 32 bits; 0 with a 32-bit accumulator. */
  group: number;
}

function toDual(record: TableRecord, { shape, weights }: Rows): DualBlock | undefined {
  const { rows, cols, format } = record;
  if (cols === 0 || shape.aBytes !== 2 || shape.weightBytes !== 2 || record.a % 2) return undefined;
  const padded = Math.ceil(cols / DUAL_COLUMNS) * DUAL_COLUMNS;
  const laidOut = dualLayout(weights, rows, cols);
  if (!(format & FORMAT.ACC_WIDE)) return { cols: padded, weights: laidOut, group: 0 };
  const groupFits = (group: number) => dualGroupFits((i) => laidOut[i], rows, padded, 2 ** group);
  if (!groupFits(1)) return undefined;
  let group = 1;
  while (2 ** group < padded && groupFits(group + 1)) group++;
  return { cols: padded, weights: laidOut, group };
}

/** The record with what it reads of the old pool in the new one. */
function integers(at: number, count: number, bytes: 1 | 2 | 4, { pool }: BlockTable): number[] {
  const view = new DataView(pool.buffer, pool.byteOffset + at, count * bytes);
  return Array.from({ length: count }, (_, i) => {
    if (bytes === 1) return view.getInt8(i);
    return bytes === 2 ? view.getInt16(2 * i, true) : view.getInt32(4 * i, true);
  });
}
