import { describe, expect, it } from 'vitest';
import { approximateFast } from '../../compiler/formats/search/attempt-errors.js';
import type { Attempt } from '../../compiler/formats/search/fitting.js';
import type { IrGraph, IrNode } from '../../compiler/ir/types.js';
import { coveringPoints } from '../../compiler/judge/points/cover.js';
import { evaluateReference } from '../../compiler/judge/reference/evaluate.js';
import { inputBox } from '../../compiler/model/box.js';
import { modelFrom, perceptron } from '../helpers/models.js';
import { type NetworkJson, planned, relativeErrors, structured } from './helpers.js';

/** Formats of derivatives: their errors, and the bytes of their weights. */

const derived = (...names: string[]) => names.map((name) => ({ name, expression: name }));

/** Arrays of weights of a graph, each with how many steps have it and how many arrays of integers these have. */
function sharing(graph: IrGraph, { quantized }: Attempt): { uses: number; integers: number }[] {
  const integers = new Map<Float64Array, Int32Array[]>();
  const add = (weight: Float64Array, ints: Int32Array) => integers.set(weight, [...(integers.get(weight) ?? []), ints]);
  for (const node of graph.nodes as readonly IrNode[]) {
    if (node.kind === 'affine') add(node.weight, quantized.affine.get(node)!.weights);
    if (node.kind === 'blocks') {
      node.leaves.forEach((leaf, k) => {
        add(leaf.weight, quantized.blocks.get(node)!.leaves[k].weights);
      });
    }
  }
  return [...integers.values()].map((all) => ({ uses: all.length, integers: new Set(all).size }));
}

describe.each(['dense', 'low_rank', 'hierarchical', 'tensor_train'] as const)(
  'derivatives of a network with a %s layer',
  (kind) => {
    it('share the integers of every matrix and keep the tolerance', () => {
      const json = structured(kind);
      json.outputs.push(...derived('y0_x0', 'y0_x1', 'y0_x0x0', 'y0_x0x1'));
      const model = modelFrom(json);
      const { graph, attempt } = planned(model, 2e-3);
      const points = coveringPoints(inputBox(model.inputs), 2048);
      const wanted = evaluateReference(model, points);
      for (const error of relativeErrors(approximateFast(model, attempt)(points), wanted, model.outputs.length))
        expect(error).toBeLessThan(2e-3);
      const all = sharing(graph, attempt);
      expect(Math.max(...all.map(({ uses }) => uses))).toBeGreaterThanOrEqual(5);
      for (const { integers } of all) expect(integers).toBe(1);
    });
  },
);

it('a derivative that is sent alone, whose tangents come before the network itself, keeps its tolerance', () => {
  const json = perceptron([4, 10, 10, 1], 'tanh', 3, 1) as NetworkJson;
  Object.assign(json.outputs[0], { hidden: true });
  json.outputs.push(...derived('y0_x0x0x1x1'));
  const model = modelFrom(json);
  const { attempt } = planned(model, 2e-2);
  const points = coveringPoints(inputBox(model.inputs), 512);
  const [error] = relativeErrors(approximateFast(model, attempt)(points), evaluateReference(model, points), 1);
  expect(error).toBeLessThan(2e-2);
});

describe('the pool of a build with derivatives', () => {
  it('has every matrix once', () => {
    const json = perceptron([2, 16, 16, 1], 'sin', 6) as NetworkJson;
    const matrices = () => {
      const { records } = planned(modelFrom(json), 0.02, { precision: '16' }).attempt.lowered.table;
      return new Set(records.filter(({ kind, cols }) => kind === 1 && cols > 0).map(({ weights }) => weights)).size;
    };
    const alone = matrices();
    json.outputs.push(...derived('y0_x0', 'y0_x1', 'y0_x0x1'));
    expect(matrices()).toBe(alone);
  });
});
