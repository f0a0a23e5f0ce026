import { describe, expect, it } from 'vitest';
import { approximateFast } from '../../compiler/formats/search/attempt-errors.js';
import type { Attempt } from '../../compiler/formats/search/fitting.js';
import type { IrGraph, IrNode } from '../../compiler/ir/types.js';
import { coveringPoints } from '../../compiler/judge/points/cover.js';
import { evaluateReference } from '../../compiler/judge/reference/evaluate.js';
import { inputBox } from '../../compiler/model/box.js';
import { modelFrom, perceptron, randoms, tensor } from '../helpers/models.js';
import { planned, relativeErrors } from './helpers.js';

/** Formats of derivatives: their errors, and the bytes of their weights. */

type Json = ReturnType<typeof perceptron> & { outputs: object[]; tensors: Record<string, object>; nodes: object[] };

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

/** A network with a middle layer of the given structure, read beside its input of another scale. */
function structured(kind: 'dense' | 'low_rank' | 'hierarchical' | 'tensor_train'): Json {
  const json = perceptron([2, 12, 12, 1], 'tanh', 4) as Json;
  Object.assign(json.inputs as object[][0], {});
  (json.inputs as { max: number }[])[1].max = 9;
  const next = randoms(8);
  const z2: Record<string, unknown> = { name: 'z2', op: kind, inputs: ['h1'], bias: 'b2' };
  if (kind === 'dense') z2.weight = 'w2';
  if (kind === 'low_rank') Object.assign(z2, { left: 'left', right: 'right' });
  if (kind === 'hierarchical') {
    Object.assign(z2, {
      width: 12,
      leaves: [
        { rows: [0, 6], cols: [0, 6], weight: 'a' },
        { rows: [0, 6], cols: [6, 12], left: 'l', right: 'r' },
        { rows: [6, 12], cols: [0, 12], weight: 'b' },
      ],
    });
  }
  if (kind === 'tensor_train') Object.assign(z2, { outputCores: ['o1', 'o2'], inputCores: ['i1', 'i2'] });
  Object.assign(json.tensors, {
    left: tensor([12, 3], next, 0.5),
    right: tensor([3, 12], next, 0.5),
    a: tensor([6, 6], next, 0.4),
    l: tensor([6, 2], next, 0.5),
    r: tensor([2, 6], next, 0.5),
    b: tensor([6, 12], next, 0.4),
    o1: tensor([1, 3, 3], next, 0.6),
    o2: tensor([3, 4, 4], next, 0.6),
    i1: tensor([4, 4, 3], next, 0.6),
    i2: tensor([3, 3, 1], next, 0.6),
    w3: tensor([1, 14], next, 0.4),
  });
  json.nodes = json.nodes.map((node) => ((node as { name: string }).name === 'z2' ? z2 : node));
  // The last layer reads the activations and the inputs, whose scales differ.
  const last = json.nodes.at(-1) as { inputs: string[] };
  last.inputs = ['h2x'];
  json.nodes.splice(-1, 0, { name: 'h2x', op: 'concat', inputs: ['h2', 'x0', 'x1'] });
  return json;
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

describe('the pool of a build with derivatives', () => {
  it('has every matrix once', () => {
    const json = perceptron([2, 16, 16, 1], 'sin', 6) as Json;
    const matrices = () => {
      const { records } = planned(modelFrom(json), 0.02, { precision: '16' }).attempt.lowered.table;
      return new Set(records.filter(({ kind, cols }) => kind === 1 && cols > 0).map(({ weights }) => weights)).size;
    };
    const alone = matrices();
    json.outputs.push(...derived('y0_x0', 'y0_x1', 'y0_x0x1'));
    expect(matrices()).toBe(alone);
  });
});
