import { DUAL_COLUMNS, dualGroupFits, dualLayout } from '../format/dual.js';
import { isMap, recordShape } from '../format/record.js';
import { FLAG, FORMAT, KIND, LIMIT } from '../format/spec.js';
import type { BlockTable, TableRecord } from '../format/table.js';
import { align } from './arena.js';
import { PoolBuilder } from './pool.js';

/**
 * The table for the native engines: DENSE records of int16 weights and inputs become DENSE_DUAL ones, whose layout suits
 * dual multiply-accumulate. Every sum is exact before and after, so the integers are the same.
 */
export function dualTable(table: BlockTable): BlockTable {
  const pool = new PoolBuilder();
  let { arenaBytes } = table;
  const records = table.records.map((record) => {
    const dual = toDual(record, table);
    if (!dual) return moved(record, table, pool);
    // The filled-up columns are read, whatever lies there.
    arenaBytes = Math.max(arenaBytes, align(2 * record.a + 2 * dual.cols));
    const kept = moved({ ...record, kind: KIND.DENSE_DUAL }, table, pool);
    return { ...kept, cols: dual.cols, shiftB: dual.group, weights: pool.add(new Int32Array(dual.weights.buffer), 4) };
  });
  return { ...table, arenaBytes, records, pool: pool.bytes() };
}

interface DualBlock {
  cols: number;
  weights: Int16Array;
  /** Log2 of the columns whose products are summed in 32 bits; 0 with a 32-bit accumulator. */
  group: number;
}

function toDual(record: TableRecord, { pool }: BlockTable): DualBlock | undefined {
  const { rows, cols, format } = record;
  const shape = recordShape(record);
  const isNarrow = record.kind === KIND.DENSE && cols > 0 && shape.aBytes === 2 && shape.weightBytes === 2;
  if (!isNarrow || record.a % 2) return undefined;
  const view = new DataView(pool.buffer, pool.byteOffset, pool.byteLength);
  const weights = Int16Array.from({ length: rows * cols }, (_, i) => view.getInt16(record.weights + 2 * i, true));
  const bias = Array.from({ length: rows }, (_, r) => view.getInt32(record.bias + 4 * r, true));
  const shifts = Array.from({ length: rows }, (_, r) =>
    record.flags & FLAG.ROW_SHIFTS ? pool[record.rowShifts + r] : record.shift,
  );
  if (!shifts.every((shift, r) => fits(weights.subarray(r * cols, (r + 1) * cols), bias[r], shift, record.shiftA))) {
    return undefined;
  }
  const padded = Math.ceil(cols / DUAL_COLUMNS) * DUAL_COLUMNS;
  const laidOut = dualLayout(weights, rows, cols);
  if (!(format & FORMAT.ACC_WIDE)) return { cols: padded, weights: laidOut, group: 0 };
  const groupFits = (group: number) => dualGroupFits((i) => laidOut[i], rows, padded, 2 ** group);
  if (!groupFits(1)) return undefined;
  let group = 1;
  while (2 ** group < padded && groupFits(group + 1)) group++;
  return { cols: padded, weights: laidOut, group };
}

/** Whether a row's result fits 32 bits after its shift, for any int16 inputs. */
function fits(weights: Int16Array, bias: number, shift: number, guard: number): boolean {
  if (shift > LIMIT.MAX_SHIFT_DUAL) return false;
  const products = weights.reduce((sum, w) => sum + Math.abs(w), 0) * 2 ** 15;
  return (products + Math.abs(bias) * 2 ** (shift - guard) + 2 ** (shift - 1)) / 2 ** shift < 2 ** 31 - 1;
}

/** The record with what it reads of the old pool in the new one. */
function moved(record: TableRecord, { pool }: BlockTable, to: PoolBuilder): TableRecord {
  const shape = recordShape(record);
  const move = (at: number, count: number, bytes: 1 | 2 | 4) => {
    const view = new DataView(pool.buffer, pool.byteOffset + at, count * bytes);
    const read = {
      1: (i: number) => view.getInt8(i),
      2: (i: number) => view.getInt16(2 * i, true),
      4: (i: number) => view.getInt32(4 * i, true),
    };
    return to.add(
      Array.from({ length: count }, (_, i) => read[bytes](i)),
      bytes,
    );
  };
  const result = { ...record };
  if (shape.weightCount && record.kind !== KIND.DENSE_DUAL)
    result.weights = move(record.weights, shape.weightCount, shape.weightEntryBytes);
  if (isMap(record)) return result;
  if (shape.hasBias) result.bias = move(record.bias, record.rows, 4);
  if (record.flags & FLAG.ROW_SHIFTS && (shape.hasBias || record.kind === KIND.BLOCK)) {
    result.rowShifts = move(record.rowShifts, record.rows, 1);
  }
  return result;
}
