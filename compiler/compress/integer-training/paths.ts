import { PinnEdgeError } from '../../diagnostics.js';
import { FIXED, fixed, type Numbers } from './number-formats.js';
import type { Carry } from './sine-of-paths.js';
import { type SteinFactors, type SteinRule, steinFactors } from './stein.js';

/** What a network gives at a point: its value, its derivatives by the inputs, the sum of some second ones. */
export interface Derivatives {
  value: number;
  gradient: Float64Array;
  laplacian: number;
}

/** How a group of points becomes paths through the network, and outputs of paths become derivatives. */
export interface PathPlan {
  carry: Carry;
  inputs: number;
  among: number;
  paths: number;
  /** Powers of two that gradients of outputs are multiplied by, so that the largest factor becomes 1. */
  gradientScale: number;
  /** Of Stein's estimator: sigma times its directions, and its factors, as used. */
  used?: { steps: Float64Array; laplacian: Float64Array };
  /** Rows of inputs, path-major, of points row-major [points x inputs]. */
  spread(points: Float64Array, count: number): Float64Array;
  /** Derivatives at point p of the outputs of all paths [paths x count]. */
  gather(outputs: Float64Array, count: number, p: number): Derivatives;
  /** Writes gradients by the paths' outputs, those by the derivatives of point p given. */
  scatter(by: Derivatives, into: Float64Array, count: number, p: number): void;
}

/** The points alone, for conditions. */
export function valuePlan(inputs: number, gradientScale: number): PathPlan {
  return {
    carry: 'difference',
    inputs,
    among: 0,
    paths: 1,
    gradientScale,
    spread: (points, count) => points.slice(0, count * inputs),
    gather: (outputs, _, p) => ({ value: outputs[p], gradient: new Float64Array(inputs), laplacian: 0 }),
    scatter: (by, into, _, p) => {
      into[p] = by.value * gradientScale;
    },
  };
}

/** Exact derivatives: paths of the value, each input and the Laplacian. */
export function exactPlan(inputs: number, among: number): PathPlan {
  const paths = inputs + 2;
  return {
    carry: 'exact',
    inputs,
    among,
    paths,
    gradientScale: 1,
    spread: (points, count) => {
      const rows = new Float64Array(paths * count * inputs);
      rows.set(points.subarray(0, count * inputs));
      for (let i = 0; i < inputs; i++) for (let p = 0; p < count; p++) rows[((i + 1) * count + p) * inputs + i] = 1;
      return rows;
    },
    gather: (outputs, count, p) => ({
      value: outputs[p],
      gradient: Float64Array.from({ length: inputs }, (_, i) => outputs[(i + 1) * count + p]),
      laplacian: outputs[(inputs + 1) * count + p],
    }),
    scatter: (by, into, count, p) => {
      into[p] = by.value;
      by.gradient.forEach((g, i) => {
        into[(i + 1) * count + p] = g;
      });
      into[(inputs + 1) * count + p] = by.laplacian;
    },
  };
}

/** Bits of the integers that the factors of Stein's estimator become. */
const FACTOR_BITS = 15;

/** In integers: directions have FIXED.direction bits behind the point, and stay below 2. */
const SIGMAS = [1e-4, 0.5] as const;

/**
 * Stein's estimator, its perturbed paths carried as they are or as differences from the centre's.
 *
 * @throws PE3005 for a sigma that integers cannot tell from zero, or whose directions they do not hold
 */
export function steinPlan(rule: SteinRule, among: number, carry: 'direct' | 'difference', numbers?: Numbers): PathPlan {
  const { dimensions: inputs, pairs, sigma } = rule;
  const [least, most] = SIGMAS;
  if (numbers && !(sigma >= least && sigma <= most)) {
    const reason = `the integers of perturbed points hold ${least} to ${most}, found ${sigma}`;
    throw new PinnEdgeError('PE3005', { option: 'sigma', reason });
  }
  const steps = rule.directions.map((xi) => (numbers ? fixed(sigma * xi, FIXED.direction, 2) : sigma * xi));
  const { gradient, laplacian } = factorsFor({ ...rule, directions: steps.map((d) => d / sigma) }, among, numbers);
  let largest = 0;
  for (const factor of [...gradient, ...laplacian]) largest = Math.max(largest, Math.abs(factor));
  // What the values of perturbed points are differences from.
  if (carry === 'direct') largest = Math.max(largest, Math.abs(2 * laplacian.reduce((sum, v) => sum + v, 0)));
  const gradientScale = 2 ** -Math.ceil(Math.log2(largest));
  const paths = 1 + 2 * pairs;
  return {
    carry,
    inputs,
    among,
    paths,
    gradientScale,
    used: { steps, laplacian },
    spread: (points, count) => {
      const rows = new Float64Array(paths * count * inputs);
      rows.set(points.subarray(0, count * inputs));
      for (let path = 1; path < paths; path++) {
        const sign = path % 2 ? 1 : -1;
        const direction = (path - 1) >> 1;
        for (let p = 0; p < count; p++) {
          for (let i = 0; i < inputs; i++) {
            const centre = carry === 'direct' ? points[p * inputs + i] : 0;
            rows[(path * count + p) * inputs + i] = centre + sign * steps[direction * inputs + i];
          }
        }
      }
      return rows;
    },
    gather: (outputs, count, p) => {
      const centre = outputs[p];
      const away = carry === 'direct' ? centre : 0;
      const by: Derivatives = { value: centre, gradient: new Float64Array(inputs), laplacian: 0 };
      for (let k = 0; k < pairs; k++) {
        const plus = outputs[(2 * k + 1) * count + p] - away;
        const minus = outputs[(2 * k + 2) * count + p] - away;
        by.laplacian += laplacian[k] * (plus + minus);
        for (let i = 0; i < inputs; i++) by.gradient[i] += gradient[k * inputs + i] * (plus - minus);
      }
      return by;
    },
    scatter: (by, into, count, p) => {
      let centre = by.value;
      for (let k = 0; k < pairs; k++) {
        const even = by.laplacian * laplacian[k];
        let odd = 0;
        for (let i = 0; i < inputs; i++) odd += by.gradient[i] * gradient[k * inputs + i];
        into[(2 * k + 1) * count + p] = (even + odd) * gradientScale;
        into[(2 * k + 2) * count + p] = (even - odd) * gradientScale;
        if (carry === 'direct') centre -= 2 * even;
      }
      into[p] = centre * gradientScale;
    },
  };
}

/** With numbers as integers times a power of two, the largest of gradient and of Laplacian just below 2^FACTOR_BITS. */
function factorsFor(rule: SteinRule, among: number, numbers?: Numbers): SteinFactors {
  const factors = steinFactors(rule, among);
  if (!numbers) return factors;
  const rounded = (values: Float64Array) => {
    const largest = values.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
    const bits = FACTOR_BITS - Math.ceil(Math.log2(largest || 1));
    return values.map((v) => Math.round(v * 2 ** bits) / 2 ** bits);
  };
  return { gradient: rounded(factors.gradient), laplacian: rounded(factors.laplacian) };
}
