import { describe, expect, it } from 'vitest';
import { Collocation } from '../../compiler/compress/physics/collocation.js';
import { distances } from '../../compiler/compress/physics/distances.js';
import { byParameters, byResiduals } from '../../compiler/compress/physics/gauss-newton.js';
import { initialWeights } from '../../compiler/compress/physics/initial-weights.js';
import { gradientOf, lossOf } from '../../compiler/compress/physics/objective.js';
import { parametersOf, setParameters, termsOf, traineeOf } from '../../compiler/compress/physics/terms.js';
import { type TrainSettings, trainModel } from '../../compiler/compress/physics/train.js';
import type { Model } from '../../compiler/model/types.js';
import { modelFrom, perceptron } from '../helpers/models.js';
import { decay, heat } from './helpers.js';

/** Training on the physics: its derivatives against differences, its results against exact solutions. */

const settings = (extra: Partial<TrainSettings> = {}): TrainSettings => ({
  method: 'lm',
  init: true,
  seed: 0,
  steps: 60,
  from: {},
  frozen: [],
  ...extra,
});
const weightsOf = (model: Model) => [...model.tensors].map(([name, { data }]) => [name, [...data]]);
const train = (model: Model, extra?: Partial<TrainSettings>) => trainModel(model, 'model.json', settings(extra));

describe('the loss', () => {
  const model = heat({
    data: [
      {
        columns: ['x', 't', 'u'],
        rows: [
          [0.5, 0.1, 0.4],
          [0.25, 0.05, 0.5],
        ],
        weight: 3,
      },
      { columns: ['x', 't', 'u'], rows: [[0.5, 0.1, 7]], weight: 0 },
    ],
  });
  const trainee = traineeOf(model, 'model.json');
  const terms = termsOf(trainee.model, trainee.network);
  const batches = new Collocation(terms, { count: 40, seed: 1, inputCount: 2 }).draw();

  it('has a term for residuals, each condition and data that count', () => {
    expect(terms.flatMap(({ names }) => names)).toEqual(['heat', 'u - sin(pi*x) at t = 0', 'data 1: u']);
  });

  it('has the gradient that differences have, and so have normal equations', () => {
    const theta = parametersOf(trainee);
    const { gradient, total } = gradientOf(batches, 2, trainee.layout);
    expect(total).toBeCloseTo(lossOf(batches, 2).total, 10);
    const step = 1e-6;
    theta.forEach((t, k) => {
      const at = (v: number) => {
        setParameters(
          trainee,
          theta.map((w, i) => (i === k ? v : w)),
        );
        return lossOf(batches, 2).total;
      };
      const difference = (at(t + step) - at(t - step)) / (2 * step);
      expect(Math.abs(gradient[k] - difference)).toBeLessThan(1e-5 * (1 + Math.abs(difference)));
    });
    setParameters(trainee, theta);
  });

  it('has the same steps of Levenberg-Marquardt by parameters and by residuals', () => {
    const [a, b] = [byParameters, byResiduals].map((make) => {
      const system = make(trainee.layout, 2);
      system.linearize(batches);
      return system.solve(0.1)!;
    });
    const size = Math.max(...a.delta.map(Math.abs));
    a.delta.forEach((d, k) => {
      expect(Math.abs(d - b.delta[k])).toBeLessThan(1e-7 * size);
    });
    expect(a.gain / b.gain).toBeCloseTo(1, 6);
  });
});

