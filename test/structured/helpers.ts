import { type Model, nodeTensors } from '../../compiler/model/types.js';
import { modelFrom, perceptron, randoms, tensor } from '../helpers/models.js';

type Json = Record<string, unknown>;
type Tensors = Record<string, { shape: number[]; data: number[] }>;

/** A perceptron 2-12-12-12-1 whose inner matrices are hierarchical (uneven, overlapping, nested leaves), a train, low rank. */
export function structuredNetwork(activation = 'tanh', seed = 5): Json {
  const json = perceptron([2, 12, 12, 12, 12, 1], activation, seed, 1.2) as Json & { tensors: Tensors; nodes: Json[] };
  const next = randoms(seed + 1);
  const add = (name: string, shape: number[], scale = 0.5) => {
    json.tensors[name] = tensor(shape, next, scale);
    return name;
  };
  const dense = (rows: number[], cols: number[], precision?: number) => ({
    rows,
    cols,
    weight: add(
      `d${rows.join('_')}.${cols.join('_')}`,
      [rows[1] - rows[0], cols[1] - cols[0]],
      precision === 8 ? 0.05 : 0.6,
    ),
    ...(precision ? { precision } : {}),
  });
  const lowRank = (rows: number[], cols: number[], rank: number) => ({
    rows,
    cols,
    left: add(`l${rows.join('_')}.${cols.join('_')}`, [rows[1] - rows[0], rank]),
    right: add(`r${rows.join('_')}.${cols.join('_')}`, [rank, cols[1] - cols[0]]),
  });
  const replace = (name: string, fields: Json) => {
    const at = json.nodes.findIndex((node) => node.name === name);
    const { inputs, bias } = json.nodes[at];
    json.nodes[at] = { name, inputs, bias, ...fields };
  };
  replace('z2', {
    op: 'hierarchical',
    width: 12,
    leaves: [
      lowRank([0, 6], [6, 12], 1),
      dense([0, 3], [0, 6]),
      dense([3, 6], [0, 3], 8),
      dense([4, 6], [3, 6], 16),
      dense([7, 12], [2, 11], 32),
    ],
  });
  replace('z3', {
    op: 'tensor_train',
    outputCores: [add('o0', [1, 3, 2], 1), add('o1', [2, 4, 3], 1)],
    inputCores: [add('i0', [3, 6, 2], 1), add('i1', [2, 2, 1], 1)],
  });
  replace('z4', { op: 'low_rank', left: add('left', [12, 2], 1), right: add('right', [2, 12], 1), precision: 16 });
  return json;
}

export function structuredModel(activation?: string): Model {
  return modelFrom(structuredNetwork(activation));
}

/** Names of the tensors that no node uses. */
export function unusedTensors(model: Model): string[] {
  const used = new Set(model.nodes.flatMap(nodeTensors).map(({ name }) => name));
  return [...model.tensors.keys()].filter((name) => !used.has(name));
}
