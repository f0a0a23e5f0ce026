import { mapNodes } from '../../ir/map-nodes.js';
import { affineNodes } from '../../ir/parameters.js';
import type { IrGraph, WeightBits } from '../../ir/types.js';

/**
 * Magnitude pruning: the smallest weights of each layer are set to zero (Han et al., arXiv 1506.02626): a comparison.
 * What is left would be stored sparsely, each weight with 8 bits for its column step (their relative index), so that is how
 * its bytes are counted; the runtime multiplies the zeros like any weight.
 */
export function zeroSmallest(graph: IrGraph, share: number): IrGraph {
  return mapNodes(graph, (node) => {
    if (node.kind !== 'affine') return node;
    const sorted = node.weight.map(Math.abs).sort();
    const limit = sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
    return { ...node, weight: node.weight.map((w) => (Math.abs(w) < limit ? 0 : w)) };
  });
}

/** Bytes of weights in compressed rows with relative column indices, where that is less than all of them, and of biases. */
export function sparseBytes(graph: IrGraph, bits?: WeightBits): number {
  return affineNodes(graph).reduce((bytes, { weight, bias, precision = 16 }) => {
    const kept = weight.reduce((n, w) => n + (w === 0 ? 0 : 1), 0);
    const each = (bits ?? precision) / 8;
    return bytes + Math.min((each + 1) * kept, each * weight.length) + 4 * bias.length;
  }, 0);
}
