import type {
  AffineNode,
  BlocksNode,
  IrGraph,
  IrNode,
  MapNode,
  ScaleNode,
  SplineNode,
  WeightBits,
} from '../ir/types.js';
import type { FunctionTable } from './function-table.js';
import type { SplineAxis } from './spline.js';

/** A graph with a number format for every value and integers for every weight. */

export type ValueBits = 16 | 32;
export type { WeightBits } from '../ir/types.js';

/** Integers q of a value v: q = v * 2^exponent, saturated to `bits` (an angle in turns wraps instead). */
export interface ValueFormat {
  bits: ValueBits;
  exponent: number;
  /** Largest |q| that can occur, by proof. */
  maxInteger: number;
}

/**
 * Integer form of an affine or diagonal step: y = (sum w q + (bias << (shift - guard)) + half) >> shift, per row.
 * The accumulator holds every partial sum: `accumulatorPeak` < 2^(accBits - 1) is checked when it is made.
 */
export interface WeightFormat {
  weightBits: WeightBits;
  accBits: 32 | 64;
  weights: Int32Array;
  bias: Int32Array;
  /** Per row; all equal unless `perRow`. */
  shifts: Uint8Array;
  perRow: boolean;
  /** The bias is in units of 2^-guard of the result. */
  guard: number;
  /** Largest sum of |w| |q| + |bias| + half over the rows. */
  accumulatorPeak: number;
}

/** Integer form of a leaf: products are shifted left to the scale of the accumulators. */
export interface LeafFormat {
  weightBits: WeightBits;
  /** Row-major. */
  weights: Int32Array;
  /** Per row; all equal unless `perRow`. */
  lefts: Uint8Array;
  perRow: boolean;
}

/** Integer form of a matrix in blocks: y = (sum over leaves (sum w q) 2^left + (bias << (shift - guard)) + half) >> shift. */
export interface BlocksFormat {
  accBits: 32 | 64;
  /** In the order of the node's leaves. */
  leaves: readonly LeafFormat[];
  bias: Int32Array;
  shift: number;
  /** The bias is in units of 2^-guard of the result. */
  guard: number;
  /** Largest sum of |w| |q| 2^left + |bias| + half over the rows; below 2^(accBits - 1). */
  accumulatorPeak: number;
}

/** Integer form of a spline: see SPLINE_FIELDS of the table's specification. */
export interface SplineFormat {
  weightBits: 8 | 16;
  /** As the node has them: row-major, all axes. */
  weights: Int32Array;
  axes: readonly SplineAxis[];
  degree: number;
  /** Of the sum over all axes, and of those over all but the first. */
  shift: number;
  shiftB: number;
}

/** A node that stores integers of its own; concat and slice only name parts of others. */
export type Leaf = Exclude<IrNode, { kind: 'concat' | 'slice' }>;

/** Components start .. start + width - 1 of a leaf. */
export interface Segment {
  leaf: Leaf;
  start: number;
  width: number;
}

export interface QuantizedGraph {
  graph: IrGraph;
  formats: ReadonlyMap<Leaf, ValueFormat>;
  affine: ReadonlyMap<AffineNode | ScaleNode, WeightFormat>;
  blocks: ReadonlyMap<BlocksNode, BlocksFormat>;
  tables: ReadonlyMap<MapNode, FunctionTable>;
  splines: ReadonlyMap<SplineNode, SplineFormat>;
}

/** The leaves that a value is made of, in order; adjacent segments of one leaf are joined. */
export function segmentsOf(node: IrNode): Segment[] {
  if (node.kind === 'concat') return join(node.parts.flatMap(segmentsOf));
  if (node.kind !== 'slice') return [{ leaf: node, start: 0, width: node.width }];
  const cut: Segment[] = [];
  let at = 0;
  for (const { leaf, start, width } of segmentsOf(node.x)) {
    const from = Math.max(node.start, at);
    const to = Math.min(node.start + node.width, at + width);
    if (from < to) cut.push({ leaf, start: start + from - at, width: to - from });
    at += width;
  }
  return cut;
}

function join(segments: readonly Segment[]): Segment[] {
  const joined: Segment[] = [];
  for (const segment of segments) {
    const last = joined.at(-1);
    if (last && last.leaf === segment.leaf && last.start + last.width === segment.start) last.width += segment.width;
    else joined.push({ ...segment });
  }
  return joined;
}
