import { complements } from '../ir/complement.js';
import { type Ranges, unionRange } from '../ir/ranges.js';
import {
  type AffineNode,
  type BlockLeaf,
  type IrGraph,
  type IrNode,
  type MapNode,
  matrixArguments,
  operands,
  type SplineNode,
} from '../ir/types.js';
import { type Leaf, segmentsOf, type ValueBits, type WeightBits } from '../table/quantized-graph.js';
import { decidingLeaves } from './deciding-values.js';
import type { Sensitivity } from './sensitivity.js';

/**
 * Chooses the width of every value and every weight matrix: all start at their cheapest, and the one whose widening
 * removes most estimated error per byte is widened next, until the estimate is within the budget.
 *
 * Rounding errors are modelled as independent and uniform: a value with last bit d adds variance d^2/12 per component,
 * carried to the outputs by the gradient of the float network; the worst point of the sample counts. The model only
 * proposes: what is built is measured with the integers themselves, and the budget is corrected (see search/quantize-within.ts).
 */

export interface Plan {
  bits: ReadonlyMap<Leaf, ValueBits>;
  weightBits: ReadonlyMap<AffineNode | BlockLeaf | SplineNode, WeightBits>;
  /** Allowed error of each map's table, in the unit of its value. */
  tableErrors: ReadonlyMap<MapNode, number>;
  /** Values that share a width and may have either. */
  groups: readonly (readonly Leaf[])[];
}

/** The plan with another width of a matrix, wherever it is used. */
export function withWeightBits(plan: Plan, weight: Float64Array, bits: WeightBits): Plan {
  return {
    ...plan,
    weightBits: new Map([...plan.weightBits].map(([key, b]) => [key, key.weight === weight ? bits : b])),
  };
}

/** The plan with function tables that may err so many times as much. */
export function withTableErrors(plan: Plan, times: number): Plan {
  return { ...plan, tableErrors: new Map([...plan.tableErrors].map(([node, error]) => [node, times * error])) };
}

export type Precision = 'auto' | '8' | '16' | '32';

/** What a plan prefers besides few bytes. */
export interface PlanRules {
  /** Sums that only function tables read are wide: where they are made and read, that costs nothing. */
  wideArguments: boolean;
  /** Matrices of narrower weights save no time. */
  leastWeightBits: 8 | 16;
  /** Share of the budget that function tables may take. */
  tableShare: number;
}

/** From the standard deviation of the error at the worst point to its largest value over the box. */
const PEAK_TO_SIGMA = 3.5;
export const FEW_BYTES: PlanRules = { wideArguments: false, leastWeightBits: 8, tableShare: 0.4 };
/** For the interpreter's packed kernels: segments cost no time; what they leave of the tolerance, weights can use. */
export const FOR_LANES: PlanRules = { wideArguments: true, leastWeightBits: 16, tableShare: 0.12 };
/** A 32-bit value makes the products that read it wider as well: the time of its readers, counted as bytes per element. */
export const WIDE_VALUE_BYTES = 10;

/** One thing that can be made wider, with the errors (share of the allowance) and cost (bytes) of each width. */
interface Choice {
  widths: readonly { bits: number; error: number; cost: number }[];
  at: number;
}

const NEVER_STORED: Choice = { widths: [{ bits: 16, error: 0, cost: 0 }], at: 0 };

