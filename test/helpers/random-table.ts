import { checkTable } from '../../compiler/table/check.js';
import { type LanesShape, lanesBytes, lanesField, passRowBytes } from '../../compiler/table/lanes.js';
import { PoolBuilder } from '../../compiler/table/lower/pool.js';
import { CHECK, FLAG, FORMAT, KIND, LANE_START, LIMIT } from '../../compiler/table/specification.js';
import { axisWords, coefficientsPerRow, sumBits } from '../../compiler/table/spline.js';
import { type BlockTable, EMPTY_RECORD, encodeTable, type TableRecord } from '../../compiler/table/table.js';
import { randoms } from './models.js';

/**
 * A table of many unrelated records, every kind in every number format, with random shapes (odd lengths, empty rows of
 * weights), shifts, flags and weights; operands are the input words themselves, so that any integers reach every kernel.
 */
export const INPUT_WORDS = 24;

export interface TableRandom {
  /** Whole number in [min, max]. */
  int(min: number, max: number): number;
  flag(bit: number): number;
}

export function tableRandom(seed: number): TableRandom {
  const next = randoms(seed);
  const int = (min: number, max: number) => min + Math.floor(((next() + 1) / 2) * (max - min + 1));
  return { int, flag: (bit) => (int(0, 1) ? bit : 0) };
}

export type Draft = Partial<TableRecord> & { rows: number; format: number };

export function randomTable(seed: number, perFormat = 2): BlockTable {
  const random = tableRandom(seed);
  const pool = new PoolBuilder();
  const drafts: Draft[] = [];
  for (let n = 0; n < perFormat; n++) {
    for (const format of denseFormats()) {
      drafts.push(denseRecord(random, pool, format), ...blockRecords(random, pool, format));
    }
    for (const format of pairs(FORMAT.A_WIDE, FORMAT.OUT_WIDE)) {
      for (const weight of [FORMAT.WEIGHT_8, FORMAT.WEIGHT_16, FORMAT.WEIGHT_32]) {
        drafts.push(scaleRecord(random, pool, format | weight | FORMAT.ACC_WIDE));
      }
      drafts.push(copyRecord(random, format | FORMAT.ACC_WIDE));
      for (const segmentation of [0, FLAG.PERIODIC, FLAG.OCTAVES, FLAG.OCTAVES | FLAG.MIRRORED, FLAG.MIRRORED]) {
        if (segmentation === 0 || segmentation === FLAG.PERIODIC)
          drafts.push(linearRecord(random, pool, format, segmentation));
        drafts.push(polynomialRecord(random, pool, format, segmentation));
      }
    }
    for (const format of pairs(FORMAT.A_WIDE, FORMAT.B_WIDE, FORMAT.OUT_WIDE)) {
      drafts.push(addRecord(random, format | FORMAT.ACC_WIDE), mulRecord(random, format | FORMAT.ACC_WIDE));
    }
  }
  drafts.push(...lanesRecords(random, pool), ...slopesRecords(random, pool), ...splineRecords(random, pool));
  return layOut(random, drafts, pool.bytes());
}

function denseFormats(): number[] {
  return pairs(FORMAT.A_WIDE, FORMAT.OUT_WIDE, FORMAT.ACC_WIDE).flatMap((format) =>
    [FORMAT.WEIGHT_8, FORMAT.WEIGHT_16, FORMAT.WEIGHT_32]
      // A 32-bit accumulator cannot hold even one product of a 32-bit number.
      .filter((weight) => format & FORMAT.ACC_WIDE || (!(format & FORMAT.A_WIDE) && weight !== FORMAT.WEIGHT_32))
      .map((weight) => format | weight),
  );
}

/** All combinations of the given bits. */
function pairs(...bits: number[]): number[] {
  return bits.reduce<number[]>((list, bit) => list.flatMap((f) => [f, f | bit]), [0]);
}

export const wide = (format: number, bit: number) => (format & bit ? 4 : 2);

function denseRecord(random: TableRandom, pool: PoolBuilder, format: number): Draft {
  const cols = random.int(0, 11);
  const rows = random.int(1, 5);
  return { kind: KIND.DENSE, format, cols, rows, ...weighted(random, pool, format, rows, rows * cols, cols) };
}

