import { blockLayout, isFactor } from '../../ir/blocks.js';
import { coresOf } from '../../ir/tensor-train.js';
import {
  type AffineNode,
  type BlockLeaf,
  type BlocksNode,
  type IrGraph,
  type IrNode,
  useCounts,
  type WeightBits,
} from '../../ir/types.js';
import type { MatrixReport } from '../matrices/hmatrix.js';

/** How each layer of a graph is stored: the part of a report that says what became of a weight matrix. */

export interface LayerBlock {
  row: number;
  rows: number;
  col: number;
  cols: number;
  /** Of a low-rank block; a dense one has none. */
  rank?: number;
  bits: WeightBits;
}

export interface LayerStructure {
  name: string;
  rows: number;
  cols: number;
  structure: 'dense' | 'low-rank' | 'hierarchical' | 'tensor-train';
  /** Smallest and largest rank of the low-rank blocks; absent without any. */
  ranks?: [number, number];
  /** Widths of the weights that occur. */
  bits: WeightBits[];
  /** Weights in their widths, biases in 32 bits. */
  bytes: number;
  /** Multiply-accumulates per answer, and those of the same matrix stored densely. */
  macs: number;
  denseMacs: number;
  blocks: LayerBlock[];
}

export interface Layer {
  structure: LayerStructure;
  /** The node that gives the layer's value, and the right factors that belong to it. */
  nodes: readonly (AffineNode | BlocksNode)[];
}

/** A layer in the report of a compression. */
export interface CompressedLayer extends LayerStructure {
  /** What it costs by itself (layer-errors.ts): largest error of the outputs over the largest output. */
  error: number;
  /** The same in parts of the error of the whole network; errors of layers may make up for each other. */
  share: number;
  /**
   * Where a method states a bound: the largest relative error of the matrix that was allowed, the one that was reached, in
   * the norm of the activations and before refinement, and what that changed at the outputs, in shares of the tolerance.
   */
  bound?: number;
  matrixError?: number;
  matrixShare?: number;
}

/** @param bitsOf width of the weights of an affine step or of a leaf */
export function layersOf(graph: IrGraph, bitsOf: (part: AffineNode | BlockLeaf) => WeightBits = storedBits): Layer[] {
  const uses = useCounts(graph);
  const usedOnce = (node: IrNode) => uses.get(node) === 1;
  const readers = new Set<IrNode>();
  for (const node of graph.nodes) {
    if (node.kind === 'affine') readers.add(node.x);
    if (node.kind === 'blocks') for (const { x } of node.leaves) readers.add(x);
  }
  const stored = new Set<Float64Array>();
  return graph.nodes.flatMap((node): Layer[] => {
    // Derivatives have the weights of a layer that is listed already.
    const weights =
      node.kind === 'affine' ? [node.weight] : node.kind === 'blocks' ? node.leaves.map((l) => l.weight) : [];
    const known = 'tangent' in node && node.tangent && weights.every((weight) => stored.has(weight));
    for (const weight of weights) stored.add(weight);
    if (known) return [];
    if (node.kind === 'blocks') return [blocksLayer(node, usedOnce, bitsOf)];
    // A right factor is part of the layer that reads it.
    if (node.kind !== 'affine' || (isFactor(node, usedOnce) && readers.has(node))) return [];
    return [affineLayer(node, isFactor(node.x, usedOnce) ? node.x : undefined, bitsOf)];
  });
}

export function storedBits({ precision = 16 }: AffineNode | BlockLeaf): WeightBits {
  return precision;
}

function affineLayer(
  node: AffineNode,
  inner: AffineNode | undefined,
  bitsOf: (part: AffineNode | BlockLeaf) => WeightBits,
): Layer {
  const [rows, cols] = [node.width, inner ? inner.x.width : node.x.width];
  const bits = Math.max(...(inner ? [node, inner] : [node]).map(bitsOf)) as WeightBits;
  const block: LayerBlock = { row: 0, rows, col: 0, cols, rank: inner?.width, bits };
  const train = inner && coresOf(node) && coresOf(inner);
  const structure = train ? 'tensor-train' : inner ? 'low-rank' : 'dense';
  return layer(node.name, rows, cols, structure, [block], inner ? [node, inner] : [node], bitsOf);
}

function blocksLayer(
  node: BlocksNode,
  usedOnce: (node: IrNode) => boolean,
  bitsOf: (part: AffineNode | BlockLeaf) => WeightBits,
): Layer {
  const layout = blockLayout(node, usedOnce);
  const blocks = layout.leaves.map(({ leaf, row, rows, col, cols, inner }): LayerBlock => {
    const bits = Math.max(bitsOf(leaf), inner ? bitsOf(inner) : 0) as WeightBits;
    return { row, rows, col, cols, rank: inner?.width, bits };
  });
  const factors = layout.leaves.flatMap(({ inner }) => (inner ? [inner] : []));
  return layer(node.name, node.width, layout.cols, 'hierarchical', blocks, [node, ...factors], bitsOf);
}

function layer(
  name: string,
  rows: number,
  cols: number,
  structure: LayerStructure['structure'],
  blocks: LayerBlock[],
  nodes: Layer['nodes'],
  bitsOf: (part: AffineNode | BlockLeaf) => WeightBits,
): Layer {
  const parts = nodes.flatMap((node): (AffineNode | BlockLeaf)[] =>
    node.kind === 'blocks' ? [...node.leaves] : [node],
  );
  const bytes =
    parts.reduce((n, part) => n + (part.weight.length * bitsOf(part)) / 8, 0) +
    nodes.reduce((n, { bias }) => n + 4 * bias.length, 0);
  const ranks = blocks.flatMap(({ rank }) => (rank === undefined ? [] : [rank]));
  return {
    nodes,
    structure: {
      name,
      rows,
      cols,
      structure,
      ...(ranks.length ? { ranks: [Math.min(...ranks), Math.max(...ranks)] } : {}),
      bits: [...new Set(parts.map(bitsOf))].sort((a, b) => a - b),
      bytes,
      macs: parts.reduce((n, part) => n + part.weight.length, 0),
      denseMacs: rows * cols,
      blocks,
    },
  };
}

/**
 * The layers of a compressed graph, with what a method with bounds says of them.
 * @param errors by layer; see layer-errors.ts
 * @param whole the error of the network
 */
export function compressedLayers(
  graph: IrGraph,
  matrices: readonly MatrixReport[],
  errors: ReadonlyMap<string, number>,
  whole: number,
): CompressedLayer[] {
  const byName = new Map(matrices.map((matrix) => [matrix.name, matrix]));
  return layersOf(graph).map(({ structure }) => {
    const error = errors.get(structure.name) ?? 0;
    const layer = { ...structure, error, share: whole > 0 ? error / whole : 0 };
    const matrix = byName.get(structure.name);
    return matrix ? { ...layer, bound: matrix.bound, matrixError: matrix.error, matrixShare: matrix.share } : layer;
  });
}
