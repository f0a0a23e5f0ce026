import { JUMPS } from '../../model/functions.js';
import { type FunctionOp, held, type Op, type Pieces, type Program, type TableSpec } from '../read/program.js';
import { largest, series } from './elementary-functions.js';
import { type Ball, hull, moved, type Polynomials, power, size, type Taylor, U, UP, zeros } from './polynomials.js';

/** An element: a polynomial and how far it is off that, what its own operation adds, its slopes. */
interface Element extends Taylor {
  own: number;
  by: Slopes;
}

type Slopes = [id: number, slope: Taylor][];

/** What a table is off over a range of its argument: middle and radius. */
export type TableBound = (table: TableSpec, low: number, high: number) => Ball;

/** The outputs over a box, by the mean value theorem (docs/certify.md). */
export function enclose(
  program: Program,
  [low, high]: readonly [readonly number[], readonly number[]],
  [k, m]: readonly [value: number, slope: number],
  all: Polynomials,
  tableBound: TableBound,
): Taylor[] {
  const v: Element[] = [];
  const make = (p: number[], own: number, off: number, ...by: Slopes): Element => ({ p, r: (off + own) * UP, own, by });
  const range = ({ p, r }: Element): [number, number] => {
    const reach = (size(p, 1) + r) * UP + 4 * U * Math.abs(p[0]);
    return [p[0] - reach, p[0] + reach];
  };
  /** The sum of weighted elements and a bias, off by `extra` more: without elements, anything so far from the bias. */
  const sum = (ids: ArrayLike<number>, weights: ArrayLike<number>, bias: number, extra = 0): Element => {
    const p = zeros(all.upTo[k]);
    p[0] = bias;
    let [mass, r] = [Math.abs(bias), 0];
    const by: Slopes = [];
    for (let j = 0; j < ids.length; j++) {
      const [w, x] = [weights[j], v[ids[j]]];
      if (w === 0) continue;
      for (let c = 0; c < x.p.length; c++) p[c] += w * x.p[c];
      mass += Math.abs(w) * size(x.p);
      r += Math.abs(w) * x.r;
      by.push([ids[j], { p: [w], r: 0 }]);
    }
    return make(p, ((ids.length + 3) * U * mass + extra) * UP, r, ...by);
  };
  /** f(a x), f by its coefficients about the middle and their largest over all of the argument, off by `extra` more. */
  const compose = (id: number, a: number, c: Ball[], most: number[], extra: number): Element => {
    const { p, r } = v[id];
    const u: Taylor = { p: p.map((q, i) => (i ? a * q : 0)), r: 2 ** -51 * a * size(p, 1) };
    const rho = (size(u.p) + u.r) * UP;
    const value = all.horner(c, u, k);
    const own = (value.r + most[k + 1] * power(rho, k + 1) + extra) * UP;
    const derivative = c.slice(1).map(([q, s], j): Ball => [(j + 1) * q, (j + 1) * (s + 2 * U * Math.abs(q))]);
    const rise = all.horner(derivative, u, m);
    const second = (k + 1) * most[k + 1] * power(rho, k) + 2 * most[2] * a * r;
    const slope = { p: rise.p.map((q) => a * q), r: a * (rise.r + second + 8 * U * size(rise.p)) * (1 + 2 ** -38) };
    return make(value.p, own, a * most[1] * r, [id, slope]);
  };
  const elementary = ({ name, exponent, turns }: FunctionOp, id: number): Element => {
    const { p, r } = v[id];
    const [a, unsure] = turns ? [2 * Math.PI, 2 ** -47 * size(p)] : [1, 0];
    const reach = (a * (size(p, 1) + r) * UP + unsure) * UP;
    const [w, end] = [a * p[0], a * p[0] + reach];
    const most = largest(name, exponent, w - reach, end, k + 1);
    const c = series(name, exponent, w, k).map(([q, s], j): Ball => [q, s + (j + 1) * most[j + 1] * unsure]);
    const smooth = compose(id, a, c, most, 0);
    // Where it is tighter its middle value: of one that is bounded, or of a root, which is taken for 0 below 0.
    const isBounded = ['tanh', 'sin', 'cos', 'atan', 'erf'].includes(name);
    const isUseful = smooth.r < (isBounded ? 2 : Infinity) && smooth.by[0][1].r < Infinity;
    if (isUseful || name === 'exp' || name === 'log' || exponent < 0) return smooth;
    if (isBounded) return sum([], [], 0, name === 'atan' ? 1.5708 : 1);
    const [root, off] = end > 0 ? series(name, exponent, end, 0)[0] : [0, end < 0 ? Infinity : 0];
    return sum([], [], root / 2, (root / 2 + off) * UP);
  };
  const piecewise = (op: Pieces, id: number, extra = 0): Element => {
    const [q, at, gap] = near(op, ...range(v[id]));
    const about = moved(q, v[id].p[0] - at);
    const reach = Math.abs(v[id].p[0] - at) + (size(v[id].p, 1) + v[id].r) * UP;
    const far = moved(q.map(Math.abs), reach).map((sum) => sum * UP);
    const c = about.slice(0, k + 1).map((value, j): Ball => [value, 2 ** -48 * far[j]]);
    return compose(id, 1, c, far, gap + extra);
  };
  const product = (a: number, b: number): Element => {
    const [x, y] = [v[a], v[b]];
    const { p, r: own } = all.times({ p: x.p, r: 0 }, { p: y.p, r: 0 }, k);
    return make(p, own, size(x.p) * y.r + size(y.p) * x.r + x.r * y.r, [a, y], [b, x]);
  };
  const element = (op: Op, i: number): Element => {
    if (op.kind === 'affine') return sum(op.x, op.weights.subarray(i * op.x.length), op.bias[i]);
    if (op.kind === 'linear') return sum(op.b ? [op.a[i], op.b[i]] : [op.a[i]], [op.wa[i], op.wb[i]], op.bias[i]);
    if (op.kind === 'multiply') return product(op.a[i], op.b[i]);
    if (op.kind === 'input') {
      const [a, b, p] = [low[op.index], high[op.index], zeros(all.upTo[1])];
      p[0] = a + (b - a) / 2;
      p[1 + op.index] = Math.max(p[0] - a, b - p[0]) + 2 * U * Math.max(Math.abs(a), Math.abs(b));
      return make(p, 0, 0);
    }
    const id = op.x[i];
    const [from, to] = range(v[id]);
    if (op.kind === 'function') return elementary(op, id);
    if (op.kind === 'piecewise') return piecewise(op, id);
    const isHeld = op.kind === 'store' && Math.max(to - op.high, op.low - from) > op.error;
    if (op.kind === 'store') return isHeld ? piecewise(held(op), id, op.error) : sum([id], [1], 0, op.error);
    if (op.kind === 'jump') return sum([], [], ...hull([from, to].map((end): Ball => [JUMPS[op.name](end), 0])));
    const [middle, radius] = tableBound(op.table, from, to);
    return sum([op.f[i]], [1], middle, op.table.rounding + radius);
  };
  // What nothing can be said of is infinite, or no number, and so is what is made of it.
  for (const op of program.ops) for (let i = 0; i < op.count; i++) v.push(element(op, i));
  return Array.from(program.outputs, (out) => ({ p: v[out].p, r: deviation(v, out, all, m) }));
}

