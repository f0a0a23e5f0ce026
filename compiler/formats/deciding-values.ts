import type { IrGraph, IrNode } from '../ir/types.js';
import { type Leaf, segmentsOf } from '../table/quantized-graph.js';

/**
 * Values whose sign decides: the conditions of choices and what minima, maxima and scalings make them of. They are kept
 * as exact as integers allow, so that what is equal in the reals is equal in integers.
 */
export function decidingLeaves(graph: IrGraph): Set<Leaf> {
  const deciding = new Set<Leaf>();
  const add = (value: IrNode) => {
    for (const { leaf } of segmentsOf(value)) {
      if (deciding.has(leaf)) continue;
      deciding.add(leaf);
      if (leaf.kind === 'min' || leaf.kind === 'max') for (const operand of [leaf.a, leaf.b]) add(operand);
      else if (leaf.kind === 'scale' && leaf.shift.every((s) => s === 0)) add(leaf.x);
    }
  };
  for (const node of graph.nodes) if (node.kind === 'select') add(node.condition);
  return deciding;
}

/**
 * Finest exponent at which a weighted sum of inputs that is 0 comes out as 0: the inputs are off by half their last bit
 * and the weights by as much again, and all of that stays below half of the sum's last bit.
 *
 * @param weight row-major [rows x cols]
 * @param exponents of the inputs, by row and column
 */
export function exactAtZero(
  rows: number,
  cols: number,
  weight: Float64Array,
  exponent: (row: number, col: number) => number,
): number {
  let largest = 0;
  for (let r = 0; r < rows; r++) {
    let sum = 0;
    for (let c = 0; c < cols; c++) sum += Math.abs(weight[r * cols + c]) * 2 ** -exponent(r, c);
    largest = Math.max(largest, sum);
  }
  return largest > 0 ? Math.floor(-Math.log2(4 * largest)) : Number.POSITIVE_INFINITY;
}
