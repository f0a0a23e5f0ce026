import { makeTeacher } from '../../compiler/compress/teacher/make-teacher.js';
import type { Teacher } from '../../compiler/compress/teacher/teacher.js';
import { buildIr } from '../../compiler/ir/from-model.js';
import { foldGraph } from '../../compiler/ir/simplify.js';
import { coveringPoints } from '../../compiler/judge/points/cover.js';
import { evaluateReference } from '../../compiler/judge/reference/evaluate.js';
import { inputBox } from '../../compiler/model/box.js';
import type { Model } from '../../compiler/model/types.js';
import { randoms, tensor } from '../helpers/models.js';

/**
 * The teacher of a model, as the pipeline makes it.
 * @param tolerance relative, of every output or by name
 */
export function teacherOf(model: Model, tolerance: number | Readonly<Record<string, number>>, seed = 0): Teacher {
  const width = model.outputs.length;
  const largest = new Array<number>(width).fill(0);
  evaluateReference(model, coveringPoints(inputBox(model.inputs), 2048)).forEach((v, i) => {
    largest[i % width] = Math.max(largest[i % width], Math.abs(v));
  });
  const toleranceOf = ({ name }: { name: string }) => (typeof tolerance === 'number' ? tolerance : tolerance[name]);
  const allowances = largest.map((v, k) => toleranceOf(model.outputs[k]) * v);
  return makeTeacher(model, foldGraph(buildIr(model)), allowances, seed);
}

/** A modified network of Wang, Teng and Perdikaris (arXiv 2001.04536): two encoders gate every layer; two heads. */
export function gatedNetwork(width: number, seed = 3): Record<string, unknown> {
  const next = randoms(seed);
  const tensors: Record<string, unknown> = {};
  const dense = (name: string, input: string, rows: number, cols: number) => {
    tensors[`${name}.w`] = tensor([rows, cols], next, 1.2 / Math.sqrt(cols));
    tensors[`${name}.b`] = tensor([rows], next, 0.3);
    return { name, op: 'dense', inputs: [input], weight: `${name}.w`, bias: `${name}.b` };
  };
  const nodes = [
    { name: 'xt', op: 'concat', inputs: ['x', 't'] },
    dense('zu', 'xt', width, 2),
    { name: 'u', op: 'tanh', inputs: ['zu'] },
    dense('zv', 'xt', width, 2),
    { name: 'v', op: 'tanh', inputs: ['zv'] },
    { name: 'difference', op: 'sub', inputs: ['u', 'v'] },
    dense('z1', 'xt', width, 2),
    { name: 's1', op: 'sigmoid', inputs: ['z1'] },
    { name: 'g1', op: 'mul', inputs: ['s1', 'difference'] },
    { name: 'h1', op: 'add', inputs: ['g1', 'v'] },
    dense('z2', 'h1', width, width),
    { name: 's2', op: 'sigmoid', inputs: ['z2'] },
    { name: 'g2', op: 'mul', inputs: ['s2', 'difference'] },
    { name: 'h2', op: 'add', inputs: ['g2', 'v'] },
    { name: 'skip', op: 'add', inputs: ['h2', 'h1'] },
    dense('head_p', 'skip', 1, width),
    dense('head_q', 'h2', 1, width),
    { name: 'wall', op: 'mul', inputs: ['x', 'head_q'] },
  ];
  return {
    format: 'pinn-edge/1',
    name: 'gated',
    inputs: [
      { name: 'x', min: -1, max: 1 },
      { name: 't', min: 0, max: 2 },
    ],
    outputs: [
      { name: 'p', value: 'head_p' },
      { name: 'q', value: 'wall' },
    ],
    tensors,
    nodes,
  };
}
