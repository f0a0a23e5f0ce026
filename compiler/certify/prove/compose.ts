import type { FunctionOp, Pieces } from '../read/program.js';
import { multiply } from './algebra.js';
import { SOURCES, type Source, type State, UP } from './element-bounds.js';
import { moved, piecewiseOver } from './piecewise-bounds.js';
import { UNIT } from './scalar.js';
import { type Coefficients, coefficients, largestCoefficients, taylorAt } from './taylor.js';

/** Functions of elements: Taylor polynomials of polynomials. */
export class Composer {
  private readonly terms: Coefficients = coefficients();
  private readonly largest = new Float64Array(16);
  private readonly u: Float64Array;
  private readonly horner: [Float64Array, Float64Array];

  constructor(private readonly state: State) {
    const { size } = state.al;
    this.u = new Float64Array(size);
    this.horner = [new Float64Array(size), new Float64Array(size)];
  }

  /** f(x): Taylor about the middle, or its middle value where that is tighter. */
  compose(op: FunctionOp, x: number, out: number): void {
    const { terms, largest } = this;
    const k = this.state.al.degree;
    const argument = this.argument(x, op.turns ? TWO_PI : 1);
    const { w0, reach } = argument;
    largestCoefficients(op.name, op.exponent, w0 - reach, w0 + reach, k + 1, largest);
    taylorAt(op.name, op.exponent, w0, k, terms);
    this.apply(x, out, argument);
    const isUseful = this.state.off[out] < MOST[op.name] && Number.isFinite(this.state.slopeRadius[out]);
    if (!isUseful) this.cut(out, functionRange(op, w0 + reach, terms));
  }

  /** A piecewise polynomial: the polynomial near it. `across` is what that is off where the range is not in one piece. */
  piecewise(op: Pieces, x: number, out: number, across?: Source): void {
    const { terms, largest, state } = this;
    const k = state.al.degree;
    const argument = this.argument(x, 1);
    const { w0, reach } = argument;
    const over = piecewiseOver(op, ...state.range(x));
    const degree = over.coefficients.length - 1;
    const [here, sizes] = [w0 - over.at, Math.abs(w0 - over.at)];
    const about = moved(over.coefficients, here);
    const size = moved(over.coefficients.map(Math.abs), sizes);
    const around = moved(over.coefficients.map(Math.abs), sizes + reach);
    for (let j = 0; j <= k + 1; j++) {
      terms.value[j] = j <= degree ? about[j] : 0;
      terms.radius[j] = j <= degree ? 2 ** -48 * size[j] : 0;
      largest[j] = j <= degree ? around[j] * UP : 0;
    }
    this.apply(x, out, argument);
    state.add(across ?? (degree === 0 && over.isAcross ? 'choice' : 'method'), out, over.gap);
  }

  /** Where scale x lies: its value in the middle, what that and the scale are off, and how far it reaches. */
  private argument(x: number, scale: number): Argument {
    const { al, p, off, spread } = this.state;
    const p0 = p[x * al.size];
    const unsure = scale === 1 ? 0 : 2 ** -50 * scale * (Math.abs(p0) + spread[x]);
    return { scale, w0: scale * p0, unsure, reach: (scale * (spread[x] + off[x]) * UP + unsure) * UP };
  }

  /** f by its coefficients `terms` about w0 and their `largest` over all that the argument reaches. */
  private apply(x: number, out: number, { scale, unsure }: Argument): void {
    const { terms, largest, u } = this;
    const { al, p, off, spread, slopeSize: S } = this.state;
    const C = al.size;
    const k = al.degree;
    const m = this.state.orders.slope;
    const { method } = this.state.defects;
    const rho = scale * spread[x] * UP;
    // The value: c_0 + u (c_1 + u (c_2 + ...)), u = scale (p - p0).
    u[0] = 0;
    for (let c = 1; c < C; c++) u[c] = scale * p[x * C + c];
    const { value, radius } = terms;
    let defect = largest[k + 1] * repeated(rho, k + 1) + largest[1] * unsure;
    let mass = 0;
    for (let j = 0, power = 1; j <= k; j++, power *= rho) {
      defect += radius[j] * power;
      mass += Math.abs(value[j]) * power;
    }
    defect += (k * (C + 3) + 4) * UNIT * mass;
    const poly = this.hornerOf(value, 1, k, k, rho);
    defect += this.hornerLeft;
    for (let c = 0; c < C; c++) p[out * C + c] = poly[c];
    method[out] = defect * UP;
    const carried = scale * largest[1] * off[x];
    off[out] = (carried + method[out]) * UP;
    // The slope: c_1 + 2 c_2 u + ... up to degree m.
    let slopeOff = (k + 1) * largest[k + 1] * repeated(rho, k);
    let slopeMass = 0;
    for (let j = 1, power = 1; j <= k; j++, power *= rho) {
      const term = j * Math.abs(value[j]) * power;
      slopeOff += j * radius[j] * power;
      slopeMass += term;
      if (j - 1 > m) slopeOff += term;
    }
    // Second derivative times what the argument is off the polynomial.
    slopeOff += 2 * largest[2] * (scale * off[x] + unsure);
    slopeOff += (k * (C + 3) + 4) * UNIT * slopeMass;
    const slopes = this.hornerOf(value, 2, Math.min(k - 1, m), m, rho);
    slopeOff += this.hornerLeft;
    for (let c = 0; c < S; c++) this.state.slope[out * S + c] = scale * slopes[c];
    this.state.slopeRadius[out] = scale * (slopeOff * (1 + 2 ** -38) + 2 ** -50 * slopeMass);
  }

