import type { Gram } from '../../ir/linear-algebra/gram.js';
import { parameterLayout } from '../../ir/parameters.js';
import type { IrGraph } from '../../ir/types.js';
import { blockRankRidge } from '../refine/block-rank.js';
import { parametersOf, type Weights } from './terms.js';

/** What the loss has beside the physics: a sum of squares r^2 of the weights themselves. */
export interface Penalty {
  /** At the weights of now. */
  value(): number;
  /**
   * Adds J^T r, half its gradient, and J^T J, lower triangle.
   * @returns its value
   */
  add(gradient: Float64Array, gram?: Gram): number;
}

export const penaltyOf = (penalties: readonly Penalty[]) =>
  penalties.reduce((sum, penalty) => sum + penalty.value(), 0);

/**
 * Block-rank regularisation (block-rank.ts): low-rank blocks that are not needed fade, so that the next adaptation finds lower
 * ranks.
 * @param strength its value at the weights of now
 */
export function blockRankPenalty(weights: Weights, network: IrGraph, strength: number): Penalty {
  const { layout } = weights;
  const inGraph = blockRankRidge(network, strength);
  const places = parameterLayout(network).offsets;
  const ridge = new Float64Array(layout.size);
  for (const [array, at] of layout.offsets) {
    const from = places.get(array);
    if (from !== undefined) ridge.set(inGraph.subarray(from, from + array.length), at);
  }
  const half = ridge.map((r) => r / 2);
  const sum = (theta: Float64Array) => theta.reduce((total, t, k) => total + half[k] * t * t, 0);
  return {
    value: () => sum(parametersOf(weights)),
    add(gradient, gram) {
      const theta = parametersOf(weights);
      theta.forEach((t, k) => {
        gradient[k] += half[k] * t;
        if (gram) gram.sum[k * gram.size + k] += half[k];
      });
      return sum(theta);
    },
  };
}
