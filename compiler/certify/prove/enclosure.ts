import type { FunctionOp, Op, PiecewiseOp, Program, TableOp } from '../read/program.js';
import { type Algebra, algebra, multiply } from './algebra.js';
import { piecewiseOver } from './piecewise.js';
import { UNIT } from './scalar.js';
import type { TableErrors } from './table-errors.js';
import { type Coefficients, coefficients, largestCoefficients, taylorAt } from './taylor.js';

/** Kinds of what an element may be off by, for reports. */
export const SOURCES = ['method', 'choice', 'inputs', 'rounding', 'tables', 'saturation'] as const;
export type Source = (typeof SOURCES)[number];

export function noShares(): Record<Source, number> {
  return { method: 0, choice: 0, inputs: 0, rounding: 0, tables: 0, saturation: 0 };
}

/**
 * Factor that covers the roundings of a sum of fewer than 4000 numbers that are not negative, and of a few products more.
 */
const UP = 1 + 2 ** -40;

/** The orders of polynomials of values and of slopes. */
export interface Orders {
  value: number;
  slope: number;
}

/**
 * Encloses a program over a box. Every element v is a polynomial p of s in [-1, 1]^d, the place in the box, such that
 *
 *     p = g(polynomials of what it reads) + r,  |r| <= defect        (truncation, rounding of this arithmetic)
 *     v = g(values of what it reads) + e,       |e| <= defect        (rounding, tables, saturation of the program)
 *
 * for a smooth function g of its operation, and |v - p| <= `off`, carried from element to element. By the mean value
 * theorem along the straight line from r to e, an output differs from its polynomial by at most the sum over all elements
 * of (largest |d output / d element| over p +- off) times the sum of both defects; {@link contributions} gives the terms.
 */
export class Enclosure {
  readonly al: Algebra;
  private readonly slopeSize: number;
  /** Coefficients of every element. */
  readonly p: Float64Array;
  /** Per element: the largest |v - p|. */
  readonly off: Float64Array;
  /** Per element: sum of magnitudes of its coefficients but the constant. */
  readonly spread: Float64Array;
  /** Per source and element. */
  readonly defects: Record<Source, Float64Array>;
  /** Slope of functions, of condition or operand chosen: coefficients and radius. */
  private readonly slope: Float64Array;
  private readonly slopeRadius: Float64Array;
  /** Adjoints: d output / d element. */
  private readonly adjoint: Float64Array;
  private readonly adjointRadius: Float64Array;
  private readonly terms: Coefficients = coefficients();
  private readonly largest = new Float64Array(16);
  private readonly u: Float64Array;
  private readonly horner: [Float64Array, Float64Array];

  constructor(
    readonly program: Program,
    dimension: number,
    readonly orders: Orders,
    private readonly tables: TableErrors,
  ) {
    const { size } = program;
    this.al = algebra(dimension, orders.value);
    this.slopeSize = this.al.upTo[orders.slope];
    this.p = new Float64Array(size * this.al.size);
    this.off = new Float64Array(size);
    this.spread = new Float64Array(size);
    this.defects = Object.fromEntries(SOURCES.map((s) => [s, new Float64Array(size)])) as Record<Source, Float64Array>;
    this.slope = new Float64Array(size * this.slopeSize);
    this.slopeRadius = new Float64Array(size);
    this.adjoint = new Float64Array(size * this.slopeSize);
    this.adjointRadius = new Float64Array(size);
    this.u = new Float64Array(this.al.size);
    this.horner = [new Float64Array(this.al.size), new Float64Array(this.al.size)];
  }

  /** Encloses all elements for x in low .. high. False where nothing can be said of some element. */
  forward(low: ArrayLike<number>, high: ArrayLike<number>): boolean {
    for (const source of SOURCES) this.defects[source].fill(0);
    this.slope.fill(0);
    this.slopeRadius.fill(0);
    for (const op of this.program.ops) if (!this.step(op, low, high)) return false;
    return true;
  }

  /** low and high end of an element, deviations included. */
  range(id: number): [number, number] {
    const middle = this.p[id * this.al.size];
    const reach = (this.spread[id] + this.off[id]) * UP + UNIT * 4 * Math.abs(middle);
    return [middle - reach, middle + reach];
  }

