import type { ValueFormat, WeightBits, WeightFormat } from '../table/quantized-graph.js';

/**
 * Weights of an affine (or diagonal) step as integers, with the proof that no accumulator overflows.
 *
 * Row r computes y_r = sum_c w_rc x_c + b_r from integers q_c = x_c 2^e_c. With E = max e_c and v_rc = w_rc 2^(E - e_c),
 * y_r = 2^-E sum_c v_rc q_c + b_r. The row's weights are v_rc 2^k_r rounded; k_r is the largest for which they fit the
 * weight format and sum |w| max|q| + |b| + half fits the accumulator.
 */

export interface AffineRequest {
  rows: number;
  /** Number of weights per row: the columns of a matrix, 1 for a diagonal. */
  cols: number;
  /** Row-major [rows x cols]. */
  weight: Float64Array;
  bias: Float64Array;
  /** Formats of the columns (of the rows' single operands for a diagonal, addressed by `column`). */
  inputs: readonly ValueFormat[];
  column: (row: number, col: number) => number;
  /** Largest magnitude of a column in any other step that is to have the same integers. */
  widest?: number;
  weightBits: WeightBits;
  accBits: 32 | 64;
  /** Largest number of columns whose products must sum up within 31 bits; absent: no such limit. */
  laneColumns?: number;
  /** All rows take the smallest shift that one of them needs. */
  oneShift?: boolean;
  /** Wanted exponent of the result; the format may have to be coarser. */
  outExponent: number;
}

/** The integers of a matrix: those of row r are v_rc 2^k_r, for inputs whose exponents differ in the same way. */
export interface MatrixIntegers {
  weights: Int32Array;
  /** k_r, per row. */
  exponents: readonly number[];
  /** Per column, how much less its exponent is than the largest. */
  below: readonly number[];
}

/** More shift than this only adds bits that the result never shows. */
const MAX_USEFUL_SHIFT = { 32: 30, 64: 46 } as const;
const MAX_GUARD = 8;

/** Largest exponent of the columns' formats; 0 where there is none. */
export function commonExponent(inputs: readonly ValueFormat[]): number {
  return inputs.length ? inputs.reduce((e, input) => Math.max(e, input.exponent), Number.NEGATIVE_INFINITY) : 0;
}

/** The integers of a format that {@link quantizeAffine} made, for another step with the same weights. */
export function integersOf(format: WeightFormat, inputs: readonly ValueFormat[], outExponent: number): MatrixIntegers {
  const base = commonExponent(inputs);
  const exponents = Array.from(format.shifts, (shift) => shift + outExponent - base);
  return { weights: format.weights, exponents, below: inputs.map(({ exponent }) => base - exponent) };
}

/**
 * A step with the integers of another that has the same weights.
 * @returns undefined where its inputs, its result or its accumulator do not allow them
 */
export function shareAffine(
  request: AffineRequest,
  { weights, exponents, below }: MatrixIntegers,
): { format: WeightFormat; outExponent: number } | undefined {
  const { inputs, weightBits, accBits, bias } = request;
  const base = commonExponent(inputs);
  if (inputs.some(({ exponent }, c) => base - exponent !== below[c])) return undefined;
  const outExponent = resultExponent(request, exponents, base);
  const shifts = Uint8Array.from(exponents, (k) => Math.max(0, k + base - outExponent));
  if (shifts.some((shift) => shift > MAX_USEFUL_SHIFT[accBits])) return undefined;
  const perRow = shifts.some((shift) => shift !== shifts[0]);
  const guard = biasGuard(bias, outExponent, Math.min(...shifts));
  const stored = Int32Array.from(bias, (b) => clampInt32(Math.round(b * 2 ** (outExponent + guard))));
  const accumulatorPeak = peak(request, weights, stored, shifts, guard);
  if (accumulatorPeak >= 2 ** (accBits - 1)) return undefined;
  return {
    format: { weightBits, accBits, weights, bias: stored, shifts, perRow, guard, accumulatorPeak },
    outExponent,
  };
}

/** A result cannot be finer than the accumulator, rounding needs at least one bit, and a bias must fit its int32. */
function resultExponent({ outExponent, bias }: AffineRequest, exponents: readonly number[], base: number): number {
  const finest = Math.min(outExponent, ...exponents.map((k) => k + base - 1));
  const largestBias = bias.reduce((m, b) => Math.max(m, Math.abs(b)), 0);
  return largestBias > 0 ? Math.min(finest, Math.floor(Math.log2((2 ** 31 - 1) / largestBias))) : finest;
}

