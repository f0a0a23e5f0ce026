import { PinnEdgeError } from '../diagnostics.js';

import { dualGroupFits } from './dual.js';

import { lanesShape, lanesShapeIsKnown } from './lanes.js';

import { hasStarts, isMap, KIND_NAMES, type RecordShape, recordShape } from './record.js';
import { CHECK, FLAG, FORMAT, FORMAT_VERSION, KIND, LANE_START, LIMIT, MAGIC } from './specification.js';
import { AXIS_BYTES, readAxes, splineCoefficients, splineFits } from './spline.js';
import {
  type BlockTable,
  decodeTable,
  HEADER_BYTES,
  type Header,
  INPUT_BYTES,
  OUTPUT_BYTES,
  RECORD_BYTES,
  readHeader,
  type TableRecord,
  tableCrc,
} from './table.js';

/**
 * The numbered checks of a block table: the same, in the same order, as runtime/check.ts. A table that passes can only
 * be read inside itself and only write inside its arena, whatever its contents.
 */

export interface CheckResult {
  /** CHECK.OK, or the number of the first check that failed. */
  check: number;
  /** Index of the record that failed it. */
  record?: number;
}

const OK: CheckResult = { check: CHECK.OK };

/** The first check that the bytes fail, in the order of CHECK, and in which record; nothing is read outside them. */
export function checkTable(bytes: Uint8Array): CheckResult {
  if (bytes.length < HEADER_BYTES) return { check: CHECK.SIZE };
  const head = readHeader(bytes);
  const failed = checkHeader(head, bytes);
  if (failed) return { check: failed };
  const table = decodeTable(bytes);
  if (!table.inputs.every((i) => i.min <= i.max)) return { check: CHECK.INPUTS };
  for (let i = 0; i < table.records.length; i++) {
    const check = checkRecord(table.records[i], table) || checkFused(table.records[i], table.records[i + 1]);
    if (check) return { check, record: i };
  }
  return OK;
}

/** Throws PE6001 when a check fails. */
export function requireValidTable(bytes: Uint8Array): BlockTable {
  const { check, record } = checkTable(bytes);
  if (check !== CHECK.OK) {
    const where = record === undefined ? '' : ` in record ${record}`;
    throw new PinnEdgeError('PE6001', { check, name: checkName(check), where });
  }
  return decodeTable(bytes);
}

/** The name of a check, as in CHECK. */
export function checkName(check: number): string {
  return Object.entries(CHECK).find(([, value]) => value === check)?.[0] ?? `unknown check ${check}`;
}

function checkHeader(head: Header, bytes: Uint8Array): number {
  if (head.magic !== MAGIC) return CHECK.MAGIC;
  if (head.version !== FORMAT_VERSION) return CHECK.VERSION;
  if (head.totalBytes !== bytes.length) return CHECK.SIZE;
  if (head.crc !== tableCrc(bytes)) return CHECK.CRC;
  const recordsOffset = HEADER_BYTES + head.inputCount * INPUT_BYTES + head.outputCount * OUTPUT_BYTES;
  const poolOffset = recordsOffset + head.recordCount * RECORD_BYTES;
  const laidOut =
    head.headerBytes === HEADER_BYTES &&
    head.reserved === 0 &&
    head.inputCount > 0 &&
    head.outputCount > 0 &&
    head.recordsOffset === recordsOffset &&
    head.poolOffset === poolOffset &&
    head.poolBytes % 4 === 0 &&
    head.poolBytes === bytes.length - poolOffset;
  if (!laidOut) return CHECK.LAYOUT;
  const { arenaBytes } = head;
  const room = arenaBytes >= 4 * (head.inputCount + head.outputCount) && arenaBytes <= 2 ** 17 && arenaBytes % 4 === 0;
  return room ? CHECK.OK : CHECK.ARENA;
}