  private step(op: Op, low: ArrayLike<number>, high: ArrayLike<number>): boolean {
    const { al, p, off } = this;
    const C = al.size;
    const method = this.defects.method;
    switch (op.kind) {
      case 'input': {
        const at = op.out * C;
        p.fill(0, at, at + C);
        const [a, b] = [low[op.index], high[op.index]];
        p[at] = a + (b - a) / 2;
        // So large that the box is covered whatever the rounding of its middle.
        const half = Math.max(p[at] - a, b - p[at]);
        p[at + al.linear(op.index)] = half + 2 * UNIT * Math.max(Math.abs(a), Math.abs(b));
        off[op.out] = 0;
        break;
      }
      case 'affine':
        this.affine(op.x, op.weights, op.bias, op.out);
        break;
      case 'linear': {
        op.a.forEach((a, i) => {
          const to = op.out + i;
          const [wa, wb, bias] = [op.wa[i], op.wb[i], op.bias[i]];
          const b = op.b ? op.b[i] : -1;
          let mass = Math.abs(bias);
          for (let c = 0; c < C; c++) {
            const [left, right] = [wa * p[a * C + c], b < 0 ? 0 : wb * p[b * C + c]];
            mass += Math.abs(left) + Math.abs(right);
            p[to * C + c] = left + right;
          }
          p[to * C] += bias;
          method[to] = 4 * UNIT * mass * UP;
          const carried = Math.abs(wa) * off[a] + (b < 0 ? 0 : Math.abs(wb) * off[b]);
          off[to] = (carried + method[to]) * UP;
        });
        break;
      }
      case 'multiply':
        op.a.forEach((a, i) => {
          this.product(a, op.b[i], op.factor, op.out + i);
        });
        break;
      case 'function':
        op.x.forEach((x, i) => {
          this.compose(op, x, op.out + i);
        });
        break;
      case 'piecewise':
        op.x.forEach((x, i) => {
          this.piecewise(op, x, op.out + i);
        });
        break;
      case 'select':
        op.condition.forEach((c, i) => {
          this.select(c, op.a[i], op.b[i], op.out + i);
        });
        break;
      case 'store':
        op.x.forEach((x, i) => {
          this.copy(x, op.out + i);
          const [from, to] = this.range(x);
          // What is held is off by no more than before where it was near, else by as much as it was over.
          const over = Math.max(to - op.high, op.low - from) - op.error;
          const kind = op.source === 'input' ? 'inputs' : 'rounding';
          this.add(kind, op.out + i, op.error);
          if (over > 0) this.add('saturation', op.out + i, over * UP);
        });
        break;
      case 'table':
        op.x.forEach((x, i) => {
          this.copy(op.f[i], op.out + i);
          this.add('tables', op.out + i, this.tables.over(op.table, ...this.range(x)));
          this.add('rounding', op.out + i, op.table.rounding);
        });
        break;
    }
    const last = op.out + elementsOf(op);
    for (let id = op.out; id < last; id++) {
      let sum = 0;
      for (let c = 1; c < C; c++) sum += Math.abs(p[id * C + c]);
      this.spread[id] = sum * UP;
      if (!(sum + off[id] < Number.MAX_VALUE)) return false;
    }
    return true;
  }

  private add(source: Source, id: number, amount: number): void {
    this.defects[source][id] += amount;
    this.off[id] = (this.off[id] + amount) * UP;
  }

  private copy(from: number, to: number): void {
    const C = this.al.size;
    this.p.copyWithin(to * C, from * C, (from + 1) * C);
    this.off[to] = this.off[from];
  }

  private affine(x: Int32Array, weights: Float64Array, bias: Float64Array, out: number): void {
    const { al, p, off, spread } = this;
    const C = al.size;
    const cols = x.length;
    const rounding = (cols + 3) * UNIT * UP;
    for (let r = 0; r < bias.length; r++) {
      const at = (out + r) * C;
      p.fill(0, at, at + C);
      p[at] = bias[r];
      let mass = Math.abs(bias[r]);
      let carried = 0;
      for (let j = 0; j < cols; j++) {
        const w = weights[r * cols + j];
        if (w === 0) continue;
        const from = x[j] * C;
        for (let c = 0; c < C; c++) p[at + c] += w * p[from + c];
        const size = Math.abs(w);
        mass += size * (Math.abs(p[from]) + spread[x[j]]);
        carried += size * off[x[j]];
      }
      this.defects.method[out + r] = rounding * mass * UP;
      off[out + r] = (carried + this.defects.method[out + r]) * UP;
    }
  }

  private product(a: number, b: number, factor: number, out: number): void {
    const { al, p, off, spread } = this;
    const C = al.size;
    const k = al.degree;
    const left = multiply(al, p, a * C, k, p, b * C, k, p, out * C, k);
    for (let c = 0; c < C; c++) p[out * C + c] *= factor;
    const [sizeA, sizeB] = [Math.abs(p[a * C]) + spread[a], Math.abs(p[b * C]) + spread[b]];
    const f = Math.abs(factor);
    this.defects.method[out] = f * (left + (C + 4) * UNIT * sizeA * sizeB) * UP;
    off[out] = (f * (sizeA * off[b] + sizeB * off[a] + off[a] * off[b]) + this.defects.method[out]) * UP;
  }

