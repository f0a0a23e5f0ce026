export const U = 2 ** -53;
/** Covers the roundings of sums of fewer than 4000 numbers of one sign. */
export const UP = 1 + 2 ** -40;
export const size = (p: Float64Array, from = 0) => {
  let sum = 0;
  for (let i = from; i < p.length; i++) sum += Math.abs(p[i]);
  return sum * UP;
};
export const power = (x: number, n: number): number => (n === 0 ? 1 : x * power(x, n - 1));

/** Polynomials in s in [-1, 1]^d up to a degree: coefficients by degree, the constant and the linear ones first. */
export class Polynomials {
  private readonly exponents: number[][] = [];
  private readonly product: number[][];
  private readonly even: boolean[];
  /** Number of monomials up to each degree. */
  readonly upTo: number[] = [];

  constructor(dimension: number, degree: number) {
    const add = (head: number[], rest: number) => {
      if (head.length === dimension - 1) this.exponents.push([...head, rest]);
      else for (let e = rest; e >= 0; e--) add([...head, e], rest - e);
    };
    for (let k = 0; k <= degree; k++) {
      add([], k);
      this.upTo.push(this.exponents.length);
    }
    const place = new Map(this.exponents.map((e, i) => [String(e), i]));
    const placeOf = (a: number[], b: number[]) => place.get(String(a.map((e, i) => e + b[i]))) ?? Number.MAX_VALUE;
    this.product = this.exponents.map((a) => this.exponents.map((b) => placeOf(a, b)));
    this.even = this.exponents.map((e) => e.every((k) => k % 2 === 0));
  }

  constant(c: number): Float64Array {
    const p = new Float64Array(this.exponents.length);
    p[0] = c;
    return p;
  }

  /** The product up to a degree, and the size of what is left out. */
  multiply(a: Float64Array, b: Float64Array, degree: number): { p: Float64Array; left: number } {
    const p = new Float64Array(this.upTo[degree]);
    let left = 0;
    for (let i = 0; i < a.length; i++) {
      for (let j = 0; a[i] !== 0 && j < b.length; j++) {
        const at = this.product[i][j];
        if (at < p.length) p[at] += a[i] * b[j];
        else left += Math.abs(a[i] * b[j]);
      }
    }
    return { p, left };
  }

  /** c_0 + u (c_1 + u (c_2 + ...)) up to a degree, |u| <= rho without a constant term; and the size of what is left out. */
  horner(c: readonly number[], u: Float64Array, rho: number, degree: number): { p: Float64Array; left: number } {
    let now: Float64Array = Float64Array.of(c[c.length - 1]);
    let left = 0;
    for (let j = c.length - 2; j >= 0; j--) {
      const next = this.multiply(now, u, degree - j);
      left += next.left * power(rho, j);
      now = next.p;
      now[0] += c[j];
    }
    return { p: Float64Array.from({ length: this.upTo[degree] }, (_, i) => now[i] ?? 0), left };
  }

  /** Middle and half the width of the range over [-1, 1]^d; even monomials lie in [0, 1]. */
  range(p: Float64Array): [middle: number, radius: number] {
    let [middle, radius] = [p[0], 2 ** -44 * size(p)];
    for (let i = 1; i < p.length; i++) {
      if (this.even[i]) middle += p[i] / 2;
      radius += Math.abs(p[i]) / (this.even[i] ? 2 : 1);
    }
    return [middle, radius];
  }
}
