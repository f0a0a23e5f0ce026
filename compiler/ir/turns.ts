import type { MapFunction } from './map-function.js';
import { asScale } from './rules/elementwise.js';
import {
  type ConcatNode,
  graphOf,
  type IrGraph,
  type IrNode,
  operands,
  type ScaleNode,
  withOperands,
} from './types.js';

/**
 * Rewrites sin and cos so that their argument is in turns (1 turn = 2 pi). The factor 1/(2 pi) moves into the weights
 * before it, the argument may wrap, and range reduction costs nothing at run time. A common shift of the argument, and
 * the quarter turn between sine and cosine, become the phase, so that all of them share one table.
 */
export function anglesToTurns(graph: IrGraph): IrGraph {
  const turns = new Map<IrNode, Map<number, ScaleNode>>();
  const replaced = new Map<IrNode, IrNode>();
  for (const node of graph.nodes) {
    const read = withOperands(
      node,
      operands(node).map((input) => replaced.get(input) ?? input),
    );
    replaced.set(node, read.kind === 'map' ? mapToTurns(read, turns) : read);
  }
  return graphOf(replaced.get(graph.output) as ConcatNode);
}

function mapToTurns(node: Extract<IrNode, { kind: 'map' }>, turns: Map<IrNode, Map<number, ScaleNode>>): IrNode {
  const [first, ...others] = node.fn.steps;
  const before = first.op === 'affine' ? first : { op: 'affine' as const, scale: 1, shift: 0 };
  const [angle, ...after] = first.op === 'affine' ? others : [first, ...others];
  if (node.fn.periodic || angle?.op !== 'function' || (angle.name !== 'sin' && angle.name !== 'cos')) return node;
  const perUnit = before.scale / (2 * Math.PI);
  const byScale = turns.get(node.x) ?? new Map<number, ScaleNode>();
  turns.set(node.x, byScale);
  const x = byScale.get(perUnit) ?? { ...asScale(node, node.x, [perUnit], [0]), wraps: true };
  byScale.set(perUnit, x);
  const phase = before.shift / (2 * Math.PI) + (angle.name === 'cos' ? 0.25 : 0);
  const fn: MapFunction = {
    steps: [{ op: 'affine', scale: 2 * Math.PI, shift: 0 }, { op: 'function', name: 'sin' }, ...after],
    periodic: true,
    phase: phase - Math.floor(phase),
  };
  return { ...node, x, fn };
}
