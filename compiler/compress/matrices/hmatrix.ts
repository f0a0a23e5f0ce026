import { evaluateIr, gradientIr } from '../../ir/evaluate.js';
import { mapNodes } from '../../ir/map-nodes.js';
import { multiply } from '../../ir/matrix.js';
import { affineNodes } from '../../ir/parameters.js';
import { factor } from '../../ir/structured-steps.js';
import type { AffineNode, BlockLeaf, IrGraph, IrNode, WeightBits } from '../../ir/types.js';
import { POINT_COUNTS } from '../teacher/point-counts.js';
import { type Teacher, trainingPoints } from '../teacher/teacher.js';
import {
  activationNorm,
  type Block,
  blockTree,
  type Choice,
  cheapest,
  DEFAULT_TREE,
  leavesOf,
  type TreeOptions,
  type WeightedMatrix,
} from './block-tree.js';
import { orderNeurons } from './clusters.js';
import { type Moments, momentsOf } from './moments.js';

/**
 * Adaptive error-bounded hierarchical matrices for PINNs (arXiv 2409.07028; the abstract gives the idea, the refinement
 * rule here is ours). Every weight matrix W becomes W_H, a partition into dense, low-rank and empty blocks, with
 *
 *     ||D (W - W_H) C^(1/2)||_F <= eps ||D W C^(1/2)||_F,
 *
 * C the covariance of the layer's argument over the input box, D the gain from its rows to the outputs (block-tree.ts);
 * the mean of the argument goes into the bias, so that the mean of the layer does not change. The bound is checked on the
 * matrix that is stored, rounding included, and the matrix is made again, finer, where it does not hold.
 *
 * Admissibility is local: a block is stored at rank r, as it is, or in four parts, whichever removes its error at the
 * lowest price in bytes; one price for the whole matrix, the highest that keeps the bound, refines the blocks that
 * contribute most to the network's error first. Neurons are put in cluster order before (clusters.ts).
 *
 * Precision of a block (arXiv 2604.09147, the mixed-precision rule for d = 1): at level l, with xi = ||D B C^(1/2)||_F
 * over that of W, the largest unit roundoff u <= eps / (2^(l/2) xi).
 */

export interface MatrixReport {
  /** Name of the layer. */
  name: string;
  rows: number;
  cols: number;
  structure: 'dense' | 'low-rank' | 'hierarchical' | 'tensor-train' | 'empty';
  /** Relative bound that was asked for, and the relative error of what is stored, both in the norm above. */
  bound: number;
  error: number;
  /** What that error changes at the outputs, to first order, in shares of the tolerance. */
  share: number;
}

/** A graph with what its matrices need to be put into blocks at any tolerance. */
export interface HierarchyAnalysis {
  graph: IrGraph;
  layers: ReadonlyMap<AffineNode, Layer>;
}

export interface Layer {
  node: AffineNode;
  matrix: WeightedMatrix;
  mean: Float64Array;
  tree: Block;
  /** ||D W L||_F. */
  norm: number;
}

/** Rows that hardly reach the outputs at the sample points still count for this share of the others. */
const SMALLEST_GAIN = 1e-3;

export function analyzeHierarchy(
  teacher: Teacher,
  graph: IrGraph,
  options: TreeOptions = DEFAULT_TREE,
  reorder = true,
): HierarchyAnalysis {
  const ordered = reorder ? orderNeurons(teacher, graph) : graph;
  const points = trainingPoints(teacher, POINT_COUNTS.blocks);
  const values = evaluateIr(ordered, points, teacher.inputCount);
  const gains = rowGains(teacher, ordered, points);
  const moments = new Map<IrNode, Moments>();
  const layers = new Map<AffineNode, Layer>();
  for (const node of affineNodes(ordered)) {
    const { covariance, mean } = moments.get(node.x) ?? momentsOf(values.get(node.x)!, node.x.width);
    moments.set(node.x, { covariance, mean, width: node.x.width });
    const matrix = { rows: node.width, cols: node.x.width, weight: node.weight, covariance, gains: gains.get(node)! };
    const tree = blockTree(matrix, options);
    layers.set(node, { node, matrix, mean, tree, norm: Math.sqrt(tree.tails[0]) });
  }
  return { graph: ordered, layers };
}

