import { dualRowMajor } from '../../table/dual.js';
import { lanesBytes, lanesShape, passRowBytes, rowWords, wordBytes } from '../../table/lanes.js';
import { type PoolReader, rowShifts } from '../../table/oracle/memory.js';
import { hasStarts, recordShape } from '../../table/record.js';
import { FLAG, FORMAT, KIND, LANE_BITS, LANE_START } from '../../table/specification.js';
import type { TableRecord } from '../../table/table.js';
import { cannotProve } from './program.js';

/**
 * A matrix record in real numbers: result = floor(W x + start), in steps of the result, `start` with the half step of
 * rounding left out. Integers over powers of two, so that doubles hold them exactly.
 */
export interface MatrixRecord {
  /** Row-major [rows x cols]. */
  weights: Float64Array;
  bias: Float64Array;
  /** Largest difference between a bias of more than 53 bits and the double that stands for it. */
  lost: number;
}

/** @param peaks largest magnitude of every element of the operand; @throws PE4201 where a sum might leave its accumulator */
export function readMatrix(
  record: TableRecord,
  index: number,
  pool: PoolReader,
  peaks: ArrayLike<number>,
): MatrixRecord {
  if (record.kind === KIND.LANES) return readLanes(record, index, pool, peaks);
  const shape = recordShape(record);
  const { rows, cols } = record;
  const isScale = record.kind === KIND.SCALE;
  const stored = pool.integers(record.weights, shape.weightCount, shape.weightEntryBytes);
  const integers = record.kind === KIND.DENSE_DUAL ? dualRowMajor(stored, rows, cols) : stored;
  const shifts = rowShifts(record, pool);
  const starts = hasStarts(record) ? pool.starts(record.bias, rows, shape.biasBytes) : undefined;
  const bias = starts ? undefined : pool.integers(record.bias, rows, 4);
  const perRow = isScale ? 1 : cols;
  const weights = new Float64Array(rows * perRow);
  const sums = new Float64Array(rows);
  let lost = 0;
  for (let r = 0; r < rows; r++) {
    const half = 2 ** (shifts[r] - 1);
    const near = starts && nearest(starts[r], shifts[r]);
    const start = near ? near.value : bias![r] * 2 ** (shifts[r] - record.shiftA);
    if (near) lost = Math.max(lost, near.lost * 2 ** -shifts[r]);
    let largest = Math.abs(start) + half;
    for (let c = 0; c < perRow; c++) {
      const w = integers[r * perRow + c];
      largest += Math.abs(w) * peaks[isScale ? (peaks.length === 1 ? 0 : r) : c];
      weights[r * perRow + c] = w * 2 ** -shifts[r];
    }
    requireRoom(largest, shape.accBits, index);
    // What has starts gives the low 32 bits of its shifted sum.
    if (starts) requireRoom(largest * 2 ** -shifts[r], 32, index);
    sums[r] = start * 2 ** -shifts[r];
  }
  return { weights, bias: sums, lost };
}

/** What a sum starts with, without its half step, as the double nearest to it, and how far that is off. */
function nearest(start: bigint, shift: number): { value: number; lost: number } {
  const exact = shift > 0 ? start - (1n << BigInt(shift - 1)) : start;
  const value = Number(exact);
  return { value, lost: Math.abs(Number(exact - BigInt(value))) };
}

/** @throws PE4201 where a sum of magnitudes up to `largest` may leave its accumulator */
export function requireRoom(largest: number, bits: number, index: number): void {
  // A few units beyond what the sum of doubles may be off.
  if (largest * (1 + 2 ** -30) >= 2 ** (bits - 1))
    throw cannotProve(`record ${index}: a sum may leave its ${bits} bits`);
}

