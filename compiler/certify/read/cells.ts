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

/**
 * Segments that are covered in part are seen in pieces, and those in finer ones by arguments that reach over less than a
 * quarter of a piece: polynomials are not fitted where no argument lies, nor near the steep end of a root.
 */
const PIECES = 32;
const FINE_PIECES = 1024;
const PARTS = 8;

/** Number of cells of a table: its segments, those beyond its ends, and pieces of segments. */
export function cellCount({ starts }: TableSpec): number {
  return starts.length * (1 + PIECES + FINE_PIECES) + 2 * OUTER_CELLS;
}

/**
 * Indices of the cells that arguments low .. high, integers of the record's operand, may lie in: segments and pieces of
 * them, and beyond the ends of a table that is not periodic the value at the end; all segments of a periodic one.
 */
export function cellsOver(spec: TableSpec, low: number, high: number): number[] {
  const { starts, widths, reach, origin, direction, periodic } = spec;
  const ends = [(low - origin) * direction, (high - origin) * direction];
  const [from, to] = periodic ? [0, reach] : [Math.min(...ends), Math.max(...ends)];
  const count = starts.length;
  const cells: number[] = [];
  for (let s = segmentOf(starts, from); s < count && starts[s] <= to; s++) {
    const [start, width] = [starts[s], widths[s]];
    if (start >= from && start + width <= to) {
      cells.push(s);
      continue;
    }
    const isFine = 4 * (to - from) < width / PIECES;
    const pieces = isFine ? FINE_PIECES : PIECES;
    const first = count + 2 * OUTER_CELLS + (isFine ? count * PIECES : 0) + s * pieces;
    const piece = width / pieces;
    const last = Math.min(pieces - 1, Math.floor((to - start) / piece) + 1);
    for (let n = Math.max(0, Math.floor((from - start) / piece) - 1); n <= last; n++) {
      if (start + n * piece <= to && start + (n + 1) * piece >= from) cells.push(first + n);
    }
  }
  if (periodic) return cells;
  const outer = (side: 0 | 1, s: number, beyond: number) => {
    for (let i = 0; i < OUTER_CELLS && outerStart(widths[s], i) <= beyond; i++)
      cells.push(count + side * OUTER_CELLS + i);
  };
  if (to >= reach) outer(1, count - 1, to - reach);
  if (from < 0) outer(0, 0, -from);
  return cells;
}

/** How far from a table's end its outer cell `i` begins, by the width of the segment at that end. */
const outerStart = (width: number, i: number) => width * FIRST_CELL * (2 ** i - 1);

export function cellAt({ starts, widths, coefficients, degree, reach }: TableSpec, index: number): TableCell {
  const count = starts.length;
  const polynomial = (s: number) => coefficients.subarray(s * (degree + 1), (s + 1) * (degree + 1));
  if (index < count || index >= count + 2 * OUTER_CELLS) {
    const at = index - count - 2 * OUTER_CELLS;
    const isFine = at >= count * PIECES;
    const pieces = isFine ? FINE_PIECES : PIECES;
    const n = isFine ? at - count * PIECES : at;
    const s = at < 0 ? index : Math.floor(n / pieces);
    const [start, width] = [starts[s], widths[s]];
    const segment = { index, start, width, coefficients: polynomial(s) };
    if (at < 0) return { ...segment, from: start, to: start + width, parts: PARTS };
    const piece = width / pieces;
    return { ...segment, from: start + (n % pieces) * piece, to: start + ((n % pieces) + 1) * piece, parts: 1 };
  }
  // Integers held to 0 or to reach - 1.
  const side = index < count + OUTER_CELLS ? 0 : 1;
  const s = side ? count - 1 : 0;
  const t = side ? 1 - 1 / widths[s] : 0;
  const value = polynomial(s).reduceRight((sum, c) => sum * t + c, 0);
  const i = index - count - side * OUTER_CELLS;
  const [a, b] = [outerStart(widths[s], i), outerStart(widths[s], i + 1)];
  const bounds = side ? { from: reach + a, to: reach + b } : { from: -b, to: -a };
  return { index, ...bounds, parts: PARTS, start: 0, width: 1, coefficients: Float64Array.of(value) };
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