function checkRecord(record: TableRecord, table: BlockTable): number {
  if (KIND_NAMES[record.kind] === undefined) return CHECK.KIND;
  if (record.kind === KIND.LANES && !lanesShapeIsKnown(record)) return CHECK.FORMAT;
  const shape = recordShape(record);
  if (!formatIsKnown(record)) return CHECK.FORMAT;
  const inArena = (at: number, count: number, bytes: number) =>
    (2 * at) % bytes === 0 && 2 * at + count * bytes <= table.arenaBytes;
  const inPool = (at: number, count: number, bytes: number) =>
    at % bytes === 0 && at + count * bytes <= table.pool.length;
  if (!inArena(record.a, shape.aCount, shape.aBytes)) return CHECK.OPERAND_A;
  if (!inArena(record.b, shape.bCount, shape.bBytes)) return CHECK.OPERAND_B;
  // Results may not overwrite the input words, so that a run can be repeated.
  if (!inArena(record.out, shape.outCount, shape.outBytes) || record.out < 2 * table.inputs.length) return CHECK.RESULT;
  if (!inArena(shape.conditionCount ? record.cols : 0, shape.conditionCount, shape.conditionBytes))
    return CHECK.CONDITION;
  if (isMap(record)) return checkMap(record, shape, table, inPool);
  if (record.kind === KIND.SPLINE) return checkSpline(record, shape, table, inPool);
  const isBlock = record.kind === KIND.BLOCK;
  const isDual = record.kind === KIND.DENSE_DUAL;
  const isLanes = record.kind === KIND.LANES;
  const weighted = shape.hasBias || isBlock || isLanes;
  const starts = hasStarts(record);
  const maxShift64 = starts ? LIMIT.MAX_SHIFT_STARTS : LIMIT.MAX_SHIFT_64;
  const maxShift32 = isLanes ? maxLaneShift(record) : LIMIT.MAX_SHIFT_32;
  const maxShift = shape.accBits === 64 ? maxShift64 : maxShift32;
  const shiftIsKnown = (shift: number) =>
    weighted ? shift >= 1 && shift <= maxShift && record.shiftA <= shift : shift <= maxShift;
  if (!shiftIsKnown(record.shift) || record.shiftA > 31 || record.shiftB > 31) return CHECK.SHIFT;
  if (!weighted) return CHECK.OK;
  if (!inPool(record.weights, shape.weightCount, shape.weightEntryBytes)) return CHECK.WEIGHTS;
  // Starts of 64 bits are read as two words.
  if (shape.hasBias && !inPool(record.bias, record.rows * (shape.biasBytes / 4), 4)) return CHECK.BIAS;
  if (starts && record.shiftA !== 0) return CHECK.BIAS;
  // Sums between passes are written like results.
  if (isLanes && shape.bCount > 0 && record.b < 2 * table.inputs.length) return CHECK.LANES;
  if (isBlock) return checkBlock(record, table, maxShift, inPool);
  if (record.flags & FLAG.ROW_SHIFTS) {
    if (!inPool(record.rowShifts, record.rows, 1)) return CHECK.ROW_SHIFTS;
    const shifts = table.pool.subarray(record.rowShifts, record.rowShifts + record.rows);
    if (!shifts.every(shiftIsKnown)) return CHECK.ROW_SHIFTS;
  }
  return isDual ? checkDual(record, shape, table) : CHECK.OK;
}

