import { readPackageJson } from '../../host/package-root.js';
import { isMatrix, isPolynomial, recordShape } from '../../table/record.js';
import { FORMAT, KIND } from '../../table/specification.js';
import type { BlockTable, TableRecord } from '../../table/table.js';
import { knownIsas, nearestMeasured } from './nearest.js';

/**
 * The cost model of the native engines (`c`, `wasm3+native`): instructions that the kernels in targets/common spend,
 * each at the price that `npm run calibrate` measured on the emulated board of that instruction set
 * (compiler/code/cost/native.json).
 */

/**
 * What has a price: `dense8` and `dense16` are products of 16-bit inputs with weights of that width, `dense32` those of
 * wider inputs or weights; `product` is that of two vectors of 16 bits into one, `product32` one with any of 32. A spline takes
 * an `axis` for the place along each, a `function` for each step of the recurrence of its basis functions, a `line` for each sum
 * along the last axis and a `product` for each coefficient that it reads. What does not depend on formats is left out, so that only
 * differences mean something.
 */
const NATIVE_FEATURES = [
  'dual.product',
  'dual64.product',
  'dense8.product',
  'dense16.product',
  'dense32.product',
  'dual.row',
  'dense.row',
  'dense32.row',
  'linear.element',
  'polynomial.element',
  'polynomial.degree',
  'product.element',
  'product32.element',
  'spline.axis',
  'spline.function',
  'spline.line',
  'spline.product',
] as const;
export type NativeFeature = (typeof NATIVE_FEATURES)[number];
export type NativePrices = Record<NativeFeature, number>;

/** @param table as the native engines read it (layout/native.ts) */
export function countNativeFeatures(table: BlockTable): Partial<Record<NativeFeature, number>> {
  const counts: Partial<Record<NativeFeature, number>> = {};
  const add = (feature: NativeFeature, times: number) => {
    counts[feature] = (counts[feature] ?? 0) + times;
  };
  for (const record of table.records) {
    countRecord(record, add);
  }
  return counts;
}

const ANY_WIDE = FORMAT.A_WIDE | FORMAT.B_WIDE | FORMAT.OUT_WIDE;

function countRecord(record: TableRecord, add: (feature: NativeFeature, times: number) => void): void {
  const { kind, rows, cols } = record;
  if (isMatrix(record)) {
    const product = productOf(record);
    add(product, rows * cols);
    add(product === 'dense32.product' ? 'dense32.row' : kind === KIND.DENSE_DUAL ? 'dual.row' : 'dense.row', rows);
  } else if (kind === KIND.MAP_LINEAR) {
    add('linear.element', rows);
  } else if (kind === KIND.MUL) {
    add(record.format & ANY_WIDE ? 'product32.element' : 'product.element', rows);
  } else if (isPolynomial(record)) {
    add('polynomial.element', rows);
    add('polynomial.degree', rows * record.bias);
  } else if (kind === KIND.SPLINE) {
    const degree = record.shiftA;
    add('spline.axis', cols);
    add('spline.function', cols * degree * (degree + 1));
    add('spline.line', rows * (degree + 1) ** (cols - 1));
    add('spline.product', rows * (degree + 1) ** cols);
  }
}

function productOf(record: TableRecord): NativeFeature {
  const { aBytes, weightBytes } = recordShape(record);
  if (record.kind === KIND.DENSE_DUAL) return record.format & FORMAT.ACC_WIDE ? 'dual64.product' : 'dual.product';
  if (aBytes === 4 || weightBytes === 4) return 'dense32.product';
  return weightBytes === 1 ? 'dense8.product' : 'dense16.product';
}

/** Instructions of one answer at these prices, but for those that every choice of formats has. */
export function nativeInstructions(table: BlockTable, prices: NativePrices): number {
  const counts = countNativeFeatures(table);
  return NATIVE_FEATURES.reduce((sum, feature) => sum + (counts[feature] ?? 0) * prices[feature], 0);
}

/**
 * What a record takes besides, in rows of a plain matrix: one whose elements have prices, and one whose elements have none
 * (sums, products, copies). Measured on a Cortex-M4 over uncompressed builds of the examples at 1e-3, where whole answers come
 * out within a third.
 */
export const RECORD_ROWS = { priced: 2.5, other: 15 };

/**
 * About the instructions of one answer by the kernels in C.
 *
 * @param table as the native engines read it (layout/native.ts)
 */
export function predictNative(table: BlockTable, isa: string): number {
  const prices = nativePrices(isa);
  const rows = table.records.reduce((sum, record) => {
    let isPriced = false;
    countRecord(record, () => {
      isPriced = true;
    });
    return sum + (isPriced ? RECORD_ROWS.priced : RECORD_ROWS.other);
  }, 0);
  return Math.round(nativeInstructions(table, prices) + rows * prices['dense.row']);
}

function measuredPrices(): Record<string, NativePrices> {
  return (readPackageJson('compiler/code/cost/native.json') as { isas: Record<string, NativePrices> }).isas;
}

/** The prices of an instruction set, or of the nearest one that was measured. */
export function nativePrices(isa: string): NativePrices {
  return nearestMeasured(measuredPrices(), isa).measured;
}

/** Instruction sets that have prices of these kernels, of their own or of the nearest one. */
export function nativelyPricedIsas(): string[] {
  return knownIsas(measuredPrices());
}
