import { type LanesShape, lanesField, passRowBytes, rowWords } from '../lanes.js';
import { align } from '../lower/arena.js';
import type { LoweredModel } from '../lower/lower.js';
import { PoolBuilder } from '../lower/pool.js';
import { recordShape } from '../record.js';
import { FLAG, FORMAT, KIND, LANE_BITS, LANE_START } from '../specification.js';
import type { BlockTable, TableRecord } from '../table.js';
import { moved } from './move-record.js';

/**
 * Layout: after every number format is decided, matrices and tables of a lowered model are put in the order that the
 * interpreter's kernels read fastest. The integers that a run gives are the same.
 */

export interface KernelLimits {
  /** Most 64-bit words of inputs that a kernel may hold in locals. */
  maxWords: number;
  /** Words between two rounds of a kernel's loop, 0 for a row at a time: bounds the native stack without tail calls. */
  hopWords: number;
  /** Records that are called in a row before the run goes round its loop: bounds the native stack in the same way. */
  callsInARow: number;
}

/** For chips where every operation nests a native call: loops go round after some 60 operations at most. */
export const SHALLOW_KERNELS: KernelLimits = { maxWords: 32, hopWords: 8, callsInARow: 1 };

/** For chips where an operation of the interpreter leaves nothing on the native stack. */
export const LARGEST_KERNELS: KernelLimits = {
  maxWords: 64,
  hopWords: 0,
  callsInARow: Number.POSITIVE_INFINITY,
};

/** Instructions of a multiply-add of packed words, and of a split; of the cost model. */
export type LanePrices = Record<'lanes.word' | 'lanes.split', number>;

/** The lowered model for the interpreter's packed kernels; records that they are no faster for stay as they are. */
export function layOut(lowered: LoweredModel, options: KernelLimits, prices: LanePrices): LoweredModel {
  const { table } = lowered;
  const pool = new PoolBuilder();
  let arenaBytes = table.arenaBytes;
  // Sums between passes are dead when a record ends: one place serves all.
  let sumRows = 0;
  const records = table.records.map((record, i) => {
    const laid =
      lanesRecord(record, table, lowered.peaks[i], options, prices, pool) ?? slopesRecord(record, table, pool);
    if (!laid) return moved(record, table, pool);
    if (laid.kind === KIND.LANES) {
      arenaBytes = Math.max(arenaBytes, 2 * laid.a + laid.cols * recordShape(laid).aBytes);
      if (passesOf(laid) > 1) sumRows = Math.max(sumRows, laid.rows);
    }
    return laid;
  });
  for (let i = 0; i + 1 < records.length; i++) {
    if (canFuse(records[i], records[i + 1], records))
      records[i] = { ...records[i], flags: records[i].flags | FLAG.FUSED };
  }
  const sumsAt = Math.ceil(arenaBytes / 8) * 8;
  const withSums = records.map((record, i) =>
    record.kind !== table.records[i].kind && passesOf(record) > 1 ? { ...record, b: sumsAt / 2 } : record,
  );
  return {
    ...lowered,
    table: {
      ...table,
      records: withSums,
      pool: pool.bytes(),
      arenaBytes: align(sumRows ? sumsAt + 8 * sumRows : arenaBytes),
    },
  };
}

/** True when sums are read by the table after them and nowhere else. */
function canFuse(record: TableRecord, next: TableRecord, records: readonly TableRecord[]): boolean {
  if (record.kind !== KIND.LANES || !(record.flags & FLAG.WRAP) || !(record.format & FORMAT.OUT_WIDE)) return false;
  if (next.kind !== KIND.MAP_SLOPES || next.format !== FORMAT.A_WIDE) return false;
  return next.rows === record.rows && next.a === record.out && readersOf(record, records) === 1;
}

/** Records that read what a record writes before it is overwritten as a whole. */
function readersOf(record: TableRecord, records: readonly TableRecord[]): number {
  const from = 2 * record.out;
  const to = from + record.rows * recordShape(record).outBytes;
  let readers = 0;
  for (const later of records.slice(records.indexOf(record) + 1)) {
    const shape = recordShape(later);
    const reads = (at: number, bytes: number) => bytes > 0 && 2 * at < to && 2 * at + bytes > from;
    const condition = shape.conditionCount * shape.conditionBytes;
    const isReader =
      reads(later.a, shape.aCount * shape.aBytes) ||
      reads(later.b, shape.bCount * shape.bBytes) ||
      (condition > 0 && reads(later.cols, condition));
    if (isReader) readers++;
    if (2 * later.out <= from && 2 * later.out + shape.outCount * shape.outBytes >= to) break;
  }
  return readers;
}

function passesOf(record: TableRecord): number {
  return record.kind === KIND.LANES ? rowWords(record).passes : 1;
}