/** Bits that a kind does not use must be zero, so that a record has one meaning. */
function formatIsKnown({ kind, format, flags, rows }: TableRecord): boolean {
  const { A_WIDE, B_WIDE, OUT_WIDE, ACC_WIDE, WEIGHT_MASK } = FORMAT;
  const formats: Record<number, number> = {
    [KIND.DENSE]: A_WIDE | OUT_WIDE | ACC_WIDE | WEIGHT_MASK,
    [KIND.SCALE]: A_WIDE | OUT_WIDE | ACC_WIDE | WEIGHT_MASK,
    [KIND.MAP_LINEAR]: A_WIDE | OUT_WIDE,
    [KIND.MAP_POLYNOMIAL]: A_WIDE | OUT_WIDE,
    [KIND.ADD]: A_WIDE | B_WIDE | OUT_WIDE | ACC_WIDE,
    [KIND.MUL]: A_WIDE | B_WIDE | OUT_WIDE | ACC_WIDE,
    [KIND.COPY]: A_WIDE | OUT_WIDE | ACC_WIDE,
    [KIND.MIN]: A_WIDE | B_WIDE | OUT_WIDE | ACC_WIDE,
    [KIND.MAX]: A_WIDE | B_WIDE | OUT_WIDE | ACC_WIDE,
    [KIND.SELECT]: A_WIDE | B_WIDE | OUT_WIDE | ACC_WIDE | WEIGHT_MASK,
    [KIND.LANES]: A_WIDE | OUT_WIDE | ACC_WIDE | WEIGHT_MASK,
    [KIND.MAP_SLOPES]: A_WIDE | OUT_WIDE,
    [KIND.BLOCK]: A_WIDE | OUT_WIDE | ACC_WIDE | WEIGHT_MASK,
    [KIND.DENSE_DUAL]: OUT_WIDE | ACC_WIDE | FORMAT.WEIGHT_16,
    [KIND.DENSE_STARTS]: A_WIDE | OUT_WIDE | ACC_WIDE | WEIGHT_MASK,
    [KIND.MAP_HORNER]: A_WIDE | OUT_WIDE,
    [KIND.SPLINE]: A_WIDE | OUT_WIDE | ACC_WIDE | FORMAT.WEIGHT_16,
  };
  const allowed: Record<number, number> = {
    [KIND.DENSE]: FLAG.WRAP | FLAG.ROW_SHIFTS,
    [KIND.SCALE]: FLAG.WRAP | FLAG.ROW_SHIFTS | FLAG.BROADCAST_A,
    [KIND.MAP_LINEAR]: FLAG.PERIODIC,
    [KIND.MAP_POLYNOMIAL]: FLAG.PERIODIC | FLAG.OCTAVES | FLAG.MIRRORED,
    [KIND.ADD]: FLAG.SUBTRACT | FLAG.BROADCAST_A | FLAG.BROADCAST_B,
    [KIND.MUL]: FLAG.SUBTRACT | FLAG.BROADCAST_A | FLAG.BROADCAST_B,
    [KIND.COPY]: 0,
    [KIND.MIN]: FLAG.BROADCAST_A | FLAG.BROADCAST_B,
    [KIND.MAX]: FLAG.BROADCAST_A | FLAG.BROADCAST_B,
    [KIND.SELECT]: FLAG.BROADCAST_A | FLAG.BROADCAST_B | FLAG.BROADCAST_CONDITION,
    [KIND.LANES]: FLAG.WRAP | FLAG.ROW_SHIFTS | FLAG.FUSED,
    [KIND.MAP_SLOPES]: 0,
    [KIND.BLOCK]: FLAG.WRAP | FLAG.ROW_SHIFTS | FLAG.FIRST | FLAG.LAST,
    [KIND.DENSE_DUAL]: FLAG.WRAP | FLAG.ROW_SHIFTS,
    [KIND.DENSE_STARTS]: FLAG.WRAP | FLAG.ROW_SHIFTS,
    [KIND.MAP_HORNER]: FLAG.PERIODIC | FLAG.OCTAVES | FLAG.MIRRORED,
    [KIND.SPLINE]: 0,
  };
  const conditionIsKnown = kind !== KIND.SELECT || CONDITION_WIDTHS.includes(format & WEIGHT_MASK);
  const weightIsKnown = kind !== KIND.DENSE_DUAL || (format & WEIGHT_MASK) === FORMAT.WEIGHT_16;
  return (
    conditionIsKnown && weightIsKnown && rows > 0 && (format & ~formats[kind]) === 0 && (flags & ~allowed[kind]) === 0
  );
}

const CONDITION_WIDTHS: readonly number[] = [FORMAT.WEIGHT_16, FORMAT.WEIGHT_32];

/** A DENSE_DUAL's words are aligned, and the products that are summed in 32 bits fit them. */
function checkDual(record: TableRecord, shape: RecordShape, table: BlockTable): number {
  const { a, cols, rows, weights, shiftB } = record;
  if (cols % 4 || a % 2 || weights % 4) return CHECK.DUAL;
  if (shape.accBits === 32) return shiftB === 0 ? CHECK.OK : CHECK.DUAL;
  if (shiftB < 1 || shiftB > 16) return CHECK.DUAL;
  const view = new DataView(table.pool.buffer, table.pool.byteOffset + weights, 2 * rows * cols);
  const fits = dualGroupFits((i) => view.getInt16(2 * i, true), rows, cols, 2 ** shiftB);
  return fits ? CHECK.OK : CHECK.DUAL;
}

type InPool = (at: number, count: number, bytes: number) => boolean;

/** The record after a fused one must be the table that its sums go to. */
function checkFused(record: TableRecord, next: TableRecord | undefined): number {
  if (record.kind !== KIND.LANES || !(record.flags & FLAG.FUSED)) return CHECK.OK;
  const fits = next?.kind === KIND.MAP_SLOPES && next.format === FORMAT.A_WIDE && next.rows === record.rows;
  return fits && next.a === record.out ? CHECK.OK : CHECK.LANES;
}

/** A sum that stays in its lane is shifted down together with the lane. */
function maxLaneShift(record: TableRecord): number {
  return 62 - LANE_START[lanesShape(record).lanes];
}

