import type { Range } from '../ir/ranges.js';
import { type FunctionTable, type Layout, segmentBounds } from '../table/function-table.js';

/** The stored integers of a function table whose layout is known, and the error that they leave. */

export interface TableRequest {
  f: (x: number) => number;
  periodic: boolean;
  /** The range to cover; ignored when periodic. Arguments beyond it are held to the ends of the table. */
  domain: Range;
  /** Where f exists and arguments may lie: `domain`, and more where f hardly changes beyond it. Default: `domain`. */
  range?: Range;
  /** Largest error wanted, in the unit of f. */
  error: number;
  bits: 16 | 32;
  /** Exponent of the output values. */
  exponent: number;
  /** Segments must be at least two steps of the argument's format wide: 2^-segmentBits >= 2 * 2^-argumentExponent. */
  argumentExponent: number;
  /** Fewest segment bits that make sense: 0 where the slope of f jumps at integers. */
  coarsest?: number;
  /** Bytes that each degree is worth, from 0 on: degree costs time, segments cost memory. */
  degreeBytes?: readonly number[];
}

/** Intervals at whose ends a segment is compared with the function. */
const SAMPLES_PER_SEGMENT = 12;

/** The table of `request.f` in a layout, its error measured at the ends of {@link SAMPLES_PER_SEGMENT} intervals of every segment. */
export function fill(layout: Layout, request: TableRequest): FunctionTable {
  const { f, domain, range = domain, periodic } = request;
  const sign = layout.mirrored ? -1 : 1;
  // Past the ends of the range the function may not exist: it is continued along its last chord.
  const step = (range.max - range.min) / 1024;
  const slopes = { min: (f(range.min + step) - f(range.min)) / step, max: (f(range.max) - f(range.max - step)) / step };
  const at = (distance: number) => {
    const x = layout.origin + sign * distance;
    if (periodic) return f(x);
    if (x > range.max) return f(range.max) + slopes.max * (x - range.max);
    return x < range.min ? f(range.min) + slopes.min * (x - range.min) : f(x);
  };
  return layout.degree === 1 ? fillKnots(layout, request, at) : fillCoefficients(layout, request, at);
}

/** The part of a segment, in t, that lies in the range: polynomials are fitted there and run on smoothly outside. */
function fittedPart(layout: Layout, request: TableRequest, start: number, width: number): [number, number] {
  const { domain, range = domain, periodic } = request;
  if (periodic) return [0, 1];
  const [first, last] = layout.mirrored
    ? [layout.origin - range.max, layout.origin - range.min]
    : [range.min - layout.origin, range.max - layout.origin];
  const from = Math.max(0, (first - start) / width);
  const to = Math.min(1, (last - start) / width);
  // A sliver would be extrapolated too far; an eighth of the segment keeps coefficients and continuation tame.
  return to - from > 0.125 ? [from, to] : [0, 1];
}

function fillKnots(layout: Layout, request: TableRequest, at: (distance: number) => number): FunctionTable {
  const { segments } = layout;
  const unit = 2 ** request.exponent;
  const limit = 2 ** (request.bits - 1);
  const width = 2 ** -layout.segmentBits;
  const knots = Float64Array.from({ length: segments + 1 }, (_, i) => at(i * width));
  // Shifting each knot by half the interpolation error halves it where the curvature keeps its sign.
  const shifted = knots.map((value, i) => {
    const left = i > 0 ? at((i - 0.5) * width) - (knots[i - 1] + value) / 2 : undefined;
    const right = i < segments ? at((i + 0.5) * width) - (value + knots[i + 1]) / 2 : undefined;
    return value + ((left ?? right!) + (right ?? left!)) / 4;
  });
  const data = Int32Array.from(shifted, (v) => clamp(Math.round(v * unit), -limit, limit - 1));
  const evaluate = (segment: number, t: number) => (data[segment] + (data[segment + 1] - data[segment]) * t) / unit;
  return finish(layout, request, data, (request.bits / 8) as 2 | 4, request.exponent, at, evaluate);
}