/** The integers of a DENSE record. */
interface Matrix {
  rows: number;
  cols: number;
  weights: Int32Array;
  /** Bias and half a unit for rounding, in units of the sum. */
  starts: bigint[];
  shifts: number[];
  /** Largest magnitude of an input, by proof. */
  peak: number;
}

function matrixOf(record: TableRecord, table: BlockTable, peak: number): Matrix {
  const { rows, cols } = record;
  const { weightEntryBytes: bytes } = recordShape(record);
  const view = new DataView(table.pool.buffer, table.pool.byteOffset, table.pool.byteLength);
  const weights = Int32Array.from({ length: rows * cols }, (_, i) => {
    const at = record.weights + i * bytes;
    if (bytes === 1) return view.getInt8(at);
    return bytes === 2 ? view.getInt16(at, true) : view.getInt32(at, true);
  });
  const shifts = Array.from({ length: rows }, (_, r) =>
    record.flags & FLAG.ROW_SHIFTS ? table.pool[record.rowShifts + r] : record.shift,
  );
  const starts = shifts.map((shift, r) => {
    const bias = BigInt(view.getInt32(record.bias + 4 * r, true));
    return (bias << BigInt(shift - record.shiftA)) + (1n << BigInt(shift - 1));
  });
  return { rows, cols, weights, starts, shifts, peak };
}

/** Inputs of 32 bits have one product per multiply; more words of them than this would only fill locals. */
const MAX_SINGLE_WORDS = 16;

function lanesRecord(
  record: TableRecord,
  table: BlockTable,
  peak: number,
  options: KernelLimits,
  prices: LanePrices,
  pool: PoolBuilder,
): TableRecord | undefined {
  if (record.kind !== KIND.DENSE || record.cols === 0) return undefined;
  const matrix = matrixOf(record, table, peak);
  const choice = record.format & FORMAT.A_WIDE ? singleLane(matrix, options) : packedLanes(matrix, options, prices);
  if (!choice) return undefined;
  const { shape, inLane } = choice;
  const { passWords, lanes } = shape;
  const passes = Math.ceil(record.cols / lanes / passWords);
  const laid: TableRecord = {
    ...record,
    kind: KIND.LANES,
    cols: passes * passWords * lanes,
    format:
      (record.format & (FORMAT.OUT_WIDE | (lanes === 1 ? FORMAT.A_WIDE | FORMAT.WEIGHT_MASK : 0))) |
      (inLane ? 0 : FORMAT.ACC_WIDE),
    flags:
      (record.flags & FLAG.ROW_SHIFTS) | (record.flags & FLAG.WRAP || neverSaturates(record, matrix) ? FLAG.WRAP : 0),
    bias: lanesField(shape),
    shiftA: 0,
    b: 0,
  };
  const rowShifts = record.flags & FLAG.ROW_SHIFTS ? pool.add(matrix.shifts, 1) : 0;
  return { ...laid, rowShifts, weights: pool.addBytes(packRows(laid, matrix, passes, inLane), 4) };
}

/** True when no sum shifted down can leave the result's width: then nothing need be held. */
function neverSaturates(record: TableRecord, matrix: Matrix): boolean {
  const limit = record.format & FORMAT.OUT_WIDE ? 2 ** 31 : 2 ** 15;
  return matrix.starts.every((start, r) => {
    const bound = absolute(start) + matrix.peak * rowSum(matrix, r, 0, matrix.cols);
    return bound / 2 ** matrix.shifts[r] < limit - 1;
  });
}

function absolute(value: bigint): number {
  return Math.abs(Number(value));
}

function rowSum({ weights, cols }: Matrix, r: number, from: number, to: number): number {
  let sum = 0;
  for (let c = from; c < Math.min(cols, to); c++) sum += Math.abs(weights[r * cols + c]);
  return sum;
}

interface Choice {
  shape: LanesShape;
  /** The whole sum stays in its lane until it is stored. */
  inLane: boolean;
}

function singleLane({ cols }: Matrix, { maxWords, hopWords }: KernelLimits): Choice | undefined {
  if (cols > Math.min(MAX_SINGLE_WORDS, maxWords)) return undefined;
  return {
    shape: { lanes: 1, passWords: cols, splitWords: 0, hopWords: hopWords >= cols ? 0 : hopWords },
    inLane: false,
  };
}

/**
 * The products per multiply and the splits that cost least, such that no lane can overflow: in every row and between any
 * two splits, sum |w| max|x| (and what the sum starts with, where it stays in its lane) is below 2^(bits - 1).
 */
