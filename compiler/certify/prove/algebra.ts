/**
 * Polynomials in s in [-1, 1]^d up to a degree, as coefficients in one fixed order: by degree, the constant first. Those
 * of a lower degree are the first so many.
 */
export class Algebra {
  /** Exponents of every monomial. */
  readonly exponents: readonly (readonly number[])[];
  readonly size: number;
  /** Number of monomials of degree at most k. */
  readonly upTo: Int32Array;
  readonly degrees: Int32Array;
  /** Place of the product of monomials i and j at i * size + j; -1 beyond the degree. */
  readonly products: Int32Array;
  /** Whether all exponents are even, so that the monomial lies in [0, 1]. */
  readonly even: readonly boolean[];

  constructor(
    readonly dimension: number,
    readonly degree: number,
  ) {
    const monomials = [...monomialsOf(dimension, degree)];
    const total = (m: readonly number[]) => m.reduce((a, b) => a + b, 0);
    monomials.sort((p, q) => total(p) - total(q) || compare(q, p));
    this.exponents = monomials;
    const size = monomials.length;
    this.size = size;
    this.degrees = Int32Array.from(monomials, total);
    this.upTo = Int32Array.from({ length: degree + 1 }, (_, k) => this.degrees.filter((n) => n <= k).length);
    const places = new Map(monomials.map((m, i) => [m.join(), i]));
    this.products = new Int32Array(size * size);
    for (let i = 0; i < size; i++) {
      for (let j = 0; j < size; j++) {
        this.products[i * size + j] = places.get(monomials[i].map((a, axis) => a + monomials[j][axis]).join()) ?? -1;
      }
    }
    this.even = monomials.map((m) => m.every((a) => a % 2 === 0));
  }

  /** Place of s_axis. */
  linear(axis: number): number {
    return 1 + axis;
  }

  /** Sums of magnitudes by degree, 0 .. `degree`, of the polynomial at `at`. */
  masses(p: Float64Array, at: number, degree: number, to: Float64Array): void {
    let i = 0;
    for (let k = 0; k <= degree; k++) {
      let sum = 0;
      for (const end = this.upTo[k]; i < end; i++) sum += Math.abs(p[at + i]);
      to[k] = sum;
    }
  }
}

function* monomialsOf(dimension: number, degree: number): Generator<number[]> {
  if (dimension === 0) {
    yield [];
    return;
  }
  for (let a = 0; a <= degree; a++) for (const rest of monomialsOf(dimension - 1, degree - a)) yield [a, ...rest];
}

function compare(p: readonly number[], q: readonly number[]): number {
  const axis = p.findIndex((a, i) => a !== q[i]);
  return axis < 0 ? 0 : p[axis] - q[axis];
}

/** The least and the largest of a polynomial of one variable over [-1, 1]: its parabola exactly, the rest by its size. */
export function lineRange(c: ArrayLike<number>): [number, number] {
  const [a = 0, b = 0, q = 0] = Array.from(c);
  let mass = 0;
  let rest = 0;
  for (let k = 0; k < c.length; k++) {
    mass += Math.abs(c[k]);
    if (k > 2) rest += Math.abs(c[k]);
  }
  const ends = [a + q - b, a + q + b];
  // Between the ends where the slope is 0 there.
  if (Math.abs(b) < 2 * Math.abs(q)) ends.push(a - (b * (b / q)) / 4);
  const slack = rest * UP + 2 ** -44 * mass;
  return [Math.min(...ends) - slack, Math.max(...ends) + slack];
}

const UP = 1 + 2 ** -40;

const known = new Map<string, Algebra>();

export function algebra(dimension: number, degree: number): Algebra {
  const key = `${dimension}:${degree}`;
  let found = known.get(key);
  if (!found) {
    found = new Algebra(dimension, degree);
    known.set(key, found);
  }
  return found;
}

/**
 * out = a b up to degree `degree`, for a of degree `degreeA` and b of degree `degreeB`; gives a bound of the magnitude of
 * what is left out. Roundings are not in it: every coefficient is a sum of at most `size` products.
 */
export function multiply(
  al: Algebra,
  a: Float64Array,
  atA: number,
  degreeA: number,
  b: Float64Array,
  atB: number,
  degreeB: number,
  out: Float64Array,
  at: number,
  degree: number,
): number {
  const { size, products, degrees, upTo } = al;
  out.fill(0, at, at + upTo[degree]);
  const endA = upTo[Math.min(degreeA, degree)];
  for (let i = 0; i < endA; i++) {
    const ai = a[atA + i];
    if (ai === 0) continue;
    const end = upTo[Math.min(degreeB, degree - degrees[i])];
    const row = i * size;
    for (let j = 0; j < end; j++) out[at + products[row + j]] += ai * b[atB + j];
  }
  if (degreeA + degreeB <= degree) return 0;
  al.masses(a, atA, degreeA, massA);
  al.masses(b, atB, degreeB, massB);
  let left = 0;
  for (let i = 0; i <= degreeA; i++) {
    for (let j = Math.max(0, degree + 1 - i); j <= degreeB; j++) left += massA[i] * massB[j];
  }
  return left;
}

const massA = new Float64Array(16);
const massB = new Float64Array(16);

/** The range of a polynomial over [-1, 1]^d: middle and half the width. */
export function polynomialRange(al: Algebra, p: Float64Array, at: number): { middle: number; radius: number } {
  let middle = p[at];
  let radius = 0;
  let mass = Math.abs(middle);
  for (let i = 1; i < al.size; i++) {
    const c = p[at + i];
    mass += Math.abs(c);
    if (al.even[i]) {
      middle += c / 2;
      radius += Math.abs(c) / 2;
    } else {
      radius += Math.abs(c);
    }
  }
  return { middle, radius: radius + 2 ** -44 * mass };
}