/** Sum over all elements of the largest |d output / d element| times what the element's operation adds. */
function deviation(v: readonly Element[], out: number, all: Polynomials, m: number): number {
  const gain = new Map<number, Taylor>([[out, { p: [1], r: 0 }]]);
  let total = 0;
  for (let id = out; id >= 0; id--) {
    const g = gain.get(id);
    if (!g) continue;
    total += (size(g.p) + g.r) * v[id].own * UP;
    for (const [to, slope] of v[id].by) {
      const more = all.times(g, slope, m);
      const has = gain.get(to) ?? { p: zeros(more.p.length), r: 0 };
      const r = (has.r + more.r + 2 ** -40 * size(more.p)) * UP;
      gain.set(to, { p: more.p.map((c, i) => c + has.p[i]), r });
    }
  }
  return total * UP;
}

/**
 * Near a piecewise polynomial over low .. high, off by no more than `gap`: the piece in the middle, of lines one with the
 * slope of the chord. It is q of x - `at`, with zeros for what higher terms are asked for.
 */
function near({ points, pieces }: Pieces, low: number, high: number): [q: number[], at: number, gap: number] {
  const parts = pieces.flatMap((piece, j) => {
    const [from, to] = [Math.max(low, points[j - 1] ?? low), Math.min(high, points[j] ?? high)];
    return from > to ? [] : [{ piece, from, to, start: points[Math.max(0, j - 1)] }];
  });
  const { piece, start } = parts.find(({ to }) => to >= low / 2 + high / 2) ?? parts[parts.length - 1];
  const q = Array.from({ length: Math.max(8, piece.length) }, (_, i) => piece[i] ?? 0);
  const isChord = parts.length > 1 && piece.length === 2 && high > low;
  if (isChord) q[1] = parts.reduce((rise, { piece, from, to }) => rise + piece[1] * (to - from), 0) / (high - low);
  const terms = (c: ArrayLike<number>, x: number) => Array.from(c).reduceRight((sum, y) => sum * x + Math.abs(y), 0);
  const differences = parts.map(({ from, to, ...part }): Ball => {
    const [x, h] = [from / 2 + to / 2, to / 2 - from / 2 + 2 ** -51 * (Math.abs(from) + Math.abs(to))];
    const less = moved(q, x - start);
    const c = moved(part.piece, x - part.start).map((y, i) => y - less[i]);
    const rounded = 2 ** -44 * (terms(part.piece, Math.abs(x - part.start) + h) + terms(q, Math.abs(x - start) + h));
    return [c[0], (terms(c, h) - Math.abs(c[0]) + rounded) * UP];
  });
  const [middle, radius] = hull(differences);
  q[0] += middle;
  return [q, start, (radius + 2 * U * Math.abs(q[0])) * UP];
}
