import { coresOf } from '../ir/tensor-train.js';
import type { IrGraph, WeightBits } from '../ir/types.js';
import { roundRows } from './hmatrix.js';
import { mapNodes, weightSites } from './parameters.js';
import { type Samples, shareOf, type Teacher } from './teacher.js';

/**
 * Weights rounded to the precision that each matrix states (16 bits where it states none), or to more where the network
 * would leave its share of the tolerance: the matrix whose rounding costs most is widened first. Where there is room,
 * matrices are narrowed again, the largest first.
 * @returns undefined when 32 bits everywhere are not enough
 */
export function roundWithin(teacher: Teacher, graph: IrGraph, samples: Samples, limit: number): IrGraph | undefined {
  const sites = weightSites(graph);
  const bits = sites.map(({ precision = 16 }) => precision);
  const errorOf = (widths: readonly WeightBits[]) => shareOf(teacher, withPrecision(graph, widths, true), samples);
  let error = errorOf(bits);
  if (error > limit) {
    const costs = sites.map((_, k) => errorOf(bits.map((b, i) => (i === k ? b : 32))));
    while (error > limit) {
      const candidates = bits.flatMap((b, k) => (b < 32 ? [k] : []));
      if (!candidates.length) return undefined;
      const worst = candidates.reduce((m, k) => (costs[k] > costs[m] ? k : m));
      bits[worst] = bits[worst] === 8 ? 16 : 32;
      costs[worst] = errorOf(bits.map((b, i) => (i === worst ? b : 32)));
      error = errorOf(bits);
    }
  }
  const order = Array.from(sites.keys()).sort((a, b) => sites[b].weight.length - sites[a].weight.length);
  for (const k of order.slice(0, MOST_NARROWED)) {
    while (bits[k] > 8) {
      const narrower = bits.map((b, i): WeightBits => (i !== k ? b : b === 32 ? 16 : 8));
      if (errorOf(narrower) > limit) break;
      bits[k] = narrower[k];
    }
  }
  return withPrecision(graph, bits, false);
}

const MOST_NARROWED = 48;

/** @param trains also round the merged halves of tensor trains, whose cores then no longer describe them */
function withPrecision(graph: IrGraph, bits: readonly WeightBits[], trains: boolean): IrGraph {
  let next = 0;
  return mapNodes(graph, (node) => {
    if (node.kind === 'affine') {
      const precision = bits[next++];
      if (!trains && coresOf(node)) return { ...node, precision };
      return { ...node, precision, weight: roundRows(node.weight, node.x.width, precision) };
    }
    if (node.kind !== 'blocks') return node;
    const leaves = node.leaves.map((leaf) => {
      const precision = bits[next++];
      return { ...leaf, precision, weight: roundRows(leaf.weight, leaf.x.width, precision) };
    });
    return { ...node, leaves };
  });
}
