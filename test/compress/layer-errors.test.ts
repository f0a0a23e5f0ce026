import { describe, expect, test } from 'vitest';
import { type CompressedModel, compressModel } from '../../compiler/compress/compress.js';
import { DEFAULT_COMPRESS, METHODS } from '../../compiler/compress/compress-options.js';
import { buildIr } from '../../compiler/ir/from-model.js';
import { foldGraph } from '../../compiler/ir/simplify.js';
import { coveringPoints } from '../../compiler/judge/points/cover.js';
import { evaluateReference } from '../../compiler/judge/reference/evaluate.js';
import { inputBox } from '../../compiler/model/box.js';
import type { Model } from '../../compiler/model/types.js';
import { modelFrom, perceptron } from '../helpers/models.js';
import { teacherOf } from './helpers.js';

/** The part that each layer of a compressed network has in its error. */

const network = modelFrom(perceptron([2, 16, 16, 1], 'tanh', 5, 0.8));

function compressed(options: Partial<typeof DEFAULT_COMPRESS>): Promise<CompressedModel> {
  const settings = { ...DEFAULT_COMPRESS, round: true, share: 1, maxWork: 2e8, ...options };
  const teacher = teacherOf(network, 1e-1);
  return compressModel(network, foldGraph(buildIr(network)), [...teacher.allowances], settings);
}

/** Weight and bias of a layer, by its name. */
function matrixOf(model: Model, layer: string): { weight: string; bias: string } {
  const node = model.nodes.find(({ name }) => name === layer) as unknown as { weight: string; bias: string };
  return { weight: node.weight, bias: node.bias };
}

describe('the error of a layer', () => {
  // A spline has no layers, and `auto` is one of the others.
  test.each(METHODS.filter((m) => m !== 'spline' && m !== 'auto'))('is there for every layer: %s', async (method) => {
    const { layers, relativeError, model } = await compressed({ method });
    expect(model).toBeDefined();
    expect(layers!.length).toBeGreaterThan(0);
    for (const { error, share } of layers!) {
      expect(error).toBeGreaterThanOrEqual(0);
      expect(error).toBeLessThan(0.2);
      expect(share).toBeCloseTo(error / relativeError, 10);
    }
    expect(layers!.some(({ error }) => error > 1e-7)).toBe(true);
  });

  test.each(['int8', 'svd', 'magnitude'] as const)(
    'is that of the given network with this layer alone: %s',
    async (method) => {
      const { layers, model } = await compressed({ method, refine: false, round: method === 'int8' });
      const points = coveringPoints(inputBox(network.inputs), 512);
      const exact = evaluateReference(network, points);
      const largest = exact.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
      for (const { name, error, structure } of layers!) {
        if (structure !== 'dense') continue;
        const [to, from] = [matrixOf(network, name), matrixOf(model!, name)];
        const tensors = new Map(network.tensors);
        tensors.set(to.weight, model!.tensors.get(from.weight)!).set(to.bias, model!.tensors.get(from.bias)!);
        const got = evaluateReference({ ...network, tensors }, points);
        const expected = got.reduce((most, v, i) => Math.max(most, Math.abs(v - exact[i])), 0) / largest;
        expect(Math.abs(error - expected)).toBeLessThanOrEqual(0.02 * expected + 1e-9);
      }
    },
  );

  test('within a budget is that of weights in 16 bits, and attempts are in relative errors', async () => {
    const { layers, attempts, relativeError } = await compressed({ maxBytes: 200 });
    for (const { error } of layers!) expect(error).toBeGreaterThan(1e-7);
    for (const { error } of layers!) expect(error).toBeLessThan(1e-3);
    expect(Math.min(...attempts.map((attempt) => attempt.relativeError!))).toBeCloseTo(relativeError, 5);
  });
});
