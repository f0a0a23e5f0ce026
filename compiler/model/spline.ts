/**
 * Tensor-product B-splines with uniform knots (de Boor, A Practical Guide to Splines, 2001): the value is the sum over all
 * products of basis functions, one per axis, times their coefficients. Beyond the range of an axis it is that of its end.
 */
export interface Spline {
  /** Of every axis: its range, and in how many equal segments that is divided. */
  readonly axes: readonly SplineAxis[];
  readonly degree: number;
  /** How often it is differentiated along each axis, by the position in segments. */
  readonly orders: readonly number[];
  /** Row-major [outputs x (segments + degree) of each axis]. */
  readonly weight: Float64Array;
}

export interface SplineAxis {
  readonly min: number;
  readonly max: number;
  readonly segments: number;
}

export const MAX_SPLINE_SEGMENTS = 1024;

/** Segments per unit of an axis. */
export function segmentsPerUnit({ min, max, segments }: SplineAxis): number {
  return segments / (max - min);
}

/**
 * The degree + 1 basis functions that are not zero at t in 0 .. 1 of a segment, or their derivatives by t, in the order of
 * their coefficients; all zero where the order is above the degree.
 */
export function basisFunctions(degree: number, order: number, t: number): Float64Array {
  const values = new Float64Array(degree + 1);
  if (order > degree) return values;
  values[0] = 1;
  for (let k = 1; k <= degree; k++) {
    if (k > degree - order) {
      for (let j = k; j > 0; j--) values[j] = values[j - 1] - values[j];
      values[0] = -values[0];
      continue;
    }
    for (let j = k; j > 0; j--) values[j] = ((t + k - j) * values[j - 1] + (1 - t + j) * values[j]) / k;
    values[0] *= (1 - t) / k;
  }
  return values;
}

/** Where an argument lies along an axis. */
export function placeOn({ min, max, segments }: SplineAxis, x: number): { segment: number; t: number } {
  const position = Math.min(segments, Math.max(0, ((x - min) / (max - min)) * segments));
  const segment = Math.min(segments - 1, Math.floor(position));
  return { segment, t: position - segment };
}

/**
 * @param x row-major [count x axes]
 * @param out row-major [count x outputs]
 */
export function evaluateSpline(spline: Spline, x: Float64Array, out: Float64Array, count: number): void {
  const { axes, degree, orders, weight } = spline;
  const d = axes.length;
  const terms = degree + 1;
  const perRow = axes.reduce((n, { segments }) => n * (segments + degree), 1);
  const width = weight.length / perRow;
  const offsets = productOffsets(spline);
  const products = new Float64Array(offsets.length);
  for (let p = 0; p < count; p++) {
    let first = 0;
    let filled = 1;
    products[0] = 1;
    for (let k = 0; k < d; k++) {
      const { segment, t } = placeOn(axes[k], x[p * d + k]);
      first = first * (axes[k].segments + degree) + segment;
      const factors = basisFunctions(degree, orders[k], t);
      for (let i = filled - 1; i >= 0; i--) {
        for (let j = terms - 1; j >= 0; j--) products[i * terms + j] = products[i] * factors[j];
      }
      filled *= terms;
    }
    for (let row = 0; row < width; row++) {
      let sum = 0;
      const at = row * perRow + first;
      for (let i = 0; i < offsets.length; i++) sum += products[i] * weight[at + offsets[i]];
      out[p * width + row] = sum;
    }
  }
}

/** Where the coefficients of all products of basis functions lie, from the first one's on. */
function productOffsets({ axes, degree }: Spline): Int32Array {
  let offsets = [0];
  for (const { segments } of axes) {
    const count = segments + degree;
    offsets = offsets.flatMap((offset) => Array.from({ length: degree + 1 }, (_, j) => offset * count + j));
  }
  return Int32Array.from(offsets);
}

/** The spline's derivative by the position along one axis. */
export function derivedSpline<T extends Spline>(spline: T, axis: number): T {
  return { ...spline, orders: spline.orders.map((order, k) => (k === axis ? order + 1 : order)) };
}

/** Bounds of every output: a spline lies within the hull of its coefficients, and its derivatives in that of their differences. */
export function splineBounds({ axes, degree, orders, weight }: Spline): { min: number; max: number }[] {
  let counts = axes.map(({ segments }) => segments + degree);
  let values = weight;
  const width = weight.length / counts.reduce((n, count) => n * count, 1);
  orders.forEach((order, k) => {
    for (let n = 0; n < order; n++) {
      const inner = counts.slice(k + 1).reduce((m, count) => m * count, 1);
      const before = values;
      const count = counts[k];
      values = new Float64Array((before.length / count) * (count - 1));
      for (let i = 0; i < values.length; i++) {
        const block = Math.floor(i / (inner * (count - 1)));
        const at = block * inner * count + (i % (inner * (count - 1)));
        values[i] = before[at + inner] - before[at];
      }
      counts = counts.map((c, j) => (j === k ? c - 1 : c));
    }
  });
  const perRow = values.length / width;
  return Array.from({ length: width }, (_, row) => {
    let [min, max] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (let i = row * perRow; i < (row + 1) * perRow; i++) {
      min = Math.min(min, values[i]);
      max = Math.max(max, values[i]);
    }
    return perRow ? { min, max } : { min: 0, max: 0 };
  });
}
