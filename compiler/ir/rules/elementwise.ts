import { spread } from '../from-model.js';
import { followedBy, functionOf, kinksOf, type MapFunction, type MapStep, precededBy } from '../map-function.js';
import type { IrNode, ScaleNode, SelectNode } from '../types.js';
import { scaleRows } from './blocks.js';
import type { FoldContext } from './context.js';

/** Folding rules of elementwise steps: scalings move into weights and functions, chains of functions become one. */

/** s x + t, joined with the scaling, affine step, matrix or function that x is. */
export function simplifyScale(node: ScaleNode, context: FoldContext): IrNode {
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

/** f(x) with the scaling or function that x is as its first steps; a scaling where f is nothing else. */
export function simplifyMap(node: Extract<IrNode, { kind: 'map' }>, context: FoldContext): IrNode {
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

/** `node` as a scaling of x; numbers that are not given for every component are repeated. */
export function asScale(node: IrNode, x: IrNode, scale: ArrayLike<number>, shift: ArrayLike<number>): ScaleNode {
  const { name, width } = node;
  return { kind: 'scale', name, width, x, scale: spread(scale, width, 1), shift: spread(shift, width, 0) };
}

/** A sum with a constant is a scaling. */
export function simplifyAdd(node: Extract<IrNode, { kind: 'add' }>): IrNode {
  const { a, b, subtract } = node;
  if (b.kind === 'constant') return asScale(node, a, [1], subtract ? b.data.map((v) => -v) : b.data);
  if (a.kind === 'constant') return asScale(node, b, [subtract ? -1 : 1], a.data);
  return node;
}

/** A product with a constant is a scaling, one of a value with itself a square. */
export function simplifyMul(node: Extract<IrNode, { kind: 'mul' }>): IrNode {
  const { a, b } = node;
  if (b.kind === 'constant') return asScale(node, a, b.data, [0]);
  if (a.kind === 'constant') return asScale(node, b, a.data, [0]);
  if (a === b)
    return { kind: 'map', name: node.name, width: node.width, x: a, fn: functionOf({ op: 'power', exponent: 2 }) };
  return node;
}

/** A constant condition chooses once and for all. */
export function simplifySelect(node: SelectNode): IrNode {
  const { condition, a, b, width } = node;
  if (condition.kind !== 'constant') return node;
  const chosen = condition.data.every((v) => v > 0) ? a : condition.data.every((v) => v <= 0) ? b : undefined;
  return chosen?.width === width ? chosen : node;
}
