import { mapArray, ndArray, resolveAxis } from '../ndarray.js';
import {
  constant,
  type Handler,
  intAttribute,
  type OpContext,
  pointShape,
  shapeOf,
  toVariable,
  type Value,
} from '../values.js';
import { arithmetic } from './arithmetic.js';
import { axesOf, refuseBatch } from './components.js';
import { reduceValue } from './reductions.js';

/** Softmax and its kin, by the largest element, so that every exponential is at most 1. */

interface Exponentials {
  largest: Value;
  /** x - largest. */
  below: Value;
  /** exp(x - largest). */
  powers: Value;
  /** Their sum along the axes, which are kept with length 1. */
  sum: Value;
}

function exponentials(context: OpContext, x: Value, axes: readonly number[]): Exponentials {
  const largest = reduceValue(context, x, axes, true, 'max');
  const below = arithmetic(context, 'sub', x, largest);
  const powers = elementwise(context, 'exp', Math.exp, below);
  return { largest, below, powers, sum: reduceValue(context, powers, axes, true, 'sum') };
}

function elementwise(context: OpContext, op: 'exp' | 'log', fold: (v: number) => number, x: Value): Value {
  if (x.kind === 'constant') return constant(mapArray(x.array, fold, false));
  const variable = toVariable(context, x, op);
  return { ...variable, name: context.builder.unary(op, variable.name, context.node.output[0]) };
}

/** The axes that one softmax runs along: before opset 13, all from `axis` on. */
function softmaxAxes(context: OpContext, x: Value): number[] {
  const rank = shapeOf(x).length;
  const old = context.opset < 13;
  const axis = resolveAxis(intAttribute(context.node, 'axis', old ? 1 : -1), rank);
  const axes = old ? Array.from({ length: rank - axis }, (_, i) => axis + i) : [axis];
  for (const each of axes) refuseBatch(context, x, each, 'compares points of');
  return axes;
}

const softmax: Handler = (context, [x]) => {
  if (!x) throw context.refuse(': it has no input');
  const axes = softmaxAxes(context, x);
  if (axes.every((axis) => shapeOf(x)[axis] === 1)) return [ones(x)];
  const { powers, sum } = exponentials(context, x, axes);
  return [arithmetic(context, 'div', powers, sum)];
};

/** Of a single element: 1. */
function ones(x: Value): Value {
  const shape = pointShape(shapeOf(x));
  return constant(ndArray(shape, new Float64Array(shape.reduce((n, d) => n * d, 1)).fill(1)));
}

const logSoftmax: Handler = (context, [x]) => {
  if (!x) throw context.refuse(': it has no input');
  const { below, sum } = exponentials(context, x, softmaxAxes(context, x));
  return [arithmetic(context, 'sub', below, elementwise(context, 'log', Math.log, sum))];
};

const logSumExp: Handler = (context, [x, axesInput]) => {
  if (!x) throw context.refuse(': it has no input');
  const rank = shapeOf(x).length;
  const listed = axesOf(context, axesInput, rank);
  if (!listed?.length && intAttribute(context.node, 'noop_with_empty_axes', 0)) return [x];
  const axes = listed?.length ? listed : Array.from({ length: rank }, (_, i) => i);
  for (const axis of axes) refuseBatch(context, x, axis, 'reduces over');
  const { largest, sum } = exponentials(context, x, axes);
  const result = arithmetic(context, 'add', largest, elementwise(context, 'log', Math.log, sum));
  if (intAttribute(context.node, 'keepdims', 1) === 1) return [result];
  // Along axes of length 1 a sum only drops them.
  return [reduceValue(context, result, axes, false, 'sum')];
};

export const SOFTMAX: Record<string, Handler> = {
  Softmax: softmax,
  LogSoftmax: logSoftmax,
  ReduceLogSumExp: logSumExp,
};