/** Integers of an affine step, as fine as the accumulator's proof allows, and the exponent that the result can have. */
export function quantizeAffine(request: AffineRequest): { format: WeightFormat; outExponent: number } {
  const { rows, cols, inputs } = request;
  const base = commonExponent(inputs);
  const scaled = request.weight.map((w, i) => {
    const column = request.column(Math.floor(i / cols), cols ? i % cols : 0);
    return w * 2 ** (base - inputs[column].exponent);
  });
  const exponents = Array.from({ length: rows }, (_, r) => rowExponent(request, scaled, base, r));
  const outExponent = resultExponent(request, exponents, base);
  const maxShift = MAX_USEFUL_SHIFT[request.accBits];
  const shifts = exponents.map((k) => Math.min(maxShift, k + base - outExponent));
  const spread = Math.max(...shifts) - Math.min(...shifts);
  const perRow = !request.oneShift && spread > (request.weightBits === 8 ? 0 : 1);
  const rowShifts = Uint8Array.from(perRow ? shifts : shifts.map(() => Math.min(...shifts)));
  const guard = biasGuard(request.bias, outExponent, Math.min(...rowShifts));
  const limit = 2 ** (request.weightBits - 1);
  const weights = Int32Array.from(scaled, (v, i) => {
    const k = rowShifts[Math.floor(i / cols)] + outExponent - base;
    return Math.min(limit - 1, Math.max(-limit, Math.round(v * 2 ** k)));
  });
  const bias = Int32Array.from(request.bias, (b) => clampInt32(Math.round(b * 2 ** (outExponent + guard))));
  const accumulatorPeak = peak(request, weights, bias, rowShifts, guard);
  if (accumulatorPeak >= 2 ** (request.accBits - 1)) throw new Error('accumulator proof failed');
  const { weightBits, accBits } = request;
  return {
    format: { weightBits, accBits, weights, bias, shifts: rowShifts, perRow, guard, accumulatorPeak },
    outExponent,
  };
}

/** Largest k for which row r fits its weight format and its accumulator. */
function rowExponent(request: AffineRequest, scaled: Float64Array, base: number, r: number): number {
  const { cols, inputs, weightBits, accBits } = request;
  let largest = 0;
  let sum = Math.abs(request.bias[r]) * 2 ** base;
  for (let c = 0; c < cols; c++) {
    const v = Math.abs(scaled[r * cols + c]);
    largest = Math.max(largest, v);
    sum += v * Math.max(inputs[request.column(r, c)].maxInteger, request.widest ?? 0);
  }
  const widest = request.outExponent + MAX_USEFUL_SHIFT[accBits] - base;
  if (sum === 0) return widest;
  const byWeight = largest > 0 ? Math.floor(Math.log2((2 ** (weightBits - 1) - 0.5) / largest)) : widest;
  // Half the accumulator is left for rounding of the weights and of the sum.
  const byAccumulator = Math.floor(Math.log2(2 ** (accBits - 2) / sum));
  return Math.min(byWeight, byAccumulator, byLanes(request, scaled, base, r), widest);
}

/** Half a unit of a result that is shifted down by at most 22 bits, as those in lanes are. */
const LARGEST_HALF = 2 ** 21;

/** Largest k for which every run of `laneColumns` columns sums up within a 32-bit lane, rounding of weights included. */
function byLanes(request: AffineRequest, scaled: Float64Array, base: number, r: number): number {
  const { cols, inputs, column, laneColumns, bias } = request;
  if (!laneColumns) return Number.POSITIVE_INFINITY;
  let largest = 0;
  let rounding = 0;
  for (let from = 0; from < cols; from += laneColumns) {
    // A sum that never leaves its lane has the bias in it, and half a unit of the result: at most as much again.
    let sum = laneColumns >= cols ? Math.abs(bias[r]) * 2 ** base : 0;
    let halves = laneColumns >= cols ? LARGEST_HALF : 0;
    for (let c = from; c < Math.min(cols, from + laneColumns); c++) {
      const { maxInteger } = inputs[column(r, c)];
      sum += Math.abs(scaled[r * cols + c]) * maxInteger;
      halves += maxInteger / 2;
    }
    largest = Math.max(largest, sum);
    rounding = Math.max(rounding, halves);
  }
  return largest > 0 ? Math.floor(Math.log2((2 ** 31 - 1 - rounding) / largest)) : Number.POSITIVE_INFINITY;
}

/** Bits of the bias below the result's last bit, as many as an int32 holds. */
export function biasGuard(bias: Float64Array, outExponent: number, minShift: number): number {
  const largest = bias.reduce((m, b) => Math.max(m, Math.abs(b)), 0) * 2 ** outExponent;
  const room = largest > 0 ? Math.floor(Math.log2(2 ** 31 / largest)) - 1 : MAX_GUARD;
  return Math.max(0, Math.min(MAX_GUARD, minShift, room));
}

function peak(
  request: AffineRequest,
  weights: Int32Array,
  bias: Int32Array,
  shifts: Uint8Array,
  guard: number,
): number {
  const { rows, cols, inputs } = request;
  let largest = 0;
  for (let r = 0; r < rows; r++) {
    let sum = Math.abs(bias[r]) * 2 ** (shifts[r] - guard) + 2 ** (shifts[r] - 1);
    for (let c = 0; c < cols; c++) sum += Math.abs(weights[r * cols + c]) * inputs[request.column(r, c)].maxInteger;
    largest = Math.max(largest, sum);
  }
  return largest;
}

/** Held to int32. */
export function clampInt32(value: number): number {
  return Math.min(2 ** 31 - 1, Math.max(-(2 ** 31), value));
}
