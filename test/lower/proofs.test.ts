import { describe, expect, test } from 'vitest';
import { interpreterPrices } from '../../compiler/code/cost/instructions.js';
import { checkTable } from '../../compiler/table/check.js';
import { LARGEST_KERNELS, layOut } from '../../compiler/table/layout/interpreter.js';
import { nativeTable } from '../../compiler/table/layout/native.js';
import { PoolBuilder } from '../../compiler/table/lower/pool.js';
import { createOracle } from '../../compiler/table/oracle/oracle.js';
import { FLAG, FORMAT, KIND } from '../../compiler/table/specification.js';
import { type BlockTable, EMPTY_RECORD, encodeTable, type TableRecord } from '../../compiler/table/table.js';

/**
 * What a matrix is laid out as when its sums reach exactly what a lane, a result or a word holds, and when they reach one
 * unit more: by the numbers, and by the integers that a run gives at the extremes.
 */

const PRICES = interpreterPrices('armv7e-m');
const PEAK = 2 ** 15;
const INPUTS = 4;

interface Row {
  weights: number[];
  bias: number;
}

/** A matrix of 16-bit weights on the low halves of the input words, the widest inputs; a single shift for all rows. */
function matrix(rows: readonly Row[], shift: number, outWide: boolean, guard = 0): BlockTable {
  const pool = new PoolBuilder();
  const cols = rows[0].weights.length;
  const record: TableRecord = {
    ...EMPTY_RECORD,
    kind: KIND.DENSE,
    format: FORMAT.WEIGHT_16 | FORMAT.ACC_WIDE | (outWide ? FORMAT.OUT_WIDE : 0),
    rows: rows.length,
    cols,
    shift,
    shiftA: guard,
    out: 2 * INPUTS,
    weights: pool.add(
      rows.flatMap(({ weights }) => weights),
      2,
    ),
    bias: pool.add(
      rows.map(({ bias }) => bias),
      4,
    ),
  };
  return {
    inputs: Array.from({ length: INPUTS }, () => ({ min: -(2 ** 31), max: 2 ** 31 - 1, exponent: 0 })),
    outputs: Array.from({ length: rows.length }, () => ({ exponent: 0 })),
    arenaBytes: 4 * (INPUTS + rows.length),
    records: [record],
    pool: pool.bytes(),
  };
}

/** All combinations of the extremes of 16 bits in the words that the first columns are read from. */
function extremes(): Int32Array {
  const ends = [0x7fff, 0x8000, 0, 1];
  const words: number[] = [];
  for (const a of ends)
    for (const b of ends)
      for (const c of ends)
        for (const d of ends) {
          words.push(a | (b << 16), c | (d << 16), 0, 0);
        }
  return Int32Array.from(words);
}

function laidOut(table: BlockTable): TableRecord {
  const lowered = { table, recordNames: [], peaks: [PEAK], claims: [], inputFormats: [], outputFormats: [], macs: 0 };
  const after = layOut(lowered, LARGEST_KERNELS, PRICES).table;
  expectSame(table, after);
  return after.records[0];
}

function native(table: BlockTable): TableRecord {
  const after = nativeTable(table, [PEAK]);
  expectSame(table, after);
  return after.records[0];
}

function expectSame(before: BlockTable, after: BlockTable): void {
  expect(checkTable(encodeTable(after))).toEqual({ check: 0 });
  const words = extremes();
  expect(createOracle(after).run(words).outputs).toEqual(createOracle(before).run(words).outputs);
}

const staysInLane = ({ format }: TableRecord) => (format & FORMAT.ACC_WIDE) === 0;
const wraps = ({ flags }: TableRecord) => (flags & FLAG.WRAP) !== 0;