  /** factor f(scale x + shift): Taylor about the middle, or its middle value where that is tighter. */
  private compose(op: FunctionOp, x: number, out: number): void {
    const { al, p, off, spread, terms, u } = this;
    const C = al.size;
    const k = al.degree;
    const m = this.orders.slope;
    const method = this.defects.method;
    const scale = op.turns ? op.scale * TWO_PI : op.scale;
    const p0 = p[x * C];
    const w0 = scale * p0 + op.shift;
    // What w0 and the scale are off.
    const unsure = 2 ** -50 * (Math.abs(scale * p0) + Math.abs(op.shift)) + 2 ** -51 * Math.abs(scale) * spread[x];
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
    let defect = largest[k + 1] * rho ** (k + 1) + largest[1] * unsure;
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
    const S = this.slopeSize;
    let slopeOff = (k + 1) * largest[k + 1] * rho ** k;
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
    for (let c = 0; c < S; c++) this.slope[out * S + c] = g * slopes[c];
    this.slopeRadius[out] = Math.abs(g) * slopeOff * (1 + 2 ** -38) + 2 ** -50 * Math.abs(g) * slopeMass;
    const isUseful = off[out] < f * MOST[op.name] && Number.isFinite(this.slopeRadius[out]);
    if (!isUseful) this.cut(op, out, w0 - reach, w0 + reach);
  }

  private hornerLeft = 0;

  /**
   * Polynomial of value[first - 1 + ...]: with first = 1 the terms c_j u^j, with 2 those of the derivative, j c_j u^(j-1);
   * up to power `n` of u and degree `degree`. What is left out goes to `hornerLeft`.
   */
  private hornerOf(value: Float64Array, first: 1 | 2, n: number, degree: number, rho: number): Float64Array {
    const { al, u } = this;
    const coefficient = (j: number) => (first === 1 ? value[j] : (j + 1) * value[j + 1]);
    let [now, next] = this.horner;
    now.fill(0);
    now[0] = coefficient(n);
    let left = 0;
    for (let j = n - 1; j >= 0; j--) {
      const held = Math.min(degree, n - j === 0 ? 0 : degree - j);
      const before = j === n - 1 ? 0 : degree - j - 1;
      left += multiply(al, now, 0, before, u, 0, al.degree, next, 0, held) * rho ** j;
      next[0] += coefficient(j);
      [now, next] = [next, now];
    }
    this.hornerLeft = left;
    now.fill(0, n === 0 ? 1 : al.upTo[degree]);
    return now;
  }

  /** A function by its middle value and half its range: for wide arguments, and ends of the domain. */
  private cut(op: FunctionOp, out: number, low: number, high: number): void {
    const { al, p, off } = this;
    const C = al.size;
    const range = functionRange(op, low, high, this.terms);
    const f = op.factor;
    p.fill(0, out * C, (out + 1) * C);
    this.slope.fill(0, out * this.slopeSize, (out + 1) * this.slopeSize);
    this.slopeRadius[out] = 0;
    const middle = range ? range[0] / 2 + range[1] / 2 : 0;
    p[out * C] = f * middle;
    const half = range ? Math.abs(f) * (range[1] - middle) * UP + 4 * UNIT * Math.abs(f * middle) : Number.POSITIVE_INFINITY;
    // All that the value may be off, whatever the argument is: nothing is carried on.
    this.defects.method[out] = half;
    off[out] = half;
  }

  private piecewise(op: PiecewiseOp, x: number, out: number): void {
    const { al, p, off } = this;
    const C = al.size;
    const [low, high] = this.range(x);
    const line = piecewiseOver(op, low, high);
    let mass = 0;
    for (let c = 0; c < C; c++) {
      p[out * C + c] = line.slope * p[x * C + c];
      mass += Math.abs(p[out * C + c]);
    }
    p[out * C] += line.offset;
    this.defects.method[out] = (line.gap + 4 * UNIT * (mass + Math.abs(line.offset))) * UP;
    off[out] = (Math.abs(line.slope) * off[x] + this.defects.method[out]) * UP;
    this.slope[out * this.slopeSize] = line.slope;
  }

