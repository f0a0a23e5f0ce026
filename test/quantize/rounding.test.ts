import { describe, expect, test } from 'vitest';
import { planFormats } from '../../compiler/formats/plan.js';
import { quantize } from '../../compiler/formats/quantize.js';
import { analyze } from '../../compiler/formats/search/analysis.js';
import type { RoundedWeights } from '../../compiler/formats/weight-grid.js';
import { WeightRounder } from '../../compiler/formats/weight-rounder.js';
import { buildIr } from '../../compiler/ir/from-model.js';
import { affineNodes } from '../../compiler/ir/parameters.js';
import { foldGraph, toTurns } from '../../compiler/ir/simplify.js';
import type { AffineNode } from '../../compiler/ir/types.js';
import { gatedNetwork } from '../compress/helpers.js';
import { modelFrom, perceptron } from '../helpers/models.js';

function rounded(json: Record<string, unknown>, precision: '8' | '16') {
  const model = modelFrom(json);
  const { graph, box, ranges, sensitivity, allowances } = analyze(model, toTurns(foldGraph(buildIr(model))), 'test', {
    all: { relative: 1e-3 },
  });
  const plan = planFormats(graph, ranges, sensitivity, 1, precision);
  const plain = quantize(graph, ranges, plan);
  const rounder = new WeightRounder(graph, box, model.inputs.length, allowances);
  const rounding = rounder.round(plain);
  return { graph, plain, refined: quantize(graph, ranges, plan, { rounding }), rounder, rounding };
}

/** Weights as the integers of a quantised graph say. */
function stored({ graph, plain, refined }: ReturnType<typeof rounded>, which: 'plain' | 'refined') {
  const quantized = which === 'plain' ? plain : refined;
  const weights = new Map<AffineNode, RoundedWeights>();
  for (const node of affineNodes(graph)) {
    const { weights: integers, shifts, bias, guard } = quantized.affine.get(node)!;
    const { exponent } = quantized.formats.get(node)!;
    const cols = node.x.width;
    const parts = node.x.kind === 'concat' ? node.x.parts : [node.x];
    const exponents = parts.flatMap((part) =>
      Array<number>(part.width).fill(quantized.formats.get(part as AffineNode)!.exponent),
    );
    const weight = Float64Array.from(
      integers,
      (q, i) => q * 2 ** (exponents[i % cols] - shifts[Math.floor(i / cols)] - exponent),
    );
    weights.set(node, { weight, bias: Float64Array.from(bias, (b) => b * 2 ** -(exponent + guard)) });
  }
  return weights;
}

describe('rounding with the activations in view', () => {
  test.each([
    ['all weights together, 8 bit', perceptron([2, 10, 10, 1], 'tanh', 3), '8', 0.5],
    ['all weights together, 16 bit', perceptron([3, 10, 10, 2], 'tanh', 4), '16', 0.6],
    ['sine, whose angles are in turns', perceptron([2, 12, 12, 1], 'sin', 8), '8', 0.6],
    ['step by step, 8 bit', perceptron([2, 36, 36, 1], 'tanh', 5), '8', 0.2],
    ['through gates and two heads', gatedNetwork(8), '8', 0.6],
  ] as const)('%s costs less error than plain rounding', (_, json, precision, ratio) => {
    const result = rounded(json, precision);
    const [plain, refined] = [stored(result, 'plain'), stored(result, 'refined')].map((w) => result.rounder.errorOf(w));
    expect(plain).toBeGreaterThan(0);
    expect(refined).toBeLessThan(ratio * plain);
  });

  test('the integers are exactly the weights that were chosen', () => {
    const result = rounded(perceptron([2, 10, 10, 1], 'tanh', 3), '8');
    for (const [node, { weight, bias }] of stored(result, 'refined')) {
      const chosen = result.rounding.get(node)!;
      weight.forEach((w, i) => {
        expect(w).toBeCloseTo(chosen.weight[i], 12);
      });
      bias.forEach((b, i) => {
        expect(b).toBeCloseTo(chosen.bias[i], 6);
      });
    }
  });

  test.each([
    ['all weights together', 8],
    ['step by step', 32],
  ])('%s: a matrix of several layers is rounded in one way', (_, width) => {
    const json = perceptron([2, width, width, width, 1], 'tanh', 6);
    const nodes = json.nodes as Record<string, unknown>[];
    for (const node of nodes) if (node.weight === 'w3') node.weight = 'w2';
    const { tensors } = json as { tensors: Record<string, unknown> };
    delete tensors.w3;
    const { graph, refined } = rounded(json, '16');
    const [, second, third] = affineNodes(graph).map((node) => refined.affine.get(node)!);
    expect(third.weights).toEqual(second.weights);
  });
});
