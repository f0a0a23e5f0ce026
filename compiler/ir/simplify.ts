import { spread } from './build.js';
import { evaluateNode } from './evaluate.js';
import { followedBy, functionOf, kinksOf, type MapFunction, type MapStep, precededBy } from './map-function.js';
import { multiply, scaleRows, simplifyBlocks } from './simplify-blocks.js';
import {
  type AffineNode,
  type ConcatNode,
  type ConstantNode,
  graphOf,
  type IrGraph,
  type IrNode,
  operands,
  type ScaleNode,
  type SelectNode,
  useCounts,
  withOperands,
} from './types.js';

/**
 * Folds a graph to as few records as the runtime needs and rewrites angles in turns. The graph computes the same
 * function (in exact arithmetic) before and after.
 */
export function simplify(graph: IrGraph): IrGraph {
  return toTurns(foldGraph(graph));
}

/** A folded graph with the arguments of sines and cosines in turns. */
export function toTurns(graph: IrGraph): IrGraph {
  return foldGraph(anglesToTurns(graph));
}

const MAX_PASSES = 100;

/**
 * Constants are computed, scalings move into weights and tables, chains of functions become one function, and slices
 * move up to the rows they select.
 */
export function foldGraph(graph: IrGraph): IrGraph {
  for (let pass = 0; pass < MAX_PASSES; pass++) {
    const next = rewrite(graph, splitByRows(graph));
    if (next.output === graph.output) return next;
    graph = next;
  }
  return graph;
}

/** What a rule sees beside the node: how often values are used in the graph before this pass. */
interface Context {
  usedOnce(node: IrNode): boolean;
  /** True when every reader of the node being rewritten is an affine step, which will absorb it. */
  feedsOnlyAffine: boolean;
}

function rewrite(graph: IrGraph, replacements: ReadonlyMap<IrNode, IrNode>): IrGraph {
  const uses = useCounts(graph);
  const replaced = new Map<IrNode, IrNode>();
  const originals = new Map<IrNode, IrNode>();
  const readers = new Map<IrNode, IrNode[]>();
  for (const node of graph.nodes) for (const x of operands(node)) readers.set(x, [...(readers.get(x) ?? []), node]);
  const context: Context = {
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
    const result = node === graph.output ? flattenOutput(read as ConcatNode) : applyRules(read, context);
    replaced.set(node, result);
    if (!originals.has(result)) originals.set(result, node);
  }
  return graphOf(replaced.get(graph.output) as ConcatNode);
}

function flattenOutput(output: ConcatNode): ConcatNode {
  if (!output.parts.some((part) => part.kind === 'concat')) return output;
  return { ...output, parts: output.parts.flatMap((part) => (part.kind === 'concat' ? part.parts : [part])) };
}

function applyRules(node: IrNode, context: Context): IrNode {
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

function simplifyAffine(node: AffineNode, context: Context): IrNode {
  const { x, width: rows } = node;
  const cols = x.width;
  if (x.kind === 'scale') {
    const bias = node.bias.slice();
    const narrow = x.x.width === 1 && cols > 1;
    const weight = new Float64Array(rows * x.x.width);
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < cols; c++) {
        bias[r] += node.weight[r * cols + c] * x.shift[c];
        weight[narrow ? r : r * cols + c] += node.weight[r * cols + c] * x.scale[c];
      }
    }
    return { ...node, x: x.x, weight, bias };
  }
  if (x.kind === 'affine' && context.usedOnce(x) && rows * x.x.width <= rows * cols + cols * x.x.width) {
    return mergeAffine(node, x);
  }
  if (x.kind === 'affine' && context.usedOnce(x) && x.bias.some((b) => b !== 0)) return moveBias(node, x);
  if (x.kind === 'concat' && x.parts.some((part) => part.kind === 'constant')) return dropConstantColumns(node, x);
  if (x.kind === 'concat' && x.parts.some((part) => part.kind === 'scale' && part.x.width === part.width)) {
    return absorbScaledColumns(node, x);
  }
  return node;
}

/** W [s*x + t; ...]: scalings of single parts of the argument move into their columns. */
function absorbScaledColumns(node: AffineNode, x: ConcatNode): AffineNode {
  const cols = x.width;
  const weight = node.weight.slice();
  const bias = node.bias.slice();
  let at = 0;
  const parts = x.parts.map((part) => {
    const from = at;
    at += part.width;
    if (part.kind !== 'scale' || part.x.width !== part.width) return part;
    for (let r = 0; r < node.width; r++) {
      for (let i = 0; i < part.width; i++) {
        const w = r * cols + from + i;
        bias[r] += weight[w] * part.shift[i];
        weight[w] *= part.scale[i];
      }
    }
    return part.x;
  });
  return { ...node, x: { ...x, parts }, weight, bias };
}