/** @param budget how much of the allowed output error formats and tables may take, 1 = all */
export function planFormats(
  graph: IrGraph,
  ranges: Ranges,
  sensitivity: Sensitivity,
  budget: number,
  precision: Precision,
  prefer: PlanRules = FEW_BYTES,
): Plan {
  const leaves = graph.nodes.filter((n): n is Leaf => n.kind !== 'concat' && n.kind !== 'slice');
  const groups = valueGroups(graph, leaves);
  const choices: Choice[] = [];
  const groupChoice = new Map<Leaf, Choice>();
  const free: Leaf[][] = [];
  const forcedWide = alwaysWide(graph, leaves);
  const neverStored = new Set<Leaf>(complements(graph).values());
  if (prefer.wideArguments && precision === 'auto')
    for (const leaf of argumentsOfTables(graph, leaves)) forcedWide.add(leaf);
  for (const members of new Set(groups.values())) {
    const choice = members.every((leaf) => neverStored.has(leaf))
      ? NEVER_STORED
      : valueChoice(
          members,
          ranges,
          sensitivity,
          precision,
          members.some((leaf) => forcedWide.has(leaf)),
        );
    choices.push(choice);
    if (choice.widths.length > 1) free.push(members);
    for (const leaf of members) groupChoice.set(leaf, choice);
  }
  const weightChoice = new Map<AffineNode | BlockLeaf | SplineNode, Choice>();
  for (const uses of matrixUses(graph).values()) {
    const choice = weightsChoice(uses, ranges, sensitivity, precision, prefer.leastWeightBits);
    choices.push(choice);
    for (const { key } of uses) weightChoice.set(key, choice);
  }
  for (const nodes of splineUses(graph)) {
    const choice = splineChoice(nodes, sensitivity, precision);
    choices.push(choice);
    for (const node of nodes) weightChoice.set(node, choice);
  }
  widenUntil(choices, budget * Math.sqrt(1 - prefer.tableShare ** 2));
  return {
    bits: new Map(leaves.map((leaf) => [leaf, chosen(groupChoice.get(leaf)!) as ValueBits])),
    weightBits: new Map([...weightChoice].map(([node, choice]) => [node, chosen(choice) as WeightBits])),
    tableErrors: tableErrors(graph, sensitivity, budget * prefer.tableShare),
    groups: free,
  };
}

function chosen(choice: Choice): number {
  return choice.widths[choice.at].bits;
}

function widenUntil(choices: readonly Choice[], budget: number): void {
  const variance = () => choices.reduce((sum, c) => sum + c.widths[c.at].error ** 2, 0);
  for (let total = variance(); total > budget ** 2; total = variance()) {
    let best: Choice | undefined;
    let bestGain = 0;
    for (const choice of choices) {
      const now = choice.widths[choice.at];
      const next = choice.widths[choice.at + 1];
      if (!next) continue;
      const gain = (now.error ** 2 - next.error ** 2) / (next.cost - now.cost);
      if (gain > bestGain) {
        best = choice;
        bestGain = gain;
      }
    }
    if (!best) break;
    best.at++;
  }
  narrowBack(choices, budget, variance);
}

/** Takes back what the last large steps made unnecessary, the most expensive first. */
function narrowBack(choices: readonly Choice[], budget: number, variance: () => number): void {
  const saving = (choice: Choice) => choice.widths[choice.at].cost - choice.widths[choice.at - 1].cost;
  for (;;) {
    const widened = choices.filter((choice) => choice.at > 0).sort((p, q) => saving(q) - saving(p));
    const narrowed = widened.find((choice) => {
      choice.at--;
      if (variance() <= budget ** 2) return true;
      choice.at++;
      return false;
    });
    if (!narrowed) return;
  }
}

/** Leaves that stand side by side in an affine step's input share one width. */
function valueGroups(graph: IrGraph, leaves: readonly Leaf[]): Map<Leaf, Leaf[]> {
  const groups = new Map<Leaf, Leaf[]>(leaves.map((leaf) => [leaf, [leaf]]));
  for (const node of graph.nodes) {
    for (const x of matrixArguments(node)) {
      const [first, ...others] = segmentsOf(x).map((segment) => segment.leaf);
      for (const other of others) {
        const from = groups.get(other)!;
        const into = groups.get(first)!;
        if (from === into) continue;
        into.push(...from);
        for (const leaf of from) groups.set(leaf, into);
      }
    }
  }
  return groups;
}