/**
 * Root mean square over the box of the gradient of what is sent, in shares of its allowances, by each row: of the step
 * itself and of its derivatives.
 */
function rowGains({ allowances, sent, inputCount }: Teacher, network: IrGraph, points: Float64Array) {
  const graph = sent(network);
  const values = evaluateIr(graph, points, inputCount);
  const squares = new Map(affineNodes(network).map((node) => [node, new Float64Array(node.width)]));
  const owners = new Map([...squares.keys()].map((node) => [node.weight, node]));
  allowances.forEach((allowance, component) => {
    const gradients = gradientIr(graph, values, component);
    for (const node of affineNodes(graph)) {
      const g = gradients.get(node)!;
      const sums = squares.get(node) ?? squares.get(owners.get(node.weight)!)!;
      for (let i = 0; i < g.length; i++) {
        if (Number.isFinite(g[i])) sums[i % node.width] += ((g[i] / allowance) ** 2 * node.width) / g.length;
      }
    }
  });
  for (const sums of squares.values()) {
    const floor = SMALLEST_GAIN ** 2 * (sums.reduce((m, s) => Math.max(m, s), 0) || 1);
    sums.forEach((s, i) => {
      sums[i] = Math.sqrt(Math.max(s, floor));
    });
  }
  return squares;
}

/** A graph with its matrices in a structure, and what was done to each. */
export interface Structured {
  graph: IrGraph;
  matrices: MatrixReport[];
}

/**
 * What a structure makes of one matrix.
 * @param read the step, with its operands changed already
 * @param allowed what the matrix may change at the outputs, to first order, in shares of the tolerance
 */
export type Structure = (layer: Layer, read: AffineNode, allowed: number) => { node: IrNode; report: MatrixReport };

/**
 * The graph with every matrix in a structure.
 * @param error what all matrices together may change at the outputs, to first order, in shares of the tolerance
 */
export function restructure({ graph, layers }: HierarchyAnalysis, error: number, structure: Structure): Structured {
  const matrices: MatrixReport[] = [];
  const share = error / Math.sqrt(layers.size);
  const changed = mapNodes(graph, (read, original) => {
    const layer = layers.get(original as AffineNode);
    if (!layer || read.kind !== 'affine') return read;
    const { node, report } = structure(layer, read, share);
    matrices.push(report);
    return node;
  });
  return { graph: changed, matrices };
}

/** The graph with every matrix in blocks; see {@link restructure}. */
export function toHierarchical(analysis: HierarchyAnalysis, error: number): Structured {
  return restructure(analysis, error, blockMatrix);
}

const TRIES = 10;

/** One matrix in blocks, within the bound: the cheapest structure that was found to keep it. */
function blockMatrix(layer: Layer, read: AffineNode, allowed: number): { node: IrNode; report: MatrixReport } {
  const { norm, tree } = layer;
  const bound = norm > 0 ? Math.min(1, allowed / norm) : 1;
  let [aim, roundoff] = [bound, bound];
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const choices = leavesOf(withinError(tree, aim * norm, precisionRule(tree, norm, roundoff)));
    const stored = storeWithin(layer, choices, bound);
    if (stored.error <= bound) {
      const { leaves, difference, error } = stored;
      return { node: asNode(layer, read, leaves, difference), report: reportOf(layer, leaves, bound, error) };
    }
    // Blocks beside each other may err in the same direction, and rounding adds to it.
    aim *= Math.min(0.9, (0.95 * bound) / stored.error);
    roundoff *= 0.5;
  }
  return { node: asItIs(read), report: { ...reportOf(layer, [], bound, 0), structure: 'dense' } };
}

/** A step whose matrix stays dense: in float32, until the whole network is rounded to the least precision. */
export function asItIs(read: AffineNode): AffineNode {
  return { ...read, weight: read.weight.map(Math.fround), precision: 32 };
}

