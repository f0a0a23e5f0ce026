import { cellAt, cellCount, cellsOver, type TableCell } from '../read/cells.js';
import type { TableSpec } from '../read/program.js';
import { lineRange } from './algebra.js';
import { noShares } from './element-bounds.js';
import { Enclosure, type ErrorRange, type TableErrorSource } from './enclosure.js';

/** Order of the polynomials that functions are compared with tables by. */
const ORDERS = { value: 5, slope: 1 } as const;
const UP = 1 + 2 ** -40;

/**
 * How far the table of a map record is off the function claimed for it, proved cell by cell when it is first asked for:
 * the cell's polynomial against an enclosure of the function over parts of the cell, in steps of the result, the record's
 * own rounding left out.
 */
export class TableErrors implements TableErrorSource {
  private readonly known = new Map<TableSpec, OneTable>();

  /** Between which errors those over arguments low .. high lie, integers of the record's operand. */
  over(spec: TableSpec, low: number, high: number): ErrorRange {
    let table = this.known.get(spec);
    if (!table) {
      table = new OneTable(spec);
      this.known.set(spec, table);
    }
    return table.over(low, high);
  }
}

class OneTable {
  /** Least and largest error of every cell. */
  private readonly least: Float64Array;
  private readonly most: Float64Array;
  private readonly claim: Enclosure;
  private whole: ErrorRange | undefined;

  constructor(private readonly spec: TableSpec) {
    this.least = new Float64Array(cellCount(spec)).fill(Number.NaN);
    this.most = new Float64Array(cellCount(spec));
    this.claim = new Enclosure(spec.claim, 1, ORDERS, new TableErrors());
  }

  over(low: number, high: number): ErrorRange {
    if (!this.spec.periodic) return this.largest(low, high);
    this.whole ??= this.largest(low, high);
    return this.whole;
  }

  private largest(low: number, high: number): ErrorRange {
    let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (const index of cellsOver(this.spec, low, high)) {
      if (Number.isNaN(this.least[index])) this.know(cellAt(this.spec, index));
      least = Math.min(least, this.least[index]);
      most = Math.max(most, this.most[index]);
    }
    if (!(most - least < Number.MAX_VALUE)) return { middle: 0, radius: Number.POSITIVE_INFINITY };
    const middle = least / 2 + most / 2;
    return { middle, radius: Math.max(most - middle, middle - least) * UP };
  }

  private know(cell: TableCell): void {
    const { index, from, to, parts } = cell;
    const part = (to - from) / parts;
    let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (let n = 0; n < parts; n++) {
      const [a, b] = this.difference(cell, from + n * part, from + (n + 1) * part);
      least = Math.min(least, a);
      most = Math.max(most, b);
    }
    this.least[index] = least;
    this.most[index] = most;
  }

  /** Least and largest polynomial - function for u in from .. to, held to the result's width. */
  private difference({ coefficients, start, width }: TableCell, from: number, to: number): [number, number] {
    const { claim, spec } = this;
    if (!claim.forward([from], [to])) return [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
    const out = spec.claim.outputs[0];
    const C = claim.al.size;
    const { total } = claim.contributions(out, noShares());
    const f = claim.p.slice(out * C, (out + 1) * C);
    const [lowest, highest] = lineRange(f);
    let mass = 0;
    for (const c of coefficients) mass += Math.abs(c);
    shifted(coefficients, ((from + to) / 2 - start) / width, (to - from) / 2 / width).forEach((c, k) => {
      f[k] -= c;
    });
    const slack = (total + 2 ** -44 * mass) * UP;
    const [least, most] = lineRange(f);
    return [
      Math.min(-most - slack, spec.high - highest - slack + spec.rounding),
      Math.max(-least + slack, spec.low - lowest + slack - spec.rounding),
    ];
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
