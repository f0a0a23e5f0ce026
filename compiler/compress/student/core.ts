import { functionOf, type MapFunction } from '../../ir/map-function.js';
import { mapNodes } from '../../ir/map-nodes.js';
import { type AffineNode, type IrGraph, type IrNode, operands } from '../../ir/types.js';

/**
 * The part of a graph that another network can stand for: everything between the values that no matrix has touched and the
 * last matrices. What is before and after it, such as factors that hold conditions exactly, stays as it is.
 */
export interface Core {
  /** What the first matrices read, in the order of the graph. */
  readonly inputs: readonly IrNode[];
  /** Components of all inputs together. */
  readonly width: number;
  /** The last matrices, whose values are what the core is for. */
  readonly heads: readonly AffineNode[];
}

/** @returns undefined where there is nothing between the inputs and the last matrices */
export function coreOf(graph: IrGraph): Core | undefined {
  const isMatrix = (node: IrNode) => node.kind === 'affine' || node.kind === 'blocks' || node.kind === 'spline';
  const touched = new Set<IrNode>();
  for (const node of graph.nodes) if (isMatrix(node) || operands(node).some((x) => touched.has(x))) touched.add(node);
  // Backwards: readers come before what they read.
  const before = new Set<IrNode>();
  const heads: AffineNode[] = [];
  for (const node of [...graph.nodes].reverse()) {
    if (isMatrix(node) && !before.has(node)) {
      if (node.kind !== 'affine' || !touched.has(node.x)) return undefined;
      heads.unshift(node);
    }
    if (isMatrix(node) || before.has(node)) for (const x of operands(node)) before.add(x);
  }
  const within = graph.nodes.filter((node) => touched.has(node) && (before.has(node) || isMatrix(node)));
  const read = new Set(within.flatMap(operands).filter((node) => !touched.has(node) && node.kind !== 'constant'));
  const inputs = graph.nodes.filter((node) => read.has(node));
  if (!heads.length || !inputs.length) return undefined;
  return { inputs, width: inputs.reduce((n, x) => n + x.width, 0), heads };
}

/** Functions of a student's neurons. */
export const STUDENT_FUNCTIONS = {
  tanh: functionOf({ op: 'function', name: 'tanh' }),
  sine: functionOf({ op: 'function', name: 'sin' }),
  gaussian: functionOf(
    { op: 'power', exponent: 2 },
    { op: 'affine', scale: -1, shift: 0 },
    { op: 'function', name: 'exp' },
  ),
  rational: functionOf(
    { op: 'power', exponent: 2 },
    { op: 'affine', scale: 1, shift: 1 },
    { op: 'function', name: 'reciprocal' },
  ),
} as const satisfies Record<string, MapFunction>;
export type StudentFunction = keyof typeof STUDENT_FUNCTIONS;

/** A matrix with its bias, row-major [bias.length x columns]. */
export interface Layer {
  readonly weight: Float64Array;
  readonly bias: Float64Array;
}

/** A network of layers with one function in the place of a core. */
export interface Student {
  readonly fn: StudentFunction;
  /** A linear map of the core's inputs that the first layer reads, where it does not read the inputs themselves. */
  readonly directions?: Layer;
  /** The hidden layers, first one first. */
  readonly layers: readonly Layer[];
  /** In the places of the core's last matrices. */
  readonly heads: readonly Layer[];
}

/** The graph with the student's arrays of weights in the place of its core. */
export function withStudent(graph: IrGraph, core: Core, { fn, directions, layers, heads }: Student): IrGraph {
  const parts = core.inputs;
  let x: IrNode = parts.length === 1 ? parts[0] : { kind: 'concat', name: 'student', width: core.width, parts };
  if (directions) x = { kind: 'affine', name: 'directions', width: directions.bias.length, x, ...directions };
  layers.forEach((layer, l) => {
    const [name, width] = [`student${l + 1}`, layer.bias.length];
    x = { kind: 'map', name, width, x: { kind: 'affine', name, width, x, ...layer }, fn: STUDENT_FUNCTIONS[fn] };
  });
  return mapNodes(graph, (node, original) => {
    const head = core.heads.indexOf(original as AffineNode);
    return head < 0 ? node : { kind: 'affine', name: node.name, width: node.width, x, ...heads[head] };
  });
}