/** Accumulators are written like results; products are shifted left within their accumulator. */
function checkBlock(record: TableRecord, table: BlockTable, maxShift: number, inPool: InPool): number {
  if (record.b < 2 * table.inputs.length || record.shiftB > maxShift) return CHECK.BLOCK;
  if (!(record.flags & FLAG.ROW_SHIFTS)) return CHECK.OK;
  if (!inPool(record.rowShifts, record.rows, 1)) return CHECK.ROW_SHIFTS;
  const shifts = table.pool.subarray(record.rowShifts, record.rowShifts + record.rows);
  return shifts.every((shift) => shift <= maxShift) ? CHECK.OK : CHECK.BLOCK;
}

function checkMap(record: TableRecord, shape: RecordShape, table: BlockTable, inPool: InPool): number {
  const { cols, shift, shiftA, shiftB, flags } = record;
  const octaveBits = record.rowShifts;
  const degree = record.bias;
  if (record.kind === KIND.MAP_SLOPES) return checkSlopes(record, shape, inPool);
  const linear = record.kind === KIND.MAP_LINEAR;
  if (shift < 1 || shift > 31 || shiftA > 31 || shiftB > 31) return CHECK.SHIFT;
  if (cols < 1 || (!linear && (degree < 1 || degree > LIMIT.MAX_DEGREE))) return CHECK.TABLE;
  if (flags & FLAG.PERIODIC) {
    if (cols * 2 ** shift !== 2 ** 32 || flags & FLAG.OCTAVES) return CHECK.TABLE;
  } else if (flags & FLAG.OCTAVES) {
    if (octaveBits > LIMIT.MAX_OCTAVE_BITS || cols & (2 ** octaveBits - 1)) return CHECK.TABLE;
    if (shift + octaveBits + (cols >>> octaveBits) - 1 > 31) return CHECK.TABLE;
  } else if (cols * 2 ** shift > 2 ** 31) {
    return CHECK.TABLE;
  }
  if (!inPool(record.weights, shape.weightCount, shape.weightEntryBytes)) return CHECK.TABLE;
  return record.kind !== KIND.MAP_HORNER || partialSumsFit(record, table) ? CHECK.OK : CHECK.TABLE;
}

/** Words for basis functions are written like results; positions, segments and sums stay within what kernels hold. */
function checkSpline(record: TableRecord, shape: RecordShape, table: BlockTable, inPool: InPool): number {
  const { cols, shift, shiftA: degree, shiftB } = record;
  if (shift > LIMIT.MAX_SHIFT_64 || shiftB > 31) return CHECK.SHIFT;
  if (cols < 1 || cols > LIMIT.MAX_SPLINE_AXES || degree < 1 || degree > LIMIT.MAX_DEGREE) return CHECK.SPLINE;
  if (record.b < 2 * table.inputs.length || !inPool(record.bias, cols * (AXIS_BYTES / 4), 4)) return CHECK.SPLINE;
  if (!splineFits(record, readAxes(record, table.pool))) return CHECK.SPLINE;
  const count = splineCoefficients(record, table.pool);
  return inPool(record.weights, count, shape.weightBytes) ? CHECK.OK : CHECK.WEIGHTS;
}

/** Whether the magnitudes of every segment's coefficients sum up to less than 2^30: they bound Horner's partial sums. */
export function partialSumsFit({ cols, bias: degree, weights }: TableRecord, { pool }: BlockTable): boolean {
  const view = new DataView(pool.buffer, pool.byteOffset + weights, 4 * cols * (degree + 1));
  for (let segment = 0; segment < cols; segment++) {
    let sum = 0;
    for (let k = 0; k <= degree; k++) sum += Math.abs(view.getInt32(4 * (segment * (degree + 1) + k), true));
    if (sum >= 2 ** LIMIT.MAX_HORNER_BITS) return false;
  }
  return true;
}

/** The argument's way to its segment must not leave int32. */
function checkSlopes(record: TableRecord, shape: RecordShape, inPool: InPool): number {
  const { cols, shift, shiftB, origin } = record;
  if (shift < 1 || shift > 31 || shiftB > 31) return CHECK.SHIFT;
  if (cols < 1 || origin + cols * 2 ** shift > 2 ** 31) return CHECK.LANES;
  return inPool(record.weights, shape.weightCount, shape.weightEntryBytes) ? CHECK.OK : CHECK.TABLE;
}