describe('training', () => {
  it.each<[string, Model, Partial<TrainSettings>, number]>([
    ['a decay by Levenberg-Marquardt', decay(), {}, 3e-4],
    ['a decay by L-BFGS', decay(), { method: 'lbfgs', steps: 300 }, 2e-3],
    ['a decay by Adam', decay(), { method: 'adam', steps: 1200 }, 0.3],
    ['a decay with causal weights', decay(), { causal: 't' }, 1e-3],
    ['a decay from another parameter', decay(6, { parameters: { k: 3 } }), { from: { k: 1 }, steps: 120 }, 1e-3],
    ['heat with its walls in the graph', heat(), { steps: 80 }, 1.5e-2],
  ])('reaches the solution of %s from fresh weights', async (_name, model, extra, limit) => {
    const { model: trained, loss } = await train(model, extra);
    expect(loss.after).toBeLessThan(loss.before / 10);
    expect(distances(trained)[0].relativeL2).toBeLessThan(limit);
    expect(trained.physics).toEqual(model.physics);
  });

  it('gives equal weights for equal seeds and others for others, and leaves the given ones alone', async () => {
    const model = decay();
    const before = weightsOf(model);
    const [a, b, c, d] = await Promise.all([
      train(model, { steps: 8 }),
      train(model, { steps: 8 }),
      train(model, { steps: 8, seed: 1 }),
      train(model, { steps: 8, seed: 1, init: false }),
    ]);
    expect(weightsOf(b.model)).toEqual(weightsOf(a.model));
    expect(weightsOf(c.model)).not.toEqual(weightsOf(a.model));
    expect(weightsOf(d.model)).not.toEqual(weightsOf(c.model));
    expect(weightsOf(model)).toEqual(before);
  });

  it('goes on from given weights, never to worse ones', async () => {
    const once = await train(decay(), { steps: 10 });
    const twice = await train(once.model, { init: false, steps: 10, seed: 5 });
    expect(twice.loss.before).toBeCloseTo(once.loss.after, 8);
    expect(twice.loss.after).toBeLessThan(once.loss.after);
  });

  it('leaves frozen tensors, sums and missing biases as they are', async () => {
    const json = perceptron([1, 5, 4]) as { nodes: object[]; outputs: object[]; tensors: object };
    const model = modelFrom({
      ...json,
      nodes: [
        ...json.nodes.map((node) => ({
          ...node,
          ...('bias' in node && node.bias === 'b2' ? { bias: undefined } : {}),
        })),
        { name: 'total', op: 'sum', inputs: ['z2'] },
      ],
      outputs: [{ name: 'u', value: 'total' }],
      physics: { residuals: [{ name: 'line', expression: 'u_x0 - 1' }], conditions: [] },
    });
    const { model: trained, weights, loss } = await train(model, { frozen: ['b1'], steps: 20 });
    expect(weights).toBe(5 + 20);
    expect(trained.tensors.get('b1')).toEqual(model.tensors.get('b1'));
    expect(loss.after).toBeLessThan(1e-4);
    expect(trained.nodes).toEqual(model.nodes);
  });

  it('trains the factors of low-rank and hierarchical layers', async () => {
    const json = perceptron([1, 8, 8, 1]) as { nodes: { name: string }[]; tensors: Record<string, object> };
    const matrix = (rows: number, cols: number) => ({ shape: [rows, cols], data: Array(rows * cols).fill(0.1) });
    const layer = {
      name: 'z2',
      op: 'hierarchical',
      inputs: ['h1'],
      width: 8,
      bias: 'b2',
      leaves: [
        { rows: [0, 4], cols: [0, 8], left: 'l', right: 'r' },
        { rows: [4, 8], cols: [0, 4], weight: 'd' },
      ],
    };
    const { w2: _, ...tensors } = json.tensors;
    const model = modelFrom({
      ...json,
      nodes: json.nodes.map((node) => (node.name === 'z2' ? layer : node)),
      tensors: { ...tensors, l: matrix(4, 1), r: matrix(1, 8), d: matrix(4, 4) },
      physics: {
        residuals: [{ name: 'sine', expression: 'y0_x0 - cos(x0)' }],
        conditions: [{ where: 'x0 = 0', expression: 'y0' }],
        exact: { y0: 'sin(x0)' },
      },
    });
    const { model: trained, weights } = await train(model);
    expect(weights).toBe(8 + 8 + 4 + 8 + 16 + 8 + 8 + 1);
    expect(distances(trained)[0].relativeL2).toBeLessThan(1e-3);
  });

  it('learns from data alone, and from data in place of conditions', async () => {
    const rows = Array.from({ length: 21 }, (_, i) => [i / 10, Math.exp(-i / 10)]);
    const data = [{ columns: ['t', 'u'], rows }];
    const alone = await train(decay(6, { residuals: undefined, conditions: undefined, data }));
    expect(distances(alone.model)[0].relativeL2).toBeLessThan(1e-3);
    const point = [{ columns: ['t', 'u'], rows: [[0, 1]] }];
    const beside = await train(decay(6, { conditions: undefined, data: point }));
    expect(distances(beside.model)[0].relativeL2).toBeLessThan(1e-3);
  });

  it('ends with the best so far where it is asked to', async () => {
    let steps = 0;
    const watch = { checkpoint: async () => ++steps === 7 };
    const { stopped, steps: taken, loss } = await trainModel(decay(), 'model.json', settings(), watch);
    expect([stopped, taken]).toEqual(['interrupted', 7]);
    expect(loss.after).toBeLessThan(loss.before);
  });

  it('stops at the step where the loss is no number, with the last weights that are good', async () => {
    // log(u) has no value once u is pulled below zero.
    const positive = decay(4, {
      residuals: [{ name: 'logarithm', expression: '1e-6*log(u)' }],
      conditions: [{ where: 't = 0', expression: 'u + 3' }],
    });
    const bias = positive.tensors.get('b2')!;
    bias.data.fill(20);
    const result = await train(positive, { method: 'adam', init: false, steps: 40_000 });
    expect(result.stopped).toBe('not a number');
    expect(result.fault).toBe('logarithm');
    expect(Number.isFinite(result.loss.after)).toBe(true);
    expect(result.loss.after).toBeLessThan(result.loss.before);
  });

  it.each<[string, Model, string]>([
    ['residuals without conditions', decay(4, { conditions: undefined }), 'PE4302'],
    ['no physics', modelFrom(perceptron([1, 2, 1])), 'PE4301'],
    ['an exact solution alone', decay(4, { residuals: undefined, conditions: undefined }), 'PE4301'],
    ['a residual that is no number', decay(4, { residuals: [{ name: 'r', expression: 'log(-1 - t)*u' }] }), 'PE4303'],
  ])('with %s is refused', async (_name, model, code) => {
    await expect(train(model)).rejects.toMatchObject({ code });
  });

  it('of frozen weights only, or of tensor trains, is refused', async () => {
    const all = decay(4);
    await expect(train(all, { frozen: [...all.tensors.keys()] })).rejects.toMatchObject({ code: 'PE4305' });
  });
});

describe('fresh weights', () => {
  it('have the variance of Glorot and Bengio, and zero biases', () => {
    const model = initialWeights(modelFrom(perceptron([2, 60, 60, 1])), 3);
    const { data } = model.tensors.get('w2')!;
    const variance = data.reduce((sum, w) => sum + w * w, 0) / data.length;
    expect(variance).toBeGreaterThan(0.9 * (2 / 120));
    expect(variance).toBeLessThan(1.1 * (2 / 120));
    expect([...model.tensors.get('b2')!.data].every((b) => b === 0)).toBe(true);
  });
});
