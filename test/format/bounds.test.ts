import { describe, expect, test } from 'vitest';
import { checkTable } from '../../compiler/table/check.js';
import { dualLayout } from '../../compiler/table/dual.js';
import { lanesField } from '../../compiler/table/lanes.js';
import { CHECK, FLAG, FORMAT, KIND } from '../../compiler/table/specification.js';
import { type BlockTable, EMPTY_RECORD, encodeTable, type TableRecord } from '../../compiler/table/table.js';
import { temporaryFolder } from '../helpers/cli.js';
import { buildWalker, SANITIZERS, walk } from '../native/walk.js';

/**
 * Every bound of the checks at its last number that passes and its first that is refused, in the compiler and in C: what
 * random damage hardly ever meets.
 */

const INPUTS = 2;
const ARENA_BYTES = 48;

interface Case {
  name: string;
  records: Partial<TableRecord>[];
  pool?: ArrayLike<number>;
  /** What it is refused by; none: it passes. */
  check?: number;
}

function tableOf({ records, pool = [] }: Case): BlockTable {
  return {
    inputs: Array.from({ length: INPUTS }, () => ({ min: -1, max: 1, exponent: 0 })),
    outputs: [{ exponent: 0 }],
    arenaBytes: ARENA_BYTES,
    records: records.map((record) => ({ ...EMPTY_RECORD, rows: 1, out: 2 * INPUTS, ...record })),
    pool: new Uint8Array(Int32Array.from(pool).buffer),
  };
}

const folder = temporaryFolder();
let program: string | undefined;
const walker = () => (program ??= buildWalker(folder, ['-O1', ...SANITIZERS]));

function expectChecks(cases: readonly Case[], inC = true): void {
  const tables = cases.map((each) => encodeTable(tableOf(each)));
  cases.forEach(({ name, check = CHECK.OK }, i) => {
    expect(checkTable(tables[i]).check, `${name}, in the compiler`).toBe(check);
  });
  if (!inC) return;
  const answers = walk(
    walker(),
    tables.map((table) => ({ table, arenaCapacity: 2 ** 17, inputs: new Int32Array() })),
  );
  cases.forEach(({ name, check = CHECK.OK }, i) => {
    expect(answers[i].check, `${name}, in C`).toBe(check);
  });
}

/** The last place of elements of so many bytes, and the one behind it, in units of 2 bytes. */
const lastPlace = (bytes: number, count = 1) => (ARENA_BYTES - count * bytes) / 2;

describe('operands and results lie in the arena to its last byte', () => {
  const { A_WIDE, B_WIDE, OUT_WIDE, ACC_WIDE, WEIGHT_16, WEIGHT_32 } = FORMAT;
  const ends = (
    name: string,
    field: 'a' | 'b' | 'out' | 'cols',
    bytes: number,
    check: number,
    record: Partial<TableRecord>,
  ): Case[] =>
    [1, 3].flatMap((rows) => {
      const at = lastPlace(bytes, rows);
      const of = (place: number): Partial<TableRecord> => ({ ...record, rows, [field]: place });
      return [
        { name: `${name} of ${rows} at the end`, records: [of(at)] },
        { name: `${name} of ${rows} beyond the end`, records: [of(at + bytes / 2)], check },
        { name: `${name} of ${rows} far beyond the end`, records: [of(at + 2 * bytes)], check },
      ];
    });

  test('of sums', () => {
    const sum = { kind: KIND.ADD, format: ACC_WIDE };
    expectChecks([
      ...ends('operand a', 'a', 2, CHECK.OPERAND_A, sum),
      ...ends('wide operand a', 'a', 4, CHECK.OPERAND_A, { ...sum, format: ACC_WIDE | A_WIDE }),
      ...ends('operand b', 'b', 2, CHECK.OPERAND_B, sum),
      ...ends('wide operand b', 'b', 4, CHECK.OPERAND_B, { ...sum, format: ACC_WIDE | B_WIDE }),
      ...ends('result', 'out', 2, CHECK.RESULT, sum),
      ...ends('wide result', 'out', 4, CHECK.RESULT, { ...sum, format: ACC_WIDE | OUT_WIDE }),
    ]);
  });

  test('of conditions', () => {
    const select = { kind: KIND.SELECT };
    expectChecks([
      ...ends('condition', 'cols', 2, CHECK.CONDITION, { ...select, format: ACC_WIDE | WEIGHT_16 }),
      ...ends('wide condition', 'cols', 4, CHECK.CONDITION, { ...select, format: ACC_WIDE | WEIGHT_32 }),
    ]);
  });

  test('of matrices, and results begin behind the inputs', () => {
    const dense = { kind: KIND.DENSE, format: ACC_WIDE, shift: 1, cols: 3, bias: 4 };
    const at = lastPlace(2, 3);
    expectChecks([
      { name: 'columns at the end', records: [{ ...dense, a: at }], pool: [0, 0] },
      { name: 'columns beyond', records: [{ ...dense, a: at + 1 }], pool: [0, 0], check: CHECK.OPERAND_A },
      { name: 'the first result', records: [{ ...dense, out: 2 * INPUTS }], pool: [0, 0] },
      { name: 'an input word', records: [{ ...dense, out: 2 * INPUTS - 1 }], pool: [0, 0], check: CHECK.RESULT },
    ]);
  });

  test('weights, biases and shifts lie in the pool to its last byte', () => {
    const dense = { kind: KIND.DENSE, format: ACC_WIDE | WEIGHT_16, shift: 1, cols: 2 };
    const rows = { ...dense, flags: FLAG.ROW_SHIFTS, rows: 1 };
    const pool = [0, 0x01010101];
    expectChecks([
      { name: 'weights at the end', records: [{ ...dense, weights: 4 }], pool },
      { name: 'weights beyond', records: [{ ...dense, weights: 6 }], pool, check: CHECK.WEIGHTS },
      { name: 'a bias at the end', records: [{ ...dense, bias: 4 }], pool },
      { name: 'a bias beyond', records: [{ ...dense, bias: 8 }], pool, check: CHECK.BIAS },
      { name: 'a shift at the end', records: [{ ...rows, rowShifts: 7 }], pool },
      { name: 'a shift beyond', records: [{ ...rows, rowShifts: 8 }], pool, check: CHECK.ROW_SHIFTS },
    ]);
  });
});

