import { describe, expect, it } from 'vitest';
import { Collocation } from '../../compiler/compress/physics/collocation.js';
import { stagesOf } from '../../compiler/compress/physics/stages.js';
import { termsOf, traineeOf } from '../../compiler/compress/physics/terms.js';
import { decay } from './helpers.js';

/** Where a network is trained: points that follow the residual, weights that follow time, parameters that go step by step. */

/** Points and shares of a residual that is a function of t in [0, 2] alone. */
function drawn(residual: string, causal?: number, draws = 1) {
  const trainee = traineeOf(decay(3, { residuals: [{ name: 'r', expression: `${residual} + 0*u` }] }), 'model.json');
  const terms = termsOf(trainee.model, trainee.network);
  const collocation = new Collocation(terms, { count: 800, seed: 1, inputCount: 1, causal });
  const batches = Array.from({ length: draws }, () => collocation.draw()[0]);
  return batches.map(({ points, shares }) => ({ points, shares }));
}
const shareAbove = (points: Float64Array, t: number) => points.filter((x) => x > t).length / points.length;

describe('points of residuals', () => {
  it('are spread evenly where the residual is the same everywhere', () => {
    const [{ points, shares }] = drawn('3');
    expect(points).toHaveLength(800);
    expect(shareAbove(points, 1.5)).toBeCloseTo(0.25, 1);
    expect(new Set(shares)).toEqual(new Set([1 / 800]));
  });

  it('are drawn where it is large: half of them evenly, half as the residual is', () => {
    // |r| = t^7: of its integral over [0, 2] the part above 1.5 is 1 - 0.75^8.
    const [{ points }] = drawn('t^7');
    expect(shareAbove(points, 1.5)).toBeCloseTo((0.25 + 1 - 0.75 ** 8) / 2, 1);
    const [again, other] = drawn('t^7', undefined, 2);
    expect(again.points).toEqual(points);
    expect(other.points).not.toEqual(points);
  });
});

describe('causal weights', () => {
  it('count a residual by what is left before it in time, and come to count all the same once that is small', () => {
    const [{ points, shares }] = drawn('20', 0);
    const order = Array.from(points.keys()).sort((a, b) => points[a] - points[b]);
    const inTime = order.map((p) => shares[p] * 800);
    expect(inTime[0]).toBe(1);
    for (const [i, share] of inTime.entries()) if (i > 0) expect(share).toBeLessThanOrEqual(inTime[i - 1]);
    // 32 slices of mean square 400 at a strictness of 0.01: each counts exp(-4) of the one before.
    expect(inTime[400] / inTime[375]).toBeCloseTo(Math.exp(-4), 6);
    const [small] = drawn('1e-6', 0);
    expect(Math.min(...small.shares) * 800).toBeCloseTo(1, 6);
  });

  it('grow stricter while they are even', () => {
    // With every draw three times as strict, from 0.01 on to 100 or where the last slice counts less than 0.9.
    const draws = drawn('0.05', 0, 12).map(({ shares }) => Math.min(...shares) * 800);
    expect(draws[0]).toBeGreaterThan(0.99);
    expect(draws[11]).toBeLessThan(0.9);
  });
});

describe('continuation', () => {
  it('goes from the given value to the own one in equal ratios, with all steps, each stage named', () => {
    const model = decay(3, { parameters: { k: 4 } });
    const stages = stagesOf(model, { k: 0.125 }, 100);
    const values = stages.map(({ model: { physics } }) => Math.fround(physics!.parameters!.k));
    expect(values).toEqual([0.125, 0.25, 0.5, 1, 2, 4]);
    expect(stages.map(({ steps }) => steps)).toEqual([20, 8, 8, 8, 8, 48]);
    expect(stages[1].title).toBe('k = 0.25');
    expect(stagesOf(model, {}, 100)).toEqual([{ model, steps: 100, title: '' }]);
  });

  it('goes in equal differences where signs differ', () => {
    const stages = stagesOf(decay(3, { parameters: { k: 4 } }), { k: -1 }, 10);
    expect(stages.map(({ model: { physics } }) => physics!.parameters!.k)).toEqual([-1, 0, 1, 2, 3, 4]);
  });
});
