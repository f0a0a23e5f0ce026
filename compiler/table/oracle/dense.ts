import { dualRowMajor } from '../dual.js';
import { hasStarts, type RecordShape } from '../record.js';
import { KIND } from '../specification.js';
import type { TableRecord } from '../table.js';
import { INVERSE_POWER, lowerLimb, POWER, roundShift, upperLimb } from './exact.js';
import { type PoolReader, rowShifts, type Step, type Store, type Vector } from './memory.js';

/** DENSE (runtime/kernels/dense.ts), and the forms in which the native engines keep it: exact sums of whole rows. */
export function denseStep(
  record: TableRecord,
  shape: RecordShape,
  x: Vector,
  storeValue: Store,
  pool: PoolReader,
): Step {
  // With starts, the result is the low 32 bits of the shifted sum.
  const store: Store = hasStarts(record) ? (i, value) => storeValue(i, lowBits(value)) : storeValue;
  const { rows, cols } = record;
  // Float64Array throughout: one array type keeps the inner loop fast.
  const stored = pool.integers(record.weights, shape.weightCount, shape.weightEntryBytes);
  const isDual = record.kind === KIND.DENSE_DUAL;
  const weights = Float64Array.from(isDual ? dualRowMajor(stored, rows, cols) : stored);
  const shifts = rowShifts(record, pool);
  const starts = rowStarts(record, shape, shifts, pool);
  const v = new Float64Array(cols);
  const loadInputs = () => {
    for (let c = 0; c < cols; c++) v[c] = x.data[x.at + c];
  };
  const inputLimit = shape.aBytes === 4 ? 2 ** 31 : 2 ** 15;
  const largestRow = largestRowSum(weights, rows, cols);
  if (largestRow * inputLimit < 2 ** 52) {
    return () => {
      loadInputs();
      for (let r = 0, w = 0; r < rows; r++) {
        let sum = 0;
        for (let c = 0; c < cols; c++, w++) sum += weights[w] * v[c];
        store(r, addShift(starts[r], sum, shifts[r]));
      }
    };
  }
  const highs = weights.map(upperLimb);
  const lows = weights.map(lowerLimb);
  return () => {
    loadInputs();
    for (let r = 0, w = 0; r < rows; r++) {
      let { high, low } = starts[r];
      for (let c = 0; c < cols; c++, w++) {
        high += highs[w] * v[c];
        low += lows[w] * v[c];
        if ((c & 31) === 31) {
          const carry = Math.floor(low / 2 ** 15);
          high += carry;
          low -= carry * 2 ** 15;
        }
      }
      store(r, roundShift(high, low, shifts[r]));
    }
  };
}

/** What a row's sum starts with, without the half unit: it may need more than 53 bits beside the products. */
interface RowStart {
  high: number;
  low: number;
  /** high * 2^15 + low where that is below 2^51, else NaN. */
  small: number;
}

function rowStarts(record: TableRecord, shape: RecordShape, shifts: ArrayLike<number>, pool: PoolReader): RowStart[] {
  const { rows } = record;
  const starts = hasStarts(record) ? pool.starts(record.bias, rows, shape.biasBytes) : undefined;
  const bias = starts ? [] : pool.integers(record.bias, rows, 4);
  return Array.from({ length: rows }, (_, r) => {
    const shift = BigInt(shifts[r]);
    const start = starts ? starts[r] - (1n << (shift - 1n)) : BigInt(bias[r]) << (shift - BigInt(record.shiftA));
    const high = Number(start >> 15n);
    const low = Number(start & 0x7fffn);
    return { high, low, small: Math.abs(high) < 2 ** 36 ? high * 2 ** 15 + low : Number.NaN };
  });
}

/** floor((start + sum + 2^(shift-1)) / 2^shift). */
function addShift({ high, low, small }: RowStart, sum: number, shift: number): number {
  if (!Number.isNaN(small)) return Math.floor((small + sum + POWER[shift - 1]) * INVERSE_POWER[shift]);
  return roundShift(high, low + sum, shift);
}

function largestRowSum(weights: Float64Array, rows: number, cols: number): number {
  let largest = 0;
  for (let r = 0; r < rows; r++) {
    let sum = 0;
    for (let c = 0; c < cols; c++) sum += Math.abs(weights[r * cols + c]);
    largest = Math.max(largest, sum);
  }
  return largest;
}

function lowBits(value: number): number {
  const turn = value - Math.floor(value / 2 ** 32) * 2 ** 32;
  return turn >= 2 ** 31 ? turn - 2 ** 32 : turn;
}
