import { isFactor } from './blocks.js';
import { mapNodes } from './map-nodes.js';
import { coresOf } from './tensor-train.js';
import { type AffineNode, type BlocksNode, type IrGraph, type IrNode, useCounts, type WeightBits } from './types.js';

/** The weights of a graph as one vector: per matrix its entries, row-major, then the bias that goes with it. */

/** A matrix that a graph stores: that of an affine step, or a leaf of a matrix in blocks. */
export interface WeightSite {
  /** The step whose rows row .. row + rows - 1 the product is added into. */
  readonly out: AffineNode | BlocksNode;
  readonly x: IrNode;
  readonly row: number;
  readonly rows: number;
  /** Row-major [rows x x.width]. */
  readonly weight: Float64Array;
  /**
   * Of all rows of the step; with the first matrix of the step only. None for a right factor without one: the bias of the
   * step that it belongs to does the same.
   */
  readonly bias?: Float64Array;
  readonly precision?: WeightBits;
}

export function affineNodes(graph: IrGraph): AffineNode[] {
  return graph.nodes.filter((node): node is AffineNode => node.kind === 'affine');
}

export function weightSites(graph: IrGraph): WeightSite[] {
  const inner = rightFactors(graph);
  return graph.nodes.flatMap((node): WeightSite[] => {
    if (node.kind === 'affine') {
      const { x, width, weight, precision } = node;
      const bias = inner.has(node) && node.bias.every((b) => b === 0) ? undefined : node.bias;
      return [{ out: node, x, row: 0, rows: width, weight, bias, precision }];
    }
    if (node.kind !== 'blocks') return [];
    return node.leaves.map(({ x, row, rows, weight, precision }, k) => {
      return { out: node, x, row, rows, weight, bias: k === 0 ? node.bias : undefined, precision };
    });
  });
}

/** Affine steps that only one matrix reads: the right factors of low-rank ones. */
function rightFactors(graph: IrGraph): Set<IrNode> {
  const uses = useCounts(graph);
  const reads = graph.nodes.flatMap((node) =>
    node.kind === 'blocks' ? node.leaves.map(({ x }) => x) : node.kind === 'affine' ? [node.x] : [],
  );
  return new Set(reads.filter((x) => isFactor(x, (read) => uses.get(read) === 1)));
}

/** Numbers that the graph stores: weights and biases, factors of scalings, constants. */
export function irParameterCount(graph: IrGraph): number {
  let count = trainableCount(graph);
  for (const node of graph.nodes) {
    if (node.kind === 'scale') count += node.scale.length + node.shift.length;
    else if (node.kind === 'constant') count += node.data.length;
  }
  return count;
}

/**
 * Numbers of the model file that the graph makes, as `inspect` counts them: a tensor train as its cores, and the scalings
 * between functions, which are nodes of their own there.
 */
export function modelParameterCount(graph: IrGraph): number {
  let count = irParameterCount(graph);
  for (const node of graph.nodes) {
    if (node.kind === 'map') count += 2 * node.fn.steps.filter(({ op }) => op === 'affine').length;
    const cores = node.kind === 'affine' ? coresOf(node) : undefined;
    if (cores && node.kind === 'affine') {
      count += cores.reduce((n, { data }) => n + data.length, 0) - node.weight.length;
    }
  }
  return count;
}

/** Numbers that refinement may change. */
export function trainableCount(graph: IrGraph): number {
  return weightSites(graph).reduce((n, { weight, bias }) => n + weight.length + (bias?.length ?? 0), 0);
}

/** Where {@link readParameters} has weights, not biases, that are zero. */
export function zeroWeights(graph: IrGraph): number[] {
  const zeros: number[] = [];
  let at = 0;
  for (const { weight, bias } of weightSites(graph)) {
    weight.forEach((w, i) => {
      if (w === 0) zeros.push(at + i);
    });
    at += weight.length + (bias?.length ?? 0);
  }
  return zeros;
}

export function readParameters(graph: IrGraph): Float64Array {
  const theta = new Float64Array(trainableCount(graph));
  let at = 0;
  for (const { weight, bias } of weightSites(graph)) {
    theta.set(weight, at);
    at += weight.length;
    if (!bias) continue;
    theta.set(bias, at);
    at += bias.length;
  }
  return theta;
}

/** Overwrites the arrays of the graph in place: only for a graph that owns them (see {@link withOwnWeights}). */
export function writeParameters(graph: IrGraph, theta: Float64Array): void {
  let at = 0;
  for (const { weight, bias } of weightSites(graph)) {
    weight.set(theta.subarray(at, at + weight.length));
    at += weight.length;
    if (!bias) continue;
    bias.set(theta.subarray(at, at + bias.length));
    at += bias.length;
  }
}

/** The same graph with fresh arrays for its weights. */
export function withOwnWeights(graph: IrGraph): IrGraph {
  return mapWeights(graph, (values) => values.slice());
}

/** The same graph with every matrix and bias replaced by what `change` makes of it. */
export function mapWeights(graph: IrGraph, change: (values: Float64Array) => Float64Array): IrGraph {
  return mapNodes(graph, (node) => {
    if (node.kind === 'affine') return { ...node, weight: change(node.weight), bias: change(node.bias) };
    if (node.kind !== 'blocks') return node;
    const leaves = node.leaves.map((leaf) => ({ ...leaf, weight: change(leaf.weight) }));
    return { ...node, leaves, bias: change(node.bias) };
  });
}
