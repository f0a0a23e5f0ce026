import type { NativePrices } from '../../code/cost/native-instructions.js';
import type { AffineNode, BlockLeaf, SplineNode } from '../../ir/types.js';
import { segmentsOf, type WeightBits } from '../../table/quantized-graph.js';
import { type Plan, WIDE_VALUE_BYTES, withTableErrors, withWeightBits } from '../plan.js';
import { BYTES_PER_INSTRUCTION } from './preference.js';

/** A plan with one thing narrower, and about what that saves, in bytes or in the native kernels' instructions. */
export interface Move {
  what: object;
  plan: Plan;
  saving: number;
}

type Matrix = AffineNode | BlockLeaf | SplineNode;

/** A table of twice the error takes about this many bytes less. */
const COARSER_TABLE_SAVING = 80;
const COARSER_TABLES = {};

/** Everything that can be narrower and saves by it, what saves most first. */
export function movesOf(plan: Plan, native?: NativePrices): Move[] {
  const moves: Move[] = [];
  for (const { node, uses, bits } of matricesOf(plan)) {
    if (bits === 8) continue;
    const narrower: WeightBits = bits === 32 ? 16 : 8;
    const bytes = (node.weight.length * (bits - narrower)) / 8;
    const price = (width: WeightBits) =>
      native ? uses.reduce((sum, use) => sum + use.weight.length * productPrice(plan, use, width, native), 0) : 0;
    const saving = native ? bytes / BYTES_PER_INSTRUCTION + price(bits) - price(narrower) : bytes;
    if (saving <= 0) continue;
    moves.push({ what: node.weight, saving, plan: withWeightBits(plan, node.weight, narrower) });
  }
  for (const group of plan.groups) {
    if (plan.bits.get(group[0]) === 16) continue;
    const bits = new Map(plan.bits);
    for (const leaf of group) bits.set(leaf, 16);
    const saving = WIDE_VALUE_BYTES * group.reduce((n, leaf) => n + leaf.width, 0);
    moves.push({ what: group, saving, plan: { ...plan, bits } });
  }
  if (plan.tableErrors.size) {
    moves.push({ what: COARSER_TABLES, saving: COARSER_TABLE_SAVING, plan: withTableErrors(plan, 2) });
  }
  return moves.sort((a, b) => b.saving - a.saving);
}

/** The matrices of a plan, each with the steps that use it. */
export function matricesOf({ weightBits }: Plan): { node: Matrix; uses: Matrix[]; bits: WeightBits }[] {
  const matrices = new Map<Float64Array, { node: Matrix; uses: Matrix[]; bits: WeightBits }>();
  for (const [node, bits] of weightBits) {
    const known = matrices.get(node.weight);
    if (known) known.uses.push(node);
    else matrices.set(node.weight, { node, uses: [node], bits });
  }
  return [...matrices.values()];
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