  private hornerLeft = 0;

  /**
   * Polynomial of value[first - 1 + ...]: with first = 1 the terms c_j u^j, with 2 those of the derivative, j c_j u^(j-1);
   * up to power `n` of u and degree `degree`. What is left out goes to `hornerLeft`.
   */
  private hornerOf(value: Float64Array, first: 1 | 2, n: number, degree: number, rho: number): Float64Array {
    const { u } = this;
    const { al } = this.state;
    const coefficient = (j: number) => (first === 1 ? value[j] : (j + 1) * value[j + 1]);
    let [now, next] = this.horner;
    now.fill(0);
    now[0] = coefficient(n);
    let left = 0;
    for (let j = n - 1; j >= 0; j--) {
      const held = degree - j;
      const before = j === n - 1 ? 0 : degree - j - 1;
      left += multiply(al, now, 0, before, u, 0, al.degree, next, 0, held) * repeated(rho, j);
      next[0] += coefficient(j);
      [now, next] = [next, now];
    }
    this.hornerLeft = left;
    now.fill(0, n === 0 ? 1 : al.upTo[degree]);
    return now;
  }

  /** A function by its middle value and half its range: for wide arguments, and ends of the domain. */
  private cut(out: number, range: readonly [number, number] | undefined): void {
    const { al, p, off, slope, slopeRadius, slopeSize, defects } = this.state;
    const C = al.size;
    p.fill(0, out * C, (out + 1) * C);
    slope.fill(0, out * slopeSize, (out + 1) * slopeSize);
    slopeRadius[out] = 0;
    const middle = range ? range[0] / 2 + range[1] / 2 : 0;
    p[out * C] = middle;
    const half = range ? (range[1] - middle) * UP + 4 * UNIT * Math.abs(middle) : Number.POSITIVE_INFINITY;
    // All that the value may be off, whatever the argument is: nothing is carried on.
    for (const source of SOURCES) defects[source][out] = 0;
    defects.method[out] = half;
    off[out] = half;
  }
}

interface Argument {
  scale: number;
  w0: number;
  unsure: number;
  reach: number;
}

const TWO_PI = 2 * Math.PI;

/** x^n by multiplication. */
function repeated(x: number, n: number): number {
  let power = 1;
  for (let i = 0; i < n; i++) power *= x;
  return power;
}

/** Beyond this a function's enclosure is given up for the range of its values. */
const MOST: Record<FunctionOp['name'], number> = {
  tanh: 2,
  sin: 2,
  cos: 2,
  atan: 2,
  erf: 2,
  exp: Number.POSITIVE_INFINITY,
  log: Number.POSITIVE_INFINITY,
  power: Number.POSITIVE_INFINITY,
};

/** Values of a function that is bounded, or of a root, which is taken for 0 below 0; undefined of others. */
function functionRange(
  { name, exponent }: FunctionOp,
  high: number,
  terms: Coefficients,
): [number, number] | undefined {
  if (name === 'atan') return [-1.5708, 1.5708];
  if (Number.isFinite(MOST[name])) return [-1, 1];
  if (name !== 'power' || Number.isInteger(exponent) || exponent < 0 || !(high >= 0)) return undefined;
  if (high === 0) return [0, 0];
  taylorAt(name, exponent, high, 0, terms);
  return [0, terms.value[0] + terms.radius[0]];
}
