import { mapNodes } from '../../ir/map-nodes.js';
import type { IrGraph } from '../../ir/types.js';

/**
 * Weights rounded to `bits`-bit integers with one scale per tensor and no zero point, biases kept (Jacob et al., arXiv
 * 1712.05877, as TensorFlow Lite stores weights): a comparison.
 */
export function roundWeights(graph: IrGraph, bits: 8 | 16): IrGraph {
  const largestInteger = 2 ** (bits - 1) - 1;
  return mapNodes(graph, (node) => {
    if (node.kind !== 'affine') return node;
    const largest = node.weight.reduce((m, w) => Math.max(m, Math.abs(w)), 0);
    if (largest === 0) return node;
    const step = largest / largestInteger;
    return { ...node, precision: bits, weight: node.weight.map((w) => Math.round(w / step) * step) };
  });
}
