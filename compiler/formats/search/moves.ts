import { type Plan, WIDE_VALUE_BYTES, withTableErrors, withWeightBits } from '../plan.js';
import { EXCESS_PRICE, matricesOf, narrowerBits, savingOf, weightBytesOf } from './matrix-widths.js';
import type { Preference } from './preference.js';

/** A plan with one thing narrower, and about what that saves, in bytes or in the native kernels' instructions. */
export interface Move {
  what: object;
  plan: Plan;
  saving: number;
}

/** A table of twice the error takes about this many bytes less. */
const COARSER_TABLE_SAVING = 80;
const COARSER_TABLES = {};

/** Everything that can be narrower and saves by it, what saves most first. */
export function movesOf(plan: Plan, { native, mostWeightBytes = Number.POSITIVE_INFINITY }: Preference): Move[] {
  const moves: Move[] = [];
  const excess = Math.max(0, weightBytesOf(plan) - mostWeightBytes);
  for (const matrix of matricesOf(plan)) {
    const { node, bits } = matrix;
    if (bits === 8) continue;
    const bytes = (node.weight.length * (bits - narrowerBits(bits))) / 8;
    const saving = (native ? savingOf(plan, matrix, native) : bytes) + EXCESS_PRICE * Math.min(bytes, excess);
    if (saving <= 0) continue;
    moves.push({ what: node.weight, saving, plan: withWeightBits(plan, node.weight, narrowerBits(bits)) });
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
