import { multiply } from './matrix.js';
import type { AffineNode, TrainHalf } from './types.js';

/**
 * Tensor-train matrices with partial reconstruction: a weight [rows x cols] with rows = m_1 .. m_p and cols = n_1 .. n_q
 * is a chain of cores [r_k-1 x mode x r_k], first those of the output modes, then those of the input modes (Oseledets,
 * SIAM J. Sci. Comput. 33 (2011) 2295, doi 10.1137/090752286). The cores of each half merge into one matrix, so a layer is
 * two products with a single value between them.
 */

export type Core = TrainHalf['cores'][number];

/** The matrix that a chain of cores merges into: [rows x rank] of an output half, [rank x cols] of an input half. */
function mergeCores(half: TrainHalf['half'], cores: readonly Core[]): Float64Array {
  // Row-major [first rank x modes so far x last rank], which both halves' results are with their outer rank of 1.
  const [{ shape, data }] = cores;
  let merged: Float64Array = data.slice();
  let rows = shape[0] * shape[1];
  for (const core of cores.slice(1)) {
    const [rank, mode, next] = core.shape;
    merged = multiply(merged, core.data, rows, rank, mode * next);
    rows *= mode;
  }
  const outer = half === 'output' ? shape[0] : cores[cores.length - 1].shape[2];
  if (outer !== 1) throw new Error('a tensor train must end in ranks of 1');
  return merged;
}

/** A train half with its merged matrix. */
export function trainHalf(half: TrainHalf['half'], cores: readonly Core[]): TrainHalf {
  return { half, cores, merged: mergeCores(half, cores) };
}

/** The cores of a step's weights, unless the weights have changed since they were merged. */
export function coresOf(node: AffineNode): readonly Core[] | undefined {
  return node.train?.merged === node.weight ? node.train.cores : undefined;
}
