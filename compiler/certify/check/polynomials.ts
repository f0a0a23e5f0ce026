export const U = 2 ** -53;
/** Covers the roundings of sums of fewer than 4000 numbers of one sign. */
export const UP = 1 + 2 ** -40;

/** A number up to a radius. */
export type Ball = readonly [value: number, radius: number];

/** What is within r of a polynomial p of the place in the box. */
export interface Taylor {
  p: number[];
  r: number;
}

export function size(p: ArrayLike<number>, from = 0): number {
  let sum = 0;
  for (let i = from; i < p.length; i++) sum += Math.abs(p[i]);
  return sum * UP;
}

export const zeros = (n: number): number[] => new Array(n).fill(0);

export const power = (x: number, n: number): number => (n === 0 ? 1 : x * power(x, n - 1));

/** Coefficients of q(t + x) by those of q(x). */
export function moved(q: ArrayLike<number>, t: number): number[] {
  const c = Array.from(q);
  for (let i = 0; i < c.length - 1; i++) for (let k = c.length - 2; k >= i; k--) c[k] += t * c[k + 1];
  return c;
}

/** The smallest ball around others. */
export function hull(balls: readonly Ball[]): Ball {
  const ends = balls.flatMap(([value, radius]) => [value - radius, value + radius]);
  const middle = Math.min(...ends) / 2 + Math.max(...ends) / 2;
  return [middle, Math.max(...balls.map(([value, radius]) => Math.abs(value - middle) + radius)) * UP];
}

/** The range of c_0 + c_1 s + ... over [-1, 1]: ends and vertex of its parabola, and the sizes of higher terms. */
export function parabola(c: readonly number[]): Ball {
  const vertex = Math.abs(c[1]) < 2 * Math.abs(c[2]) ? -c[1] / c[2] / 2 : 1;
  const values = [-1, vertex, 1].map((s): Ball => [c[0] + s * (c[1] + s * c[2]), size(c, 3) + 2 ** -44 * size(c)]);
  return hull(values);
}

/** Polynomials in s in [-1, 1]^d up to a degree: coefficients by degree, the constant and the linear ones first. */
export class Polynomials {
  private readonly product: number[][];
  private readonly even: boolean[];
  /** Number of monomials up to each degree. */
  readonly upTo: number[];

  constructor(dimension: number, degree: number) {
    const total = (e: readonly number[]) => e.reduce((a, b) => a + b, 0);
    let all: number[][] = [[]];
    for (let i = 0; i < dimension; i++)
      all = all.flatMap((e) => Array.from({ length: degree + 1 - total(e) }, (_, k) => [k, ...e]));
    all.sort((a, b) => total(a) - total(b));
    this.upTo = Array.from({ length: degree + 1 }, (_, k) => all.filter((e) => total(e) <= k).length);
    const place = new Map(all.map((e, i) => [String(e), i]));
    const placeOf = (a: number[], b: number[]) => place.get(String(a.map((e, i) => e + b[i]))) ?? Number.MAX_VALUE;
    this.product = all.map((a) => all.map((b) => placeOf(a, b)));
    this.even = all.map((e) => e.every((k) => k % 2 === 0));
  }

  /** The product up to a degree; what is left out, and all roundings, are in its radius. */
  times({ p: a, r }: Taylor, { p: b, r: s }: Taylor, degree: number): Taylor {
    const p = zeros(this.upTo[degree]);
    let left = 0;
    for (let i = 0; i < a.length; i++) {
      let beyond = 0;
      for (let j = 0; a[i] !== 0 && j < b.length; j++) {
        const at = this.product[i][j];
        if (at < p.length) p[at] += a[i] * b[j];
        else beyond += Math.abs(a[i] * b[j]);
      }
      left += beyond;
    }
    const [x, y] = [size(a), size(b)];
    return { p, r: (left + x * s + r * y + r * s + (p.length + 8) * U * x * y) * UP };
  }

  /** c_0 + u (c_1 + u (c_2 + ...)) up to a degree, for u without a constant term. */
  horner(c: readonly Ball[], u: Taylor, degree: number): Taylor {
    return c.reduceRight((inner: Taylor, [value, radius], j) => {
      const sum = this.times(inner, u, Math.max(0, degree - j));
      sum.p[0] += value;
      return { p: sum.p, r: (sum.r + radius + U * Math.abs(sum.p[0])) * UP };
    }, NOTHING);
  }

  /** Middle and half the width of the range over [-1, 1]^d; even monomials lie in [0, 1]. */
  range(p: readonly number[]): Ball {
    let [middle, radius] = [p[0], 2 ** -44 * size(p)];
    for (let i = 1; i < p.length; i++) {
      if (this.even[i]) middle += p[i] / 2;
      radius += Math.abs(p[i]) / (this.even[i] ? 2 : 1);
    }
    return [middle, radius];
  }
}

const NOTHING: Taylor = { p: [], r: 0 };
