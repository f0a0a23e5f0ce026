import { cellCount, cellsOver, type TableCell } from '../read/cells.js';
import type { TableSpec } from '../read/program.js';
import { polynomialRange } from './algebra.js';
import { Enclosure } from './enclosure.js';
import { noShares } from './state.js';

/** Order of the polynomials that functions are compared with tables by. */
const ORDERS = { value: 5, slope: 1 } as const;
const UP = 1 + 2 ** -40;

/**
 * How far the table of a map record is off the function claimed for it, proved cell by cell when it is first asked for:
 * the cell's polynomial against an enclosure of the function over parts of the cell, in steps of the result, the record's
 * own rounding left out.
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
  private readonly errors: Float64Array;
  private readonly claim: Enclosure;
  private whole = Number.NaN;

  constructor(private readonly spec: TableSpec) {
    this.errors = new Float64Array(cellCount(spec)).fill(Number.NaN);
    this.claim = new Enclosure(spec.claim, 1, ORDERS, new TableErrors());
  }

  over(low: number, high: number): number {
    if (!this.spec.periodic) return this.largest(low, high);
    if (Number.isNaN(this.whole)) this.whole = this.largest(low, high);
    return this.whole;
  }

  private largest(low: number, high: number): number {
    return cellsOver(this.spec, low, high).reduce((m, cell) => Math.max(m, this.cell(cell)), 0);
  }

  private cell(cell: TableCell): number {
    const { index, from, to, parts: count } = cell;
    if (Number.isNaN(this.errors[index])) {
      const part = (to - from) / count;
      const parts = Array.from({ length: count }, (_, n) =>
        this.difference(cell, from + n * part, from + (n + 1) * part),
      );
      this.errors[index] = Math.max(...parts);
    }
    return this.errors[index];
  }

  /** Largest |polynomial - function| for u in from .. to, and by how much the function is out of the result's width. */
  private difference({ coefficients, start, width }: TableCell, from: number, to: number): number {
    const { claim, spec } = this;
    if (!claim.forward([from], [to])) return Number.POSITIVE_INFINITY;
    const out = spec.claim.outputs[0];
    const C = claim.al.size;
    const { total } = claim.contributions(out, noShares());
    const f = claim.p.slice(out * C, (out + 1) * C);
    const range = polynomialRange(claim.al, f, 0);
    let mass = 0;
    for (const c of coefficients) mass += Math.abs(c);
    shifted(coefficients, ((from + to) / 2 - start) / width, (to - from) / 2 / width).forEach((c, k) => {
      f[k] -= c;
    });
    const rest = polynomialRange(claim.al, f, 0);
    const slack = total + 2 ** -44 * mass;
    const error = (Math.abs(rest.middle) + rest.radius + slack) * UP;
    const reach = range.radius + slack;
    const over = Math.max(range.middle + reach - spec.high, spec.low - range.middle + reach) - spec.rounding;
    return Math.max(error, over);
  }
}

/** The polynomial in s of t = t0 + h s. */
function shifted(c: Float64Array, t0: number, h: number): number[] {
  const a = Array.from(c);
  const degree = a.length - 1;
  for (let i = 0; i < degree; i++) for (let k = degree - 1; k >= i; k--) a[k] += t0 * a[k + 1];
  let power = 1;
  return a.map((value, k) => {
    if (k) power *= h;
    return value * power;
  });
}