describe('a sum stays in its lane', () => {
  // 2 x 16000 x 2^15 leave 2^31 - 1 - 1,048,576,000 for what the sum starts with: the bias and half a unit, 2^shift apart.
  const shift = 3;
  const room = 2 ** 31 - 2 * 16000 * PEAK;

  test.each([1, -1])('while products, bias and half a unit are below 2^31, sign %i', (sign) => {
    const bias = Math.floor((room - 1 - 4) / 8);
    const rows = [{ weights: [16000 * sign, -16000], bias: sign * bias }];
    const record = laidOut(matrix(rows, shift, true));
    expect(record.kind).toBe(KIND.LANES);
    expect(staysInLane(record)).toBe(true);
  });

  test.each([1, -1])('and no longer where the bias takes it there, sign %i', (sign) => {
    for (const more of [0, 1, 1000, room / 16]) {
      const bias = Math.ceil((room - 4) / 8) + 1 + more;
      const rows = [{ weights: [16000 * sign, -16000], bias: sign * bias }];
      const record = laidOut(matrix(rows, shift, true));
      expect(record.kind).toBe(KIND.LANES);
      expect(staysInLane(record)).toBe(false);
    }
  });
});

describe('a result need not be held to its width', () => {
  // 5 x 2^15 / 2^shift and a bias: in units of the result.
  test('of 16 bits only where no sum reaches beyond it', () => {
    const of = (largest: number) => matrix([{ weights: [1], bias: largest - PEAK / 2 - 1 }], 1, false);
    expect(wraps(laidOut(of(2 ** 15 - 2)))).toBe(true);
    for (const largest of [2 ** 15, 2 ** 15 + 1, 2 ** 16 - 3, 2 ** 17]) expect(wraps(laidOut(of(largest)))).toBe(false);
  });

  test('of 32 bits only where no sum reaches beyond it', () => {
    const of = (bias: number) => matrix([{ weights: [32767, 32767], bias }], 1, true);
    expect(wraps(laidOut(of(2 ** 29)))).toBe(true);
    for (const bias of [1.2e9, 2 ** 31 - 1, -(2 ** 31)]) expect(wraps(laidOut(of(bias)))).toBe(false);
  });
});

describe('rows start with bias and half a unit in the native engines', () => {
  test('where every result fits 32 bits, and nowhere else', () => {
    const of = (bias: number) => matrix([{ weights: [32767, 32767], bias }], 1, true);
    expect(native(of(2 ** 29)).kind).not.toBe(KIND.DENSE);
    for (const bias of [1.2e9, 2 ** 31 - 1, -(2 ** 31)]) expect(native(of(bias)).kind).toBe(KIND.DENSE);
  });
});

describe('a table of knots becomes bases and slopes', () => {
  const linear = (origin: number, cols: number, shift: number): BlockTable => {
    const pool = new PoolBuilder();
    const knots = Array.from({ length: cols + 1 }, (_, i) => (i % 2 ? 32767 : -32768));
    const record: TableRecord = {
      ...EMPTY_RECORD,
      kind: KIND.MAP_LINEAR,
      format: FORMAT.A_WIDE,
      rows: INPUTS,
      cols,
      shift,
      origin,
      out: 2 * INPUTS,
      weights: pool.add(knots, 2),
    };
    return { ...matrix(Array(4).fill({ weights: [], bias: 0 }), 1, true), records: [record], pool: pool.bytes() };
  };

  test('where its last argument is an int32', () => {
    expect(laidOut(linear(2 ** 31 - 2 ** 11, 2, 10)).kind).toBe(KIND.MAP_SLOPES);
    expect(laidOut(linear(-(2 ** 31), 65, 15)).kind).toBe(KIND.MAP_SLOPES);
    for (const origin of [2 ** 31 - 2 ** 11 + 1, 2 ** 31 - 1]) {
      expect(laidOut(linear(origin, 2, 10)).kind).toBe(KIND.MAP_LINEAR);
    }
  });

  test('where a position in a segment has at most 15 bits', () => {
    expect(laidOut(linear(0, 2, 15)).kind).toBe(KIND.MAP_SLOPES);
    expect(laidOut(linear(0, 2, 16)).kind).toBe(KIND.MAP_LINEAR);
  });
});