/** Inputs are int32 words, and so are values that only the outputs read; conditions decide, so they are kept exact. */
function alwaysWide(graph: IrGraph, leaves: readonly Leaf[]): Set<Leaf> {
  const readElsewhere = new Set<IrNode>();
  for (const node of graph.nodes) {
    if (node === graph.output || node.kind === 'concat' || node.kind === 'slice') continue;
    for (const x of operands(node)) for (const segment of segmentsOf(x)) readElsewhere.add(segment.leaf);
  }
  const conditions = decidingLeaves(graph);
  return new Set(leaves.filter((leaf) => leaf.kind === 'input' || conditions.has(leaf) || !readElsewhere.has(leaf)));
}

/** Sums that only function tables read: as 32 bits they need not be held to 16 bits where they are made, and are finer. */
function argumentsOfTables(graph: IrGraph, leaves: readonly Leaf[]): Leaf[] {
  const others = new Set<IrNode>(segmentsOf(graph.output).map(({ leaf }) => leaf));
  for (const node of graph.nodes) {
    if (node.kind === 'concat' || node.kind === 'slice' || (node.kind === 'map' && !node.fn.periodic)) continue;
    for (const x of operands(node)) for (const { leaf } of segmentsOf(x)) others.add(leaf);
  }
  return leaves.filter((leaf) => leaf.kind === 'affine' && !leaf.wraps && !others.has(leaf));
}

function valueChoice(
  members: readonly Leaf[],
  ranges: Ranges,
  sensitivity: Sensitivity,
  precision: Precision,
  forcedWide: boolean,
): Choice {
  const error = (bits: number) => {
    const squares = members.map((leaf) => {
      const range = unionRange(ranges.get(leaf)!);
      const magnitude = 'wraps' in leaf && leaf.wraps ? 0.5 : Math.max(Math.abs(range.min), Math.abs(range.max));
      const lastBit = isExact(leaf, bits) ? 0 : magnitude / 2 ** (bits === 16 ? 14.5 : 29.5);
      return (lastBit * sensitivity.noiseGain(leaf)) ** 2 / 12;
    });
    return PEAK_TO_SIGMA * Math.sqrt(squares.reduce((a, b) => a + b, 0));
  };
  const elements = members.reduce((n, leaf) => n + leaf.width, 0);
  const narrow = { bits: 16, error: error(16), cost: 2 * elements };
  const wide = { bits: 32, error: error(32), cost: (2 + WIDE_VALUE_BYTES) * elements };
  if (forcedWide || precision === '32') return { widths: [wide], at: 0 };
  if (precision !== 'auto') return { widths: [narrow], at: 0 };
  return { widths: [narrow, wide], at: 0 };
}

/** True for a constant whose numbers integers of this width hold as they are. */
function isExact(leaf: Leaf, bits: number): boolean {
  if (leaf.kind !== 'constant') return false;
  const magnitude = leaf.data.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
  const unit = magnitude > 0 ? 2 ** (Math.ceil(Math.log2(magnitude)) - (bits - 2)) : 1;
  return leaf.data.every((v) => Number.isInteger(v / unit));
}

/** A matrix: that of an affine step, or a leaf of one in blocks. */
type MatrixPart = Pick<BlockLeaf, 'row' | 'rows' | 'x' | 'weight' | 'precision'>;

/** Where a matrix is used: steps that share an array of weights share its width. */
interface MatrixUse {
  node: IrNode;
  part: MatrixPart;
  key: AffineNode | BlockLeaf;
}

function matrixUses(graph: IrGraph): Map<Float64Array, MatrixUse[]> {
  const uses = new Map<Float64Array, MatrixUse[]>();
  const add = (use: MatrixUse) => uses.set(use.part.weight, [...(uses.get(use.part.weight) ?? []), use]);
  for (const node of graph.nodes) {
    if (node.kind === 'affine') add({ node, part: { ...node, row: 0, rows: node.width }, key: node });
    else if (node.kind === 'blocks') for (const leaf of node.leaves) add({ node, part: leaf, key: leaf });
  }
  return uses;
}

