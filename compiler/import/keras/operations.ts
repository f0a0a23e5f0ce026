import { applyActivation } from '../activations.js';
import type { GraphBuilder } from '../builder.js';
import { shortJson } from './config.js';
import type { LayerContext } from './context.js';
import * as functions from './functions.js';
import { indexed, splitUp } from './indexing.js';
import { concatenated } from './layers/merging.js';
import { reshaped, transposed } from './layers/shape.js';
import { asValue, type Condition, compared, type Operand, operands, requireValue } from './operands.js';
import { binary, broadcastShape, expand, mapAlong, ownAxis, reduceAlong, sizeOf, type Value } from './values.js';

/**
 * Operations that stand in a model as layers: a class each in Keras 3, `TFOpLambda` with the name of a TensorFlow
 * function in Keras 2. Names are written alike here: `TrueDivide`, `math.truediv` and `truediv` are one.
 */

export type Result = Value | Condition | readonly Value[];

interface Operation {
  /** Names of the arguments in their order, each with the other names that it goes by. */
  parameters: readonly (readonly string[])[];
  apply(context: LayerContext, values: readonly (Operand | undefined)[]): Result;
}

const FIRST = ['x', 'x1', 'a', 'input', 'input_tensor', 'tensor', 'features', 'logits', 't'];
const SECOND = ['y', 'x2', 'b'];
const LIST = ['xs', 'values', 'arrays', 'x', 'tensors'];

type Emit = (builder: GraphBuilder, x: string, hint: string) => string;

const unary = (emit: Emit): Operation => ({
  parameters: [FIRST],
  apply: (context, [x]) => {
    const value = requireValue(context, x);
    return { name: emit(context.builder, value.name, context.layer.name), shape: value.shape };
  },
});

const plain = (name: Parameters<typeof applyActivation>[1]) =>
  unary((builder, x, hint) => applyActivation(builder, name, x, hint));
const node = (op: Parameters<GraphBuilder['unary']>[0], fields: object = {}) =>
  unary((builder, x, hint) => builder.unary(op, x, hint, fields));

/** A function with one number beside x. */
const withNumber = (
  names: readonly string[],
  otherwise: number,
  emit: (builder: GraphBuilder, x: string, hint: string, n: number) => string,
): Operation => ({
  parameters: [FIRST, names],
  apply: (context, [x, n]) => {
    const value = requireValue(context, x);
    const number = numberIn(context, n, otherwise);
    return { name: emit(context.builder, value.name, context.layer.name, number), shape: value.shape };
  },
});

const arithmetic = (op: Parameters<typeof binary>[1]): Operation => ({
  parameters: [FIRST, SECOND],
  apply: (context, [x, y]) => {
    const [a, b] = operands(context, x, y);
    return binary(context.builder, op, a, b, context.layer.name);
  },
});

const comparison = (isReversed: boolean, isNegated: boolean): Operation => ({
  parameters: [FIRST, SECOND],
  apply: (context, [x, y]) => compared(context, ...operands(context, x, y), isReversed, isNegated),
});

const reduction = (work: (b: GraphBuilder, x: string, hint: string) => string): Operation => ({
  parameters: [FIRST, ['axis', 'dim'], ['keepdims', 'keep_dims']],
  apply: (context, [x, axis, keep]) => {
    const value = requireValue(context, x);
    const own = axesIn(context, axis, value);
    const { builder, layer } = context;
    return reduceAlong(builder, value, own, constantIn(keep) === true, (vector) => work(builder, vector, layer.name));
  },
});

const extreme = (op: 'max' | 'min') => (builder: GraphBuilder, x: string, hint: string) =>
  Array.from({ length: builder.width(x) }, (_, i) => builder.slice(x, i, i + 1)).reduce((a, b) =>
    builder.binary(op, a, b, hint),
  );

const along = (emit: Emit): Operation => ({
  parameters: [FIRST, ['axis', 'dim']],
  apply: (context, [x, axis]) => {
    const value = requireValue(context, x);
    const own = axis === undefined ? [value.shape.length - 1] : axesIn(context, axis, value);
    return mapAlong(context.builder, value, own, (vector) => emit(context.builder, vector, context.layer.name));
  },
});

function constantIn(operand: Operand | undefined): unknown {
  return operand && 'constant' in operand ? operand.constant : undefined;
}

function numberIn(context: LayerContext, operand: Operand | undefined, otherwise: number): number {
  const constant = operand === undefined ? otherwise : constantIn(operand);
  if (typeof constant !== 'number') throw context.refuse(' with an argument that is no number');
  return constant;
}

function axesIn(context: LayerContext, axis: Operand | undefined, { shape }: Value): number[] {
  const constant = constantIn(axis);
  // Without an axis Keras reduces the batch, too.
  if (constant === undefined || constant === null) throw context.refuse(' over the whole batch');
  return [constant]
    .flat()
    .map((a) => ownAxis(a, shape.length))
    .sort((p, q) => p - q);
}

