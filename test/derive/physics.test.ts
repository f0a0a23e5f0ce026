import { describe, expect, it } from 'vitest';
import { coveringPoints } from '../../compiler/judge/points/cover.js';
import { evaluateReference } from '../../compiler/judge/reference/evaluate.js';
import { inputBox } from '../../compiler/model/box.js';
import type { Model } from '../../compiler/model/types.js';
import { measurePhysics } from '../../compiler/run/physics.js';
import { modelFrom } from '../helpers/models.js';

/** Residuals and distances from the exact solution against those that are known by formula. */

/** u = c x t and what more is sent, for u_t + u u_x - nu u_xx: x (c + c^2 t^2). */
function bilinear(c: number, ...sent: { name: string; expression: string }[]): Model {
  return modelFrom({
    format: 'pinn-edge/1',
    name: 'bilinear',
    inputs: [
      { name: 'x', min: -1, max: 2 },
      { name: 't', min: 0, max: 3 },
    ],
    nodes: [
      { name: 'xt', op: 'mul', inputs: ['x', 't'] },
      { name: 'cxt', op: 'scale', inputs: ['xt'], scale: [c] },
    ],
    outputs: [{ name: 'u', value: 'cxt' }, ...sent],
    tensors: {},
    physics: {
      parameters: { nu: 0.1 },
      residuals: [{ name: 'burgers', expression: 'u_t + u*u_x - nu*u_xx' }],
      exact: { u: '2*x*t' },
    },
  });
}

const points = coveringPoints(inputBox(bilinear(2).inputs), 512);
const rms = (f: (x: number, t: number) => number) => {
  const count = points.length / 2;
  let sum = 0;
  for (let p = 0; p < count; p++) sum += f(points[2 * p], points[2 * p + 1]) ** 2;
  return Math.sqrt(sum / count);
};
const residual = (c: number) => (x: number, t: number) => x * (c + c * c * t * t);
/** What a module would send that is another network. */
const moduleOf = (model: Model) => (at: Float64Array) => evaluateReference(model, at);

describe('the physics of networks', () => {
  it('are those of the formula, for the float network and the compressed one', () => {
    const { residuals, exact } = measurePhysics(bilinear(2), bilinear(2.5), moduleOf(bilinear(2)), points);
    const [{ network, compressed, largestTerm }] = residuals;
    expect(network.largest).toBeCloseTo(2 * (2 + 4 * 9), 10);
    expect(network.l2).toBeCloseTo(rms(residual(2)), 10);
    expect(compressed!.largest).toBeCloseTo(2 * (2.5 + 2.5 ** 2 * 9), 10);
    expect(compressed!.l2).toBeCloseTo(rms(residual(2.5)), 10);
    // u u_x at x = 2, t = 3.
    expect(largestTerm).toBeCloseTo(12 * 6, 10);
    expect(exact[0].network.largest).toBeCloseTo(0, 10);
    expect(exact[0].compressed!.largest).toBeCloseTo(0.5 * 6, 10);
    expect(exact[0].module!.largest).toBeCloseTo(0, 10);
  });

  it('of the module want what the residual is made of, and say what is missing', () => {
    const alone = measurePhysics(bilinear(2), undefined, moduleOf(bilinear(2)), points);
    expect(alone.residuals[0].module).toBeUndefined();
    expect(alone.residuals[0].compressed).toBeUndefined();
    expect(alone.residuals[0].missing!.sort()).toEqual(['u_t', 'u_x', 'u_xx']);
  });

  it.each([
    ['the residual itself', [{ name: 'r', expression: 'u_t + u*u_x - nu*u_xx' }]],
    [
      'its derivatives, by whatever names',
      [
        { name: 'u_x', expression: 'u_x' },
        { name: 'rate', expression: 'u_t' },
        { name: 'bend', expression: 'u_xx' },
      ],
    ],
  ])('of the module come from %s', (_name, sent) => {
    const model = bilinear(2, ...sent);
    const { residuals } = measurePhysics(model, undefined, moduleOf(bilinear(2.25, ...sent)), points);
    expect(residuals[0].module!.largest).toBeCloseTo(2 * (2.25 + 2.25 ** 2 * 9), 10);
    expect(residuals[0].module!.l2).toBeCloseTo(rms(residual(2.25)), 10);
    expect(residuals[0].moduleError).toBeCloseTo(2 * (0.25 + (2.25 ** 2 - 4) * 9), 10);
    expect(residuals[0].network.largest).toBeCloseTo(76, 10);
  });

  it('that are not a number count as infinite', () => {
    const { residuals } = measurePhysics(
      bilinear(2, { name: 'r', expression: 'u_t + u*u_x - nu*u_xx' }),
      undefined,
      (at) => new Float64Array(at.length).fill(Number.NaN),
      points,
    );
    expect(residuals[0].module!.largest).toBe(Number.POSITIVE_INFINITY);
  });
});
