import { describe, expect, it } from 'vitest';
import { interpreterPrices } from '../../compiler/code/cost/instructions.js';
import { checkTable } from '../../compiler/table/check.js';
import { lanesShape } from '../../compiler/table/lanes.js';
import { type KernelLimits, LARGEST_KERNELS, layOut } from '../../compiler/table/layout/interpreter.js';
import type { LoweredModel } from '../../compiler/table/lower/lower.js';
import { PoolBuilder } from '../../compiler/table/lower/pool.js';
import { createOracle } from '../../compiler/table/oracle/oracle.js';
import { KIND, LANE_BITS } from '../../compiler/table/specification.js';
import { type BlockTable, EMPTY_RECORD, encodeTable, type TableRecord } from '../../compiler/table/table.js';
import { randomTable, randomWords, tableRandom } from '../helpers/random-table.js';

/** The layout changes the order of integers, never what a run gives. */

function lowered(table: BlockTable, peak: (record: TableRecord) => number): LoweredModel {
  const peaks = table.records.map(peak);
  return { table, recordNames: [], peaks, claims: [], inputFormats: [], outputFormats: [], macs: 0 };
}

const PRICES = interpreterPrices('armv7e-m');
const WIDEST = (record: TableRecord) => (record.format & 1 ? 2 ** 31 : 2 ** 15);

function expectSame(before: BlockTable, after: BlockTable, words: Int32Array): void {
  expect(checkTable(encodeTable(after))).toEqual({ check: 0 });
  expect(createOracle(after).run(words).outputs).toEqual(createOracle(before).run(words).outputs);
}

const WAYS: [string, KernelLimits][] = [
  ['the largest kernels', LARGEST_KERNELS],
  ['two words at a time, several passes', { ...LARGEST_KERNELS, maxWords: 2 }],
  ['loops that go round after every word', { ...LARGEST_KERNELS, maxWords: 8, hopWords: 1 }],
];

describe.each(WAYS)('layout with %s', (_, options) => {
  it('gives the integers of the plain table: random records', () => {
    const table = randomTable(5);
    const laid = layOut(lowered(table, WIDEST), options, PRICES).table;
    const kinds = laid.records.map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === KIND.LANES).length).toBeGreaterThan(20);
    expect(kinds.filter((kind) => kind === KIND.MAP_SLOPES).length).toBeGreaterThan(2);
    expectSame(table, laid, randomWords(6, 200));
  });

  it('gives the integers of the plain table: sums at the very limit of their lanes', () => {
    for (const magnitude of [2, 40, 1000, 32767]) {
      const table = oneMatrix(7, 21, magnitude);
      expectSame(table, layOut(lowered(table, WIDEST), options, PRICES).table, extremeWords(12, 300));
    }
  });
});

describe('the proof of a lane', () => {
  it('splits lanes as late as sums allow, and puts three products in a word where they are small', () => {
    const shapeFor = (magnitude: number, peak: number) => {
      const [record] = layOut(
        lowered(oneMatrix(4, 24, magnitude), () => peak),
        LARGEST_KERNELS,
        PRICES,
      ).table.records;
      return { ...lanesShape(record), sum: magnitude * peak };
    };
    expect(shapeFor(1000, 2 ** 15)).toMatchObject({ lanes: 2, splitWords: 12 });
    expect(shapeFor(30000, 2 ** 15)).toMatchObject({ lanes: 2, splitWords: 1 });
    const three = shapeFor(15, 1000);
    expect(three).toMatchObject({ lanes: 3, splitWords: 8 });
    expect(24 * three.sum).toBeLessThan(2 ** (LANE_BITS[3] - 1));
  });
});

/** y = W x with weights of one magnitude and random signs, x the first words of the input. */
function oneMatrix(rows: number, cols: number, magnitude: number): BlockTable {
  const random = tableRandom(rows * cols + magnitude);
  const pool = new PoolBuilder();
  const weights = Array.from({ length: rows * cols }, () => (random.int(0, 1) ? magnitude : -magnitude));
  const inputs = 12;
  const record: TableRecord = {
    ...EMPTY_RECORD,
    kind: KIND.DENSE,
    format: 4 | 8 | 0x10,
    rows,
    cols,
    out: 2 * inputs,
    shift: 3,
    weights: pool.add(weights, 2),
    bias: pool.add(new Array(rows).fill(12345), 4),
  };
  return {
    inputs: Array.from({ length: inputs }, () => ({ min: -(2 ** 31), max: 2 ** 31 - 1, exponent: 0 })),
    outputs: Array.from({ length: rows }, () => ({ exponent: 0 })),
    arenaBytes: 4 * (inputs + rows),
    records: [record],
    pool: pool.bytes(),
  };
}

/** Pairs of 16-bit values, most of them at the ends of their range. */
function extremeWords(inputs: number, points: number): Int32Array {
  const random = tableRandom(points);
  const ends = [0x7fff, -0x8000, -0x7fff, 0, 1];
  const half = () => (random.int(0, 4) ? ends[random.int(0, 1)] : ends[random.int(0, 4)]) & 0xffff;
  return Int32Array.from({ length: inputs * points }, () => half() | (half() << 16) | 0);
}
