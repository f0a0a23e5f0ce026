import type { TableSpec } from '../read/program.js';
import { polynomialRange } from './algebra.js';
import { Enclosure, noShares } from './enclosure.js';

/** Order of the polynomials that functions are compared with tables by. */
const ORDERS = { value: 5, slope: 1 } as const;
/** Parts of a segment: over each, the difference of two near polynomials is little more than a line. */
const PARTS = 8;
/** Beyond a table's ends: cells of doubling widths, the first of them this part of a segment. */
const FIRST_CELL = 1 / 8;
const UP = 1 + 2 ** -40;

/**
 * How far the table of a map record is off the function claimed for it, proved segment by segment when it is first asked
 * for: the segment's polynomial against an enclosure of the function over parts of the segment, in steps of the result,
 * the record's own rounding left out.
 */
export class TableErrors {
  private readonly known = new Map<TableSpec, OneTable>();

  /** The largest error over arguments low .. high, integers of the record's operand. */
  over(spec: TableSpec, low: number, high: number): number {
    let table = this.known.get(spec);
    if (!table) {
      table = new OneTable(spec);
      this.known.set(spec, table);
    }
    return table.over(low, high);
  }
}

class OneTable {
  private readonly segments: Float64Array;
  private readonly beyond: [number[], number[]] = [[], []];
  private readonly claim: Enclosure;
  private largest = Number.NaN;

  constructor(private readonly spec: TableSpec) {
    this.segments = new Float64Array(spec.starts.length).fill(Number.NaN);
    this.claim = new Enclosure(spec.claim, 1, ORDERS, new TableErrors());
  }

  over(low: number, high: number): number {
    const { spec } = this;
    if (spec.periodic) {
      if (Number.isNaN(this.largest)) this.largest = this.segments.reduce((m, _, s) => Math.max(m, this.segment(s)), 0);
      return this.largest;
    }
    const [from, to] =
      spec.direction === 1 ? [low - spec.origin, high - spec.origin] : [spec.origin - high, spec.origin - low];
    let largest = 0;
    const first = this.segmentOf(Math.max(0, from));
    const last = this.segmentOf(Math.min(spec.reach, to));
    if (to >= 0 && from <= spec.reach) for (let s = first; s <= last; s++) largest = Math.max(largest, this.segment(s));
    if (to >= spec.reach) largest = Math.max(largest, this.outside(1, from - spec.reach, to - spec.reach));
    if (from < 0) largest = Math.max(largest, this.outside(0, -to, -from));
    return largest;
  }

  private segmentOf(u: number): number {
    const { starts } = this.spec;
    let [low, high] = [0, starts.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (starts[middle] <= u) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  private segment(s: number): number {
    if (!Number.isNaN(this.segments[s])) return this.segments[s];
    const { starts, widths, coefficients, degree } = this.spec;
    let largest = 0;
    for (let part = 0; part < PARTS; part++) {
      const [t0, h] = [(part + 0.5) / PARTS, 0.5 / PARTS];
      const polynomial = shifted(coefficients, s * (degree + 1), degree, t0, h);
      const from = starts[s] + (widths[s] * part) / PARTS;
      largest = Math.max(largest, this.difference(polynomial, from, from + widths[s] / PARTS));
    }
    this.segments[s] = largest;
    return largest;
  }

  /** Arguments from .. to beyond an end, counted from it: the stored value is that at the end. */
  private outside(side: 0 | 1, from: number, to: number): number {
    const { starts, widths, coefficients, degree, reach } = this.spec;
    const s = side ? starts.length - 1 : 0;
    const t = side ? 1 - 1 / widths[s] : 0;
    const [value] = shifted(coefficients, s * (degree + 1), degree, t, 0);
    const cell = widths[s] * FIRST_CELL;
    const cells = this.beyond[side];
    let largest = 0;
    for (let i = 0; cell * (2 ** i - 1) <= to; i++) {
      const [start, end] = [cell * (2 ** i - 1), cell * (2 ** (i + 1) - 1)];
      if (end < from) continue;
      cells[i] ??= side ? this.difference([value], reach + start, reach + end) : this.difference([value], -end, -start);
      largest = Math.max(largest, cells[i]);
    }
    return largest;
  }

  /** Largest |polynomial of s - function| for u in from .. to, and by how much the function is out of the result's width. */
  private difference(polynomial: readonly number[], from: number, to: number): number {
    const { claim, spec } = this;
    if (!claim.forward([from], [to])) return Number.POSITIVE_INFINITY;
    const out = spec.claim.outputs[0];
    const C = claim.al.size;
    const { total } = claim.contributions(out, noShares());
    const f = claim.p.slice(out * C, (out + 1) * C);
    const range = polynomialRange(claim.al, f, 0);
    let mass = 0;
    polynomial.forEach((c, k) => {
      mass += Math.abs(c);
      f[k] -= c;
    });
    const rest = polynomialRange(claim.al, f, 0);
    const error = (Math.abs(rest.middle) + rest.radius + total + 2 ** -46 * mass) * UP;
    const reach = range.radius + total + 2 ** -46 * mass;
    const over = Math.max(range.middle + reach - spec.high, spec.low - range.middle + reach) - spec.rounding;
    return Math.max(error, over);
  }
}

/** The polynomial in s of t = t0 + h s. */
function shifted(c: Float64Array, at: number, degree: number, t0: number, h: number): number[] {
  const a = Array.from(c.subarray(at, at + degree + 1));
  for (let i = 0; i < degree; i++) for (let k = degree - 1; k >= i; k--) a[k] += t0 * a[k + 1];
  return a.map((value, k) => value * h ** k);
}
