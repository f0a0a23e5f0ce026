import type { ScalarFunction } from '../../model/functions.js';
import { variable } from '../../model/series.js';
import { type Monomials, monomials } from './monomials.js';

/**
 * Jets: a value over a block of points as a polynomial in the displacement of some inputs, truncated at a total degree.
 * Coefficient m of monomial e is the derivative by e, divided by e!: derivatives without differences (Griewank and
 * Walther, Evaluating Derivatives, SIAM 2008, ch. 13).
 */
export interface Jet {
  /** Per monomial, row-major [points x width]. */
  readonly planes: readonly Float64Array[];
  /** Highest degree that the planes hold. */
  readonly order: number;
}

/** Arithmetic of jets in the same variables, component by component; operands of width 1 are broadcast by the caller. */
export class JetSpace {
  readonly monomials: Monomials;

  /**
   * @param inputs indices of the inputs that anything is differentiated by
   * @param order highest degree of any jet
   */
  constructor(
    readonly inputs: readonly number[],
    readonly order: number,
  ) {
    this.monomials = monomials(inputs.length, order);
  }

  /** Number of planes of a jet of this order. */
  planesOf(order: number): number {
    return this.monomials.counts[order];
  }

  /** A jet of zeros. */
  zero(length: number, order = this.order): Jet & { planes: Float64Array[] } {
    return { planes: Array.from({ length: this.planesOf(order) }, () => new Float64Array(length)), order };
  }

  /** Input `index` with the given values. */
  input(index: number, values: Float64Array): Jet {
    const jet = this.zero(values.length);
    jet.planes[0].set(values);
    const at = this.inputs.indexOf(index);
    if (at >= 0 && this.order > 0) {
      jet.planes[this.monomials.indexOf(this.inputs.map((_, v) => (v === at ? 1 : 0)))].fill(1);
    }
    return jet;
  }

  constant(value: number, length: number): Jet {
    const jet = this.zero(length);
    jet.planes[0].fill(value);
    return jet;
  }

  /** a + scale b. */
  add(a: Jet, b: Jet, scale = 1): Jet {
    const order = Math.min(a.order, b.order);
    const planes = a.planes
      .slice(0, this.planesOf(order))
      .map((plane, m) => plane.map((v, i) => v + scale * b.planes[m][i]));
    return { planes, order };
  }

  /** @param zero planes that are known to be zero: those of a from one on, those of b below one */
  multiply(a: Jet, b: Jet, zero = { from: a.planes.length, below: 0 }): Jet {
    const order = Math.min(a.order, b.order);
    const out = this.zero(a.planes[0].length, order);
    for (const [i, j, k] of this.monomials.products) {
      if (k >= out.planes.length || i >= zero.from || j < zero.below) continue;
      const [x, y, z] = [a.planes[i], b.planes[j], out.planes[k]];
      for (let p = 0; p < z.length; p++) z[p] += x[p] * y[p];
    }
    return out;
  }

  /** f(a): the polynomial of f about each value, by Horner's rule in a's displacement. */
  apply(f: Pick<ScalarFunction, 'series'>, a: Jet): Jet {
    const length = a.planes[0].length;
    const coefficients = Array.from({ length: a.order + 1 }, () => new Float64Array(length));
    for (let p = 0; p < length; p++) {
      const about = f.series(variable(a.planes[0][p], a.order));
      about.forEach((c, k) => {
        coefficients[k][p] = c;
      });
    }
    const displacement: Jet = { planes: [new Float64Array(length), ...a.planes.slice(1)], order: a.order };
    let out: Jet = this.zero(length, a.order);
    for (let k = a.order; k >= 0; k--) {
      if (k < a.order) out = this.multiply(out, displacement, { from: this.planesOf(a.order - k - 1), below: 1 });
      for (let p = 0; p < length; p++) out.planes[0][p] += coefficients[k][p];
    }
    return out;
  }

  /** a where `chooseA` says so at a component, else b. */
  choose(chooseA: (i: number) => boolean, a: Jet, b: Jet): Jet {
    const order = Math.min(a.order, b.order);
    const planes = a.planes
      .slice(0, this.planesOf(order))
      .map((plane, m) => plane.map((v, i) => (chooseA(i) ? v : b.planes[m][i])));
    return { planes, order };
  }

  /** The derivative by the input of index `input`; the order falls by one. */
  differentiate(a: Jet, input: number): Jet {
    const at = this.inputs.indexOf(input);
    const order = a.order - 1;
    const planes = this.monomials.exponents.slice(0, this.planesOf(order)).map((e) => {
      const raised = e.map((n, v) => (v === at ? n + 1 : n));
      return a.planes[this.monomials.indexOf(raised)].map((c) => c * raised[at]);
    });
    return { planes, order };
  }
}
