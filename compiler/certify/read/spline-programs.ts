import type { Spline } from '../../model/spline.js';
import type { PoolReader } from '../../table/oracle/memory.js';
import { recordShape } from '../../table/record.js';
import { LIMIT } from '../../table/specification.js';
import { readAxes, splineFits } from '../../table/spline.js';
import type { TableRecord } from '../../table/table.js';
import { cannotProve, type ProgramBuilder, type StoreOp } from './program.js';

/**
 * Splines as programs: every basis function of an axis is the one cardinal B-spline, moved, a polynomial between whole
 * numbers; sums over the axes are sums of products of them.
 */

/** Basis functions along an axis: how many, how often differentiated, of which position in segments. */
interface Axis {
  position: Int32Array;
  segments: number;
  order: number;
}

/** Coefficients of degree! times the cardinal B-spline, or of its derivative, between i and i + 1, by x - i: whole numbers. */
function cardinalPieces(degree: number, order: number): number[][] {
  const zero = (n: number) => new Array<number>(n).fill(0);
  let pieces = [[1]];
  for (let k = 1; k <= degree; k++) {
    const before = [zero(k), ...pieces, zero(k)];
    // (t + i) piece i + (k + 1 - i - t) piece i - 1, of the degree below.
    pieces = Array.from({ length: k + 1 }, (_, i) =>
      Array.from({ length: k + 1 }, (_, n) => {
        const [here, last] = [before[i + 1], before[i]];
        const [a, b] = [here[n] ?? 0, last[n] ?? 0];
        return i * a + (k + 1 - i) * b + (n ? here[n - 1] - last[n - 1] : 0);
      }),
    );
  }
  for (let n = 0; n < order; n++) pieces = pieces.map((piece) => [...piece.slice(1).map((c, i) => c * (i + 1)), 0]);
  return pieces;
}

/** All basis functions of an axis times `scale` degree!, in the order of their coefficients. */
function appendBasis(
  to: ProgramBuilder,
  { position, segments, order }: Axis,
  degree: number,
  scale: number,
): Int32Array {
  const held = to.piecewise(position, [0, segments], [0, segments], 0, 0);
  const moved = to.linear(
    held,
    1,
    Array.from({ length: segments + degree }, (_, j) => degree - j),
  );
  const zero = new Float64Array(degree + 1);
  const pieces = cardinalPieces(degree, order).map((piece) => Float64Array.from(piece, (c) => scale * c));
  return to.pieces(
    moved,
    Array.from({ length: degree + 2 }, (_, i) => i),
    [zero, ...pieces, zero],
  );
}

/** The sum over all products of basis functions, for every row; `after` rounds the sums over axes `k` and on. */
function appendSums(
  to: ProgramBuilder,
  bases: readonly Int32Array[],
  coefficients: Float64Array,
  after = (sums: Int32Array, _k: number): Int32Array => sums,
): Int32Array {
  const from = (k: number, rows: number): Int32Array => {
    const n = bases[k].length;
    if (k === bases.length - 1) return after(to.affine(bases[k], coefficients, new Float64Array(rows)), k);
    const inner = from(k + 1, rows * n);
    const products = to.multiply(
      inner.map((_, i) => bases[k][i % n]),
      inner,
    );
    const ones = new Float64Array(n).fill(1);
    const sums = Int32Array.from({ length: rows }, (_, r) => {
      return to.affine(products.subarray(r * n, (r + 1) * n), ones, new Float64Array(1))[0];
    });
    return after(sums, k);
  };
  const perRow = bases.reduce((n, { length }) => n * length, 1);
  return from(0, coefficients.length / perRow);
}

/** What a spline node defines. */
export function appendModelSpline(
  to: ProgramBuilder,
  { axes, degree, orders, weight }: Spline,
  x: Int32Array,
): Int32Array {
  const inverse = (ids: Int32Array) => to.elementary('power', ids, { exponent: -1 });
  const bases = axes.map(({ min, max, segments }, k) => {
    // Divided by the range exactly: neither it nor its inverse need be a double.
    const range = to.linear(to.constants([max]), 1, -min);
    const position = to.multiply(to.linear(x.subarray(k, k + 1), 1, -min), inverse(range), segments);
    return appendBasis(to, { position, segments, order: orders[k] }, degree, 1);
  });
  const sums = appendSums(to, bases, weight);
  return to.multiply(sums, inverse(to.constants([factorial(degree) ** axes.length])));
}

const factorial = (n: number): number => (n < 2 ? 1 : n * factorial(n - 1));

/** The sums of a SPLINE record before its last shift: integers, off by what rounding takes. */
export function appendSplineRecord(
  to: ProgramBuilder,
  record: TableRecord,
  index: number,
  pool: PoolReader,
  x: Int32Array,
): Int32Array {
  const { shiftA: degree, shiftB, weights, rows } = record;
  const axes = readAxes(record, pool.pool);
  if (!splineFits(record, axes)) throw cannotProve(`record ${index}: a sum of its spline may leave its 53 bits`);
  const one = 2 ** LIMIT.SPLINE_BITS;
  const perRow = axes.reduce((n, { segments }) => n * (segments + degree), 1);
  const coefficients = Float64Array.from(pool.integers(weights, rows * perRow, recordShape(record).weightBytes));
  const rounded = (ids: Int32Array, error: number) =>
    to.add<StoreOp>(ids.length, { kind: 'store', x: ids, error, ...UNBOUNDED, source: 'value' });
  const bases = axes.map(({ origin, factor, segments, shift, order }, k) => {
    const scaled = to.linear(to.linear(x.subarray(k, k + 1), 1, -origin), factor * 2 ** -shift * (1 / one));
    const held = to.piecewise(scaled, [0, segments], [0, segments], 0, 0);
    const position = rounded(held, shift ? 0.5 / one : 0);
    return appendBasis(to, { position, segments, order }, degree, one);
  });
  /** Of the inner sums, the largest magnitude. */
  let peak = coefficients.reduce((most, c) => Math.max(most, Math.abs(c)), 0);
  return appendSums(to, bases, coefficients, (sums, k) => {
    const off = basisError(degree, axes[k].order);
    const exact = rounded(sums, off * (degree + 1) * peak);
    peak *= one * factorial(degree) * 2 ** axes[k].order + off * (degree + 1);
    if (k === 0 || shiftB === 0) return exact;
    peak = peak * 2 ** -shiftB + 1;
    return rounded(to.linear(exact, 2 ** -shiftB), 0.5);
  });
}

/**
 * What the integers of a basis function are off, in 2^-20 / degree!: half a unit at each degree but the first, whose
 * products are whole; the factors of the two functions below add up to one more than the degree.
 */
function basisError(degree: number, order: number): number {
  let error = 0;
  for (let k = 2; k <= degree - order; k++) error = (k + 1) * error + 0.5;
  for (let n = 0; n < order; n++) error *= 2 * (degree - n);
  return error;
}

const UNBOUNDED = { low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY };
