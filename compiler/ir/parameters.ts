import { isFactor } from './blocks.js';
import { mapNodes } from './map-nodes.js';
import { coresOf } from './tensor-train.js';
import {
  type AffineNode,
  type BlocksNode,
  type IrGraph,
  type IrNode,
  type SplineNode,
  useCounts,
  type WeightBits,
} from './types.js';

/**
 * The weights of a graph as one vector: per matrix its entries, row-major, then the bias that goes with it. Steps that
 * share an array of weights, as a step and its derivatives do, share its place.
 */

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
   * step that it belongs to does the same. None for derivatives.
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
      const none = node.tangent || (inner.has(node) && node.bias.every((b) => b === 0));
      const bias = none ? undefined : node.bias;
      return [{ out: node, x, row: 0, rows: width, weight, bias, precision }];
    }
    if (node.kind !== 'blocks') return [];
    return node.leaves.map(({ x, row, rows, weight, precision }, k) => {
      return { out: node, x, row, rows, weight, bias: k === 0 && !node.tangent ? node.bias : undefined, precision };
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

/** The splines of a graph, each array of coefficients once. */
export function splinesOf(graph: IrGraph): SplineNode[] {
  const splines = new Map<Float64Array, SplineNode>();
  for (const node of graph.nodes) if (node.kind === 'spline') splines.set(node.weight, node);
  return [...splines.values()];
}

/** Numbers that the graph stores: weights and biases, coefficients of splines, factors of scalings, constants. */
export function irParameterCount(graph: IrGraph): number {
  let count = trainableCount(graph);
  for (const node of graph.nodes) {
    if (node.kind === 'scale') count += node.scale.length + node.shift.length;
    else if (node.kind === 'constant') count += node.data.length;
  }
  for (const { weight } of splinesOf(graph)) count += weight.length;
  return count;
}

/** What one evaluation takes, in multiply-adds, about: every number once, and matrices of derivatives at every use. */
export function evaluationWork(graph: IrGraph): number {
  const weights = weightSites(graph).map(({ weight }) => weight);
  const sizeOf = (arrays: readonly Float64Array[]) => arrays.reduce((size, { length }) => size + length, 0);
  return irParameterCount(graph) + sizeOf(weights) - sizeOf([...new Set(weights)]);
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

/** Where the arrays of weights and biases stand in the vector. */
export interface ParameterLayout {
  readonly offsets: ReadonlyMap<Float64Array, number>;
  readonly size: number;
}

/** The layout of a graph's vector; a graph with the same arrays, such as that of its derivatives, has the same vector. */
export function parameterLayout(graph: IrGraph): ParameterLayout {
  const offsets = new Map<Float64Array, number>();
  let size = 0;
  for (const { weight, bias } of weightSites(graph)) {
    for (const array of bias ? [weight, bias] : [weight]) {
      if (offsets.has(array)) continue;
      offsets.set(array, size);
      size += array.length;
    }
  }
  return { offsets, size };
}

/** True where several matrices of a graph are one array of weights. */
export function sharesWeights(graph: IrGraph): boolean {
  const sites = weightSites(graph);
  return new Set(sites.map(({ weight }) => weight)).size < sites.length;
}

/** Numbers that refinement may change. */
export function trainableCount(graph: IrGraph): number {
  return parameterLayout(graph).size;
}

/** Where {@link readParameters} has weights, not biases, that are zero. */
export function zeroWeights(graph: IrGraph): number[] {
  const { offsets } = parameterLayout(graph);
  const matrices = new Set(weightSites(graph).map(({ weight }) => weight));
  return [...matrices].flatMap((weight) =>
    Array.from(weight.keys())
      .filter((i) => weight[i] === 0)
      .map((i) => offsets.get(weight)! + i),
  );
}

export function readParameters(graph: IrGraph): Float64Array {
  const { offsets, size } = parameterLayout(graph);
  const theta = new Float64Array(size);
  for (const [array, at] of offsets) theta.set(array, at);
  return theta;
}

/** Overwrites the arrays of the graph in place: only for a graph that owns them (see {@link withOwnWeights}). */
export function writeParameters(graph: IrGraph, theta: Float64Array): void {
  for (const [array, at] of parameterLayout(graph).offsets) array.set(theta.subarray(at, at + array.length));
}

/** The same graph with fresh arrays for its weights. */
export function withOwnWeights(graph: IrGraph): IrGraph {
  return mapWeights(graph, (values) => values.slice());
}

/** The same graph with every matrix and bias replaced by what `change` makes of it; what is shared stays shared. */
export function mapWeights(graph: IrGraph, change: (values: Float64Array) => Float64Array): IrGraph {
  const known = new Map<Float64Array, Float64Array>();
  const changed = (values: Float64Array) => {
    const once = known.get(values) ?? change(values);
    known.set(values, once);
    return once;
  };
  return mapNodes(graph, (node) => {
    if (node.kind === 'affine') return { ...node, weight: changed(node.weight), bias: changed(node.bias) };
    if (node.kind !== 'blocks') return node;
    const leaves = node.leaves.map((leaf) => ({ ...leaf, weight: changed(leaf.weight) }));
    return { ...node, leaves, bias: changed(node.bias) };
  });
}
