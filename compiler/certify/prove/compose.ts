import type { FunctionOp } from '../read/program.js';
import { multiply } from './algebra.js';
import { type State, UP } from './element-bounds.js';
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

  /** factor f(scale x + shift): Taylor about the middle, or its middle value where that is tighter. */
  compose(op: FunctionOp, x: number, out: number): void {
    const { terms, u } = this;
    const { al, p, off, spread, slopeSize: S } = this.state;
    const C = al.size;
    const k = al.degree;
    const m = this.state.orders.slope;
    const { method } = this.state.defects;
    const unit = op.turns ? TWO_PI : 1;
    const [scale, shift] = [unit * op.scale, unit * op.shift];
    const p0 = p[x * C];
    const w0 = scale * p0 + shift;
    // What w0 and the scale are off.
    const unsure = 2 ** -50 * (Math.abs(scale * p0) + Math.abs(shift)) + 2 ** -51 * Math.abs(scale) * spread[x];
    const reach = (Math.abs(scale) * (spread[x] + off[x]) * UP + unsure) * UP;
    const largest = this.largest;
    largestCoefficients(op.name, op.exponent, w0 - reach, w0 + reach, k + 1, largest);
    taylorAt(op.name, op.exponent, w0, k, terms);
    const rho = Math.abs(scale) * spread[x] * UP;
    const f = Math.abs(op.factor);
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
    for (let c = 0; c < C; c++) p[out * C + c] = op.factor * poly[c];
    method[out] = f * defect * UP;
    const carried = f * Math.abs(scale) * largest[1] * off[x];
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
    slopeOff += 2 * largest[2] * (Math.abs(scale) * off[x] + unsure);
    slopeOff += (k * (C + 3) + 4) * UNIT * slopeMass;
    const slopes = this.hornerOf(value, 2, Math.min(k - 1, m), m, rho);
    slopeOff += this.hornerLeft;
    const g = op.factor * scale;
    for (let c = 0; c < S; c++) this.state.slope[out * S + c] = g * slopes[c];
    this.state.slopeRadius[out] = Math.abs(g) * slopeOff * (1 + 2 ** -38) + 2 ** -50 * Math.abs(g) * slopeMass;
    const isUseful = off[out] < f * MOST[op.name] && Number.isFinite(this.state.slopeRadius[out]);
    if (!isUseful) this.cut(op, out, w0 + reach);
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
  private cut(op: FunctionOp, out: number, high: number): void {
    const { al, p, off, slope, slopeRadius, slopeSize, defects } = this.state;
    const C = al.size;
    const range = functionRange(op, high, this.terms);
    const f = op.factor;
    p.fill(0, out * C, (out + 1) * C);
    slope.fill(0, out * slopeSize, (out + 1) * slopeSize);
    slopeRadius[out] = 0;
    const middle = range ? range[0] / 2 + range[1] / 2 : 0;
    p[out * C] = f * middle;
    const half = range
      ? Math.abs(f) * (range[1] - middle) * UP + 4 * UNIT * Math.abs(f * middle)
      : Number.POSITIVE_INFINITY;
    // All that the value may be off, whatever the argument is: nothing is carried on.
    defects.method[out] = half;
    off[out] = half;
  }
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