/** A power with a number on one side. */
const power: Operation = {
  parameters: [FIRST, SECOND],
  apply: (context, [x, y]) => {
    const { builder, layer } = context;
    const [base, exponent] = [constantIn(x), constantIn(y)];
    if (typeof exponent === 'number') {
      const value = requireValue(context, x);
      return { name: builder.unary('pow', value.name, layer.name, { exponent }), shape: value.shape };
    }
    if (typeof base !== 'number' || !(base > 0)) throw context.refuse(' with an exponent that is not one number');
    const value = requireValue(context, y);
    return {
      name: builder.unary('exp', builder.scale(value.name, [Math.log(base)], undefined), layer.name),
      shape: value.shape,
    };
  },
};

const clip: Operation = {
  parameters: [FIRST, ['x_min', 'clip_value_min', 'min'], ['x_max', 'clip_value_max', 'max']],
  apply: (context, [x, min, max]) => {
    const value = requireValue(context, x);
    const limits = { min: numberIn(context, min, Number.NaN), max: numberIn(context, max, Number.NaN) };
    return { name: context.builder.unary('clip', value.name, context.layer.name, limits), shape: value.shape };
  },
};

const where: Operation = {
  parameters: [['condition'], ['x', 'x1'], ['y', 'x2']],
  apply: (context, [test, x, y]) => {
    if (!test || !('test' in test)) throw context.refuse(' of something other than a comparison');
    const { builder, layer } = context;
    let [a, b] = operands(context, x, y, test.shape);
    if (test.isNegated) [a, b] = [b, a];
    const shape = broadcastShape(broadcastShape(a.shape, b.shape), test.shape);
    const [c, p, q] = [{ name: test.test, shape: test.shape }, a, b].map((value) =>
      sizeOf(value.shape) === 1 ? value : expand(builder, value, shape),
    );
    return { name: builder.select(c.name, p.name, q.name, layer.name), shape };
  },
};

const gelu: Operation = {
  parameters: [FIRST, ['approximate']],
  apply: (context, [x, approximate]) => {
    // keras.ops.gelu approximates unless it is told otherwise, and writes down what it does; tf.nn.gelu does not.
    const value = requireValue(context, x);
    const name = constantIn(approximate) === true ? 'gelu_tanh' : 'gelu';
    return { name: applyActivation(context.builder, name, value.name, context.layer.name), shape: value.shape };
  },
};

