import type { Model, ModelNode } from '../model/types.js';
import { type Core, trainHalf } from './tensor-train.js';
import type { AffineNode, BlockLeaf, BlocksNode, IrNode, WeightBits } from './types.js';

type StructuredNode = Extract<ModelNode, { op: 'low_rank' | 'hierarchical' | 'tensor_train' }>;

/** A low-rank matrix as two affine steps, a tensor train as its two merged halves, a hierarchical matrix in blocks. */
export function structuredNode(model: Model, node: StructuredNode, inputs: readonly IrNode[]): IrNode {
  const { name } = node;
  const width = model.widths.get(name)!;
  const tensor = (key: string) => model.tensors.get(key)!;
  const bias = node.bias === undefined ? new Float64Array(width) : tensor(node.bias).data;
  const [x] = inputs;
  switch (node.op) {
    case 'low_rank': {
      const inner = factor(name, x, tensor(node.right).shape[0], tensor(node.right).data, node.precision);
      return { kind: 'affine', name, width, x: inner, weight: tensor(node.left).data, bias, precision: node.precision };
    }
    case 'tensor_train': {
      const cores = (names: readonly string[]) =>
        names.map((key): Core => ({ shape: tensor(key).shape as [number, number, number], data: tensor(key).data }));
      const [left, right] = [trainHalf('output', cores(node.outputCores)), trainHalf('input', cores(node.inputCores))];
      const rank = right.cores[0].shape[0];
      const inner = { ...factor(name, x, rank, right.merged, node.precision), train: right };
      const { precision } = node;
      return { kind: 'affine', name, width, x: inner, weight: left.merged, bias, precision, train: left };
    }
    case 'hierarchical': {
      const cols = inputs.reduce((sum, input) => sum + input.width, 0);
      const source: IrNode = inputs.length === 1 ? x : { kind: 'concat', name, width: cols, parts: inputs };
      const leaves = node.leaves.map((leaf): BlockLeaf => {
        const [start, stop] = leaf.cols;
        const part: IrNode = { kind: 'slice', name, width: stop - start, x: source, start };
        const common = { row: leaf.rows[0], rows: leaf.rows[1] - leaf.rows[0], precision: leaf.precision };
        if ('weight' in leaf) return { ...common, x: part, weight: tensor(leaf.weight).data };
        const { shape, data } = tensor(leaf.right);
        return { ...common, x: factor(name, part, shape[0], data, leaf.precision), weight: tensor(leaf.left).data };
      });
      return { kind: 'blocks', name, width, leaves, bias } satisfies BlocksNode;
    }
  }
}

/** V x, the inner factor of a low-rank matrix. */
export function factor(
  name: string,
  x: IrNode,
  rank: number,
  weight: Float64Array,
  precision?: WeightBits,
): AffineNode {
  return { kind: 'affine', name: `${name}_v`, width: rank, x, weight, bias: new Float64Array(rank), precision };
}
