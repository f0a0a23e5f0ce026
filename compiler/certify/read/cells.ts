import type { TableSpec } from './program.js';

/** A stretch of arguments over which a table is one polynomial: c_0 + c_1 t + ... of t = (u - start) / width. */
export interface TableCell {
  /** Of the cell in the table, the same whenever it is asked for. */
  index: number;
  from: number;
  to: number;
  /** Into how many parts it is to be cut, so that polynomials over it are little more than lines. */
  parts: number;
  start: number;
  width: number;
  coefficients: Float64Array;
}

/** Beyond a table's ends: cells of doubling widths, the first of them this part of a segment, beyond int32 in the end. */
const FIRST_CELL = 2 ** -24;
const OUTER_CELLS = 64;

/** Segments that are covered in part are seen in pieces: polynomials are not fitted where no argument lies. */
const PIECES = 32;
const PARTS = 8;

/** Number of cells of a table: its segments, those beyond its ends, and pieces of segments. */
export function cellCount({ starts }: TableSpec): number {
  return starts.length * (1 + PIECES) + 2 * OUTER_CELLS;
}

/**
 * The cells that arguments low .. high, integers of the record's operand, may lie in: segments and pieces of them, and
 * beyond the ends of a table that is not periodic the value at the end; all segments of a periodic one.
 */
export function cellsOver(spec: TableSpec, low: number, high: number): TableCell[] {
  const { starts, widths, coefficients, degree, reach, origin, direction, periodic } = spec;
  const ends = [(low - origin) * direction, (high - origin) * direction];
  const [from, to] = periodic ? [0, reach] : [Math.min(...ends), Math.max(...ends)];
  const count = starts.length;
  const cells: TableCell[] = [];
  const polynomial = (s: number) => coefficients.subarray(s * (degree + 1), (s + 1) * (degree + 1));
  for (let s = segmentOf(starts, from); s < count && starts[s] <= to; s++) {
    const [start, width] = [starts[s], widths[s]];
    const segment = { start, width, coefficients: polynomial(s) };
    if (start >= from && start + width <= to) {
      cells.push({ index: s, from: start, to: start + width, parts: PARTS, ...segment });
      continue;
    }
    const piece = width / PIECES;
    for (let n = 0; n < PIECES; n++) {
      const [a, b] = [start + n * piece, start + (n + 1) * piece];
      const index = count + 2 * OUTER_CELLS + s * PIECES + n;
      if (a <= to && b >= from) cells.push({ index, from: a, to: b, parts: 1, ...segment });
    }
  }
  if (periodic) return cells;
  // Integers held to 0 or to reach - 1.
  const outer = (side: 0 | 1, s: number, beyond: number) => {
    const t = side ? 1 - 1 / widths[s] : 0;
    const value = polynomial(s).reduceRight((sum, c) => sum * t + c, 0);
    const cell = widths[s] * FIRST_CELL;
    for (let i = 0; i < OUTER_CELLS && cell * (2 ** i - 1) <= beyond; i++) {
      const [a, b] = [cell * (2 ** i - 1), cell * (2 ** (i + 1) - 1)];
      const index = count + side * OUTER_CELLS + i;
      const bounds = side ? { from: reach + a, to: reach + b } : { from: -b, to: -a };
      cells.push({ index, ...bounds, parts: PARTS, start: 0, width: 1, coefficients: Float64Array.of(value) });
    }
  };
  if (to >= reach) outer(1, count - 1, to - reach);
  if (from < 0) outer(0, 0, -from);
  return cells;
}

/** The last segment that starts at or before u, or the first. */
function segmentOf(starts: Float64Array, u: number): number {
  let [low, high] = [0, starts.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (starts[middle] <= u) low = middle;
    else high = middle - 1;
  }
  return low;
}
