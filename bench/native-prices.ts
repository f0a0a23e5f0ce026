import { countNativeFeatures, type NativePrices, RECORD_ROWS } from '../compiler/code/cost/native-instructions.js';
import type { Board } from '../compiler/run/boards/boards.js';
import { runTableOnBoard } from '../compiler/run/boards/run-table.js';
import { PoolBuilder } from '../compiler/table/lower/pool.js';
import { FORMAT, KIND } from '../compiler/table/specification.js';
import { axisWords } from '../compiler/table/spline.js';
import { type BlockTable, EMPTY_RECORD, type TableRecord } from '../compiler/table/table.js';
import { fitPrices } from './fit-prices.js';

/** Prices of the native kernels (cost/native-instructions.ts) on one board: differences between tables that have more of one thing. */

/** Words that the records read, each of which is also two int16, and two sizes to compare. */
interface Sizes {
  inputs: number;
  few: number;
  many: number;
}
/** Enough that the compiler unrolls neither. */
const SIZES: Sizes = { inputs: 128, few: 96, many: 128 };
/** For boards that have no room for these; their compiler unrolls nothing. */
const SMALL_SIZES: Sizes = { inputs: 24, few: 8, many: 24 };
const SMALL_RAM_BYTES = 8192;
const POINTS = 4;

export function measureNativePrices(board: Board): NativePrices {
  const { inputs, few, many } = board.ramBytes < SMALL_RAM_BYTES ? SMALL_SIZES : SIZES;
  const cost = (draft: Draft) => runTableOnBoard(board, tableOf(draft, inputs), words(inputs)).instructions;
  const matrix = (draft: Draft) => {
    const base = cost({ ...draft, rows: few, cols: few });
    const product = (cost({ ...draft, rows: few, cols: many }) - base) / (few * (many - few));
    const row = (cost({ ...draft, rows: many, cols: few }) - base) / (many - few) - few * product;
    return { product, row };
  };
  const element = (draft: Draft) => (cost({ ...draft, rows: many }) - cost({ ...draft, rows: few })) / (many - few);
  const dual = matrix(DUAL);
  const dual64 = matrix({ ...DUAL, format: DUAL.format | FORMAT.ACC_WIDE, shiftB: 3 });
  const dense8 = matrix(DENSE8);
  const dense32 = matrix(DENSE32);
  const [low, high] = [element(polynomial(2)), element(polynomial(4))];
  const degree = (high - low) / 2;
  const prices: NativePrices = {
    'dual.product': dual.product,
    'dual64.product': dual64.product,
    'dense8.product': dense8.product,
    'dense16.product': matrix({ ...DENSE8, format: FORMAT.WEIGHT_16 }).product,
    'dense32.product': dense32.product,
    'dual.row': dual64.row,
    'dense.row': dense8.row,
    'dense32.row': dense32.row,
    'linear.element': element(LINEAR),
    'polynomial.element': low - 2 * degree,
    'polynomial.degree': degree,
    'product.element': element(PRODUCT),
    'product32.element': element({
      ...PRODUCT,
      format: PRODUCT.format | FORMAT.A_WIDE | FORMAT.B_WIDE | FORMAT.OUT_WIDE,
    }),
    ...splinePrices(board, RECORD_ROWS.priced * dense8.row),
  };
  const rounded = Object.entries(prices).map(([feature, price]) => [feature, Math.max(0, Number(price.toFixed(2)))]);
  return Object.fromEntries(rounded) as NativePrices;
}

/** Splines by degree, axes and outputs. */
const SPLINES: [degree: number, axes: number, outputs: number][] = [
  [1, 1, 1],
  [3, 1, 1],
  [3, 1, 6],
  [2, 2, 1],
  [3, 2, 1],
  [3, 2, 4],
  [5, 2, 2],
  [2, 3, 1],
  [3, 3, 1],
];
const SPLINE_FEATURES = ['spline.axis', 'spline.function', 'spline.line', 'spline.product'] as const;

/** @param record what every record takes besides */
function splinePrices(board: Board, record: number) {
  const samples = SPLINES.map(([degree, axes, outputs]) => {
    const table = tableOf(spline(degree, axes, outputs), axes);
    const { instructions } = runTableOnBoard(board, table, words(axes));
    return { counts: countNativeFeatures(table), instructions: instructions - record };
  });
  return fitPrices(SPLINE_FEATURES, samples);
}

type Draft = Partial<TableRecord> & Pick<TableRecord, 'kind' | 'format'>;

