import { mapNodes } from '../ir/map-nodes.js';
import type { AffineNode, BlocksNode, IrGraph } from '../ir/types.js';
import { type QuantizedGraph, segmentsOf, type ValueFormat } from '../table/quantized-graph.js';

/** The float step that a step's integers stand for. */
export function dequantized<T extends AffineNode | BlocksNode>(node: T, quantized: QuantizedGraph): T {
  const exponents = (x: AffineNode['x']) =>
    segmentsOf(x).flatMap(({ leaf, width }) => Array<ValueFormat>(width).fill(quantized.formats.get(leaf)!));
  const out = quantized.formats.get(node)!.exponent;
  if (node.kind === 'affine') {
    const { weights, bias, shifts, guard } = quantized.affine.get(node)!;
    const inputs = exponents(node.x);
    const cols = node.x.width;
    const weight = Float64Array.from(
      weights,
      (w, i) => w * 2 ** (inputs[i % cols].exponent - shifts[Math.floor(i / cols)] - out),
    );
    return { ...node, weight, bias: Float64Array.from(bias, (b) => b * 2 ** -(out + guard)) };
  }
  const { leaves, bias, shift, guard } = quantized.blocks.get(node)!;
  const changed = node.leaves.map((leaf, l) => {
    const { weights, lefts } = leaves[l];
    const inputs = exponents(leaf.x);
    const cols = leaf.x.width;
    const weight = Float64Array.from(weights, (w, i) => {
      return w * 2 ** (inputs[i % cols].exponent + lefts[Math.floor(i / cols)] - shift - out);
    });
    return { ...leaf, weight };
  });
  return { ...node, leaves: changed, bias: Float64Array.from(bias, (b) => b * 2 ** -(out + guard)) };
}

/** The float graph that the integers of all matrices stand for. */
export function dequantizedGraph(quantized: QuantizedGraph): IrGraph {
  return mapNodes(quantized.graph, (node, original) => {
    if (original.kind === 'affine' && node.kind === 'affine') return { ...dequantized(original, quantized), x: node.x };
    if (original.kind !== 'blocks' || node.kind !== 'blocks') return node;
    const { leaves, ...rest } = dequantized(original, quantized);
    return { ...rest, leaves: leaves.map((leaf, k) => ({ ...leaf, x: node.leaves[k].x })) };
  });
}
