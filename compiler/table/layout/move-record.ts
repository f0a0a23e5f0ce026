import type { PoolBuilder } from '../lower/pool.js';
import { isMap, recordShape } from '../record.js';
import { FLAG, KIND } from '../specification.js';
import { AXIS_BYTES, splineCoefficients } from '../spline.js';
import type { BlockTable, TableRecord } from '../table.js';

/** Kinds that have shifts per row and, not always, a bias in the pool. */
const WITHOUT_BIAS: readonly number[] = [KIND.BLOCK, KIND.LANES];

/** The record as it is, its pieces of the pool moved to another one. */
export function moved(record: TableRecord, table: BlockTable, to: PoolBuilder): TableRecord {
  const shape = recordShape(record);
  const result = { ...record };
  if (shape.weightCount) {
    result.weights = moveEntries(record.weights, shape.weightCount, shape.weightEntryBytes, table, to);
  }
  if (record.kind === KIND.SPLINE) {
    const count = splineCoefficients(record, table.pool);
    result.weights = moveEntries(record.weights, count, shape.weightBytes, table, to);
    result.bias = moveEntries(record.bias, record.cols * (AXIS_BYTES / 4), 4, table, to);
  }
  if (isMap(record)) return result;
  if (shape.hasBias) result.bias = moveEntries(record.bias, record.rows, 4, table, to);
  if (record.flags & FLAG.ROW_SHIFTS && (shape.hasBias || WITHOUT_BIAS.includes(record.kind))) {
    result.rowShifts = moveEntries(record.rowShifts, record.rows, 1, table, to);
  }
  return result;
}

/** @returns where the entries are in the pool that they are moved to */
export function moveEntries(at: number, count: number, bytes: 1 | 2 | 4, table: BlockTable, to: PoolBuilder): number {
  return to.addBytes(table.pool.subarray(at, at + count * bytes), bytes);
}
