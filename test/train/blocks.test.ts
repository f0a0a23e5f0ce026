import { describe, expect, it } from 'vitest';
import { distances } from '../../compiler/compress/physics/distances.js';
import { initialWeights } from '../../compiler/compress/physics/initial-weights.js';
import { blockRankPenalty, type Penalty } from '../../compiler/compress/physics/penalties.js';
import { parametersOf, setParameters, type Trainee, traineeOf } from '../../compiler/compress/physics/terms.js';
import { type TrainSettings, trainModel } from '../../compiler/compress/physics/train.js';
import {
  type BlockSettings,
  distanceFrom,
  tangentKernelOf,
  withBlocks,
  withDenseMatrices,
} from '../../compiler/compress/physics/trained-blocks.js';
import { createGram } from '../../compiler/ir/linear-algebra/gram.js';
import { evaluateReference } from '../../compiler/judge/reference/evaluate.js';
import { type Model, parameterCount } from '../../compiler/model/types.js';
import { modelFrom, perceptron } from '../helpers/models.js';
import { decayJson } from './helpers.js';

/** Matrices in blocks that are adapted in training. */

const BLOCKS: BlockSettings = { tolerance: 1e-2, every: 15, blockRank: 0, kernel: 0 };

/** u' + u = 0 by a network with a hidden matrix of 16 x 16. */
function deepDecay(): Model {
  const text = JSON.stringify(perceptron([1, 16, 16, 1]))
    .replaceAll('x0', 't')
    .replaceAll('"y0"', '"u"');
  const { inputs: _, outputs: __, ...network } = JSON.parse(text);
  const { inputs, outputs: ___, nodes: ____, tensors: _____, ...rest } = decayJson();
  return modelFrom({ ...rest, ...network, inputs, outputs: JSON.parse(text).outputs });
}

const fresh = (seed = 3) => initialWeights(deepDecay(), seed);
const POINTS = Float64Array.from({ length: 41 }, (_, i) => i / 20);
const answers = (model: Model) => evaluateReference(model, POINTS);
const off = (a: Float64Array, b: Float64Array) => a.reduce((most, v, i) => Math.max(most, Math.abs(v - b[i])), 0);
const largest = (values: Float64Array) => values.reduce((most, v) => Math.max(most, Math.abs(v)), 0);

describe('matrices in blocks', () => {
  it('change the outputs by no more than the tolerance says, and are dense again without changing them', () => {
    const dense = fresh();
    for (const tolerance of [1e-2, 1e-4]) {
      const blocks = withBlocks(dense, { ...BLOCKS, tolerance });
      expect(blocks.nodes.some(({ op }) => op === 'low_rank' || op === 'hierarchical')).toBe(true);
      expect(off(answers(blocks), answers(dense))).toBeLessThan(3 * tolerance * largest(answers(dense)));
      const again = withDenseMatrices(blocks);
      expect(again.nodes.every(({ op }) => op !== 'low_rank' && op !== 'hierarchical')).toBe(true);
      expect(off(answers(again), answers(blocks))).toBeLessThan(1e-12);
    }
  });

  it('are no more numbers than allowed, whatever the tolerance, and no fewer than need be', () => {
    const most = 150;
    const count = parameterCount(withBlocks(fresh(), { ...BLOCKS, tolerance: 1e-9, most }));
    expect(count).toBeLessThanOrEqual(most);
    expect(count).toBeGreaterThan(most - 40);
  });
});

