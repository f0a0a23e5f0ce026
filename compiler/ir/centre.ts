import { isFactor } from './blocks.js';
import type { IrValues } from './evaluate.js';
import { multiply } from './matrix.js';
import {
  type AffineNode,
  type ConcatNode,
  graphOf,
  type IrGraph,
  type IrNode,
  operands,
  useCounts,
  withOperands,
} from './types.js';

/**
 * The same graph with the values between the two factors of low-rank matrices centred over the box: what is taken off
 * there is added to the bias behind it. The activations of a layer have means far larger than their variations, and a
 * number format has to span both. Derivatives have no bias to add it to, and are left as they are.
 */
export function centreFactors(graph: IrGraph, values: IrValues): IrGraph {
  const uses = useCounts(graph);
  const usedOnce = (node: IrNode) => uses.get(node) === 1;
  const changed = new Map<IrNode, IrNode>();
  let any = false;
  for (const node of graph.nodes) {
    const read = withOperands(
      node,
      operands(node).map((x) => changed.get(x)!),
    );
    changed.set(node, read);
    if (read.kind === 'affine' && node.kind === 'affine' && !node.tangent && isFactor(node.x, usedOnce)) {
      const middle = middles(node.x, values);
      const shift = multiply(node.weight, middle, node.width, middle.length, 1);
      const x = shifted(read.x as AffineNode, middle);
      changed.set(node, { ...read, x, bias: read.bias.map((b, r) => b + shift[r]) });
      any = true;
    } else if (read.kind === 'blocks' && node.kind === 'blocks' && !node.tangent) {
      const bias = read.bias.slice();
      const leaves = read.leaves.map((leaf, k) => {
        const original = node.leaves[k].x;
        if (!isFactor(original, usedOnce)) return leaf;
        any = true;
        const middle = middles(original, values);
        multiply(leaf.weight, middle, leaf.rows, middle.length, 1).forEach((s, r) => {
          bias[leaf.row + r] += s;
        });
        return { ...leaf, x: shifted(leaf.x as AffineNode, middle) };
      });
      changed.set(node, { ...read, leaves, bias });
    }
  }
  return any ? graphOf(changed.get(graph.output) as ConcatNode) : graph;
}

/** Midpoint of the values of every component. */
function middles(node: AffineNode, values: IrValues): Float64Array {
  const v = values.get(node)!;
  return Float64Array.from({ length: node.width }, (_, i) => {
    let [min, max] = [v[i], v[i]];
    for (let at = i; at < v.length; at += node.width) {
      min = Math.min(min, v[at]);
      max = Math.max(max, v[at]);
    }
    return (min + max) / 2;
  });
}

function shifted(inner: AffineNode, middle: Float64Array): AffineNode {
  return { ...inner, bias: inner.bias.map((b, i) => b - middle[i]) };
}
