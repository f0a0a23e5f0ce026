import { basisFunctions } from '../../model/spline.js';

/** Values on a grid of points: row-major over its axes, the last one fastest. */
export interface Tensor {
  readonly dims: readonly number[];
  readonly data: Float64Array;
}

/**
 * The basis functions of an axis at sample points, and the normal equations of least squares along it, B^T B in Cholesky's
 * form, banded.
 */
export interface AxisBasis {
  readonly segments: number;
  readonly degree: number;
  /** Segment of every sample, and the degree + 1 basis functions there. */
  readonly first: Int32Array;
  readonly values: Float64Array;
  /** Lower factor of the Gram matrix, row i's columns i - degree .. i. */
  readonly factor: Float64Array;
}

/**
 * Of the Gram matrix's largest diagonal, by the degree: the outermost basis functions are that small over the range, so that
 * their coefficients would grow beyond what integers of one scale hold.
 */
const RIDGES = [1e-7, 1e-7, 1e-7, 1e-7, 1e-6, 1e-5] as const;

/** @param samples in 0 .. 1 of the axis, in ascending order, at least as many as there are basis functions */
export function axisBasis(samples: Float64Array, segments: number, degree: number): AxisBasis {
  const terms = degree + 1;
  const first = new Int32Array(samples.length);
  const values = new Float64Array(samples.length * terms);
  samples.forEach((s, i) => {
    const segment = Math.min(segments - 1, Math.floor(s * segments));
    first[i] = segment;
    values.set(basisFunctions(degree, 0, s * segments - segment), i * terms);
  });
  return { segments, degree, first, values, factor: choleskyOfGram(first, values, segments + degree, degree) };
}

/** Band i, k = 0 .. degree: entry (i, i - degree + k). */
function choleskyOfGram(first: Int32Array, values: Float64Array, count: number, degree: number): Float64Array {
  const terms = degree + 1;
  const band = new Float64Array(count * terms);
  for (let s = 0; s < first.length; s++) {
    for (let i = 0; i < terms; i++) {
      for (let j = 0; j <= i; j++) {
        band[(first[s] + i) * terms + degree - i + j] += values[s * terms + i] * values[s * terms + j];
      }
    }
  }
  let largest = 0;
  for (let i = 0; i < count; i++) largest = Math.max(largest, band[i * terms + degree]);
  for (let i = 0; i < count; i++) {
    band[i * terms + degree] += RIDGES[degree] * largest;
    for (let j = Math.max(0, i - degree); j <= i; j++) {
      let sum = band[i * terms + degree - i + j];
      for (let k = Math.max(0, i - degree, j - degree); k < j; k++) {
        sum -= band[i * terms + degree - i + k] * band[j * terms + degree - j + k];
      }
      if (j < i) band[i * terms + degree - i + j] = sum / band[j * terms + degree];
      else band[i * terms + degree] = Math.sqrt(Math.max(sum, Number.EPSILON * largest));
    }
  }
  return band;
}

/** Calls back for every line along an axis with where it starts in arrays whose axis has `before` and `after` elements. */
function forEachLine(
  dims: readonly number[],
  axis: number,
  after: number,
  visit: (from: number, to: number, stride: number) => void,
): void {
  const inner = dims.slice(axis + 1).reduce((n, d) => n * d, 1);
  const outer = dims.slice(0, axis).reduce((n, d) => n * d, 1);
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < inner; i++) visit(o * dims[axis] * inner + i, o * after * inner + i, inner);
  }
}

function withDim(dims: readonly number[], axis: number, size: number): number[] {
  return dims.map((d, k) => (k === axis ? size : d));
}

function empty(dims: readonly number[]): Tensor {
  return { dims, data: new Float64Array(dims.reduce((n, d) => n * d, 1)) };
}

/** Values at the samples of coefficients along an axis. */
export function valuesAlong(tensor: Tensor, axis: number, { first, values, degree }: AxisBasis): Tensor {
  const terms = degree + 1;
  const out = empty(withDim(tensor.dims, axis, first.length));
  forEachLine(tensor.dims, axis, first.length, (from, to, stride) => {
    for (let s = 0; s < first.length; s++) {
      let sum = 0;
      for (let j = 0; j < terms; j++) sum += values[s * terms + j] * tensor.data[from + (first[s] + j) * stride];
      out.data[to + s * stride] = sum;
    }
  });
  return out;
}

/** The coefficients along an axis that fit values at the samples by least squares. */
export function fitAlong(tensor: Tensor, axis: number, basis: AxisBasis): Tensor {
  const { first, values, degree, factor, segments } = basis;
  const terms = degree + 1;
  const count = segments + degree;
  const out = empty(withDim(tensor.dims, axis, count));
  const line = new Float64Array(count);
  forEachLine(tensor.dims, axis, count, (from, to, stride) => {
    line.fill(0);
    for (let s = 0; s < first.length; s++) {
      const value = tensor.data[from + s * stride];
      for (let j = 0; j < terms; j++) line[first[s] + j] += values[s * terms + j] * value;
    }
    for (let i = 0; i < count; i++) {
      let sum = line[i];
      for (let k = Math.max(0, i - degree); k < i; k++) sum -= factor[i * terms + degree - i + k] * line[k];
      line[i] = sum / factor[i * terms + degree];
    }
    for (let i = count - 1; i >= 0; i--) {
      let sum = line[i];
      for (let k = i + 1; k <= Math.min(count - 1, i + degree); k++) {
        sum -= factor[k * terms + degree - k + i] * line[k];
      }
      line[i] = sum / factor[i * terms + degree];
    }
    for (let i = 0; i < count; i++) out.data[to + i * stride] = line[i];
  });
  return out;
}

/** All axes of a tensor but the first, which counts outputs. */
export function fitAll(values: Tensor, bases: readonly AxisBasis[]): Tensor {
  return bases.reduce((tensor, basis, k) => fitAlong(tensor, k + 1, basis), values);
}

export function valuesOf(coefficients: Tensor, bases: readonly AxisBasis[]): Tensor {
  return bases.reduce((tensor, basis, k) => valuesAlong(tensor, k + 1, basis), coefficients);
}
