import type { Spline } from '../model/spline.js';
import type { MapFunction } from './map-function.js';

/**
 * The intermediate representation: a graph of values in float64, reduced to the three kinds of work that the runtime
 * knows (affine, map, combine) and to concat and slice, which are addresses. Every node is one value: a vector of
 * `width` numbers per point. `name` is the model's node (or input) that it came from, for messages.
 */

interface Base {
  readonly name: string;
  readonly width: number;
}

export interface InputNode extends Base {
  readonly kind: 'input';
  readonly index: number;
}

export interface ConstantNode extends Base {
  readonly kind: 'constant';
  readonly data: Float64Array;
}

/** y = W x + b, W row-major [width x x.width]. */
export interface AffineNode extends Base {
  readonly kind: 'affine';
  readonly x: IrNode;
  readonly weight: Float64Array;
  readonly bias: Float64Array;
  /** The value is an angle in turns of which only the fraction matters, so it may wrap around. */
  readonly wraps?: boolean;
  /** The least width that the weights need, where compression has found one. */
  readonly precision?: WeightBits;
  /** The tensor train whose cores make up `weight`; says nothing once the weights are others. */
  readonly train?: TrainHalf;
  /** The derivative of another step: no bias, and the very array of its weights. */
  readonly tangent?: true;
}

/**
 * A chain of tensor-train cores and the matrix it merges into. Core k is row-major [ranks_k x modes_k x ranks_k+1]. The
 * output half of a train merges into [rows x rank], the input half into [rank x cols].
 */
export interface TrainHalf {
  readonly half: 'output' | 'input';
  readonly cores: readonly { readonly shape: readonly [number, number, number]; readonly data: Float64Array }[];
  /** What the cores merge into: the very array that the node's `weight` is. */
  readonly merged: Float64Array;
}

/** Widths of weights in the module. */
export type WeightBits = 8 | 16 | 32;

/** Rows row .. row + rows - 1 of a matrix times a value of its own: `weight` is row-major [rows x x.width]. */
export interface BlockLeaf {
  readonly row: number;
  readonly rows: number;
  readonly x: IrNode;
  readonly weight: Float64Array;
  /** The least width that the weights need, where compression has found one. */
  readonly precision?: WeightBits;
}

/**
 * y = b + the sum over the leaves of W_k x_k, added into the leaf's rows: a matrix in blocks. A dense block reads a slice
 * of the argument; a low-rank block U V reads V x, an affine step without bias that nothing else reads.
 */
export interface BlocksNode extends Base {
  readonly kind: 'blocks';
  readonly leaves: readonly BlockLeaf[];
  readonly bias: Float64Array;
  readonly wraps?: boolean;
  /** The derivative of another matrix in blocks: no bias, and the very arrays of its leaves' weights. */
  readonly tangent?: true;
}

/** y_i = scale_i x_i + shift_i; both of length `width`; x may have width 1. */
export interface ScaleNode extends Base {
  readonly kind: 'scale';
  readonly x: IrNode;
  readonly scale: Float64Array;
  readonly shift: Float64Array;
  readonly wraps?: boolean;
}

/** y_i = fn(x_i). */
export interface MapNode extends Base {
  readonly kind: 'map';
  readonly x: IrNode;
  readonly fn: MapFunction;
}

/**
 * Tensor-product B-splines of the components of x, one axis each, or their derivatives by the position along the axes in
 * segments; a spline and its derivatives share the very array of coefficients.
 */
export interface SplineNode extends Base, Spline {
  readonly kind: 'spline';
  readonly x: IrNode;
  /** The least width that the coefficients need, where compression has found one. */
  readonly precision?: WeightBits;
}

/** y = a + b or a - b; an operand of width 1 is broadcast. */
export interface AddNode extends Base {
  readonly kind: 'add';
  readonly a: IrNode;
  readonly b: IrNode;
  readonly subtract: boolean;
}

/** y = a b; an operand of width 1 is broadcast. */
export interface MulNode extends Base {
  readonly kind: 'mul';
  readonly a: IrNode;
  readonly b: IrNode;
}

