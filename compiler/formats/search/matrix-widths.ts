import type { NativePrices } from '../../code/cost/native-instructions.js';
import type { AffineNode, BlockLeaf, SplineNode } from '../../ir/types.js';
import { segmentsOf, type WeightBits } from '../../table/quantized-graph.js';
import type { Plan } from '../plan.js';

/** The widths of a plan's matrices, and what a narrower one saves. */

type Matrix = AffineNode | BlockLeaf | SplineNode;

export interface MatrixWidth {
  node: Matrix;
  /** The steps that have its weights. */
  uses: readonly Matrix[];
  bits: WeightBits;
}

/** Bytes of flash that a build for speed gives for one instruction less in every answer. */
export const BYTES_PER_INSTRUCTION = 4;
/**
 * What a byte of weights beyond the most counts for, in instructions: more than a matrix saves by its wider weights, unless few of
 * its bytes are beyond.
 */
export const EXCESS_PRICE = 40;

/** The matrices of a plan, each with the steps that use it. */
export function matricesOf({ weightBits }: Plan): MatrixWidth[] {
  const matrices = new Map<Float64Array, MatrixWidth & { uses: Matrix[] }>();
  for (const [node, bits] of weightBits) {
    const known = matrices.get(node.weight);
    if (known) known.uses.push(node);
    else matrices.set(node.weight, { node, uses: [node], bits });
  }
  return [...matrices.values()];
}

export function narrowerBits(bits: WeightBits): WeightBits {
  return bits === 32 ? 16 : 8;
}

/** Instructions that the next narrower width saves, its bytes counted. */
export function savingOf(plan: Plan, { node, uses, bits }: MatrixWidth, prices: NativePrices): number {
  const narrower = narrowerBits(bits);
  const price = (width: WeightBits) =>
    uses.reduce((sum, use) => sum + use.weight.length * productPrice(plan, use, width, prices), 0);
  const bytes = (node.weight.length * (bits - narrower)) / 8;
  return bytes / BYTES_PER_INSTRUCTION + price(bits) - price(narrower);
}

/** Bytes of a plan's weights. */
export function weightBytesOf(plan: Plan): number {
  return matricesOf(plan).reduce((sum, { node, bits }) => sum + (node.weight.length * bits) / 8, 0);
}

/** Instructions of one product of a matrix with weights of so many bits. */
function productPrice(plan: Plan, matrix: Matrix, bits: WeightBits, prices: NativePrices): number {
  // A spline reads few of its coefficients, at the same speed whatever their width.
  if ('orders' in matrix) return 0;
  const { x } = matrix;
  const isWide = bits === 32 || segmentsOf(x).some(({ leaf }) => plan.bits.get(leaf) === 32);
  if (isWide) return prices['dense32.product'];
  return prices[bits === 16 ? 'dual64.product' : 'dense8.product'];
}