describe('penalties', () => {
  const dense = fresh(5);
  const trainee = traineeOf(withBlocks(dense, BLOCKS), 'model.json');
  const wanted = tangentKernelOf(traineeOf(dense, 'model.json')).matrix();

  it.each<[string, Penalty]>([
    ['on the distance of the tangent kernel', tangentKernelOf(trainee).penalty(wanted, 0.7)],
    ['on block ranks', blockRankPenalty(trainee, trainee.network, 0.3)],
  ])('%s have the gradient that differences have', (_name, penalty) => {
    const theta = parametersOf(trainee);
    const gradient = new Float64Array(theta.length);
    expect(penalty.add(gradient)).toBeCloseTo(penalty.value(), 12);
    expect(penalty.value()).toBeGreaterThan(0);
    const step = 1e-5;
    let most = 0;
    for (let k = 0; k < theta.length; k += 7) {
      const difference = (valueAt(trainee, penalty, k, step) - valueAt(trainee, penalty, k, -step)) / (2 * step);
      expect(Math.abs(2 * gradient[k] - difference)).toBeLessThan(1e-5);
      most = Math.max(most, Math.abs(difference));
    }
    expect(most).toBeGreaterThan(1e-3);
    expect(parametersOf(trainee)).toEqual(theta);
  });

  it('on the kernel have J^T J: the square of what small steps change it by', () => {
    const kernel = tangentKernelOf(trainee);
    const penalty = kernel.penalty(kernel.matrix(), 2);
    const theta = parametersOf(trainee);
    const gram = createGram(theta.length);
    penalty.add(new Float64Array(theta.length), gram);
    for (const at of [0, 20, 60]) {
      const step = 1e-4;
      const square = valueAt(trainee, penalty, at, step);
      const predicted = step ** 2 * gram.sum[at * gram.size + at];
      expect(square / predicted).toBeCloseTo(1, 1);
    }
  });

  it('on block ranks are what they were asked to count', () => {
    expect(blockRankPenalty(trainee, trainee.network, 0.3).value()).toBeCloseTo(0.3, 12);
  });
});

function valueAt(trainee: Trainee, penalty: Penalty, k: number, step: number): number {
  const theta = parametersOf(trainee);
  setParameters(
    trainee,
    theta.map((t, i) => (i === k ? t + step : t)),
  );
  const value = penalty.value();
  setParameters(trainee, theta);
  return value;
}

describe('training in blocks', () => {
  const train = (blocks: Partial<BlockSettings> = {}, extra: Partial<TrainSettings> = {}, watch = {}) => {
    const settings = { method: 'lm', init: true, seed: 2, steps: 45, points: 64, from: {}, frozen: [] } as const;
    return trainModel(
      deepDecay(),
      'model.json',
      { ...settings, ...extra, blocks: { ...BLOCKS, tolerance: 1e-3, ...blocks } },
      watch,
    );
  };

  it('reaches the solution with fewer numbers, the same every time, and says what each adaptation did', async () => {
    const { model, adaptations, steps, loss } = await train();
    expect(steps).toBe(45);
    expect(adaptations!.map(({ step }) => step)).toEqual([3, 18, 33]);
    expect(distances(model)[0].relativeL2).toBeLessThan(1e-3);
    expect(loss.after).toBeLessThan(loss.before / 1e3);
    for (const { parameters } of adaptations!) expect(parameters.after).toBeLessThan(parameters.before);
    expect(parameterCount(model)).toBeLessThan(parameterCount(deepDecay()));
    const again = await train();
    expect([...again.model.tensors.values()]).toEqual([...model.tensors.values()]);
  });

  it('keeps the tangent kernel nearer to that of the dense network where its distance counts', async () => {
    const later = async (kernel: number) => {
      const { adaptations } = await train({ kernel }, { steps: 15 });
      return adaptations![0].kernelDistance.later;
    };
    expect(await later(100)).toBeLessThan((await later(0)) / 2);
  });

  it('ends with the best in blocks where it is asked to', async () => {
    let steps = 0;
    const { stopped, model } = await train({}, {}, { checkpoint: async () => ++steps === 25 });
    expect(stopped).toBe('interrupted');
    expect(model.nodes.some(({ op }) => op === 'low_rank' || op === 'hierarchical')).toBe(true);
    const trainee = traineeOf(model, 'model.json');
    expect(distanceFrom(trainee, tangentKernelOf(trainee).matrix())).toBe(0);
  });
});
