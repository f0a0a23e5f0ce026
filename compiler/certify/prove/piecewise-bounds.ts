import type { Pieces } from '../read/program.js';

/** Near a piecewise polynomial over low .. high: a polynomial, and how far the function is from it. */
export interface PolynomialOver {
  /** Of x - `at`, constant term first. */
  coefficients: Float64Array;
  at: number;
  gap: number;
  /** Whether the range lies in more than one piece. */
  isAcross: boolean;
}

/** The part of a piece that a range touches. */
interface Part {
  /** Of x - anchor. */
  piece: Float64Array;
  anchor: number;
  from: number;
  to: number;
}

/** More than what the roundings of moving a polynomial, and of its coefficients, are of the sum of its terms. */
const ROUNDED = 2 ** -44;

/**
 * A piecewise polynomial over low .. high: the piece in the middle, of several linear ones the chord; moved to the middle
 * of what lies on either side of it.
 */
export function piecewiseOver(op: Pieces, low: number, high: number): PolynomialOver {
  const parts = partsOver(op, low, high);
  const last = parts[parts.length - 1];
  const middle = parts.find(({ to }) => to >= low / 2 + high / 2) ?? last;
  const isChord = parts.length > 1 && op.pieces[0].length === 2 && high > low;
  const at = isChord ? low : middle.anchor;
  const coefficients = isChord ? chord(parts[0], last, low, high) : middle.piece.slice();
  const [least, most] = differenceOver(parts, coefficients, at);
  coefficients[0] += least / 2 + most / 2;
  const rounded = 2 ** -50 * (Math.abs(coefficients[0]) + Math.abs(least) + Math.abs(most));
  return { coefficients, at, gap: most / 2 - least / 2 + rounded, isAcross: parts.length > 1 };
}

function partsOver({ points, pieces }: Pieces, low: number, high: number): Part[] {
  const parts: Part[] = [];
  pieces.forEach((piece, j) => {
    const from = j === 0 ? low : Math.max(low, points[j - 1]);
    const to = j === points.length ? high : Math.min(high, points[j]);
    if (from <= to) parts.push({ piece, anchor: points[Math.max(0, j - 1)], from, to });
  });
  return parts;
}

function chord(first: Part, last: Part, low: number, high: number): Float64Array {
  const value = ({ piece, anchor }: Part, x: number) => piece[0] + piece[1] * (x - anchor);
  const y = value(first, low);
  return Float64Array.of(y, (value(last, high) - y) / (high - low));
}

/** The least and the largest that the parts less a polynomial of x - `at` can be. */
function differenceOver(parts: readonly Part[], polynomial: Float64Array, at: number): [number, number] {
  let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const { piece, anchor, from, to } of parts) {
    const x = from / 2 + to / 2;
    const h = to / 2 - from / 2 + 2 ** -51 * (Math.abs(from) + Math.abs(to));
    const c = moved(piece, x - anchor);
    moved(polynomial, x - at).forEach((value, k) => {
      c[k] -= value;
    });
    const size = termsOf(piece, Math.abs(x - anchor) + h) + termsOf(polynomial, Math.abs(x - at) + h);
    const reach = (termsOf(c, h) - Math.abs(c[0]) + ROUNDED * size) * (1 + 2 ** -40);
    least = Math.min(least, c[0] - reach);
    most = Math.max(most, c[0] + reach);
  }
  return [least, most];
}

/** The sum of the magnitudes of a polynomial's terms at x >= 0. */
function termsOf(c: Float64Array, x: number): number {
  let sum = 0;
  for (let k = c.length - 1; k >= 0; k--) sum = sum * x + Math.abs(c[k]);
  return sum;
}

/** The polynomial of x + t. */
export function moved(c: Float64Array, t: number): Float64Array {
  const to = c.slice();
  for (let i = 0; i < c.length - 1; i++) for (let k = c.length - 2; k >= i; k--) to[k] += t * to[k + 1];
  return to;
}
