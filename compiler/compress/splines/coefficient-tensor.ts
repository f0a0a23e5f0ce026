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
const RIDGES = [1e-9, 1e-9, 1e-9, 1e-9, 1e-9, 1e-8] as const;

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

/** A tensor of zeros with another size along an axis, and the elements before, along and after that axis. */
function resized({ dims }: Tensor, axis: number, size: number): { out: Tensor; outer: number; inner: number } {
  const changed = dims.map((d, k) => (k === axis ? size : d));
  const product = (list: readonly number[]) => list.reduce((n, d) => n * d, 1);
  const out = { dims: changed, data: new Float64Array(product(changed)) };
  return { out, outer: product(dims.slice(0, axis)), inner: product(dims.slice(axis + 1)) };
}

/** Values at the samples of coefficients along an axis. */
export function valuesAlong(tensor: Tensor, axis: number, basis: AxisBasis): Tensor {
  const { first, values, degree, segments } = basis;
  const terms = degree + 1;
  const { out, outer, inner } = resized(tensor, axis, first.length);
  for (let o = 0; o < outer; o++) {
    const from = o * (segments + degree) * inner;
    const to = o * first.length * inner;
    for (let s = 0; s < first.length; s++) {
      for (let j = 0; j < terms; j++) {
        addRow(out.data, to + s * inner, values[s * terms + j], tensor.data, from + (first[s] + j) * inner, inner);
      }
    }
  }
  return out;
}

/** The coefficients along an axis that fit values at the samples by least squares. */
export function fitAlong(tensor: Tensor, axis: number, basis: AxisBasis): Tensor {
  const { first, values, degree, factor, segments } = basis;
  const terms = degree + 1;
  const count = segments + degree;
  const { out, outer, inner } = resized(tensor, axis, count);
  const { data } = out;
  for (let o = 0; o < outer; o++) {
    const from = o * first.length * inner;
    const to = o * count * inner;
    for (let s = 0; s < first.length; s++) {
      for (let j = 0; j < terms; j++) {
        addRow(data, to + (first[s] + j) * inner, values[s * terms + j], tensor.data, from + s * inner, inner);
      }
    }
    for (let i = 0; i < count; i++) {
      for (let k = Math.max(0, i - degree); k < i; k++) {
        addRow(data, to + i * inner, -factor[i * terms + degree - i + k], data, to + k * inner, inner);
      }
      scaleRow(data, to + i * inner, 1 / factor[i * terms + degree], inner);
    }
    for (let i = count - 1; i >= 0; i--) {
      for (let k = i + 1; k <= Math.min(count - 1, i + degree); k++) {
        addRow(data, to + i * inner, -factor[k * terms + degree - k + i], data, to + k * inner, inner);
      }
      scaleRow(data, to + i * inner, 1 / factor[i * terms + degree], inner);
    }
  }
  return out;
}

/** to += factor from, element by element. */
function addRow(to: Float64Array, at: number, factor: number, from: Float64Array, start: number, size: number): void {
  for (let i = 0; i < size; i++) to[at + i] += factor * from[start + i];
}

function scaleRow(values: Float64Array, at: number, factor: number, size: number): void {
  for (let i = 0; i < size; i++) values[at + i] *= factor;
}

/** Every other element along all axes but the first. */
export function everyOther({ dims, data }: Tensor): Tensor {
  const half = dims.map((d, k) => (k ? Math.ceil(d / 2) : d));
  const out = new Float64Array(half.reduce((n, d) => n * d, 1));
  for (let i = 0; i < out.length; i++) {
    let rest = i;
    let at = 0;
    let stride = 1;
    for (let k = dims.length - 1; k >= 0; k--) {
      at += (k ? 2 : 1) * (rest % half[k]) * stride;
      rest = Math.floor(rest / half[k]);
      stride *= dims[k];
    }
    out[i] = data[at];
  }
  return { dims: half, data: out };
}

/** All axes of a tensor but the first, which counts outputs. */
export function fitAll(values: Tensor, bases: readonly AxisBasis[]): Tensor {
  return bases.reduce((tensor, basis, k) => fitAlong(tensor, k + 1, basis), values);
}

export function valuesOf(coefficients: Tensor, bases: readonly AxisBasis[]): Tensor {
  return bases.reduce((tensor, basis, k) => valuesAlong(tensor, k + 1, basis), coefficients);
}