/**
 * Lanes of one to three products, summed in their lane and in 64 bits, in one pass and in several, going round in every
 * way. Their words are any 64 bits: lanes overflow, and must do so alike everywhere.
 */
function lanesRecords(random: TableRandom, pool: PoolBuilder): Draft[] {
  return lanesFormats().flatMap(({ lanes, format }) => {
    const wide = (format & FORMAT.ACC_WIDE) !== 0;
    const passWords = random.int(1, lanes === 1 ? 5 : 4);
    const passes = wide ? random.int(1, 2) : 1;
    const splitWords = lanes === 1 ? 0 : wide ? random.int(1, passWords) : passWords;
    const hopWords = random.int(0, 1) ? random.int(1, passWords) : 0;
    const flags = random.flag(FLAG.WRAP) | random.flag(FLAG.ROW_SHIFTS);
    const rows = random.int(1, 5);
    const draft = lanesDraft(random, pool, { lanes, passWords, splitWords, hopWords }, passes, rows, format, flags);
    return [draft, ...fusedToo(random, pool, draft)];
  });
}

export function lanesFormats(): { lanes: number; format: number }[] {
  const single = [FORMAT.WEIGHT_8, FORMAT.WEIGHT_16, FORMAT.WEIGHT_32].flatMap((weight) =>
    pairs(FORMAT.A_WIDE, FORMAT.OUT_WIDE).map((format) => ({ lanes: 1, format: format | weight | FORMAT.ACC_WIDE })),
  );
  const packed = [2, 3].flatMap((lanes) =>
    pairs(FORMAT.OUT_WIDE, FORMAT.ACC_WIDE).map((format) => ({ lanes, format })),
  );
  return [...single, ...packed];
}

/** The same record with a table behind it, where its format has such. */
export function fusedToo(random: TableRandom, pool: PoolBuilder, draft: Draft): Draft[] {
  if (!(draft.format & FORMAT.OUT_WIDE) || draft.flags! & FLAG.ROW_SHIFTS) return [];
  const slopes = { ...slopesDraft(random, pool, FORMAT.A_WIDE), rows: draft.rows };
  return [{ ...draft, flags: FLAG.WRAP | FLAG.FUSED }, slopes];
}

export function lanesDraft(
  random: TableRandom,
  pool: PoolBuilder,
  shape: LanesShape,
  passes: number,
  rows: number,
  format: number,
  flags: number,
): Draft {
  const maxShift = format & FORMAT.ACC_WIDE ? 40 : 62 - LANE_START[shape.lanes];
  const fields = { kind: KIND.LANES, format, flags, rows, cols: passes * shape.passWords * shape.lanes };
  const record = { ...EMPTY_RECORD, ...fields, bias: lanesField(shape) };
  // Totals of 64 bits may not overflow, and leave fewer than 53 bits.
  const isWide = (format & FORMAT.ACC_WIDE) !== 0;
  const minShift = isWide ? 12 : 1;
  const small = shape.lanes === 1 && (format & FORMAT.WEIGHT_MASK) === FORMAT.WEIGHT_32 ? 8 : 0;
  const words = Array.from({ length: lanesBytes(record) / 4 }, () => random.int(-(2 ** 31), 2 ** 31 - 1) >> small);
  if (isWide) {
    const stride = passRowBytes(record) / 4;
    for (let at = 1; at < words.length; at += stride) words[at] >>= 4;
  }
  const shifts = Array.from({ length: rows }, () => random.int(minShift, maxShift));
  return {
    ...record,
    shift: random.int(minShift, maxShift),
    weights: pool.add(words, 4),
    rowShifts: flags & FLAG.ROW_SHIFTS ? pool.add(shifts, 1) : 0,
  };
}

function slopesRecords(random: TableRandom, pool: PoolBuilder): Draft[] {
  return pairs(FORMAT.A_WIDE, FORMAT.OUT_WIDE).map((format) => slopesDraft(random, pool, format));
}

function slopesDraft(random: TableRandom, pool: PoolBuilder, format: number): Draft {
  const cols = random.int(1, 13);
  const reach = format & FORMAT.A_WIDE ? 2 ** 30 : 2 ** 16;
  const table = Array.from({ length: 2 * cols }, () => random.int(-(2 ** 31), 2 ** 31 - 1));
  const shifts = { shift: random.int(1, 25), shiftB: random.int(0, 31) };
  const fields = { kind: KIND.MAP_SLOPES, format, cols, rows: random.int(1, 9), origin: random.int(-reach, reach) };
  return { ...fields, ...shifts, weights: pool.add(table, 4) };
}

