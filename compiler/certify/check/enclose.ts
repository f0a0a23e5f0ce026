import type { FunctionOp, Op, PiecewiseOp, Program } from '../read/program.js';
import { type Ball, largest, series } from './elementary-functions.js';
import { type Polynomials, power, size, U, UP } from './polynomials.js';

/** An element: its polynomial and the size of that, how far it is off, what its own operation adds, its slopes. */
interface Element {
  p: Float64Array;
  mass: number;
  off: number;
  own: number;
  by: { id: number; slope: Float64Array; radius: number }[];
}

/** What a table is off over a range of its argument: middle and radius. */
export type TableBound = (op: Extract<Op, { kind: 'table' }>, low: number, high: number) => [number, number];

/** The outputs' polynomials over a box, and how far the outputs are off them by the mean value theorem (docs/certify.md). */
export function enclose(
  program: Program,
  [low, high]: readonly [readonly number[], readonly number[]],
  [k, m]: readonly [value: number, slope: number],
  all: Polynomials,
  tableBound: TableBound,
): { p: Float64Array; off: number }[] {
  const v: Element[] = [];
  const make = (p: Float64Array, off: number, own: number, by: Element['by']) => ({ p, mass: size(p), off, own, by });
  const range = ({ p, off }: Element): [number, number] => {
    const reach = (size(p, 1) + off) * UP + 4 * U * Math.abs(p[0]);
    return [p[0] - reach, p[0] + reach];
  };
  /** The sum of weighted elements and a bias, off by `extra` more. */
  const sum = (ids: ArrayLike<number>, weights: ArrayLike<number>, bias: number, extra = 0): Element => {
    const p = all.constant(bias);
    let [mass, off] = [Math.abs(bias), 0];
    const by: Element['by'] = [];
    for (let j = 0; j < ids.length; j++) {
      const [w, x] = [weights[j], v[ids[j]]];
      if (w === 0) continue;
      for (let c = 0; c < p.length; c++) p[c] += w * x.p[c];
      mass += Math.abs(w) * x.mass;
      off += Math.abs(w) * x.off;
      by.push({ id: ids[j], slope: Float64Array.of(w), radius: 0 });
    }
    const own = ((ids.length + 3) * U * mass + extra) * UP;
    return make(p, (off + own) * UP, own, by);
  };
  const compose = (op: FunctionOp, { p, off }: Element, id: number): Element => {
    const [a, shift] = [op.scale, op.shift].map((x) => (op.turns ? x * 2 * Math.PI : x));
    const [wide, f, w] = [size(p, 1), Math.abs(op.factor), a * p[0] + shift];
    const unsure = 2 ** -50 * (Math.abs(a * p[0]) + Math.abs(shift)) + 2 ** -51 * Math.abs(a) * wide;
    const reach = (Math.abs(a) * (wide + off) * UP + unsure) * UP;
    const most = largest(op.name, op.exponent, w - reach, w + reach, k + 1);
    const c = series(op.name, op.exponent, w, k);
    const rho = Math.abs(a) * wide * UP;
    const u = p.map((q, i) => (i ? a * q : 0));
    const total = (d: Ball[], g: (size: number, radius: number, j: number) => number) =>
      d.reduce((t, [q, r], j) => t + g(Math.abs(q), r, j) * power(rho, j), 0);
    const values = (d: Ball[]) => d.map(([q]) => q);
    const rounds = (k * (p.length + 3) + 4) * U;
    const value = all.horner(values(c), u, rho, k);
    const rest = most[k + 1] * power(rho, k + 1) + most[1] * unsure + value.left;
    const own = f * (rest + total(c, (q, r) => r + rounds * q)) * UP;
    // The slope: j c_j u^(j-1), of which powers above m go to the radius.
    const d = c.slice(1).map(([q, r], j): Ball => [(j + 1) * q, (j + 1) * r]);
    const slopes = all.horner(values(d.slice(0, m + 1)), u, rho, m);
    const dropped = total(d, (q, r, j) => r + (j > m ? q : 0) + (rounds + 2 ** -50) * q);
    const second = 2 * most[2] * (Math.abs(a) * off + unsure);
    const slack = (k + 1) * most[k + 1] * power(rho, k) + dropped + second + slopes.left;
    const radius = f * Math.abs(a) * slack * (1 + 2 ** -38);
    const reached = (f * Math.abs(a) * most[1] * off + own) * UP;
    const isBounded = ['tanh', 'sin', 'cos', 'atan', 'erf'].includes(op.name);
    if (reached < f * (isBounded ? 2 : Number.POSITIVE_INFINITY) && Number.isFinite(radius)) {
      const slope = slopes.p.map((q) => op.factor * a * q);
      return make(
        value.p.map((q) => op.factor * q),
        reached,
        own,
        [{ id, slope, radius }],
      );
    }
    // Else its middle value: of one that is bounded, or of a root, which is taken for 0 below 0.
    const isRoot = op.name === 'power' && op.exponent > 0 && !Number.isInteger(op.exponent) && w + reach >= 0;
    const [end, off1] = isRoot && w + reach > 0 ? series(op.name, op.exponent, w + reach, 0)[0] : [0, 0];
    const top = isRoot ? end + off1 : op.name === 'atan' ? 1.5708 : isBounded ? 1 : Number.POSITIVE_INFINITY;
    const middle = isRoot ? top / 2 : 0;
    const half = f * (top - middle) * UP + 4 * U * f * middle;
    return make(all.constant(op.factor * middle), half, half, []);
  };
  const product = (a: number, b: number, factor: number): Element => {
    const [x, y, f] = [v[a], v[b], Math.abs(factor)];
    const { p, left } = all.multiply(x.p, y.p, k);
    const own = f * (left + (p.length + 4) * U * x.mass * y.mass) * UP;
    const slopeBy = (id: number, other: Element) => {
      const slope = other.p.subarray(0, all.upTo[m]).map((q) => factor * q);
      return { id, slope, radius: f * (size(other.p, slope.length) + other.off + 2 ** -45 * other.mass) * UP };
    };
    const off = (f * (x.mass * y.off + y.mass * x.off + x.off * y.off) + own) * UP;
    return make(
      p.map((q) => factor * q),
      off,
      own,
      [slopeBy(a, y), slopeBy(b, x)],
    );
  };
  const select = ([from, to]: [number, number], a: number, b: number): Element => {
    if (from > 0 || to <= 0) return sum([from > 0 ? a : b], [1], 0);
    const gap = size(v[a].p.map((q, j) => q - v[b].p[j])) + v[a].off + v[b].off;
    return sum([a, b], [0.5, 0.5], 0, gap / 2 + 4 * U * (v[a].mass + v[b].mass));
  };
  const element = (op: Op, i: number): Element => {
    const n = op.kind === 'affine' ? op.x.length : 0;
    if (op.kind === 'affine') return sum(op.x, op.weights.subarray(i * n, (i + 1) * n), op.bias[i]);
    if (op.kind === 'linear') return sum([op.a[i], ...(op.b ? [op.b[i]] : [])], [op.wa[i], op.wb[i]], op.bias[i]);
    if (op.kind === 'multiply') return product(op.a[i], op.b[i], op.factor);
    if (op.kind === 'select') return select(range(v[op.condition[i]]), op.a[i], op.b[i]);
    if (op.kind === 'input') {
      const [a, b] = [low[op.index], high[op.index]];
      const p = all.constant(a + (b - a) / 2);
      p[1 + op.index] = Math.max(p[0] - a, b - p[0]) + 2 * U * Math.max(Math.abs(a), Math.abs(b));
      return make(p, 0, 0, []);
    }
    const id = op.x[i];
    const [from, to] = range(v[id]);
    if (op.kind === 'function') return compose(op, v[id], id);
    if (op.kind === 'table') {
      const [middle, radius] = tableBound(op, from, to);
      return sum([op.f[i]], [1], middle, op.table.rounding + radius);
    }
    const over = op.kind === 'store' ? Math.max(op.error, to - op.high, op.low - from) : 0;
    const { slope, offset, gap } = op.kind === 'store' ? { slope: 1, offset: 0, gap: over } : chord(op, from, to);
    return sum([id], [slope], offset, gap);
  };
  for (const op of program.ops) {
    const list = op.kind === 'input' ? [0] : op.kind === 'affine' ? op.bias : 'x' in op ? op.x : op.a;
    for (let i = 0; i < list.length; i++) v.push(element(op, i));
  }
  return Array.from(program.outputs, (out) => ({ p: v[out].p, off: deviation(v, out, all, m) }));
}