function fillCoefficients(layout: Layout, request: TableRequest, at: (distance: number) => number): FunctionTable {
  const { segments, degree } = layout;
  const terms = degree + 1;
  const coefficients = new Float64Array(segments * terms);
  for (let s = 0; s < segments; s++) {
    const { start, width } = segmentBounds(layout, s);
    const part = fittedPart(layout, request, start, width);
    coefficients.set(
      chebyshevCoefficients((t) => at(start + t * width), degree, part),
      s * terms,
    );
  }
  const largest = coefficients.reduce((m, c) => Math.max(m, Math.abs(c)), 0);
  // Guard bits below the output's last bit. No partial sum of Horner's rule leaves 31 bits: its magnitude is at most the
  // sum of the coefficients' magnitudes, as t < 1.
  const room =
    largest > 0
      ? Math.floor(Math.log2(Math.min(2 ** 29 / largest, (2 ** 30 - terms) / largestSegment(coefficients, terms))))
      : 30;
  const exponent = Math.min(room, request.exponent + 24);
  const data = Int32Array.from(coefficients, (c) => Math.round(c * 2 ** exponent));
  const evaluate = (segment: number, t: number) => {
    let sum = 0;
    for (let k = degree; k >= 0; k--) sum = sum * t + data[segment * terms + k];
    return sum / 2 ** exponent;
  };
  return finish(layout, request, data, 4, exponent, at, evaluate);
}

/** Largest sum of the magnitudes of a segment's coefficients. */
function largestSegment(coefficients: Float64Array, terms: number): number {
  let largest = 0;
  for (let at = 0; at < coefficients.length; at += terms) {
    const sum = coefficients.subarray(at, at + terms).reduce((total, c) => total + Math.abs(c), 0);
    largest = Math.max(largest, sum);
  }
  return largest;
}

function finish(
  layout: Layout,
  request: TableRequest,
  data: Int32Array,
  bytesPerEntry: 2 | 4,
  exponent: number,
  at: (distance: number) => number,
  evaluate: (segment: number, t: number) => number,
): FunctionTable {
  let error = 0;
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (let s = 0; s < layout.segments; s++) {
    const { start, width } = segmentBounds(layout, s);
    for (let i = 0; i <= SAMPLES_PER_SEGMENT; i++) {
      const t = i / SAMPLES_PER_SEGMENT;
      const distance = start + t * width;
      const value = evaluate(s, t);
      min = Math.min(min, value);
      max = Math.max(max, value);
      const x = layout.origin + (layout.mirrored ? -distance : distance);
      const { domain, range = domain } = request;
      const inside = layout.segmentation === 'periodic' || (x >= range.min && x <= range.max);
      if (inside) error = Math.max(error, Math.abs(value - at(distance)));
    }
  }
  const { bits } = request;
  return { ...layout, bits, exponent, data, bytesPerEntry, error, valueRange: { min, max } };
}

/** Monomial coefficients in t of the polynomial through f at the Chebyshev nodes of [from, to]. */
function chebyshevCoefficients(f: (t: number) => number, degree: number, [from, to]: [number, number]): Float64Array {
  const n = degree + 1;
  const node = (k: number) => 0.5 - 0.5 * Math.cos(((2 * k + 1) * Math.PI) / (2 * n));
  const nodes = Float64Array.from({ length: n }, (_, k) => from + (to - from) * node(k));
  // Newton's divided differences, then Horner expansion into monomials.
  const divided = Float64Array.from(nodes, f);
  for (let level = 1; level < n; level++) {
    for (let k = n - 1; k >= level; k--) divided[k] = (divided[k] - divided[k - 1]) / (nodes[k] - nodes[k - level]);
  }
  const monomials = new Float64Array(n);
  for (let k = n - 1; k >= 0; k--) {
    for (let i = n - 1; i > 0; i--) monomials[i] = monomials[i - 1] - nodes[k] * monomials[i];
    monomials[0] = divided[k] - nodes[k] * monomials[0];
  }
  return monomials;
}

function clamp(value: number, min: number, max: number): number {
  return Math.min(max, Math.max(min, value));
}