const OPERATIONS: Record<string, Operation> = {
  sin: plain('sin'),
  cos: plain('cos'),
  tanh: plain('tanh'),
  exp: plain('exp'),
  square: plain('square'),
  abs: plain('abs'),
  absolute: plain('abs'),
  sigmoid: plain('sigmoid'),
  softplus: plain('softplus'),
  silu: plain('silu'),
  swish: plain('silu'),
  relu: plain('relu'),
  selu: plain('selu'),
  mish: plain('mish'),
  atan: plain('atan'),
  arctan: plain('atan'),
  erf: plain('erf'),
  tan: node('tan'),
  asin: node('asin'),
  arcsin: node('asin'),
  acos: node('acos'),
  arccos: node('acos'),
  sinh: node('sinh'),
  cosh: node('cosh'),
  asinh: node('asinh'),
  arcsinh: node('asinh'),
  acosh: node('acosh'),
  arccosh: node('acosh'),
  atanh: node('atanh'),
  arctanh: node('atanh'),
  log: node('log'),
  sqrt: node('sqrt'),
  negative: node('neg'),
  neg: node('neg'),
  reciprocal: node('reciprocal'),
  rsqrt: unary((builder, x, hint) => builder.unary('reciprocal', builder.unary('sqrt', x), hint)),
  log1p: unary((builder, x, hint) => builder.unary('log', builder.scale(x, undefined, [1]), hint)),
  expm1: unary((builder, x, hint) => builder.scale(builder.unary('exp', x), undefined, [-1], hint)),
  relu6: unary(functions.relu6),
  softsign: unary(functions.softsign),
  squareplus: unary(functions.squareplus),
  log_sigmoid: unary(functions.logSigmoid),
  tanh_shrink: unary(functions.tanhShrink),
  hard_tanh: unary(functions.hardTanh),
  identity: unary((_, x) => x),
  stop_gradient: unary((_, x) => x),
  gelu,
  elu: withNumber(['alpha'], 1, (builder, x, hint, alpha) => builder.unary('elu', x, hint, { alpha })),
  leaky_relu: withNumber(['negative_slope', 'alpha'], 0.2, (builder, x, hint, slope) =>
    builder.unary('leaky_relu', x, hint, { slope }),
  ),
  add: arithmetic('add'),
  add_v2: arithmetic('add'),
  subtract: arithmetic('sub'),
  sub: arithmetic('sub'),
  multiply: arithmetic('mul'),
  mul: arithmetic('mul'),
  truediv: arithmetic('div'),
  true_divide: arithmetic('div'),
  divide: arithmetic('div'),
  maximum: arithmetic('max'),
  minimum: arithmetic('min'),
  power,
  pow: power,
  clip,
  clip_by_value: clip,
  greater: comparison(false, false),
  less: comparison(true, false),
  greater_equal: comparison(true, true),
  less_equal: comparison(false, true),
  where,
  where_v2: where,
  sum: reduction(functions.total),
  reduce_sum: reduction(functions.total),
  mean: reduction(functions.average),
  reduce_mean: reduction(functions.average),
  max: reduction(extreme('max')),
  reduce_max: reduction(extreme('max')),
  min: reduction(extreme('min')),
  reduce_min: reduction(extreme('min')),
  softmax: along(functions.softmax),
  log_softmax: along(functions.logSoftmax),
  concatenate: joining((context, values, axis) => concatenated(context.builder, values, axis, context.layer.name)),
  concat: joining((context, values, axis) => concatenated(context.builder, values, axis, context.layer.name)),
  stack: joining((context, values, axis) => {
    const rank = values[0].shape.length + 1;
    const own = ownAxis(axis, rank);
    const raised = values.map(({ name, shape }) => ({ name, shape: [...shape.slice(0, own), 1, ...shape.slice(own)] }));
    return concatenated(context.builder, raised, own + 1, context.layer.name);
  }),
  split: splitUp,
  get_item: indexed,
  getitem: indexed,
  expand_dims: {
    parameters: [FIRST, ['axis']],
    apply: (context, [x, axis]) => {
      const { name, shape } = requireValue(context, x);
      const own = ownAxis(constantIn(axis), shape.length + 1);
      return { name, shape: [...shape.slice(0, own), 1, ...shape.slice(own)] };
    },
  },
  squeeze: {
    parameters: [FIRST, ['axis']],
    apply: (context, [x, axis]) => {
      const value = requireValue(context, x);
      const axes = axesIn(context, axis, value);
      if (axes.some((i) => value.shape[i] !== 1)) throw context.refuse(` of shape [${value.shape.join(', ')}]`);
      return { name: value.name, shape: value.shape.filter((_, i) => !axes.includes(i)) };
    },
  },
  reshape: {
    parameters: [FIRST, ['newshape', 'shape']],
    apply: (context, [x, shape]) => {
      const target = constantIn(shape);
      // The first dimension is the batch, which must stay.
      const isOpen = Array.isArray(target) && (target[0] === -1 || target[0] === null) && !target.slice(1).includes(-1);
      if (!isOpen) throw context.refuse(` to shape ${shortJson(target)}`);
      return reshaped(context, requireValue(context, x), target.slice(1));
    },
  },
  transpose: {
    parameters: [FIRST, ['axes', 'perm']],
    apply: (context, [x, axes]) => {
      const value = requireValue(context, x);
      const order = constantIn(axes);
      if (!Array.isArray(order) || order[0] !== 0 || order.length !== value.shape.length + 1)
        throw context.refuse(' that moves the batch');
      return transposed(
        context,
        value,
        order.slice(1).map((axis) => ownAxis(axis, value.shape.length)),
      );
    },
  },
};

function joining(work: (context: LayerContext, values: Value[], axis: unknown) => Value): Operation {
  return {
    parameters: [LIST, ['axis']],
    apply: (context, [list, axis]) => {
      if (!list || !('list' in list) || !list.list.length) throw context.refuse(' of something other than a list');
      const values = list.list.map((operand) => asValue(context, operand));
      return work(context, values, axis === undefined ? 0 : constantIn(axis));
    },
  };
}

/** Adds an operation's nodes; undefined where there is none of that name. */
export function applyOperation(
  context: LayerContext,
  name: string,
  args: readonly Operand[],
  named: Readonly<Record<string, Operand>>,
): Result | undefined {
  const operation = Object.hasOwn(OPERATIONS, name) ? OPERATIONS[name] : undefined;
  if (!operation) return undefined;
  const { parameters } = operation;
  if (args.length > parameters.length) throw context.refuse(` with ${args.length} arguments`);
  const used = new Set<string>();
  const values = parameters.map((names, i) => {
    const key = names.find((candidate) => Object.hasOwn(named, candidate) && !used.has(candidate));
    if (args[i] !== undefined) return args[i];
    if (key === undefined) return undefined;
    used.add(key);
    return constantIn(named[key]) === null ? undefined : named[key];
  });
  for (const [key, operand] of Object.entries(named)) {
    const constant = constantIn(operand);
    if (used.has(key) || constant === null || key === 'name') continue;
    if (key === 'keepdims' && constant === false) continue;
    throw context.refuse(` with ${key.slice(0, 40)} = ${shortJson(constant ?? 'a value')}`);
  }
  return operation.apply(context, values);
}