/** The bias between two factors of a low-rank matrix belongs to the outer one. */
function moveBias(outer: AffineNode, inner: AffineNode): AffineNode {
  const shift = multiply(outer.weight, inner.bias, outer.width, inner.width, 1);
  const bias = outer.bias.map((b, r) => b + shift[r]);
  return { ...outer, x: { ...inner, bias: new Float64Array(inner.width) }, bias };
}

function mergeAffine(outer: AffineNode, inner: AffineNode): AffineNode {
  const weight = multiply(outer.weight, inner.weight, outer.width, inner.width, inner.x.width);
  const shift = multiply(outer.weight, inner.bias, outer.width, inner.width, 1);
  return { ...outer, x: inner.x, weight, bias: outer.bias.map((b, r) => b + shift[r]), precision: undefined };
}

function dropConstantColumns(node: AffineNode, x: ConcatNode): AffineNode {
  const cols = x.width;
  const bias = node.bias.slice();
  const kept: number[] = [];
  let at = 0;
  for (const part of x.parts) {
    for (let i = 0; i < part.width; i++, at++) {
      if (part.kind !== 'constant') kept.push(at);
      else for (let r = 0; r < node.width; r++) bias[r] += node.weight[r * cols + at] * part.data[i];
    }
  }
  const weight = new Float64Array(node.width * kept.length);
  for (let r = 0; r < node.width; r++) {
    kept.forEach((c, k) => {
      weight[r * kept.length + k] = node.weight[r * cols + c];
    });
  }
  const parts = x.parts.filter((part) => part.kind !== 'constant');
  return { ...node, x: { ...x, parts, width: kept.length }, weight, bias };
}

function simplifyScale(node: ScaleNode, context: Context): IrNode {
  const { x, width } = node;
  if (x.width === width && !node.wraps && node.scale.every((s) => s === 1) && node.shift.every((s) => s === 0))
    return x;
  if (x.kind === 'scale') {
    const scale = node.scale.map((s, i) => s * x.scale[x.width === 1 ? 0 : i]);
    const shift = node.shift.map((s, i) => s + node.scale[i] * x.shift[x.width === 1 ? 0 : i]);
    return { ...node, x: x.x, scale, shift };
  }
  if (x.kind === 'affine' && x.width === width && context.usedOnce(x)) {
    const cols = x.x.width;
    const weight = x.weight.map((w, i) => w * node.scale[Math.floor(i / cols)]);
    const bias = x.bias.map((b, i) => b * node.scale[i] + node.shift[i]);
    return { ...x, weight, bias, wraps: node.wraps };
  }
  if (x.kind === 'blocks' && x.width === width && context.usedOnce(x)) {
    return { ...scaleRows(x, node.scale, node.shift), wraps: node.wraps };
  }
  if (x.kind === 'map' && x.width === width && !node.wraps && !context.feedsOnlyAffine && context.usedOnce(x)) {
    const step = uniformStep(node);
    if (step) return { ...x, fn: followedBy(x.fn, step) };
  }
  return node;
}

/** The scale as a step of a function of one variable, when all components are scaled alike. */
function uniformStep(node: ScaleNode): MapStep | undefined {
  const [scale] = node.scale;
  const [shift] = node.shift;
  if (node.scale.some((s) => s !== scale) || node.shift.some((s) => s !== shift)) return undefined;
  return { op: 'affine', scale, shift };
}

function simplifyMap(node: Extract<IrNode, { kind: 'map' }>, context: Context): IrNode {
  const { x } = node;
  if (node.fn.periodic) return node;
  if (x.kind === 'scale' && x.x.width === node.width) {
    const step = uniformStep(x);
    if (step && keepsKinks(step, node.fn)) return { ...node, x: x.x, fn: precededBy(node.fn, step) };
  }
  if (x.kind === 'map' && context.usedOnce(x) && !node.fn.steps.some(kinksOf))
    return { ...x, fn: followedBy(x.fn, ...node.fn.steps) };
  const [only] = node.fn.steps;
  if (node.fn.steps.length === 1 && only.op === 'affine') return asScale(node, x, [only.scale], [only.shift]);
  if (node.fn.steps.length === 1 && only.op === 'power' && only.exponent === 1) return x;
  return node;
}

/** True when the kinks of `fn` stay where segments of its table end if `step` comes before it. */
function keepsKinks(step: MapStep, fn: MapFunction): boolean {
  const kinks = fn.steps.map(kinksOf).find((k) => k !== undefined);
  if (!kinks) return true;
  return kinks === 'zero' && step.op === 'affine' && step.shift === 0;
}

function asScale(node: IrNode, x: IrNode, scale: ArrayLike<number>, shift: ArrayLike<number>): ScaleNode {
  const { name, width } = node;
  return { kind: 'scale', name, width, x, scale: spread(scale, width, 1), shift: spread(shift, width, 0) };
}

