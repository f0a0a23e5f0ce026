import { multiply } from './matrix.js';
import type { AffineNode, BlockLeaf, BlocksNode, IrGraph, IrNode } from './types.js';
import { graphOf, operands, useCounts, withOperands } from './types.js';

/** Where a leaf lies in the matrix that it is part of. */
export interface PlacedLeaf {
  readonly leaf: BlockLeaf;
  readonly row: number;
  readonly rows: number;
  readonly col: number;
  readonly cols: number;
  /** The right factor V [rank x cols] of a low-rank leaf. */
  readonly inner?: AffineNode;
}

/** A matrix in blocks seen as one matrix over its sources side by side. */
export interface BlockLayout {
  readonly sources: readonly IrNode[];
  readonly cols: number;
  readonly leaves: readonly PlacedLeaf[];
}

/** Recovers which columns each leaf covers: a leaf reads a value, a slice of one, or V times one of these. */
export function blockLayout(node: BlocksNode, usedOnce: (node: IrNode) => boolean): BlockLayout {
  const offsets = new Map<IrNode, number>();
  let cols = 0;
  const leaves = node.leaves.map((leaf): PlacedLeaf => {
    const inner = isFactor(leaf.x, usedOnce) ? leaf.x : undefined;
    const read = inner?.x ?? leaf.x;
    const [source, start] = read.kind === 'slice' ? [read.x, read.start] : [read, 0];
    if (!offsets.has(source)) {
      offsets.set(source, cols);
      cols += source.width;
    }
    const { row, rows } = leaf;
    return { leaf, row, rows, col: offsets.get(source)! + start, cols: read.width, inner };
  });
  return { sources: [...offsets.keys()], cols, leaves };
}

/** True for the right factor of a low-rank matrix: an affine step that one node reads. Its bias belongs to that node's. */
export function isFactor(node: IrNode, usedOnce: (node: IrNode) => boolean): node is AffineNode {
  return node.kind === 'affine' && !node.wraps && usedOnce(node);
}

/** A bias with what the bias of a right factor adds to it through the left one, [rows x rank], from row `row` on. */
export function withFactorBias(bias: Float64Array, inner: AffineNode, left: Float64Array, row = 0): Float64Array {
  if (inner.bias.every((b) => b === 0)) return bias;
  const shift = multiply(left, inner.bias, left.length / inner.width, inner.width, 1);
  return bias.map((b, r) => b + (shift[r - row] ?? 0));
}

/** The bias of a matrix in blocks, with those of its right factors. */
export function wholeBias(node: BlocksNode, { leaves }: BlockLayout): Float64Array {
  return leaves.reduce((bias, { leaf, inner, row }) => {
    return inner ? withFactorBias(bias, inner, leaf.weight, row) : bias;
  }, node.bias);
}

/** The matrix that the leaves add up to, row-major [rows x cols of the layout]. */
function denseMatrix(node: BlocksNode, layout: BlockLayout): Float64Array {
  const matrix = new Float64Array(node.width * layout.cols);
  for (const { leaf, row, rows, col, cols, inner } of layout.leaves) {
    for (let r = 0; r < rows; r++) {
      for (let k = 0; k < leaf.x.width; k++) {
        const w = leaf.weight[r * leaf.x.width + k];
        const at = (row + r) * layout.cols + col;
        if (!inner) matrix[at + k] += w;
        else for (let c = 0; c < cols; c++) matrix[at + c] += w * inner.weight[k * cols + c];
      }
    }
  }
  return matrix;
}

/** The same graph with every pair of factors as one matrix. */
export function withoutFactors(graph: IrGraph): IrGraph {
  const uses = useCounts(graph);
  const changed = new Map<IrNode, IrNode>();
  for (const node of graph.nodes) {
    const read = withOperands(
      node,
      operands(node).map((x) => changed.get(x)!),
    );
    changed.set(node, read);
    if (node.kind !== 'affine' || read.kind !== 'affine' || !isFactor(node.x, (x) => uses.get(x) === 1)) continue;
    const inner = read.x as AffineNode;
    const weight = multiply(read.weight, inner.weight, read.width, inner.width, inner.x.width);
    const bias = withFactorBias(read.bias, inner, read.weight);
    changed.set(node, { ...read, x: inner.x, weight, bias, precision: undefined, train: undefined });
  }
  return graphOf(changed.get(graph.output) as IrGraph['output']);
}

/** The same graph with every matrix in blocks as one dense matrix: where another structure starts from. */
export function withoutBlocks(graph: IrGraph): IrGraph {
  if (!graph.nodes.some((node) => node.kind === 'blocks')) return graph;
  const uses = useCounts(graph);
  const changed = new Map<IrNode, IrNode>();
  for (const node of graph.nodes) {
    const read = withOperands(
      node,
      operands(node).map((x) => changed.get(x)!),
    );
    if (node.kind !== 'blocks' || read.kind !== 'blocks') {
      changed.set(node, read);
      continue;
    }
    const layout = blockLayout(node, (x) => uses.get(x) === 1);
    const parts = layout.sources.map((source) => changed.get(source)!);
    const { name, width, wraps } = read;
    const bias = wholeBias(node, layout);
    const x: IrNode = parts.length === 1 ? parts[0] : { kind: 'concat', name, width: layout.cols, parts };
    changed.set(node, { kind: 'affine', name, width, x, weight: denseMatrix(node, layout), bias, wraps });
  }
  return graphOf(changed.get(graph.output) as IrGraph['output']);
}
