import { JUMPS } from '../../model/functions.js';
import { held, type JumpOp, type Op, type TableSpec } from '../read/program.js';
import { Adjoint, type Contributions } from './adjoint.js';
import { multiply } from './algebra.js';
import { Composer } from './compose.js';
import { type Source, State, UP } from './element-bounds.js';
import { UNIT } from './scalar.js';

/** table - function is within `middle` +- `radius`. */
export interface ErrorRange {
  middle: number;
  radius: number;
}

/** Between which errors those of a table over arguments low .. high lie. */
export interface TableErrorSource {
  over(spec: TableSpec, low: number, high: number): ErrorRange;
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
export class Enclosure extends State {
  private readonly composer = new Composer(this);
  private readonly adjoint = new Adjoint(this);

  constructor(
    program: State['program'],
    dimension: number,
    orders: State['orders'],
    private readonly tables: TableErrorSource,
  ) {
    super(program, dimension, orders);
  }

  /** Encloses all elements for x in low .. high. False where nothing can be said of some element, {@link unbounded}. */
  forward(low: ArrayLike<number>, high: ArrayLike<number>): boolean {
    this.clear();
    for (const op of this.program.ops) if (!this.step(op, low, high)) return false;
    return true;
  }

  /** The element that `forward` ended at. */
  unbounded = 0;

  /** See {@link Adjoint.contributions}. */
  contributions(output: number, to: Record<Source, number>, axes?: Float64Array): Contributions {
    return this.adjoint.contributions(output, to, axes);
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
          this.product(a, op.b[i], op.out + i);
        });
        break;
      case 'function':
        op.x.forEach((x, i) => {
          this.composer.compose(op, x, op.out + i);
        });
        break;
      case 'piecewise':
        op.x.forEach((x, i) => {
          this.composer.piecewise(op, x, op.out + i);
        });
        break;
      case 'jump':
        op.x.forEach((x, i) => {
          this.jump(op, x, op.out + i);
        });
        break;
      case 'store':
        op.x.forEach((x, i) => {
          const [from, to] = this.range(x);
          // What is held is off by no more than before where it was near.
          const isHeld = Math.max(to - op.high, op.low - from) > op.error;
          if (isHeld) this.composer.piecewise(held(op), x, op.out + i, 'saturation');
          else this.copy(x, op.out + i);
          this.isHeld[op.out + i] = isHeld ? 1 : 0;
          const kind = op.source === 'input' ? 'inputs' : 'rounding';
          this.add(kind, op.out + i, op.error);
          this.lasting[op.out + i] = op.error;
        });
        break;
      case 'table':
        op.x.forEach((x, i) => {
          this.copy(op.f[i], op.out + i);
          // Where the error is mostly of one sign, its middle is part of the polynomial.
          const error = this.tables.over(op.table, ...this.range(x));
          const first = (op.out + i) * C;
          this.p[first] += error.middle;
          this.add('method', op.out + i, 4 * UNIT * (Math.abs(this.p[first]) + Math.abs(error.middle)));
          this.add('tables', op.out + i, error.radius);
          this.add('rounding', op.out + i, op.table.rounding);
          const middle = this.p[x * C];
          this.lasting[op.out + i] = op.table.rounding + this.tables.over(op.table, middle, middle).radius;
        });
        break;
    }
    const last = op.out + op.count;
    for (let id = op.out; id < last; id++) {
      let sum = 0;
      for (let c = 1; c < C; c++) sum += Math.abs(p[id * C + c]);
      this.spread[id] = sum * UP;
      if (!(sum + off[id] < Number.MAX_VALUE)) {
        this.unbounded = id;
        return false;
      }
    }
    return true;
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
        if (w === 0 || this.isZero(x[j])) continue;
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

  /** Most basis functions of a spline are, over a small box. */
  private isZero(id: number): boolean {
    return this.off[id] === 0 && this.spread[id] === 0 && this.p[id * this.al.size] === 0;
  }

  private product(a: number, b: number, out: number): void {
    const { al, p, off, spread } = this;
    const C = al.size;
    if (this.isZero(a) || this.isZero(b)) {
      p.fill(0, out * C, (out + 1) * C);
      off[out] = 0;
      return;
    }
    const k = al.degree;
    const left = multiply(al, p, a * C, k, p, b * C, k, p, out * C, k);
    const [sizeA, sizeB] = [Math.abs(p[a * C]) + spread[a], Math.abs(p[b * C]) + spread[b]];
    this.defects.method[out] = (left + (C + 4) * UNIT * sizeA * sizeB) * UP;
    off[out] = (sizeA * off[b] + sizeB * off[a] + off[a] * off[b] + this.defects.method[out]) * UP;
  }

  /** The middle of the whole numbers that may be reached. */
  private jump({ name }: JumpOp, x: number, out: number): void {
    const C = this.al.size;
    const [low, high] = this.range(x).map(JUMPS[name]);
    this.p.fill(0, out * C, (out + 1) * C);
    this.p[out * C] = low / 2 + high / 2;
    this.off[out] = 0;
    this.add('choice', out, high / 2 - low / 2);
  }
}
