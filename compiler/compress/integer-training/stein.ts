import { PinnEdgeError } from '../../diagnostics.js';
import { sobolPoints } from '../../judge/points/sobol.js';
import type { Random } from './smx.js';

/**
 * Derivatives without differentiation. Stein's estimator (arXiv 2202.09340): for g smoothed by normal noise of deviation
 * sigma, u(x) = E g(x + d), d ~ N(0, sigma^2 I),
 *
 *     du/dx_i    = E d_i (g(x + d) - g(x - d)) / (2 sigma^2)
 *     d2u/dx_i^2 = E (d_i^2 - sigma^2) (g(x + d) + g(x - d) - 2 g(x)) / (2 sigma^4)
 *
 * in antithetic pairs +-d. A rule says at which pairs g is looked at and what they weigh: drawn at random, by a Sobol
 * sequence, or the nodes of a sparse Gauss-Hermite rule, with which the expectations are exact for polynomials.
 */
export interface SteinRule {
  /** Coordinates of a direction. */
  dimensions: number;
  sigma: number;
  pairs: number;
  /** Directions d / sigma, row-major [pairs x dimensions]. */
  directions: Float64Array;
  /** What each pair counts in the mean, so that E f = sum over pairs of weight (f(+d) + f(-d)) / 2, centre left out. */
  weights: Float64Array;
}

export const RULES = ['random', 'sobol', 'gauss-hermite'] as const;
export type RuleName = (typeof RULES)[number];

/** @throws PE3005 for a sigma of zero or less, no pairs or no dimensions */
function requireRule(sigma: number, pairs: number, dimensions: number): void {
  const wrong = (option: string, reason: string) => new PinnEdgeError('PE3005', { option, reason });
  if (!(sigma > 0 && sigma < Number.POSITIVE_INFINITY)) {
    const reason = `Stein's estimator divides by its square, so it must be above zero, found ${sigma}`;
    throw wrong('sigma', `${reason}; 0.01 to 0.1 are usual`);
  }
  if (!Number.isInteger(pairs) || pairs < 1)
    throw wrong('pairs', `must be a whole number of at least 1, found ${pairs}`);
  if (!Number.isInteger(dimensions) || dimensions < 1) {
    throw wrong('dimensions', `must be a whole number of at least 1, found ${dimensions}`);
  }
}

const equalWeights = (pairs: number) => new Float64Array(pairs).fill(1 / pairs);

/** Two normal numbers of two uniform ones (Box and Muller, doi 10.1214/aoms/1177706645). */
function normals(u: number, v: number): [number, number] {
  const radius = Math.sqrt(-2 * Math.log(1 - u));
  return [radius * Math.cos(2 * Math.PI * v), radius * Math.sin(2 * Math.PI * v)];
}

function normalDirections(pairs: number, dimensions: number, uniform: (pair: number, at: number) => number) {
  const directions = new Float64Array(pairs * dimensions);
  for (let k = 0; k < pairs; k++) {
    for (let i = 0; i < dimensions; i += 2) {
      const two = normals(uniform(k, i), uniform(k, i + 1));
      for (let j = i; j < Math.min(i + 2, dimensions); j++) directions[k * dimensions + j] = two[j - i];
    }
  }
  return directions;
}

/** Directions drawn at random. */
export function randomRule(sigma: number, pairs: number, dimensions: number, random: Random): SteinRule {
  requireRule(sigma, pairs, dimensions);
  const directions = normalDirections(pairs, dimensions, random);
  return { dimensions, sigma, pairs, directions, weights: equalWeights(pairs) };
}

/** Directions of a Sobol sequence, from its point `skip` on: another part of it with another `skip`. */
export function sobolRule(sigma: number, pairs: number, dimensions: number, skip = 1): SteinRule {
  requireRule(sigma, pairs, dimensions);
  const even = dimensions + (dimensions % 2);
  const points = sobolPoints(pairs, even, skip);
  const directions = normalDirections(pairs, dimensions, (k, i) => points[k * even + i]);
  return { dimensions, sigma, pairs, directions, weights: equalWeights(pairs) };
}

/** Nodes and weights in one dimension of 1, 3 and 5 points for E over N(0, 1), nodes not below zero. */
const GAUSS_HERMITE: readonly (readonly (readonly [node: number, weight: number])[])[] = [
  [[0, 1]],
  [
    [0, 2 / 3],
    [Math.sqrt(3), 1 / 6],
  ],
  [
    [0, 8 / 15],
    [Math.sqrt(5 - Math.sqrt(10)), (7 + 2 * Math.sqrt(10)) / 60],
    [Math.sqrt(5 + Math.sqrt(10)), (7 - 2 * Math.sqrt(10)) / 60],
  ],
];