/** Leaves of one matrix, of any number of columns: they carry their sums in the words before their result. */
function blockRecords(random: TableRandom, pool: PoolBuilder, format: number): Draft[] {
  const leaves = random.int(1, 3);
  const rows = random.int(1, 5);
  const most = 11;
  // The room that the proof of one dense record has, shared by the leaves and by what the left shifts add.
  const leftLimit = format & FORMAT.ACC_WIDE ? 20 : 3;
  const common = weighted(random, pool, format, rows, 0, 1);
  return Array.from({ length: leaves }, (_, k): Draft => {
    const cols = random.int(0, most);
    const left = () => random.int(0, leftLimit);
    const fields = weighted(random, pool, format, rows, rows * cols, 3 * most * 2 ** leftLimit);
    const rowShifts = fields.flags & FLAG.ROW_SHIFTS;
    return {
      kind: KIND.BLOCK,
      format,
      rows,
      cols,
      ...common,
      flags: (common.flags & FLAG.WRAP) | rowShifts | (k === 0 ? FLAG.FIRST : 0) | (k === leaves - 1 ? FLAG.LAST : 0),
      weights: fields.weights,
      shiftB: rowShifts ? 0 : left(),
      rowShifts: rowShifts ? pool.add(Array.from({ length: rows }, left), 1) : 0,
    };
  });
}

/** Splines of one to three axes, of every degree and order of derivative, over ranges that arguments leave. */
function splineRecords(random: TableRandom, pool: PoolBuilder): Draft[] {
  return pairs(FORMAT.A_WIDE, FORMAT.OUT_WIDE, FORMAT.WEIGHT_16).flatMap((format) =>
    [1, 2, 3].map((cols) => splineDraft(random, pool, format | FORMAT.ACC_WIDE, cols)),
  );
}

export function splineDraft(random: TableRandom, pool: PoolBuilder, format: number, cols: number): Draft {
  const degree = random.int(1, 5);
  const rows = random.int(1, 3);
  const axes = Array.from({ length: cols }, () => {
    const bits = random.int(1, 30);
    const shift = random.int(0, format & FORMAT.A_WIDE ? 40 : 20);
    const reach = format & FORMAT.A_WIDE ? 2 ** 31 - 1 : 2 ** 16;
    return {
      origin: random.int(-reach, reach),
      factor: random.int(1, 2 ** bits - 1),
      segments: random.int(1, 4),
      shift,
      order: random.int(0, Math.min(degree, 2)),
    };
  });
  const bits = format & FORMAT.WEIGHT_16 ? 16 : 8;
  const orders = axes.map(({ order }) => order);
  let shiftB = 0;
  while (sumBits(bits, degree, orders, shiftB).some((sum) => sum > LIMIT.MAX_SPLINE_SUM_BITS)) shiftB++;
  const limit = 2 ** (bits - 1);
  const coefficients = Array.from({ length: rows * coefficientsPerRow(degree, axes) }, () =>
    random.int(-limit, limit - 1),
  );
  return {
    kind: KIND.SPLINE,
    format,
    rows,
    cols,
    shift: random.int(0, 40),
    shiftA: degree,
    shiftB: random.int(shiftB, 31),
    weights: pool.add(coefficients, (bits / 8) as 1 | 2),
    bias: pool.add(axisWords(axes), 4),
  };
}

function scaleRecord(random: TableRandom, pool: PoolBuilder, format: number): Draft {
  const rows = random.int(1, 9);
  const fields = weighted(random, pool, format, rows, rows, 1);
  return { kind: KIND.SCALE, format, rows, ...fields, flags: fields.flags | random.flag(FLAG.BROADCAST_A) };
}

