import { describe, expect, it } from 'vitest';
import {
  gaussHermiteRule,
  hutchinsonLaplacian,
  randomRule,
  type SteinRule,
  sobolRule,
  steinFactors,
} from '../../compiler/compress/integer-training/stein.js';
import { uniform } from '../../compiler/judge/points/random.js';

type Field = (point: readonly number[]) => number;

/** Gradient and Laplacian at `at` by a rule. */
function estimate(g: Field, at: readonly number[], rule: SteinRule): { gradient: number[]; laplacian: number } {
  const factors = steinFactors(rule, rule.dimensions);
  const gradient = at.map(() => 0);
  let laplacian = 0;
  for (let k = 0; k < rule.pairs; k++) {
    const moved = (sign: number) =>
      g(at.map((x, i) => x + sign * rule.sigma * rule.directions[k * rule.dimensions + i]));
    const [plus, minus] = [moved(1) - g(at), moved(-1) - g(at)];
    for (let i = 0; i < at.length; i++) gradient[i] += factors.gradient[k * rule.dimensions + i] * (plus - minus);
    laplacian += factors.laplacian[k] * (plus + minus);
  }
  return { gradient, laplacian };
}

const wave: Field = (p) => Math.sin(p.reduce((sum, x, i) => sum + (1 + i / 4) * x, 0));

describe("Stein's estimator", () => {
  it('is exact with the sparse Gauss-Hermite rule: gradients to degree 4, Laplacians to degree 3', () => {
    const cubic: Field = ([x, y, z]) => 2 * x ** 3 - x * y * z + 4 * y ** 2 - 3 * z + 1;
    const at = [0.3, -0.7, 1.1];
    const { gradient, laplacian } = estimate(cubic, at, gaussHermiteRule(0.5, 3));
    // The gradient of the smoothed field: x^3 becomes x^3 + 3 sigma^2 x.
    expect(gradient[0]).toBeCloseTo(6 * at[0] ** 2 + 6 * 0.25 - at[1] * at[2], 11);
    expect(gradient[1]).toBeCloseTo(-at[0] * at[2] + 8 * at[1], 11);
    expect(gradient[2]).toBeCloseTo(-at[0] * at[1] - 3, 11);
    expect(laplacian).toBeCloseTo(12 * at[0] + 8, 10);
  });

  it.each([1, 2, 3, 5])('has d^2 + 2 d Gauss-Hermite pairs at most in %i dimensions, which integrate degree 4', (d) => {
    const { pairs, weights, directions } = gaussHermiteRule(1, d);
    expect(pairs).toBeLessThanOrEqual(d * d + 2 * d);
    const mean = (f: (xi: Float64Array) => number) => {
      return weights.reduce((sum, w, k) => sum + w * f(directions.subarray(k * d, (k + 1) * d)), 0);
    };
    for (let i = 0; i < d; i++) {
      expect(mean((xi) => xi[i] ** 2)).toBeCloseTo(1, 12);
      expect(mean((xi) => xi[i] ** 4)).toBeCloseTo(3, 12);
      for (let j = 0; j < i; j++) {
        expect(mean((xi) => xi[i] * xi[j])).toBeCloseTo(0, 12);
        expect(mean((xi) => xi[i] ** 2 * xi[j] ** 2)).toBeCloseTo(1, 12);
      }
    }
  });

  it('converges to the derivatives as sigma falls, with the square of it', () => {
    const at = [0.4, 0.2];
    const exact = -(1 + 1.25 ** 2) * wave(at);
    const errors = [0.2, 0.1, 0.05].map((sigma) => {
      return Math.abs(estimate(wave, at, gaussHermiteRule(sigma, 2)).laplacian - exact);
    });
    for (let i = 0; i < 2; i++) expect(errors[i] / errors[i + 1]).toBeCloseTo(4, 0);
  });

  it('has the sampling error of random pairs, about one by the root of their number, and less with Sobol points', () => {
    const at = [0.4, 0.2, 0.1, 0.5];
    const exact = -(1 + 1.25 ** 2 + 1.5 ** 2 + 1.75 ** 2) * wave(at);
    const error = (rule: SteinRule) => estimate(wave, at, rule).laplacian / exact - 1;
    const rms = (rules: readonly SteinRule[]) => {
      return Math.sqrt(rules.reduce((sum, rule) => sum + error(rule) ** 2, 0) / rules.length);
    };
    const seeds = Array.from({ length: 20 }, (_, seed) => seed);
    const few = rms(seeds.map((seed) => randomRule(0.01, 128, 4, uniform(seed))));
    const many = rms(seeds.map((seed) => randomRule(0.01, 2048, 4, uniform(seed))));
    expect(few / many).toBeGreaterThan(2.5);
    expect(few / many).toBeLessThan(6.5);
    const sobol = rms([0, 1, 2, 3].map((part) => sobolRule(0.01, 2048, 4, 1 + 2048 * part)));
    expect(sobol).toBeLessThan(many / 2);
  });

  it('looks only at the coordinates of the Laplacian that are asked for', () => {
    const rule = gaussHermiteRule(0.1, 2);
    const { laplacian } = steinFactors(rule, 1);
    const square: Field = ([, y]) => y * y;
    let sum = 0;
    for (let k = 0; k < rule.pairs; k++) sum += laplacian[k] * 2 * square([0, 0.1 * rule.directions[2 * k + 1]]);
    expect(sum).toBeCloseTo(0, 10);
  });

  it.each([
    ['sigma', () => gaussHermiteRule(0, 2), /sigma: .* must be above zero, found 0; 0.01 to 0.1 are usual/],
    ['sigma', () => sobolRule(Number.NaN, 4, 2), /sigma: .* found NaN/],
    ['pairs', () => randomRule(0.1, 0, 2, uniform(1)), /pairs: must be a whole number of at least 1, found 0/],
    ['dimensions', () => sobolRule(0.1, 4, 0), /dimensions: must be a whole number of at least 1, found 0/],
  ])('refuses a wrong %s', (_, make, message) => {
    expect(make).toThrow(message);
  });
});

describe("Hutchinson's estimator", () => {
  it('is exact where the Hessian is diagonal, and has the trace on the mean where it is not', () => {
    const diagonal = (p: Float64Array) => p[0] ** 2 + 3 * p[1] ** 2;
    expect(hutchinsonLaplacian(diagonal, Float64Array.of(0.2, 0.4), 1, 0.1, uniform(1))).toBeCloseTo(8, 10);
    const mixed = (p: Float64Array) => diagonal(p) + 4 * p[0] * p[1];
    const one = hutchinsonLaplacian(mixed, Float64Array.of(0.2, 0.4), 1, 0.1, uniform(2));
    expect([0, 16]).toContain(Math.round(one));
    expect(hutchinsonLaplacian(mixed, Float64Array.of(0.2, 0.4), 4000, 0.1, uniform(3))).toBeCloseTo(8, 0);
  });

  it('refuses a step of zero', () => {
    expect(() => hutchinsonLaplacian(() => 0, Float64Array.of(0), 1, 0, uniform(1))).toThrow(/found 0/);
  });
});