/**
 * Smolyak's sparse grid of Gauss-Hermite rules of 1, 3 and 5 points (level 3; Gerstner and Griebel, Numer. Algorithms 18
 * (1998) 209, doi 10.1023/A:1019129717644): E f is exact for polynomials of degree 5, so that the gradient is that of every
 * polynomial of degree 4 and the Laplacian that of degree 3. It has d^2 + 2 d pairs and negative weights.
 */
export function gaussHermiteRule(sigma: number, dimensions: number): SteinRule {
  requireRule(sigma, 1, dimensions);
  const level = GAUSS_HERMITE.length;
  const nodes = new Map<string, { direction: number[]; weight: number }>();
  for (const { levels, factor } of smolyak(dimensions, level)) {
    let points = [{ direction: [] as number[], weight: factor }];
    for (const one of levels) {
      const signed = GAUSS_HERMITE[one].flatMap(([x, w]) =>
        x === 0
          ? [[0, w]]
          : [
              [x, w],
              [-x, w],
            ],
      );
      points = points.flatMap(({ direction, weight }) =>
        signed.map(([x, w]) => ({ direction: [...direction, x], weight: weight * w })),
      );
    }
    for (const { direction, weight } of points) {
      // One of each pair, and not the centre, which adds nothing to a derivative.
      const first = direction.find((x) => x !== 0);
      if (first === undefined || first < 0) continue;
      const key = direction.join(' ');
      nodes.set(key, { direction, weight: (nodes.get(key)?.weight ?? 0) + weight });
    }
  }
  const kept = [...nodes.values()].filter(({ weight }) => Math.abs(weight) > 1e-15);
  return {
    dimensions,
    sigma,
    pairs: kept.length,
    directions: Float64Array.from(kept.flatMap(({ direction }) => direction)),
    weights: Float64Array.from(kept, ({ weight }) => 2 * weight),
  };
}

/** The products of one-dimensional rules that make the sparse grid, with their factors. */
function smolyak(dimensions: number, level: number): { levels: number[]; factor: number }[] {
  const terms: { levels: number[]; factor: number }[] = [];
  // Only few coordinates of a term are above the lowest level: their sum is at most level - 1.
  const add = (levels: number[], left: number) => {
    if (levels.length === dimensions) {
      const missing = left;
      if (missing < dimensions) terms.push({ levels, factor: (-1) ** missing * binomial(dimensions - 1, missing) });
      return;
    }
    for (let one = 0; one <= left; one++) add([...levels, one], left - one);
  };
  add([], level - 1);
  return terms;
}

function binomial(n: number, k: number): number {
  let value = 1;
  for (let i = 1; i <= k; i++) value = (value * (n - k + i)) / i;
  return value;
}

/**
 * What the differences of a pair from the centre, g(x + d) - g(x) and g(x - d) - g(x), count in the derivatives: the
 * gradient is sum over pairs of gradient[k, i] (plus - minus), the Laplacian of the first `among` coordinates sum of
 * laplacian[k] (plus + minus).
 */
export interface SteinFactors {
  /** Row-major [pairs x dimensions]. */
  gradient: Float64Array;
  /** [pairs] */
  laplacian: Float64Array;
}

export function steinFactors(
  { dimensions, sigma, pairs, directions, weights }: SteinRule,
  among: number,
): SteinFactors {
  const gradient = directions.map((xi, i) => (weights[Math.floor(i / dimensions)] * xi) / (2 * sigma));
  const laplacian = new Float64Array(pairs);
  for (let k = 0; k < pairs; k++) {
    let square = 0;
    for (let i = 0; i < among; i++) square += directions[k * dimensions + i] ** 2 - 1;
    laplacian[k] = (weights[k] * square) / (2 * sigma * sigma);
  }
  return { gradient, laplacian };
}

/**
 * Hutchinson's estimator of the Laplacian, the trace of the Hessian (arXiv 2312.14499), for comparison: the mean of
 * v' H v over vectors v of signs, here with v' H v by a second difference of step `step`.
 *
 * @param g its value; the point is row-major [dimensions]
 */
export function hutchinsonLaplacian(
  g: (point: Float64Array) => number,
  point: Float64Array,
  samples: number,
  step: number,
  random: Random,
): number {
  requireRule(step, samples, point.length);
  const centre = g(point);
  let sum = 0;
  for (let k = 0; k < samples; k++) {
    const signs = point.map(() => (random() < 0.5 ? -1 : 1));
    const moved = (by: number) => g(point.map((x, i) => x + by * signs[i]));
    sum += (moved(step) + moved(-step) - 2 * centre) / step ** 2;
  }
  return sum / samples;
}