describe('the reach of a table', () => {
  const polynomial = { kind: KIND.MAP_POLYNOMIAL, bias: 1 };
  const pool = new Int32Array(2 * 64);

  test('by octaves is 31 bits', () => {
    const octaves = { ...polynomial, flags: FLAG.OCTAVES };
    expectChecks([
      { name: '31 bits', records: [{ ...octaves, shift: 20, rowShifts: 2, cols: 40 }], pool },
      { name: '32 bits', records: [{ ...octaves, shift: 20, rowShifts: 2, cols: 44 }], pool, check: CHECK.TABLE },
      { name: '31 bits, one octave', records: [{ ...octaves, shift: 31, rowShifts: 0, cols: 1 }], pool },
      { name: '32 bits, two', records: [{ ...octaves, shift: 31, rowShifts: 0, cols: 2 }], pool, check: CHECK.TABLE },
      { name: 'half an octave', records: [{ ...octaves, shift: 3, rowShifts: 2, cols: 6 }], pool, check: CHECK.TABLE },
      { name: '8 bits an octave', records: [{ ...octaves, shift: 3, rowShifts: 9, cols: 0 }], check: CHECK.TABLE },
    ]);
  });

  test('by segments is 2^31, by periods 2^32', () => {
    const periodic = { ...polynomial, flags: FLAG.PERIODIC };
    expectChecks([
      { name: '2^31', records: [{ ...polynomial, shift: 30, cols: 2 }], pool },
      { name: 'a segment more', records: [{ ...polynomial, shift: 30, cols: 3 }], pool, check: CHECK.TABLE },
      { name: 'a period', records: [{ ...periodic, shift: 30, cols: 4 }], pool },
      { name: 'half a period', records: [{ ...periodic, shift: 30, cols: 2 }], pool, check: CHECK.TABLE },
    ]);
  });

  test('of slopes ends at 2^31, its origin included', () => {
    const slopes = { kind: KIND.MAP_SLOPES, format: FORMAT.A_WIDE };
    const last = 2 ** 31 - 2 * 2 ** 10;
    const cases = [
      { name: 'at the end', records: [{ ...slopes, shift: 10, cols: 2, origin: last }], pool },
      { name: 'one beyond', records: [{ ...slopes, shift: 10, cols: 2, origin: last + 1 }], pool, check: CHECK.LANES },
      { name: 'a whole one', records: [{ ...slopes, shift: 31, cols: 1 }], pool },
      { name: 'beyond a whole one', records: [{ ...slopes, shift: 31, cols: 1, origin: 1 }], pool, check: CHECK.LANES },
    ];
    expectChecks(cases, false);
  });

  test.each([1, -1])('Horner sums are below 2^30, sign %i', (sign) => {
    const horner = { kind: KIND.MAP_HORNER, bias: 2, shift: 20 };
    const first = [1, 2, 3];
    const segment = (...coefficients: number[]) => [...first, ...coefficients.map((c) => sign * c)];
    const two = { ...horner, cols: 2 };
    expectChecks([
      { name: '2^30 - 1', records: [two], pool: segment(2 ** 29, 2 ** 28, 2 ** 28 - 1) },
      { name: '2^30', records: [two], pool: segment(2 ** 29, 2 ** 28, 2 ** 28), check: CHECK.TABLE },
      { name: '2^30 of both signs', records: [two], pool: segment(2 ** 29, -(2 ** 28), 2 ** 28), check: CHECK.TABLE },
      { name: '2^30 at once', records: [two], pool: segment(0, 2 ** 30, 0), check: CHECK.TABLE },
      { name: '2^31', records: [two], pool: [...first, 0, 0, -(2 ** 31)], check: CHECK.TABLE },
    ]);
  });
});

