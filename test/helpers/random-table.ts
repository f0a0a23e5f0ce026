import { checkTable } from '../../compiler/format/check.js';
import { CHECK, FLAG, FORMAT, KIND } from '../../compiler/format/spec.js';
import { type BlockTable, EMPTY_RECORD, encodeTable, type TableRecord } from '../../compiler/format/table.js';
import { PoolBuilder } from '../../compiler/lower/pool.js';
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

type Draft = Partial<TableRecord> & { rows: number; format: number };

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

const wide = (format: number, bit: number) => (format & bit ? 4 : 2);

function denseRecord(random: TableRandom, pool: PoolBuilder, format: number): Draft {
  const cols = random.int(0, 11);
  const rows = random.int(1, 5);
  return { kind: KIND.DENSE, format, cols, rows, ...weighted(random, pool, format, rows, rows * cols, cols) };
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
  const flags = random.flag(FLAG.BROADCAST_A) | random.flag(FLAG.BROADCAST_B);
  return { kind: KIND.MUL, format, flags, rows: random.int(1, 9), shift: random.int(0, 60) };
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
function layOut(random: TableRandom, drafts: readonly Draft[], pool: Uint8Array): BlockTable {
  let word = INPUT_WORDS;
  let accumulators = 0;
  const records = drafts.map((draft): TableRecord => {
    const operand = (count: number, bytes: number) => {
      const last = (4 * INPUT_WORDS - count * bytes) / bytes;
      return (random.int(0, last) * bytes) / 2;
    };
    const isBlock = draft.kind === KIND.BLOCK;
    const count = draft.kind === KIND.DENSE || isBlock ? draft.cols! : draft.rows;
    if (isBlock && draft.flags! & FLAG.FIRST) {
      const accumulator = wide(draft.format, FORMAT.ACC_WIDE) / 2;
      const start = Math.ceil(word / accumulator) * accumulator;
      accumulators = 2 * start;
      word = start + draft.rows * accumulator;
    }
    const out = 2 * word;
    word += Math.ceil((draft.rows * wide(draft.format, FORMAT.OUT_WIDE)) / 4);
    return {
      ...EMPTY_RECORD,
      ...draft,
      a: operand(count, wide(draft.format, FORMAT.A_WIDE)),
      b: isBlock
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