/** Weights and biases for which the accumulator provably never overflows, whatever the operands. */
function weighted(random: TableRandom, pool: PoolBuilder, format: number, rows: number, count: number, cols: number) {
  const accBits = format & FORMAT.ACC_WIDE ? 64 : 32;
  const operandBits = format & FORMAT.A_WIDE ? 31 : 15;
  const bits = { [FORMAT.WEIGHT_8]: 8, [FORMAT.WEIGHT_16]: 16, [FORMAT.WEIGHT_32]: 32 }[format & FORMAT.WEIGHT_MASK]!;
  const room = Math.floor(2 ** Math.min(accBits - 2 - operandBits, 40) / Math.max(1, cols)) - 1;
  const limit = Math.min(2 ** (bits - 1) - 1, room);
  const shiftLimit = accBits === 64 ? 58 : 26;
  const guard = random.int(0, 8);
  const flags = random.flag(FLAG.WRAP) | random.flag(FLAG.ROW_SHIFTS);
  // Results that wrap are exact in the oracle's float64 as long as they have less than 53 bits before.
  const leastShift = flags & FLAG.WRAP && accBits === 64 ? 12 : 1;
  const shift = () => random.int(Math.max(leastShift, guard), shiftLimit);
  const biasLimit = 2 ** Math.min(31, accBits - 3 - (shiftLimit - guard)) - 1;
  const weights = Array.from({ length: count }, () =>
    random.int(-limit - (limit === 2 ** (bits - 1) - 1 ? 1 : 0), limit),
  );
  return {
    flags,
    shift: shift(),
    shiftA: guard,
    weights: pool.add(weights, (bits / 8) as 1 | 2 | 4),
    bias: pool.add(
      Array.from({ length: rows }, () => random.int(-biasLimit, biasLimit)),
      4,
    ),
    rowShifts: flags & FLAG.ROW_SHIFTS ? pool.add(Array.from({ length: rows }, shift), 1) : 0,
  };
}

function copyRecord(random: TableRandom, format: number): Draft {
  return { kind: KIND.COPY, format, rows: random.int(1, 9), shiftA: random.int(0, 31), shift: random.int(0, 62) };
}

function addRecord(random: TableRandom, format: number): Draft {
  const flags = random.flag(FLAG.SUBTRACT) | random.flag(FLAG.BROADCAST_A) | random.flag(FLAG.BROADCAST_B);
  const shifts = { shiftA: random.int(0, 30), shiftB: random.int(0, 30), shift: random.int(0, 40) };
  return { kind: KIND.ADD, format, flags, rows: random.int(1, 9), ...shifts };
}

function mulRecord(random: TableRandom, format: number): Draft {
  const flags = random.flag(FLAG.SUBTRACT) | random.flag(FLAG.BROADCAST_A) | random.flag(FLAG.BROADCAST_B);
  // Within these one and the product of two int32 stay within 64 bits.
  const ones = flags & FLAG.SUBTRACT ? { shiftA: random.int(0, 31), shiftB: random.int(0, 30) } : {};
  return { kind: KIND.MUL, format, flags, rows: random.int(1, 9), shift: random.int(0, 60), ...ones };
}

function segments(random: TableRandom, segmentation: number): { cols: number; shift: number; octaveBits: number } {
  if (segmentation & FLAG.PERIODIC) {
    const bits = random.int(1, 5);
    return { cols: 2 ** bits, shift: 32 - bits, octaveBits: 0 };
  }
  if (segmentation & FLAG.OCTAVES) {
    const octaveBits = random.int(0, 3);
    const octaves = random.int(0, 6);
    return { cols: 2 ** octaveBits * (octaves + 1), shift: random.int(1, 31 - octaveBits - octaves), octaveBits };
  }
  const cols = random.int(1, 13);
  return { cols, shift: random.int(1, 27), octaveBits: 0 };
}

function mapFields(random: TableRandom, format: number, segmentation: number) {
  const { cols, shift, octaveBits } = segments(random, segmentation);
  const reach = format & FORMAT.A_WIDE ? 2 ** 31 - 1 : 2 ** 16;
  const shiftA = segmentation & FLAG.PERIODIC ? random.int(0, 16) : 0;
  const fields = {
    cols,
    shift,
    shiftA,
    flags: segmentation,
    origin: random.int(-reach, reach),
    rows: random.int(1, 9),
  };
  return { fields, octaveBits };
}

function linearRecord(random: TableRandom, pool: PoolBuilder, format: number, segmentation: number): Draft {
  const { fields } = mapFields(random, format, segmentation);
  const bytes = wide(format, FORMAT.OUT_WIDE);
  const limit = 2 ** (8 * bytes - 1);
  const knots = Array.from({ length: fields.cols + 1 }, () => random.int(-limit, limit - 1));
  return { kind: KIND.MAP_LINEAR, format, ...fields, weights: pool.add(knots, bytes) };
}