  /** One of two where the condition is of one sign; else their mean, off by half of their largest difference. */
  private select(condition: number, a: number, b: number, out: number): void {
    const [low, high] = this.range(condition);
    const S = this.slopeSize;
    this.slope[out * S] = low > 0 ? 1 : high <= 0 ? 0 : 0.5;
    if (low > 0) return this.copy(a, out);
    if (high <= 0) return this.copy(b, out);
    const { al, p, off } = this;
    const C = al.size;
    let gap = off[a] + off[b];
    let mass = 0;
    for (let c = 0; c < C; c++) {
      const [left, right] = [p[a * C + c], p[b * C + c]];
      p[out * C + c] = left / 2 + right / 2;
      gap += Math.abs(left - right);
      mass += Math.abs(left) + Math.abs(right);
    }
    this.defects.choice[out] = (gap / 2 + 4 * UNIT * mass) * UP;
    off[out] = (off[a] / 2 + off[b] / 2 + this.defects.choice[out]) * UP;
  }

  /**
   * For one output: per element, the largest |d output / d element| times its defects, by source. `least` is the same with
   * slopes at the middle of the box and without what splitting it makes smaller.
   */
  contributions(output: number, to: Record<Source, number>, axes?: Float64Array): { total: number; least: number } {
    const { adjoint, adjointRadius, slopeSize: S } = this;
    adjoint.fill(0);
    adjointRadius.fill(0);
    adjoint[output * S] = 1;
    let total = 0;
    let least = 0;
    const { ops } = this.program;
    for (let n = ops.length - 1; n >= 0; n--) {
      const op = ops[n];
      const last = op.out + elementsOf(op);
      for (let id = op.out; id < last; id++) {
        let gain = adjointRadius[id];
        for (let c = 0; c < S; c++) gain += Math.abs(adjoint[id * S + c]);
        if (gain === 0) continue;
        for (const source of SOURCES) {
          const share = gain * this.defects[source][id] * UP;
          to[source] += share;
          total += share;
          if (source === 'method' && axes && op.kind === 'function') this.blame(op.x[id - op.out], share, axes);
          if (source !== 'method' && source !== 'choice') least += Math.abs(adjoint[id * S]) * this.defects[source][id];
        }
      }
      this.backward(op);
    }
    return { total: total * UP, least };
  }

  /**
   * Adds a share to the axis along which a function's argument varies most; behind the axes where that is not known, as
   * the argument is off its polynomial by more than it varies.
   */
  private blame(x: number, share: number, axes: Float64Array): void {
    const { al, p } = this;
    if (this.off[x] > this.spread[x]) {
      axes[al.dimension] += share;
      return;
    }
    let largest = 0;
    let axis = 0;
    for (let a = 0; a < al.dimension; a++) {
      let sum = 0;
      for (let c = 1; c < al.size; c++) sum += al.exponents[c][a] * Math.abs(p[x * al.size + c]);
      if (sum > largest) [largest, axis] = [sum, a];
    }
    axes[axis] += share;
  }

  private backward(op: Op): void {
    const { adjoint, adjointRadius, slopeSize: S, off, p, al, spread } = this;
    switch (op.kind) {
      case 'input':
        return;
      case 'affine': {
        const cols = op.x.length;
        for (let r = 0; r < op.rows; r++) {
          const at = (op.out + r) * S;
          let mass = 0;
          for (let c = 0; c < S; c++) mass += Math.abs(adjoint[at + c]);
          const radius = adjointRadius[op.out + r];
          if (mass + radius === 0) continue;
          const rounded = radius + (op.rows + 8) * 2 * UNIT * mass;
          for (let j = 0; j < cols; j++) {
            const w = op.weights[r * cols + j];
            if (w === 0) continue;
            const to = op.x[j] * S;
            for (let c = 0; c < S; c++) adjoint[to + c] += w * adjoint[at + c];
            adjointRadius[op.x[j]] += Math.abs(w) * rounded * UP;
          }
        }
        return;
      }
      case 'linear':
        op.a.forEach((a, i) => {
          this.carry(op.out + i, a, op.wa[i]);
          if (op.b) this.carry(op.out + i, op.b[i], op.wb[i]);
        });
        return;
      case 'multiply':
        op.a.forEach((a, i) => {
          const b = op.b[i];
          for (const [one, other] of [
            [a, b],
            [b, a],
          ]) {
            const from = other * al.size;
            const beyond = al.size === S ? 0 : spread[other] - sumOf(p, from + 1, from + S);
            for (let c = 0; c < S; c++) this.factor[c] = op.factor * p[from + c];
            const radius = Math.abs(op.factor) * (Math.max(0, beyond) + off[other] + 2 ** -45 * spread[other]) * UP;
            this.chain(op.out + i, one, this.factor, 0, radius);
          }
        });
        return;
      case 'function':
        op.x.forEach((x, i) => {
          this.chain(op.out + i, x, this.slope, (op.out + i) * S, this.slopeRadius[op.out + i]);
        });
        return;
      case 'piecewise':
        op.x.forEach((x, i) => {
          this.carry(op.out + i, x, this.slope[(op.out + i) * S]);
        });
        return;
      case 'select':
        op.a.forEach((a, i) => {
          const share = this.slope[(op.out + i) * S];
          if (share > 0) this.carry(op.out + i, a, share);
          if (share < 1) this.carry(op.out + i, op.b[i], 1 - share);
        });
        return;
      case 'store':
        op.x.forEach((x, i) => {
          this.carry(op.out + i, x, 1);
        });
        return;
      case 'table':
        (op as TableOp).f.forEach((f, i) => {
          this.carry(op.out + i, f, 1);
        });
        return;
    }
  }

