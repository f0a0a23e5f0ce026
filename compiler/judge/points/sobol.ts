import { congruential } from './random.js';

/**
 * Sobol points: a low-discrepancy sequence over [0, 1)^d (Sobol 1967; Bratley and Fox, ACM TOMS 14 (1988) 88-100;
 * Gray-code order of Antonov and Saleev). The first dimensions use the direction numbers of Joe and Kuo,
 * SIAM J. Sci. Comput. 30 (2008) 2635-2654, table new-joe-kuo-6; further ones use the next primitive polynomials over
 * GF(2) with odd initial numbers drawn from a fixed generator, which are valid if less even in two-dimensional
 * projections.
 */

const BITS = 32;

/** Initial direction numbers m_1..m_s of dimensions 2, 3, ...; degree s and coefficients a follow from the order of polynomials. */
const JOE_KUO: readonly { degree: number; a: number; m: readonly number[] }[] = [
  { degree: 1, a: 0, m: [1] },
  { degree: 2, a: 1, m: [1, 3] },
  { degree: 3, a: 1, m: [1, 3, 1] },
  { degree: 3, a: 2, m: [1, 1, 1] },
  { degree: 4, a: 1, m: [1, 1, 3, 3] },
  { degree: 4, a: 4, m: [1, 3, 5, 13] },
  { degree: 5, a: 2, m: [1, 1, 5, 5, 17] },
  { degree: 5, a: 4, m: [1, 1, 5, 5, 5] },
  { degree: 5, a: 7, m: [1, 1, 7, 11, 19] },
];

/**
 * The first `count` Sobol points, row-major [count x dimensions], starting after `skip` points (skip 1 leaves out the
 * origin, which is a corner of the box).
 */
export function sobolPoints(count: number, dimensions: number, skip = 1): Float64Array {
  const directions = directionNumbers(dimensions);
  const state = new Uint32Array(dimensions);
  const points = new Float64Array(count * dimensions);
  // Point n is made of the directions that the bits of its Gray code select.
  const first = Math.max(1, skip);
  const gray = (first - 1) ^ ((first - 1) >>> 1);
  for (let bit = 0; bit < BITS; bit++) {
    if ((gray >>> bit) & 1) for (let d = 0; d < dimensions; d++) state[d] ^= directions[d * BITS + bit];
  }
  for (let n = first; n < skip + count; n++) {
    // The Gray codes of n-1 and n differ in the bit where n-1 has its lowest zero.
    const bit = 31 - Math.clz32(n & -n);
    for (let d = 0; d < dimensions; d++) {
      state[d] ^= directions[d * BITS + bit];
      points[(n - skip) * dimensions + d] = state[d] / 2 ** 32;
    }
  }
  return points;
}

function directionNumbers(dimensions: number): Uint32Array {
  const directions = new Uint32Array(dimensions * BITS);
  for (let bit = 0; bit < BITS; bit++) directions[bit] = 2 ** (31 - bit);
  const polynomials = primitivePolynomials();
  const random = congruential(0x9e3779b9);
  for (let d = 1; d < dimensions; d++) {
    const known = JOE_KUO[d - 1];
    const { degree, a } = polynomials.next().value as { degree: number; a: number };
    const m: number[] = known ? [...known.m] : [];
    for (let i = m.length; i < degree; i++) {
      m.push((Math.floor(random() * 2 ** 24) % 2 ** i) * 2 + 1);
    }
    const v = directions.subarray(d * BITS, (d + 1) * BITS);
    for (let i = 0; i < BITS; i++) {
      if (i < degree) {
        v[i] = m[i] * 2 ** (31 - i);
        continue;
      }
      v[i] = v[i - degree] ^ (v[i - degree] >>> degree);
      for (let k = 1; k < degree; k++) if ((a >> (degree - 1 - k)) & 1) v[i] ^= v[i - k];
    }
  }
  return directions;
}

/** Primitive polynomials over GF(2) by degree; `a` holds the inner coefficients, as in Joe and Kuo's table. */
function* primitivePolynomials(): Generator<{ degree: number; a: number }> {
  for (let degree = 1; ; degree++) {
    for (let a = 0; a < 2 ** (degree - 1); a++) {
      if (isPrimitive(degree, 2 ** degree + a * 2 + 1)) yield { degree, a };
    }
  }
}

/** True when x generates the multiplicative group of GF(2)[x]/polynomial, found by walking its powers. */
function isPrimitive(degree: number, polynomial: number): boolean {
  const order = 2 ** degree - 1;
  let power = 1;
  for (let k = 1; k <= order; k++) {
    power *= 2;
    if (power >= 2 ** degree) power ^= polynomial;
    if (power === 1) return k === order;
    if (power === 0) return false;
  }
  return false;
}