interface Stored {
  leaves: StoredLeaf[];
  /** W - W_H, row-major. */
  difference: Float64Array;
  /** In the norm of the bound, relative. */
  error: number;
}

/** Leaves that are tried at a lower precision than the rule gives, which takes rounding errors to add up at their worst. */
const MOST_NARROWED = 24;

/** The leaves rounded to the precision of the rule, or to less where the bound still holds, the largest first. */
function storeWithin({ matrix, norm }: Layer, choices: readonly LeafChoice[], bound: number): Stored {
  const errorOf = (difference: Float64Array) => (norm > 0 ? activationNorm(matrix, difference) / norm : 0);
  const leaves = choices.map((choice) => storedLeaf(matrix, choice));
  let difference = matrix.weight.slice();
  for (const leaf of leaves) addLeaf(difference, matrix.cols, leaf, -1);
  let error = errorOf(difference);
  if (error > bound) return { leaves, difference, error };
  const area = ({ block }: LeafChoice) => block.rows * block.cols;
  const order = Array.from(choices.keys()).sort((a, b) => area(choices[b]) - area(choices[a]));
  for (const k of order.slice(0, MOST_NARROWED)) {
    while (leaves[k].bits > 8) {
      const narrower = storedLeaf(matrix, { ...choices[k], bits: leaves[k].bits === 32 ? 16 : 8 });
      const changed = difference.slice();
      addLeaf(changed, matrix.cols, leaves[k], 1);
      addLeaf(changed, matrix.cols, narrower, -1);
      const next = errorOf(changed);
      if (next > bound) break;
      [leaves[k], difference, error] = [narrower, changed, next];
    }
  }
  return { leaves, difference, error };
}

const UNIT_ROUNDOFF = { 8: 2 ** -8, 16: 2 ** -16 } as const;

export function precisionRule(tree: Block, norm: number, eps: number): (block: Block) => WeightBits {
  return ({ level, tails }) => {
    const xi = Math.sqrt(tails[0]) / norm;
    const allowed = eps / (2 ** (level / 2) * xi);
    if (tree.tails[0] === 0 || allowed >= UNIT_ROUNDOFF[8]) return 8;
    return allowed >= UNIT_ROUNDOFF[16] ? 16 : 32;
  };
}

const PRICES = 48;

/** The structure of fewest bytes, among those that a price of error gives, whose squared error is within the limit. */
function withinError(tree: Block, error: number, bitsOf: (block: Block) => WeightBits): Choice {
  const at = (logPrice: number) => cheapest(tree, Math.exp(logPrice), bitsOf, true);
  const unit = Math.log(tree.tails[0] > 0 ? (tree.rows * tree.cols) / tree.tails[0] : 1);
  // Between a price at which nothing is kept and one at which nothing is left out.
  let [low, high] = [unit - 20, unit + 60];
  let best = at(high);
  for (let n = 0; n < PRICES; n++) {
    const middle = (low + high) / 2;
    const choice = at(middle);
    if (choice.error <= error ** 2) {
      best = choice;
      high = middle;
    } else {
      low = middle;
    }
  }
  return best;
}

interface StoredLeaf {
  block: Block;
  bits: WeightBits;
  /** Row-major [rows x cols], or the factors [rows x rank] and [rank x cols]. */
  weight?: Float64Array;
  factors?: { left: Float64Array; right: Float64Array; rank: number };
}

type LeafChoice = ReturnType<typeof leavesOf>[number];

function storedLeaf(matrix: WeightedMatrix, choice: LeafChoice): StoredLeaf {
  const { block, bits } = choice;
  const { row, rows, col, cols } = block;
  const part = new Float64Array(rows * cols);
  for (let r = 0; r < rows; r++) {
    const at = (row + r) * matrix.cols + col;
    part.set(matrix.weight.subarray(at, at + cols), r * cols);
  }
  if (choice.kind !== 'low-rank') return { block, bits, weight: roundRows(part, cols, bits) };
  const { rank } = choice;
  const { left, right } = truncatedFactors({ matrix }, block, rank);
  return { block, bits, factors: { left: roundRows(left, rank, bits), right: roundRows(right, cols, bits), rank } };
}

