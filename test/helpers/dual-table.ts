import { DUAL_COLUMNS, dualGroupFits, dualLayout } from '../../compiler/table/dual.js';
import { PoolBuilder } from '../../compiler/table/lower/pool.js';
import { FLAG, FORMAT, KIND } from '../../compiler/table/specification.js';
import { type BlockTable, EMPTY_RECORD, type TableRecord } from '../../compiler/table/table.js';
import { INPUT_WORDS, type TableRandom, tableRandom } from './random-table.js';

/** A table of unrelated DENSE_DUAL and DENSE_STARTS records on the input words; for the native engines. */
export function dualTable(seed: number, count = 60): BlockTable {
  const random = tableRandom(seed);
  const pool = new PoolBuilder();
  let word = INPUT_WORDS;
  const records = Array.from({ length: count }, (): TableRecord => {
    const record = random.int(0, 2) ? dualRecord(random, pool) : startsRecord(random, pool);
    const out = 2 * word;
    word += record.rows;
    return { ...record, out };
  });
  return {
    inputs: Array.from({ length: INPUT_WORDS }, () => ({ min: -(2 ** 31), max: 2 ** 31 - 1, exponent: 0 })),
    outputs: Array.from({ length: word - INPUT_WORDS }, () => ({ exponent: 0 })),
    arenaBytes: 4 * word,
    records,
    pool: pool.bytes(),
  };
}

/** Weights such that the accumulator holds every sum, whatever the operands; the result is its low 32 bits. */
function dualRecord(random: TableRandom, pool: PoolBuilder): TableRecord {
  const cols = random.int(1, 2 * INPUT_WORDS);
  const rows = random.int(1, 7);
  const padded = Math.ceil(cols / DUAL_COLUMNS) * DUAL_COLUMNS;
  const accWide = random.flag(FORMAT.ACC_WIDE);
  const outWide = random.flag(FORMAT.OUT_WIDE);
  const limit = accWide ? 32767 >> random.int(0, 8) : Math.floor(2 ** 14 / cols);
  const weights = Array.from({ length: rows * cols }, () => random.int(-limit, limit));
  const laidOut = dualLayout(weights, rows, cols);
  const flags = random.flag(FLAG.WRAP) | random.flag(FLAG.ROW_SHIFTS);
  const shift = () => random.int(1, accWide ? 31 : 30);
  let group = 0;
  if (accWide) {
    group = 1;
    while (group < 16 && random.int(0, 5) > 0 && dualGroupFits((i) => laidOut[i], rows, padded, 2 ** (group + 1)))
      group++;
  }
  return {
    ...EMPTY_RECORD,
    kind: KIND.DENSE_DUAL,
    format: FORMAT.WEIGHT_16 | accWide | outWide,
    flags,
    rows,
    cols: padded,
    a: 2 * random.int(0, Math.floor((4 * INPUT_WORDS - 2 * padded) / 4)),
    shift: shift(),
    shiftB: group,
    weights: padAligned(pool, laidOut),
    bias: starts(random, pool, rows, accWide !== 0),
    rowShifts: flags & FLAG.ROW_SHIFTS ? pool.add(Array.from({ length: rows }, shift), 1) : 0,
  };
}

/** The same of a row-major matrix, of any widths. */
function startsRecord(random: TableRandom, pool: PoolBuilder): TableRecord {
  const rows = random.int(1, 7);
  const accWide = random.flag(FORMAT.ACC_WIDE);
  const aWide = accWide ? random.flag(FORMAT.A_WIDE) : 0;
  const cols = random.int(0, INPUT_WORDS);
  const weight = [FORMAT.WEIGHT_8, FORMAT.WEIGHT_16, FORMAT.WEIGHT_32][random.int(0, accWide ? 2 : 1)];
  const bits = { [FORMAT.WEIGHT_8]: 8, [FORMAT.WEIGHT_16]: 16, [FORMAT.WEIGHT_32]: 32 }[weight] as 8 | 16 | 32;
  // Sums stay exact in the oracle's float64 where it does not split them, and leave the starts their half.
  const room = accWide ? 2 ** (aWide ? 20 : 40) : Math.floor(2 ** 15 / Math.max(1, cols));
  const limit = Math.min(2 ** (bits - 1) - 1, room);
  const flags = random.flag(FLAG.WRAP) | random.flag(FLAG.ROW_SHIFTS);
  const shift = () => random.int(1, accWide ? 31 : 30);
  const weights = Array.from({ length: rows * cols }, () => random.int(-limit, limit));
  return {
    ...EMPTY_RECORD,
    kind: KIND.DENSE_STARTS,
    format: weight | aWide | accWide | random.flag(FORMAT.OUT_WIDE),
    flags,
    rows,
    cols,
    a: 2 * random.int(0, INPUT_WORDS - cols),
    shift: shift(),
    weights: pool.add(weights, (bits / 8) as 1 | 2 | 4),
    bias: starts(random, pool, rows, accWide !== 0),
    rowShifts: flags & FLAG.ROW_SHIFTS ? pool.add(Array.from({ length: rows }, shift), 1) : 0,
  };
}

/** Of every magnitude up to half the accumulator, or to what the oracle's float64 holds after the smallest shift. */
function starts(random: TableRandom, pool: PoolBuilder, rows: number, isWide: boolean): number {
  const start = (bits: number) => random.int(-(2 ** bits), 2 ** bits - 1) >> random.int(0, bits);
  if (!isWide) {
    return pool.add(
      Array.from({ length: rows }, () => start(30)),
      4,
    );
  }
  const halves = Array.from({ length: rows }, () => [random.int(-(2 ** 31), 2 ** 31 - 1), start(20)]);
  return pool.add(halves.flat(), 4);
}

/** int16 weights as 32-bit words, so that they lie on word boundaries. */
function padAligned(pool: PoolBuilder, weights: Int16Array): number {
  return pool.add(new Int32Array(weights.buffer), 4);
}