describe('a fused record', () => {
  const lanes = {
    kind: KIND.LANES,
    format: FORMAT.OUT_WIDE | FORMAT.ACC_WIDE,
    flags: FLAG.WRAP | FLAG.FUSED,
    rows: 2,
    cols: 2,
    shift: 1,
    out: 2 * INPUTS,
    bias: lanesField({ lanes: 2, passWords: 1, splitWords: 1, hopWords: 0 }),
  };
  const slopes = {
    kind: KIND.MAP_SLOPES,
    format: FORMAT.A_WIDE,
    rows: 2,
    cols: 1,
    shift: 4,
    a: lanes.out,
    out: 2 * INPUTS + 8,
    weights: 32,
  };
  const pool = new Int32Array(16);
  const copy = { kind: KIND.COPY, format: FORMAT.ACC_WIDE, rows: 2, a: lanes.out };
  const refused = (name: string, ...after: Partial<TableRecord>[]): Case => {
    return { name, records: [lanes, ...after], pool, check: CHECK.LANES };
  };

  test('is followed by the table that its sums go to', () => {
    const cases = [
      { name: 'its table', records: [lanes, slopes], pool },
      { name: 'none, where it is not fused', records: [{ ...lanes, flags: FLAG.WRAP }], pool },
      refused('nothing'),
      refused('something else', copy),
      refused('something else before its table', copy, slopes),
      refused('a table of other rows', { ...slopes, rows: 1 }),
      refused('a table of other sums', { ...slopes, a: lanes.out + 2 }),
      refused('a table of narrow sums', { ...slopes, format: 0 }),
      refused('a table of wide results', { ...slopes, format: FORMAT.A_WIDE | FORMAT.OUT_WIDE }),
    ];
    expectChecks(cases, false);
  });
});

describe('products of a dual block that are summed in 32 bits', () => {
  /** Rows 0 and 1 are a pair, row 2 stands alone; 8 columns. */
  const block = (row: number, sums: readonly number[], group: number, check?: number): Case => {
    const weights = new Int16Array(3 * 8);
    weights.set(sums, 8 * row);
    const words = new Int32Array(dualLayout(weights, 3, 8).buffer);
    const record = {
      kind: KIND.DENSE_DUAL,
      format: FORMAT.WEIGHT_16 | FORMAT.ACC_WIDE,
      rows: 3,
      cols: 8,
      shift: 1,
      shiftB: group,
      bias: 4 * words.length,
    };
    const name = `${sums.join(', ')} in row ${row}, groups of ${2 ** group}`;
    return { name, records: [record], pool: [...words, ...new Int32Array(6)], check };
  };

  test('reach 65535 times the largest input', () => {
    const cases = [0, 1, 2].flatMap((row) => [
      block(row, [32767, -32768], 1),
      block(row, [0, 0, 32767, -32768], 1),
      block(row, [-32768, -32768], 1, CHECK.DUAL),
      block(row, [0, 0, -32768, -32768], 1, CHECK.DUAL),
      block(row, [0, 0, 0, 0, 0, 0, -32768, -32768], 1, CHECK.DUAL),
      // Neighbours of different groups do not add up.
      block(row, [0, -32768, -32768, 0], 1),
      block(row, [0, -32768, -32768, 0], 2, CHECK.DUAL),
      block(row, [20000, 20000, 20000, 5535], 2),
      block(row, [20000, 20000, 20000, 5536], 2, CHECK.DUAL),
      block(row, [0, 0, 0, 32767, -32768, 0, 0, 1], 2),
      block(row, [8192, 8192, 8192, 8192, 8192, 8192, 8192, 8191], 3),
      block(row, [8192, 8192, 8192, 8192, 8192, 8192, 8192, 8192], 3, CHECK.DUAL),
    ]);
    expectChecks(cases);
  });
});