function packedLanes(matrix: Matrix, { maxWords, hopWords }: KernelLimits, prices: LanePrices): Choice | undefined {
  let best: (Choice & { cost: number }) | undefined;
  for (const lanes of [2, 3]) {
    const words = Math.ceil(matrix.cols / lanes);
    const passes = Math.ceil(words / maxWords);
    const passWords = Math.ceil(words / passes);
    const hop = hopWords >= passWords ? 0 : hopWords;
    const limit = 2 ** (LANE_BITS[lanes] - 1) - 1;
    const shiftsFit = matrix.shifts.every((shift) => shift <= 62 - LANE_START[lanes]);
    for (const splitWords of [words, ...[64, 32, 16, 8, 4, 2, 1].filter((n) => n < words)]) {
      if (splitWords > passWords && splitWords !== words) continue;
      const inLane = splitWords === words && passes === 1 && shiftsFit && lanesHold(matrix, lanes, words, limit, true);
      const perSplit = Math.min(splitWords, passWords);
      if (!inLane && !lanesHold(matrix, lanes, perSplit, limit, false)) continue;
      const splits = inLane ? 0 : Math.ceil(passWords / perSplit) * passes;
      const cost = words * prices['lanes.word'] + splits * prices['lanes.split'];
      if (!best || cost < best.cost) {
        best = { shape: { lanes, passWords, splitWords: perSplit, hopWords: hop }, inLane, cost };
      }
      break;
    }
  }
  return best;
}

function lanesHold(matrix: Matrix, lanes: number, words: number, limit: number, withStart: boolean): boolean {
  const { rows, cols, starts, peak } = matrix;
  // Columns that fill up the last word read whatever lies there, and meet its weights in the lanes below the sum.
  const filled = cols % lanes === 0 ? cols : cols - (cols % lanes);
  for (let r = 0; r < rows; r++) {
    const start = withStart ? absolute(starts[r]) : 0;
    for (let from = 0; from < cols; from += words * lanes) {
      const to = from + words * lanes;
      const sum =
        rowSum(matrix, r, from, Math.min(to, filled)) * peak + rowSum(matrix, r, Math.max(from, filled), to) * 2 ** 15;
      if (sum + start > limit) return false;
    }
  }
  return true;
}

/** Row after row, pass after pass: what the sum starts with, then the words (see LANES_FIELDS in table/specification.ts). */
function packRows(record: TableRecord, matrix: Matrix, passes: number, inLane: boolean): Uint8Array {
  const { rows, cols, weights, starts } = matrix;
  const stride = passRowBytes(record);
  const shape = { lanes: record.bias & 0xff, passWords: (record.bias >>> 8) & 0xff };
  const bytes = new Uint8Array(passes * rows * stride);
  const view = new DataView(bytes.buffer);
  const width = shape.lanes > 1 ? 8 : (stride - 8) / shape.passWords;
  const weightBytes = shape.lanes > 1 ? 8 : recordShape(record).weightBytes;
  if (shape.lanes > 1 && width !== 8) throw new Error('a word of lanes has 8 bytes');
  const laneStart = BigInt(LANE_START[shape.lanes]);
  for (let pass = 0; pass < passes; pass++) {
    for (let r = 0; r < rows; r++) {
      const at = (pass * rows + r) * stride;
      const start = inLane ? (starts[r] << laneStart) + (1n << (laneStart - 1n)) : pass ? 0n : starts[r];
      view.setBigInt64(at, start, true);
      for (let word = 0; word < shape.passWords; word++) {
        const first = (pass * shape.passWords + word) * shape.lanes;
        const weight = (k: number) => (first + k < cols ? weights[r * cols + first + k] : 0);
        const to = at + 8 + word * weightBytes;
        if (shape.lanes > 1) {
          let packed = 0n;
          for (let k = 0; k < shape.lanes; k++) packed += BigInt(weight(k)) << BigInt(k * LANE_BITS[shape.lanes]);
          view.setBigInt64(to, BigInt.asIntN(64, packed), true);
        } else if (weightBytes === 1) view.setInt8(to, weight(0));
        else if (weightBytes === 2) view.setInt16(to, weight(0), true);
        else view.setInt32(to, weight(0), true);
      }
    }
  }
  return bytes;
}

/** MAP_LINEAR with knots of 16 bits as bases and slopes of 32, where all of it fits int32. */
function slopesRecord(record: TableRecord, table: BlockTable, pool: PoolBuilder): TableRecord | undefined {
  const { kind, format, flags, cols, shift, origin } = record;
  if (kind !== KIND.MAP_LINEAR || flags || format & FORMAT.OUT_WIDE) return undefined;
  if (shift > 15 || origin + cols * 2 ** shift > 2 ** 31) return undefined;
  const view = new DataView(table.pool.buffer, table.pool.byteOffset, table.pool.byteLength);
  const knot = (i: number) => view.getInt16(record.weights + 2 * i, true);
  const words = new Int32Array(2 * cols);
  for (let s = 0; s < cols; s++) {
    const rise = knot(s + 1) - knot(s);
    words[2 * s] = knot(s) * 2 ** shift + 2 ** (shift - 1) - Math.imul(rise, s * 2 ** shift);
    words[2 * s + 1] = rise;
  }
  return { ...record, kind: KIND.MAP_SLOPES, shiftB: shift, weights: pool.add(words, 4) };
}