/**
 * Factors of rank r: W_r = D^-1 U U^T D W with U the leading left singular vectors of D W L, so no inverse of L is needed.
 * The values between the factors have unit variance.
 */
export function truncatedFactors({ matrix }: Pick<Layer, 'matrix'>, block: Block, rank: number) {
  const { row, rows, col, cols, values, vectors } = block;
  const count = values.length;
  const left = new Float64Array(rows * rank);
  const right = new Float64Array(rank * cols);
  for (let k = 0; k < rank; k++) {
    const sigma = values[k] || 1;
    for (let r = 0; r < rows; r++) {
      const u = vectors[r * count + k];
      left[r * rank + k] = (u * sigma) / matrix.gains[row + r];
      const scale = (u * matrix.gains[row + r]) / sigma;
      const at = (row + r) * matrix.cols + col;
      for (let c = 0; c < cols; c++) right[k * cols + c] += scale * matrix.weight[at + c];
    }
  }
  return { left, right };
}

/** Weights as integers of `bits` bits with a power of two per row, or float32 where that is as coarse. */
export function roundRows(weights: Float64Array, cols: number, bits: WeightBits): Float64Array {
  if (bits === 32) return weights.map(Math.fround);
  const rounded = weights.slice();
  const limit = 2 ** (bits - 1);
  for (let at = 0; at < weights.length; at += cols) {
    const row = weights.subarray(at, at + cols);
    const unit = rowUnit(row, bits);
    row.forEach((w, c) => {
      rounded[at + c] = Math.min(limit - 1, Math.max(-limit, Math.round(w / unit))) * unit;
    });
  }
  return rounded;
}

/** The least power of two in whose units a row fits into integers of `bits` bits; 1 for zeros. */
export function rowUnit(row: Float64Array, bits: 8 | 16): number {
  const largest = row.reduce((m, w) => Math.max(m, Math.abs(w)), 0);
  return largest > 0 ? 2 ** -Math.floor(Math.log2((2 ** (bits - 1) - 0.5) / largest)) : 1;
}

/** Adds or subtracts the matrix of a leaf. */
function addLeaf(to: Float64Array, stride: number, { block, weight, factors }: StoredLeaf, sign: 1 | -1): void {
  const { row, rows, col, cols } = block;
  const stored = weight ?? multiply(factors!.left, factors!.right, rows, factors!.rank, cols);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < cols; c++) to[(row + r) * stride + col + c] += sign * stored[r * cols + c];
  }
}

function asNode({ mean }: Layer, read: AffineNode, leaves: readonly StoredLeaf[], difference: Float64Array): IrNode {
  const { name, width, x, wraps } = read;
  const cols = x.width;
  const bias = read.bias.map((b, r) => mean.reduce((sum, m, c) => sum + m * difference[r * cols + c], b));
  const parts = leaves.map(({ block, bits, weight, factors }): BlockLeaf => {
    const { row, rows, col, cols: count } = block;
    const part: IrNode = count === cols ? x : { kind: 'slice', name, width: count, x, start: col };
    const common = { row, rows, precision: bits };
    if (weight) return { ...common, x: part, weight };
    return { ...common, x: factor(name, part, factors!.rank, factors!.right, bits), weight: factors!.left };
  });
  const [only] = parts;
  if (parts.length === 1 && only.rows === width) {
    return { kind: 'affine', name, width, x: only.x, weight: only.weight, bias, wraps, precision: only.precision };
  }
  return parts.length
    ? { kind: 'blocks', name, width, leaves: parts, bias, wraps }
    : { kind: 'constant', name, width, data: bias };
}

function reportOf({ node, norm }: Layer, leaves: readonly StoredLeaf[], bound: number, error: number): MatrixReport {
  const [rows, cols] = [node.width, node.x.width];
  const whole = leaves.length === 1 && leaves[0].block.rows === rows && leaves[0].block.cols === cols;
  const structure = !leaves.length ? 'empty' : !whole ? 'hierarchical' : leaves[0].factors ? 'low-rank' : 'dense';
  return { name: node.name, rows, cols, structure, bound, error, share: error * norm };
}