/** Sum over all elements of the largest |d output / d element| times what the element's operation adds. */
function deviation(v: readonly Element[], out: number, all: Polynomials, m: number): number {
  const gain = new Map([[out, { p: Float64Array.of(1), radius: 0 }]]);
  let total = 0;
  for (let id = out; id >= 0; id--) {
    const g = gain.get(id);
    if (!g) continue;
    const mass = size(g.p);
    total += (mass + g.radius) * v[id].own * UP;
    for (const { id: to, slope, radius } of v[id].by) {
      const { p, left } = all.multiply(g.p, slope, m);
      const has = gain.get(to) ?? { p: new Float64Array(p.length), radius: 0 };
      for (let c = 0; c < p.length; c++) has.p[c] += p[c];
      const own = size(slope);
      has.radius += (left + mass * radius + g.radius * (own + radius) + (p.length + 64) * U * mass * own) * UP;
      gain.set(to, has);
    }
  }
  return total * UP;
}

/** A line near a piecewise-linear function over low .. high, and the largest distance from it. */
function chord(op: PiecewiseOp, low: number, high: number): { slope: number; offset: number; gap: number } {
  const { points: x, values: y } = op;
  const last = x.length - 1;
  const piece = (at: number) => {
    if (at <= x[0]) return [op.left, x[0], y[0]];
    if (at >= x[last]) return [op.right, x[last], y[last]];
    const i = x.findIndex((point) => point >= at) - 1;
    return [(y[i + 1] - y[i]) / (x[i + 1] - x[i]), x[i], y[i]];
  };
  const value = (at: number) => piece(at)[2] + piece(at)[0] * (at - piece(at)[1]);
  const kinks = x.filter((point) => point > low && point < high);
  const [slope, x0, y0] = piece(low / 2 + high / 2);
  const reach = Math.abs(x0) + Math.max(Math.abs(low), Math.abs(high));
  if (!kinks.length)
    return { slope, offset: y0 - slope * x0, gap: 2 ** -48 * (Math.abs(y0) + Math.abs(slope) * reach) };
  const rise = high > low ? (value(high) - value(low)) / (high - low) : 0;
  const at = [low, ...kinks, high];
  const above = at.map((point) => value(point) - rise * point);
  const offset = Math.min(...above) / 2 + Math.max(...above) / 2;
  const scale = Math.max(...at.map((point) => Math.abs(value(point)) + Math.abs(rise * point)));
  return { slope: rise, offset, gap: Math.max(...above.map((a) => Math.abs(a - offset))) + 2 ** -44 * scale };
}