function weightsChoice(
  uses: readonly MatrixUse[],
  ranges: Ranges,
  sensitivity: Sensitivity,
  precision: Precision,
  leastBits: 8 | 16,
): Choice {
  const noise = Math.hypot(...uses.map(({ node, part }) => weightNoise(node, part, ranges, sensitivity)));
  const [{ part }] = uses;
  // 32-bit weights keep about 27 bits once the accumulator's headroom is taken off.
  const width = (bits: 8 | 16 | 32) => ({
    bits,
    error: (PEAK_TO_SIGMA * noise) / 2 ** (bits === 32 ? 26 : bits - 1),
    cost: (part.weight.length * bits) / 8,
  });
  if (precision !== 'auto') return { widths: [width(Number(precision) as 8 | 16 | 32)], at: 0 };
  const { precision: least = leastBits } = part;
  return { widths: ([8, 16, 32] as const).filter((bits) => bits >= least).map(width), at: 0 };
}

/** Splines and their derivatives, by the coefficients that they share. */
function splineUses(graph: IrGraph): SplineNode[][] {
  const uses = new Map<Float64Array, SplineNode[]>();
  for (const node of graph.nodes) {
    if (node.kind === 'spline') uses.set(node.weight, [...(uses.get(node.weight) ?? []), node]);
  }
  return [...uses.values()];
}

/** Coefficients off by up to half a unit move a spline by at most as much, and each derivative by twice as much. */
function splineChoice(nodes: readonly SplineNode[], sensitivity: Sensitivity, precision: Precision): Choice {
  const [{ weight, precision: least = 8 }] = nodes;
  const largest = weight.reduce((m, c) => Math.max(m, Math.abs(c)), 0);
  const noise = Math.hypot(
    ...nodes.map((node) => sensitivity.noiseGain(node) * largest * 2 ** node.orders.reduce((n, order) => n + order, 0)),
  );
  const width = (bits: 8 | 16) => ({ bits, error: noise / 2 ** bits, cost: (weight.length * bits) / 8 });
  if (precision !== 'auto') return { widths: [width(precision === '8' ? 8 : 16)], at: 0 };
  return { widths: ([8, 16] as const).filter((bits) => bits >= Math.min(16, least)).map(width), at: 0 };
}

/** Standard deviation at the worst point when every weight of a row is off by up to half the row's largest weight. */
function weightNoise(
  node: IrNode,
  { row, rows, x: argument, weight }: MatrixPart,
  ranges: Ranges,
  sensitivity: Sensitivity,
): number {
  const cols = argument.width;
  const magnitude = ranges.get(argument)!.map((r) => Math.max(Math.abs(r.min), Math.abs(r.max)));
  const largest = new Float64Array(rows);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < cols; c++) {
      largest[r] = Math.max(largest[r], Math.abs(weight[r * cols + c]) * magnitude[c]);
    }
  }
  const gain = sensitivity.gain(node);
  const x = sensitivity.values.get(argument)!;
  let worst = 0;
  for (let p = 0; p < sensitivity.pointCount; p++) {
    let energy = 0;
    for (let c = 0; c < cols; c++) if (magnitude[c] > 0) energy += (x[p * cols + c] / magnitude[c]) ** 2;
    let sum = 0;
    for (let r = 0; r < rows; r++) {
      const g = gain[p * node.width + row + r] * largest[r];
      if (Number.isFinite(g)) sum += g * g;
    }
    worst = Math.max(worst, sum * energy);
  }
  return Math.sqrt(worst / 12);
}

/** Table errors keep their sign over stretches of the argument, so they are counted as larger than white noise. */
const TABLE_PEAK = 2;

function tableErrors(graph: IrGraph, sensitivity: Sensitivity, budget: number): Map<MapNode, number> {
  const maps = graph.nodes.filter((node): node is MapNode => node.kind === 'map');
  const share = budget / Math.sqrt(Math.max(1, maps.length));
  return new Map(
    maps.map((node) => {
      const gain = sensitivity.noiseGain(node);
      return [node, gain > 0 ? share / (TABLE_PEAK * gain) : Number.POSITIVE_INFINITY];
    }),
  );
}
