import { DUAL_COLUMNS, dualGroupFits, dualLayout } from '../../compiler/format/dual.js';
import { FLAG, FORMAT, KIND } from '../../compiler/format/spec.js';
import { type BlockTable, EMPTY_RECORD, type TableRecord } from '../../compiler/format/table.js';
import { PoolBuilder } from '../../compiler/lower/pool.js';
import { INPUT_WORDS, type TableRandom, tableRandom } from './random-table.js';

/** A table of unrelated DENSE_DUAL records on the input words; for the native engines. */
export function dualTable(seed: number, count = 60): BlockTable {
  const random = tableRandom(seed);
  const pool = new PoolBuilder();
  let word = INPUT_WORDS;
  const records = Array.from({ length: count }, (): TableRecord => {
    const record = dualRecord(random, pool);
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

/** Weights such that accumulator and result fit, whatever the operands. */
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
  const guard = random.int(0, 8);
  // A sum has at most 6 + 15 + 15 bits.
  const shift = () => random.int(Math.max(1, guard), accWide ? 31 : 26);
  const biasLimit = 2 ** Math.min(30, guard + (accWide ? 28 : 2)) - 1;
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
    shiftA: guard,
    shiftB: group,
    weights: padAligned(pool, laidOut),
    bias: pool.add(
      Array.from({ length: rows }, () => random.int(-biasLimit, biasLimit)),
      4,
    ),
    rowShifts: flags & FLAG.ROW_SHIFTS ? pool.add(Array.from({ length: rows }, shift), 1) : 0,
  };
}

/** int16 weights as 32-bit words, so that they lie on word boundaries. */
function padAligned(pool: PoolBuilder, weights: Int16Array): number {
  return pool.add(new Int32Array(weights.buffer), 4);
}
