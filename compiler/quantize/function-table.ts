import type { Range } from '../ir/ranges.js';

/**
 * Function tables: a function of one variable over a known range as piecewise polynomials in fixed point, built to a
 * stated largest error. Three ways to cut the range into segments:
 *
 * - `uniform`: equal segments of width 2^-segmentBits.
 * - `periodic`: equal segments of one period (the argument is in turns); the range is the whole period.
 * - `octaves`: 2^octaveBits equal segments from the origin, then as many in each further octave, twice as wide each
 *   time: for functions that are steep at one end (sqrt, 1/x, powers), from the left or mirrored from the right.
 *
 * Degree 1 stores knots and interpolates between neighbours; higher degrees store the coefficients of each segment for
 * t in [0, 1), interpolating at Chebyshev nodes (near minimax; Trefethen, Approximation Theory and Approximation
 * Practice, SIAM 2013, ch. 4).
 */
export interface FunctionTable {
  segmentation: 'uniform' | 'periodic' | 'octaves';
  mirrored: boolean;
  degree: number;
  /** Width of the (narrowest) segment is 2^-segmentBits, in units of x. */
  segmentBits: number;
  /** Only for `octaves`. */
  octaveBits: number;
  segments: number;
  /** Where the first segment starts (ends, if mirrored), a multiple of the segment width for `uniform`. */
  origin: number;
  /** Width in bits of an output value. */
  bits: 16 | 32;
  /** The stored integers are value * 2^exponent. */
  exponent: number;
  /** Knots (segments + 1) or coefficients (segments x (degree + 1), constant term first). */
  data: Int32Array;
  bytesPerEntry: 2 | 4;
  /** Largest |table - f| found, in the unit of f, rounding of the stored integers included. */
  error: number;
  /** Smallest and largest value over the range, in the unit of f. */
  valueRange: Range;
}

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

const MAX_TABLE_BYTES = 24 * 1024;
const MAX_DEGREE = 5;
const SAMPLES_PER_SEGMENT = 12;

/** So many bytes for every degree. */
export function bytesPerDegree(bytes: number): readonly number[] {
  return Array.from({ length: MAX_DEGREE + 1 }, (_, degree) => bytes * degree);
}

const DEFAULT_DEGREE_BYTES = bytesPerDegree(160);

export function tableBytes(table: FunctionTable): number {
  return table.data.length * table.bytesPerEntry;
}

/**
 * The cheapest table within `request.error`, or, where none is, the most accurate one that fits into 24 kB: its `error`
 * says what it reaches.
 */
export function buildTable(request: TableRequest): FunctionTable {
  let best: FunctionTable | undefined;
  let bestCost = Number.POSITIVE_INFINITY;
  const { degreeBytes = DEFAULT_DEGREE_BYTES } = request;
  let closest: FunctionTable | undefined;
  for (const candidate of candidates(request)) {
    const cost = (table: FunctionTable) => tableBytes(table) + degreeBytes[table.degree] + (table.octaveBits ? 160 : 0);
    const table = candidate(bestCost);
    if (!table) continue;
    if (!closest || table.error < closest.error) closest = table;
    if (table.error <= request.error && cost(table) < bestCost) {
      best = table;
      bestCost = cost(table);
    }
  }
  const result = best ?? closest;
  if (!result) throw new Error('no table layout fits the request');
  return result;
}

type Candidate = (costLimit: number) => FunctionTable | undefined;

/** For each layout and degree: refine until the error is met, the table grows past the best so far, or is too large. */
function* candidates(request: TableRequest): Generator<Candidate> {
  for (let degree = 1; degree <= MAX_DEGREE; degree++) {
    if (request.periodic) {
      yield (limit) => refine(request, degree, limit, 'periodic', false, 0);
      continue;
    }
    yield (limit) => refine(request, degree, limit, 'uniform', false, 0);
    if (degree === 1) continue;
    for (const mirrored of [false, true]) {
      if (!steepAtOneEnd(request, mirrored)) continue;
      for (let octaveBits = 0; octaveBits <= 4; octaveBits++) {
        yield (limit) => refine(request, degree, limit, 'octaves', mirrored, octaveBits);
      }
    }
  }
}

/** True when the curvature near one end of the range is far larger than elsewhere, so that octaves pay. */
function steepAtOneEnd({ f, domain }: TableRequest, mirrored: boolean): boolean {
  const span = domain.max - domain.min;
  const at = (u: number) => f(mirrored ? domain.max - u * span : domain.min + u * span);
  const curvature = (u: number, h: number) => Math.abs(at(u) - 2 * at(u + h) + at(u + 2 * h)) / (h * h);
  const near = curvature(0, 1e-4);
  const middle = Math.max(curvature(0.25, 1e-2), curvature(0.5, 1e-2), curvature(0.9, 1e-2));
  return !(near < 30 * middle);
}

