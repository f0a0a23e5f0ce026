import type { Program } from '../read/program.js';
import { type Algebra, polynomialRange } from './algebra.js';
import { axisOfUnbounded } from './axis.js';
import { noShares, type Orders, type Source } from './element-bounds.js';
import { Enclosure } from './enclosure.js';
import { TableErrors } from './table-errors.js';

/** What an error bound is made of: the difference of the two networks, and what each of them is off its polynomial. */
export type Shares = Record<Source | 'network', number>;

export interface OutputBound {
  /** |edge - reference| is at most this, at every point of the box. */
  bound: number;
  /** About what the bound tends to where the box is split around its middle; 0 where that cannot be told yet. */
  least: number;
  /** What the bound is made of but for what splitting surely makes smaller; 0 where that cannot be told yet. */
  settled: number;
  shares: Shares;
}

/** A box's bounds, undefined where nothing can be said of some element over so wide a box; the axis to split. */
export interface BoxResult {
  outputs: OutputBound[] | undefined;
  axis: number;
}

/** Part of a bound that says that the box is too wide for estimates. */
const MUCH = 1 / 8;

/** Two programs of the same inputs and outputs, enclosed over a box and subtracted. */
export class Pair {
  private readonly edge: Enclosure;
  private readonly reference: Enclosure;
  private readonly difference: Float64Array;

  /** @param whole the input box */
  constructor(
    edge: Program,
    reference: Program,
    private readonly whole: { min: readonly number[]; max: readonly number[] },
    orders: Orders,
    tables = new TableErrors(),
  ) {
    this.edge = new Enclosure(edge, edge.inputCount, orders, tables);
    this.reference = new Enclosure(reference, reference.inputCount, orders, tables);
    this.difference = new Float64Array(this.edge.al.size);
  }

  /** The axis to split: that with the largest weight, or the longest in parts of the whole box. */
  private chooseAxis(weights: Float64Array, low: ArrayLike<number>, high: ArrayLike<number>): number {
    const best = largestOf(weights);
    return best < this.al.dimension && weights[best] > 0 ? best : this.longestAxis(low, high);
  }

  /** The axis along which a box is longest in parts of the whole box. */
  private longestAxis(low: ArrayLike<number>, high: ArrayLike<number>): number {
    const { min, max } = this.whole;
    return largestOf(min.map((a, axis) => (high[axis] - low[axis]) / (max[axis] - a)));
  }

  get al(): Algebra {
    return this.edge.al;
  }

  bound(low: ArrayLike<number>, high: ArrayLike<number>): BoxResult {
    const { edge, reference, difference, al } = this;
    for (const side of [reference, edge]) {
      if (side.forward(low, high)) continue;
      const axis = axisOfUnbounded(side, side.unbounded);
      return { outputs: undefined, axis: axis < al.dimension ? axis : this.longestAxis(low, high) };
    }
    const weights = new Float64Array(al.dimension + 1);
    const outputs = Array.from(edge.program.outputs, (out, k) => {
      const from = out * al.size;
      const to = reference.program.outputs[k] * al.size;
      let mass = 0;
      for (let c = 0; c < al.size; c++) {
        const [p, q] = [edge.p[from + c], reference.p[to + c]];
        difference[c] = p - q;
        mass += Math.abs(p) + Math.abs(q);
        for (let axis = 0; axis < al.dimension; axis++)
          weights[axis] += al.exponents[c][axis] * Math.abs(difference[c]);
      }
      const shares: Shares = { network: 0, ...noShares() };
      const range = polynomialRange(al, difference, 0);
      shares.network = Math.abs(range.middle) + range.radius + 2 ** -50 * mass;
      const own = edge.contributions(out, shares, weights);
      const others = reference.contributions(reference.program.outputs[k], shares, weights);
      const bound = (shares.network + own.total + others.total) * (1 + 2 ** -40);
      const loose = shares.method + shares.choice + shares.saturation;
      if (loose > MUCH * bound) return { bound, least: 0, settled: 0, shares };
      const least = Math.abs(difference[0]) + own.least + others.least;
      return { bound, least, settled: shares.network + own.settled + others.settled, shares };
    });
    const axis = this.chooseAxis(weights, low, high);
    return { outputs: outputs.every(({ bound }) => Number.isFinite(bound)) ? outputs : undefined, axis };
  }
}

/** The first of the largest. */
function largestOf(values: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i] > values[best] * (1 + 2 ** -30)) best = i;
  return best;
}