  private readonly factor = new Float64Array(256);
  private readonly chained = new Float64Array(256);

  /** adjoint[to] += weight adjoint[from]. */
  private carry(from: number, to: number, weight: number): void {
    const { adjoint, adjointRadius, slopeSize: S } = this;
    let mass = 0;
    for (let c = 0; c < S; c++) {
      const g = weight * adjoint[from * S + c];
      mass += Math.abs(g);
      adjoint[to * S + c] += g;
    }
    adjointRadius[to] += (Math.abs(weight) * adjointRadius[from] + 16 * UNIT * mass) * UP;
  }

  /** adjoint[to] += slope adjoint[from], for a slope that is a polynomial up to a radius. */
  private chain(from: number, to: number, slope: Float64Array, at: number, radius: number): void {
    const { adjoint, adjointRadius, slopeSize: S, al, chained } = this;
    const m = this.orders.slope;
    let gain = 0;
    let mass = 0;
    for (let c = 0; c < S; c++) {
      gain += Math.abs(adjoint[from * S + c]);
      mass += Math.abs(slope[at + c]);
    }
    const own = adjointRadius[from];
    if (gain + own === 0) return;
    const left = multiply(al, adjoint, from * S, m, slope, at, m, chained, 0, m);
    for (let c = 0; c < S; c++) adjoint[to * S + c] += chained[c];
    const rounded = (S + 16) * UNIT * gain * mass;
    adjointRadius[to] += (left + gain * radius + own * (mass + radius) + rounded) * UP;
  }
}

const TWO_PI = 2 * Math.PI;

/** Beyond this a function's enclosure is given up for the range of its values. */
const MOST: Record<FunctionOp['name'], number> = {
  tanh: 2,
  sigmoid: 1,
  sin: 2,
  cos: 2,
  atan: 2,
  erf: 2,
  exp: Number.POSITIVE_INFINITY,
  log: Number.POSITIVE_INFINITY,
  softplus: Number.POSITIVE_INFINITY,
  power: Number.POSITIVE_INFINITY,
};

/** Smallest and largest value over low .. high of functions that are bounded or monotone; undefined where unbounded. */
function functionRange(
  { name, exponent }: FunctionOp,
  low: number,
  high: number,
  terms: Coefficients,
): [number, number] | undefined {
  if (name === 'sin' || name === 'cos') return [-1, 1];
  const at = (w: number, sign: 1 | -1) => {
    taylorAt(name, exponent, w, 0, terms);
    return terms.value[0] + sign * terms.radius[0];
  };
  let ends = [at(low, -1), at(low, 1), at(high, -1), at(high, 1)];
  if (name === 'power') {
    if (Number.isInteger(exponent) && exponent >= 0) {
      if (low < 0 && high > 0) ends = [...ends, 0];
    } else if (exponent > 0 && low <= 0) {
      // Below 0 a root is taken for 0: enclosures reach there where values do not.
      if (high < 0) return undefined;
      ends = [0, at(high, 1)];
    } else if (!(low > 0) && !(high < 0)) {
      return undefined;
    }
  }
  if (ends.some((end) => !Number.isFinite(end))) return undefined;
  return [Math.min(...ends), Math.max(...ends)];
}

function sumOf(p: Float64Array, from: number, to: number): number {
  let sum = 0;
  for (let i = from; i < to; i++) sum += Math.abs(p[i]);
  return sum;
}

export function elementsOf(op: Op): number {
  switch (op.kind) {
    case 'input':
      return 1;
    case 'affine':
      return op.rows;
    case 'linear':
    case 'multiply':
    case 'select':
      return op.a.length;
    default:
      return op.x.length;
  }
}