/** y = the smaller or the larger of a and b; an operand of width 1 is broadcast. */
export interface ExtremumNode extends Base {
  readonly kind: 'min' | 'max';
  readonly a: IrNode;
  readonly b: IrNode;
}

/** y = a where condition > 0, else b; operands of width 1 are broadcast. */
export interface SelectNode extends Base {
  readonly kind: 'select';
  readonly condition: IrNode;
  readonly a: IrNode;
  readonly b: IrNode;
}

export interface ConcatNode extends Base {
  readonly kind: 'concat';
  readonly parts: readonly IrNode[];
}

/** Components start .. start + width - 1 of x. */
export interface SliceNode extends Base {
  readonly kind: 'slice';
  readonly x: IrNode;
  readonly start: number;
}

export type IrNode =
  | InputNode
  | ConstantNode
  | AffineNode
  | BlocksNode
  | ScaleNode
  | MapNode
  | SplineNode
  | AddNode
  | MulNode
  | ExtremumNode
  | SelectNode
  | ConcatNode
  | SliceNode;

export interface IrGraph {
  /** Every node that the output needs, each after the nodes it reads. */
  readonly nodes: readonly IrNode[];
  /** All outputs of the model side by side, before their engineering scale and offset. */
  readonly output: ConcatNode;
}

/** The nodes that a node reads, in the order of {@link withOperands}. */
export function operands(node: IrNode): readonly IrNode[] {
  switch (node.kind) {
    case 'input':
    case 'constant':
      return [];
    case 'add':
    case 'mul':
    case 'min':
    case 'max':
      return [node.a, node.b];
    case 'select':
      return [node.condition, node.a, node.b];
    case 'concat':
      return node.parts;
    case 'blocks':
      return node.leaves.map((leaf) => leaf.x);
    default:
      return [node.x];
  }
}

/** The arguments of a node's matrices, or of a spline: values that lie side by side. */
export function matrixArguments(node: IrNode): readonly IrNode[] {
  return node.kind === 'affine' || node.kind === 'blocks' || node.kind === 'spline' ? operands(node) : [];
}

/** The same node reading `values` in place of its operands. */
export function withOperands(node: IrNode, values: readonly IrNode[]): IrNode {
  switch (node.kind) {
    case 'input':
    case 'constant':
      return node;
    case 'add':
    case 'mul':
    case 'min':
    case 'max':
      return values[0] === node.a && values[1] === node.b ? node : { ...node, a: values[0], b: values[1] };
    case 'select': {
      const [condition, a, b] = values;
      const same = condition === node.condition && a === node.a && b === node.b;
      return same ? node : { ...node, condition, a, b };
    }
    case 'concat':
      return values.every((v, i) => v === node.parts[i]) ? node : { ...node, parts: [...values] };
    case 'blocks': {
      if (values.every((v, i) => v === node.leaves[i].x)) return node;
      return { ...node, leaves: node.leaves.map((leaf, i) => ({ ...leaf, x: values[i] })) };
    }
    default:
      return values[0] === node.x ? node : { ...node, x: values[0] };
  }
}

/** The graph of everything that `output` needs. */
export function graphOf(output: ConcatNode): IrGraph {
  const nodes: IrNode[] = [];
  const seen = new Set<IrNode>();
  const stack: { node: IrNode; next: number }[] = [{ node: output, next: 0 }];
  seen.add(output);
  while (stack.length) {
    const top = stack[stack.length - 1];
    const inputs = operands(top.node);
    if (top.next === inputs.length) {
      nodes.push(top.node);
      stack.pop();
      continue;
    }
    const child = inputs[top.next++];
    if (seen.has(child)) continue;
    seen.add(child);
    stack.push({ node: child, next: 0 });
  }
  return { nodes, output };
}

/** How many operands of nodes each node is. */
export function useCounts(graph: IrGraph): Map<IrNode, number> {
  const uses = new Map<IrNode, number>();
  for (const node of graph.nodes) for (const input of operands(node)) uses.set(input, (uses.get(input) ?? 0) + 1);
  return uses;
}