function readLanes(record: TableRecord, index: number, pool: PoolReader, peaks: ArrayLike<number>): MatrixRecord {
  const { lanes, passWords } = lanesShape(record);
  const { passes } = rowWords(record);
  const { rows, cols } = record;
  const inLane = (record.format & FORMAT.ACC_WIDE) === 0;
  const stride = passRowBytes(record);
  const width = wordBytes(record);
  const bytes = pool.bytes(record.weights, lanesBytes(record));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const shifts = rowShifts(record, pool);
  const weights = new Float64Array(rows * cols);
  const starts = new Array<bigint>(rows).fill(0n);
  for (let n = 0; n < passes * rows; n++) {
    const [pass, r] = [Math.floor(n / rows), n % rows];
    const at = n * stride;
    starts[r] += view.getBigInt64(at, true);
    for (let word = 0; word < passWords; word++) {
      const from = at + 8 + word * width;
      const to = r * cols + (pass * passWords + word) * lanes;
      if (lanes > 1) unpack(view.getBigInt64(from, true), lanes, weights, to);
      else
        weights[to] =
          width === 1 ? view.getInt8(from) : width === 2 ? view.getInt16(from, true) : view.getInt32(from, true);
    }
  }
  const bias = new Float64Array(rows);
  let lost = 0;
  for (let r = 0; r < rows; r++) {
    // In its lane the sum starts above the lanes of partial products, which are kept from borrowing by half a unit.
    const laneStart = BigInt(inLane ? LANE_START[lanes] : 0);
    const whole = starts[r] >> laneStart;
    const start = Number(whole);
    if (inLane && starts[r] - (whole << laneStart) !== 1n << (laneStart - 1n))
      throw cannotProve(`record ${index}: the lanes of a row do not start as they should`);
    requireLanes(weights.subarray(r * cols, (r + 1) * cols), start, record, index, peaks);
    const near = nearest(whole, shifts[r]);
    bias[r] = near.value * 2 ** -shifts[r];
    lost = Math.max(lost, near.lost * 2 ** -shifts[r]);
    let total = Math.abs(start);
    for (let c = 0; c < cols; c++) total += Math.abs(weights[r * cols + c]) * peaks[c];
    if (lanes === 1 || !inLane) requireRoom(total, 64, index);
    for (let c = 0; c < cols; c++) weights[r * cols + c] *= 2 ** -shifts[r];
  }
  return { weights, bias, lost };
}

/** Between two splits every lane holds its sum. */
function requireLanes(
  row: Float64Array,
  start: number,
  record: TableRecord,
  index: number,
  peaks: ArrayLike<number>,
): void {
  const { lanes, passWords, splitWords } = lanesShape(record);
  if (lanes === 1) return;
  const inLane = (record.format & FORMAT.ACC_WIDE) === 0;
  const perPass = passWords * lanes;
  for (let pass = 0; pass < row.length; pass += perPass) {
    for (let from = 0; from < perPass; from += splitWords * lanes) {
      let sum = inLane ? Math.abs(start) : 0;
      const to = Math.min(perPass, from + splitWords * lanes);
      // Products with the neighbours' inputs pass through the other lanes: a weight may meet each input of its word.
      for (let word = pass + from; word < pass + to; word += lanes) {
        let [weights, largest] = [0, 0];
        for (let c = word; c < word + lanes; c++) {
          weights += Math.abs(row[c]);
          largest = Math.max(largest, peaks[c]);
        }
        sum += weights * largest;
      }
      requireRoom(sum + 2, LANE_BITS[lanes], index);
    }
  }
}

/** The weights of a packed word: each lane takes what it can hold, the next one the rest. */
function unpack(word: bigint, lanes: number, weights: Float64Array, at: number): void {
  const bits = BigInt(LANE_BITS[lanes]);
  let rest = word;
  for (let k = 0; k < lanes - 1; k++) {
    const lane = BigInt.asIntN(Number(bits), rest);
    weights[at + k] = Number(lane);
    rest = (rest - lane) >> bits;
  }
  weights[at + lanes - 1] = Number(rest);
}

/** One leaf of a matrix in blocks: s = 2^left W x + (FIRST: bias and half a step), at the scale of its accumulators. */
export function readBlock(record: TableRecord, pool: PoolReader): { weights: Float64Array; start: Float64Array } {
  const shape = recordShape(record);
  const { rows, cols, flags, shift } = record;
  const stored = pool.integers(record.weights, shape.weightCount, shape.weightEntryBytes);
  const lefts = flags & FLAG.ROW_SHIFTS ? pool.bytes(record.rowShifts, rows) : new Uint8Array(rows).fill(record.shiftB);
  const bias = flags & FLAG.FIRST ? pool.integers(record.bias, rows, 4) : undefined;
  const weights = Float64Array.from(stored, (w, i) => w * 2 ** lefts[Math.floor(i / cols)]);
  const start = Float64Array.from({ length: rows }, (_, r) => {
    return bias ? bias[r] * 2 ** (shift - record.shiftA) : 0;
  });
  return { weights, start };
}