function refine(
  request: TableRequest,
  degree: number,
  costLimit: number,
  segmentation: FunctionTable['segmentation'],
  mirrored: boolean,
  octaveBits: number,
): FunctionTable | undefined {
  const { domain } = request;
  const finest = request.argumentExponent - 1;
  let closest: FunctionTable | undefined;
  const span = domain.max - domain.min;
  const { coarsest = -30 } = request;
  const first = segmentation === 'periodic' ? 2 : Math.max(coarsest, Math.min(finest, 1 - Math.ceil(Math.log2(span))));
  let worse = 0;
  for (let segmentBits = first; segmentBits <= finest; segmentBits++) {
    const layout = layOut(request, degree, segmentation, mirrored, segmentBits, octaveBits);
    if (layout.segments > 65535 || layoutBytes(layout, request) > Math.min(MAX_TABLE_BYTES, costLimit)) break;
    const table = fill(layout, request);
    if (!closest || table.error < closest.error) {
      closest = table;
      worse = 0;
    } else if (++worse === 3) {
      break;
    }
    if (table.error <= request.error) return table;
  }
  return closest;
}

type Layout = Pick<
  FunctionTable,
  'segmentation' | 'mirrored' | 'degree' | 'segmentBits' | 'octaveBits' | 'segments' | 'origin'
>;

function layOut(
  { domain }: TableRequest,
  degree: number,
  segmentation: FunctionTable['segmentation'],
  mirrored: boolean,
  segmentBits: number,
  octaveBits: number,
): Layout {
  const width = 2 ** -segmentBits;
  const common = { segmentation, mirrored, degree, segmentBits, octaveBits };
  if (segmentation === 'periodic') return { ...common, origin: 0, segments: 2 ** segmentBits };
  if (segmentation === 'uniform') {
    const origin = Math.floor(domain.min / width) * width;
    return { ...common, origin, segments: Math.max(1, Math.ceil((domain.max - origin) / width)) };
  }
  const span = domain.max - domain.min;
  const perOctave = 2 ** octaveBits;
  const octaves = Math.max(0, Math.ceil(Math.log2(span / (width * perOctave))));
  return { ...common, origin: mirrored ? domain.max : domain.min, segments: perOctave * (octaves + 1) };
}

function layoutBytes(layout: Layout, request: TableRequest): number {
  return layout.degree === 1 ? (layout.segments + 1) * (request.bits / 8) : layout.segments * (layout.degree + 1) * 4;
}

/** Start and width of a segment in distance from the origin. */
export function segmentBounds(layout: Layout, segment: number): { start: number; width: number } {
  const width = 2 ** -layout.segmentBits;
  if (layout.segmentation !== 'octaves') return { start: segment * width, width };
  const perOctave = 2 ** layout.octaveBits;
  const octave = Math.floor(segment / perOctave);
  if (octave === 0) return { start: segment * width, width };
  const wide = width * 2 ** (octave - 1);
  return { start: (perOctave + (segment % perOctave)) * wide, width: wide };
}

function fill(layout: Layout, request: TableRequest): FunctionTable {
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

/** f(x) as the table gives it, in real arithmetic on the stored integers: the table's own error and nothing else. */
export function tableFunction(table: FunctionTable): (x: number) => number {
  const { data, degree, origin, segments, segmentation } = table;
  const unit = 2 ** table.exponent;
  const width = 2 ** -table.segmentBits;
  const perOctave = 2 ** table.octaveBits;
  const sign = table.mirrored ? -1 : 1;
  return (x) => {
    let distance = segmentation === 'periodic' ? x - Math.floor(x) : Math.max(0, sign * (x - origin));
    let segment = Math.floor(distance / width);
    if (segmentation === 'octaves' && segment >= perOctave) {
      const octave = Math.floor(Math.log2(segment / perOctave)) + 1;
      segment = octave * perOctave + (Math.floor(distance / (width * 2 ** (octave - 1))) - perOctave);
    }
    const last = segment >= segments;
    if (last) segment = segments - 1;
    const bounds = segmentBounds(table, segment);
    if (last) distance = bounds.start + bounds.width;
    const t = (distance - bounds.start) / bounds.width;
    if (degree === 1) return (data[segment] + (data[segment + 1] - data[segment]) * t) / unit;
    let sum = 0;
    for (let k = degree; k >= 0; k--) sum = sum * t + data[segment * (degree + 1) + k];
    return sum / unit;
  };
}

/**
 * The part of `range` outside which f stays within `error` of its value at the nearer end: beyond it the argument may
 * saturate. A saturating activation such as tanh needs its table, and its argument's bits, only there.
 */
export function usefulDomain(f: (x: number) => number, range: Range, error: number): Range {
  const steps = 4096;
  const at = (i: number) => range.min + ((range.max - range.min) * i) / steps;
  const first = f(range.min);
  const last = f(range.max);
  let low = 0;
  while (low < steps && Math.abs(f(at(low + 1)) - first) <= error) low++;
  let high = steps;
  while (high > low + 1 && Math.abs(f(at(high - 1)) - last) <= error) high--;
  return { min: at(low), max: at(Math.max(high, low + 1)) };
}