const DUAL: Draft = { kind: KIND.DENSE_DUAL, format: FORMAT.WEIGHT_16 | FORMAT.OUT_WIDE, shift: 6 };
const DENSE8: Draft = { kind: KIND.DENSE_STARTS, format: FORMAT.WEIGHT_8 | FORMAT.OUT_WIDE, shift: 6 };
const DENSE32: Draft = {
  kind: KIND.DENSE_STARTS,
  format: FORMAT.A_WIDE | FORMAT.WEIGHT_16 | FORMAT.ACC_WIDE | FORMAT.OUT_WIDE,
  shift: 20,
};
/** As functions of hidden layers: of 32-bit sums, to 16 bits. */
const LINEAR: Draft = { kind: KIND.MAP_LINEAR, format: FORMAT.A_WIDE, cols: 32, shift: 27 };

function polynomial(degree: number): Draft {
  return { kind: KIND.MAP_HORNER, format: FORMAT.A_WIDE, cols: 8, shift: 28, bias: degree, shiftB: 12 };
}

/** Of 16-bit coefficients and 32-bit values, as compression makes them; `cols` are axes, `shiftA` is the degree. */
function spline(degree: number, axes: number, outputs: number): Draft {
  const format = FORMAT.A_WIDE | FORMAT.WEIGHT_16 | FORMAT.OUT_WIDE | FORMAT.ACC_WIDE;
  return { kind: KIND.SPLINE, format, rows: outputs, cols: axes, shift: 24, shiftA: degree, shiftB: 20 };
}

/** Segments along each axis, over the range of the inputs. */
const SEGMENTS = 4;

/** Small weights: a group of columns fits 32 bits, whatever its length. */
const WEIGHT = 37;

/** A table of one record. */
function tableOf(draft: Draft, inputs: number): BlockTable {
  const pool = new PoolBuilder();
  const record = { ...EMPTY_RECORD, rows: 1, ...draft, out: 2 * inputs };
  const factors = record.kind === KIND.SPLINE ? record.cols * (record.shiftA + 1) : 0;
  if (factors) record.b = 2 * (inputs + record.rows);
  return {
    inputs: Array.from({ length: inputs }, () => ({ min: -(2 ** 30), max: 2 ** 30, exponent: 0 })),
    outputs: Array.from({ length: record.rows }, () => ({ exponent: 0 })),
    arenaBytes: 4 * (inputs + record.rows + factors),
    records: [{ ...record, ...poolOf(record, pool) }],
    pool: pool.bytes(),
  };
}

/** Where the record's numbers lie in the pool; everything fills whole words. */
function poolOf(
  { kind, format, rows, cols, shiftA, bias: degree }: TableRecord,
  pool: PoolBuilder,
): Partial<TableRecord> {
  const some = (count: number, bytes: 1 | 2 | 4, of: (i: number) => number) =>
    pool.add(
      Array.from({ length: (4 / bytes) * Math.ceil((count * bytes) / 4) }, (_, i) => of(i)),
      bytes,
    );
  if (kind === KIND.MAP_LINEAR) return { weights: some(cols + 1, 2, (i) => 900 * i), origin: -(2 ** 30) };
  if (kind === KIND.MAP_HORNER) {
    return { weights: some(cols * (degree + 1), 4, (i) => 2 ** 24 + i), origin: -(2 ** 30) };
  }
  if (kind === KIND.SPLINE) {
    const axis = { origin: -(2 ** 30), factor: 2 ** 22, shift: 31, segments: SEGMENTS, order: 0 };
    const axes = axisWords(Array.from({ length: cols }, () => axis));
    return { weights: some(rows * (SEGMENTS + shiftA) ** cols, 2, (i) => 900 * (i % 31)), bias: pool.add(axes, 4) };
  }
  return {
    bias: some(rows * (format & FORMAT.ACC_WIDE ? 2 : 1), 4, (i) => i),
    weights: some(rows * cols, format & FORMAT.WEIGHT_16 ? 2 : 1, (i) => (i % 2 ? WEIGHT : -WEIGHT) + (i % 7)),
  };
}

/** As derivatives take them. */
const PRODUCT: Draft = { kind: KIND.MUL, format: FORMAT.ACC_WIDE, shift: 14 };

/** Arguments inside the tables. */
function words(inputs: number): Int32Array {
  return Int32Array.from({ length: POINTS * inputs }, (_, i) => Math.imul(i + 1, 0x9e3779b1) >> 2);
}
