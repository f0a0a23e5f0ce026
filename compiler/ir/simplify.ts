import { evaluateNode } from './evaluate.js';
import { simplifyAffine } from './rules/affine.js';
import { simplifyBlocks } from './rules/blocks.js';
import type { FoldContext } from './rules/context.js';
import { simplifyAdd, simplifyMap, simplifyMul, simplifyScale, simplifySelect } from './rules/elementwise.js';
import { flattenConcat, simplifyConcat, simplifySlice, splitByRows } from './rules/slices.js';
import { anglesToTurns } from './turns.js';
import {
  type ConcatNode,
  type ConstantNode,
  graphOf,
  type IrGraph,
  type IrNode,
  operands,
  useCounts,
  withOperands,
} from './types.js';

/** A folded graph with the arguments of sines and cosines in turns, folded again. */
export function toTurns(graph: IrGraph): IrGraph {
  return foldGraph(anglesToTurns(graph));
}

const MAX_PASSES = 100;

/**
 * Folds a graph to as few records as the runtime needs; it computes the same function (in exact arithmetic) before and
 * after. Constants are computed, scalings move into weights and tables, chains of functions become one function, and
 * slices move up to the rows they select.
 */
export function foldGraph(graph: IrGraph): IrGraph {
  for (let pass = 0; pass < MAX_PASSES; pass++) {
    const next = rewrite(graph, splitByRows(graph));
    if (next.output === graph.output) return next;
    graph = next;
  }
  return graph;
}

function rewrite(graph: IrGraph, replacements: ReadonlyMap<IrNode, IrNode>): IrGraph {
  const uses = useCounts(graph);
  const replaced = new Map<IrNode, IrNode>();
  const originals = new Map<IrNode, IrNode>();
  const readers = new Map<IrNode, IrNode[]>();
  for (const node of graph.nodes) for (const x of operands(node)) readers.set(x, [...(readers.get(x) ?? []), node]);
  const context: FoldContext = {
    usedOnce: (node) => (uses.get(originals.get(node) ?? node) ?? 0) <= 1,
    feedsOnlyAffine: false,
  };
  for (const node of graph.nodes) {
    context.feedsOnlyAffine = readers.get(node)?.every((reader) => reader.kind === 'affine') ?? false;
    const start = replacements.get(node) ?? node;
    const read = withOperands(
      start,
      operands(start).map((input) => replaced.get(input) ?? input),
    );
    const result = node === graph.output ? flattenConcat(read as ConcatNode) : applyRules(read, context);
    replaced.set(node, result);
    if (!originals.has(result)) originals.set(result, node);
  }
  return graphOf(replaced.get(graph.output) as ConcatNode);
}

function applyRules(node: IrNode, context: FoldContext): IrNode {
  if (node.kind !== 'constant' && node.kind !== 'input') {
    const inputs = operands(node);
    if (inputs.length && inputs.every((input) => input.kind === 'constant')) return foldConstant(node, inputs);
  }
  switch (node.kind) {
    case 'affine':
      return simplifyAffine(node, context);
    case 'blocks':
      return simplifyBlocks(node, context.usedOnce);
    case 'scale':
      return simplifyScale(node, context);
    case 'map':
      return simplifyMap(node, context);
    case 'add':
      return simplifyAdd(node);
    case 'mul':
      return simplifyMul(node);
    case 'select':
      return simplifySelect(node);
    case 'concat':
      return simplifyConcat(node);
    case 'slice':
      return simplifySlice(node, context);
    default:
      return node;
  }
}

function foldConstant(node: IrNode, inputs: readonly IrNode[]): ConstantNode {
  const values = inputs.map((input) => (input as ConstantNode).data);
  const data = new Float64Array(node.width);
  evaluateNode(node, values, data, 1);
  return { kind: 'constant', name: node.name, width: node.width, data };
}