function polynomialRecord(random: TableRandom, pool: PoolBuilder, format: number, segmentation: number): Draft {
  const { fields, octaveBits } = mapFields(random, format, segmentation);
  const degree = random.int(1, 5);
  const limit = 2 ** 28;
  const coefficients = Array.from({ length: fields.cols * (degree + 1) }, () => random.int(-limit, limit));
  const weights = pool.add(coefficients, 4);
  const rest = { bias: degree, rowShifts: octaveBits, shiftB: random.int(0, 24) };
  return { kind: KIND.MAP_POLYNOMIAL, format, ...fields, ...rest, weights };
}

/** Operands anywhere in the input words, results side by side in the output words. */
export function layOut(random: TableRandom, drafts: readonly Draft[], pool: Uint8Array): BlockTable {
  let word = INPUT_WORDS;
  let accumulators = 0;
  let before: number | undefined;
  const records = drafts.map((draft): TableRecord => {
    const operand = (count: number, bytes: number) => {
      const last = (4 * INPUT_WORDS - count * bytes) / bytes;
      return (random.int(0, last) * bytes) / 2;
    };
    const isBlock = draft.kind === KIND.BLOCK;
    const isLanes = draft.kind === KIND.LANES;
    const fused = before;
    before = isLanes && draft.flags! & FLAG.FUSED ? 2 * word : undefined;
    const isSpline = draft.kind === KIND.SPLINE;
    const count = draft.kind === KIND.DENSE || isBlock || isLanes || isSpline ? draft.cols! : draft.rows;
    if (isLanes) {
      // Sums between passes, 8 bytes each, before the result.
      word = Math.ceil(word / 2) * 2;
      accumulators = 2 * word;
      word += 2 * draft.rows;
      if (before !== undefined) before = 2 * word;
    }
    if (isBlock && draft.flags! & FLAG.FIRST) {
      const accumulator = wide(draft.format, FORMAT.ACC_WIDE) / 2;
      const start = Math.ceil(word / accumulator) * accumulator;
      accumulators = 2 * start;
      word = start + draft.rows * accumulator;
    }
    if (isSpline) {
      accumulators = 2 * word;
      word += draft.cols! * (draft.shiftA! + 1);
    }
    const out = 2 * word;
    word += Math.ceil((draft.rows * wide(draft.format, FORMAT.OUT_WIDE)) / 4);
    return {
      ...EMPTY_RECORD,
      ...draft,
      a: fused ?? operand(count, wide(draft.format, FORMAT.A_WIDE)),
      b:
        isBlock || isLanes || isSpline
          ? accumulators
          : draft.kind === KIND.ADD || draft.kind === KIND.MUL
            ? operand(draft.rows, wide(draft.format, FORMAT.B_WIDE))
            : 0,
      out,
    };
  });
  const everything = { min: -(2 ** 31), max: 2 ** 31 - 1, exponent: 0 };
  const table: BlockTable = {
    inputs: Array.from({ length: INPUT_WORDS }, () => everything),
    outputs: Array.from({ length: word - INPUT_WORDS }, () => ({ exponent: 0 })),
    arenaBytes: 4 * word,
    records,
    pool,
  };
  const { check, record } = checkTable(encodeTable(table));
  if (check !== CHECK.OK)
    throw new Error(`random record ${record} fails check ${check}: ${JSON.stringify(records[record!])}`);
  return table;
}

/** Points of input words: extremes first, then random ones of every magnitude. */
export function randomWords(seed: number, points: number): Int32Array {
  const random = tableRandom(seed);
  const words = new Int32Array(points * INPUT_WORDS);
  const extremes = [0, -1, 1, 2 ** 31 - 1, -(2 ** 31), 0x7fff, -0x8000, 0x8000, 0x7fff8000, -0x7fff8000];
  for (let i = 0; i < words.length; i++) {
    const p = Math.floor(i / INPUT_WORDS);
    if (p < extremes.length) words[i] = extremes[p];
    else if (p < 3 * extremes.length) words[i] = extremes[random.int(0, extremes.length - 1)];
    else words[i] = random.int(-(2 ** 31), 2 ** 31 - 1) >> random.int(0, 31);
  }
  return words;
}
