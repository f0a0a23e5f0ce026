import { multiply } from '../matrix.js';
import type { AffineNode, BlockLeaf, BlocksNode, ConstantNode, IrNode, ScaleNode } from '../types.js';

/** Folding rules of matrices in blocks: the same as those of affine steps, leaf by leaf. */

/**
 * Scalings of arguments move into the weights, constants and the biases of low-rank leaves into the bias, and a low-rank
 * leaf whose product is no larger becomes dense. One leaf over all rows is an affine step.
 */
export function simplifyBlocks(node: BlocksNode, usedOnce: (node: IrNode) => boolean): IrNode {
  const bias = node.bias.slice();
  let changed = false;
  const leaves = node.leaves.flatMap((leaf): BlockLeaf[] => {
    const simpler = simplifyLeaf(leaf, bias, usedOnce);
    changed ||= simpler !== leaf;
    return simpler ? [simpler] : [];
  });
  const { name, width, wraps } = node;
  if (!leaves.length) return { kind: 'constant', name, width, data: bias } satisfies ConstantNode;
  const [{ x, rows, weight, precision }] = leaves;
  if (leaves.length === 1 && rows === width) {
    return { kind: 'affine', name, width, x, weight, bias, wraps, precision } satisfies AffineNode;
  }
  return changed ? { ...node, leaves, bias } : node;
}

/** A leaf that computes the same with a simpler argument; undefined when it is all in the bias. */
function simplifyLeaf(leaf: BlockLeaf, bias: Float64Array, usedOnce: (node: IrNode) => boolean): BlockLeaf | undefined {
  const { x } = leaf;
  if (x.kind === 'constant') {
    addProduct(leaf, x.data, bias);
    return undefined;
  }
  const scale = scaleOf(x);
  if (scale) {
    addProduct(leaf, scale.shift, bias);
    return { ...leaf, x: scale.x, weight: leaf.weight.map((w, i) => w * scale.scale[i % x.width]) };
  }
  if (x.kind !== 'affine' || !usedOnce(x)) return leaf;
  if (leaf.rows * x.x.width <= x.width * (leaf.rows + x.x.width)) {
    addProduct(leaf, x.bias, bias);
    return {
      ...leaf,
      precision: undefined,
      x: x.x,
      weight: multiply(leaf.weight, x.weight, leaf.rows, x.width, x.x.width),
    };
  }
  if (x.bias.every((b) => b === 0)) return leaf;
  addProduct(leaf, x.bias, bias);
  return { ...leaf, x: { ...x, bias: new Float64Array(x.width) } };
}

/** The scaling that an argument is, or of which it is a slice. */
function scaleOf(x: IrNode): ScaleNode | undefined {
  if (x.kind === 'scale') return x.x.width === x.width ? x : undefined;
  if (x.kind !== 'slice' || x.x.kind !== 'scale' || x.x.x.width !== x.x.width) return undefined;
  const { start, width, name, x: scale } = x;
  const end = start + width;
  return {
    ...scale,
    width,
    x: { kind: 'slice', name, width, x: scale.x, start },
    scale: scale.scale.slice(start, end),
    shift: scale.shift.slice(start, end),
  };
}

function addProduct({ row, rows, weight, x }: BlockLeaf, vector: Float64Array, into: Float64Array): void {
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < x.width; c++) into[row + r] += weight[r * x.width + c] * vector[c];
  }
}

/** The same matrix with every row multiplied by a number, and its bias by the same numbers and shifted. */
export function scaleRows(node: BlocksNode, scale: ArrayLike<number>, shift: ArrayLike<number>): BlocksNode {
  const leaves = node.leaves.map((leaf) => {
    const cols = leaf.x.width;
    return { ...leaf, weight: leaf.weight.map((w, i) => w * scale[leaf.row + Math.floor(i / cols)]) };
  });
  return { ...node, leaves, bias: node.bias.map((b, i) => b * scale[i] + shift[i]) };
}