function simplifyAdd(node: Extract<IrNode, { kind: 'add' }>): IrNode {
  const { a, b, subtract } = node;
  if (b.kind === 'constant') return asScale(node, a, [1], subtract ? b.data.map((v) => -v) : b.data);
  if (a.kind === 'constant') return asScale(node, b, [subtract ? -1 : 1], a.data);
  return node;
}

function simplifyMul(node: Extract<IrNode, { kind: 'mul' }>): IrNode {
  const { a, b } = node;
  if (b.kind === 'constant') return asScale(node, a, b.data, [0]);
  if (a.kind === 'constant') return asScale(node, b, a.data, [0]);
  if (a === b)
    return { kind: 'map', name: node.name, width: node.width, x: a, fn: functionOf({ op: 'power', exponent: 2 }) };
  return node;
}

function simplifySelect(node: SelectNode): IrNode {
  const { condition, a, b, width } = node;
  if (condition.kind !== 'constant') return node;
  const chosen = condition.data.every((v) => v > 0) ? a : condition.data.every((v) => v <= 0) ? b : undefined;
  return chosen?.width === width ? chosen : node;
}

function simplifyConcat(node: ConcatNode): IrNode {
  if (node.parts.length === 1) return node.parts[0];
  if (!node.parts.some((part) => part.kind === 'concat')) return node;
  return { ...node, parts: node.parts.flatMap((part) => (part.kind === 'concat' ? part.parts : [part])) };
}

function simplifySlice(node: Extract<IrNode, { kind: 'slice' }>, context: Context): IrNode {
  const { x, start, width, name } = node;
  if (width === x.width) return x;
  const cut = (value: IrNode): IrNode =>
    value.width === 1 && x.width > 1 ? value : { kind: 'slice', name, width, x: value, start };
  switch (x.kind) {
    case 'slice':
      return { ...node, x: x.x, start: start + x.start };
    case 'concat':
      return sliceConcat(node, x);
    case 'constant':
      return { kind: 'constant', name, width, data: x.data.slice(start, start + width) };
  }
  if (!context.usedOnce(x)) return node;
  switch (x.kind) {
    case 'map':
      return { ...x, width, x: cut(x.x) };
    case 'scale':
      return {
        ...x,
        width,
        x: cut(x.x),
        scale: x.scale.slice(start, start + width),
        shift: x.shift.slice(start, start + width),
      };
    case 'add':
    case 'mul':
    case 'min':
    case 'max':
      return { ...x, width, a: cut(x.a), b: cut(x.b) };
    case 'select':
      return { ...x, width, condition: cut(x.condition), a: cut(x.a), b: cut(x.b) };
    default:
      return node;
  }
}

function sliceConcat(node: Extract<IrNode, { kind: 'slice' }>, x: ConcatNode): IrNode {
  const parts: IrNode[] = [];
  let at = 0;
  for (const part of x.parts) {
    const from = Math.max(node.start, at);
    const to = Math.min(node.start + node.width, at + part.width);
    if (from < to) {
      const whole = to - from === part.width;
      parts.push(whole ? part : { kind: 'slice', name: node.name, width: to - from, x: part, start: from - at });
    }
    at += part.width;
  }
  return parts.length === 1 ? parts[0] : { kind: 'concat', name: node.name, width: node.width, parts };
}

/** Affine values that are only ever sliced: each slice becomes an affine of just its rows. */
function splitByRows(graph: IrGraph): Map<IrNode, IrNode> {
  const uses = useCounts(graph);
  const slicedBy = new Map<IrNode, number>();
  const slicedWidth = new Map<IrNode, number>();
  for (const node of graph.nodes) {
    if (node.kind !== 'slice') continue;
    slicedBy.set(node.x, (slicedBy.get(node.x) ?? 0) + 1);
    slicedWidth.set(node.x, (slicedWidth.get(node.x) ?? 0) + node.width);
  }
  const replacements = new Map<IrNode, IrNode>();
  for (const node of graph.nodes) {
    if (node.kind !== 'slice' || node.x.kind !== 'affine') continue;
    const { x, start, width } = node;
    // Slices that overlap would repeat weights.
    if (slicedBy.get(x) !== uses.get(x) || slicedWidth.get(x)! > x.width) continue;
    const cols = x.x.width;
    const weight = x.weight.slice(start * cols, (start + width) * cols);
    replacements.set(node, { ...x, name: node.name, width, weight, bias: x.bias.slice(start, start + width) });
  }
  return replacements;
}

/**
 * Rewrites sin and cos so that their argument is in turns (1 turn = 2 pi). The factor 1/(2 pi) moves into the weights
 * before it, the argument may wrap, and range reduction costs nothing at run time. A common shift of the argument, and
 * the quarter turn between sine and cosine, become the phase, so that all of them share one table.
 */
function anglesToTurns(graph: IrGraph): IrGraph {
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
