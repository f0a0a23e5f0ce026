import { applyActivation } from '../activations.js';
import type { GraphBuilder } from '../builder.js';
import { type Json, shortJson, wrappedLayer } from './config.js';
import { type LayerContext, type LayerKind, requireUnderstood } from './context.js';
import * as functions from './functions.js';
import { mapAlong, type Value } from './values.js';

/** Activations by the names that Keras writes into configurations, each with the defaults that Keras gives it. */

type Emit = (builder: GraphBuilder, x: string, hint: string) => string;

const plain =
  (name: Parameters<typeof applyActivation>[1]): Emit =>
  (builder, x, hint) =>
    applyActivation(builder, name, x, hint);

const ELEMENTWISE: Record<string, Emit> = {
  linear: (_, x) => x,
  relu: plain('relu'),
  relu6: functions.relu6,
  leaky_relu: (builder, x, hint) => builder.unary('leaky_relu', x, hint, { slope: 0.2 }),
  elu: plain('elu'),
  celu: plain('elu'),
  selu: plain('selu'),
  softplus: plain('softplus'),
  softsign: functions.softsign,
  squareplus: functions.squareplus,
  silu: plain('silu'),
  swish: plain('silu'),
  gelu: plain('gelu'),
  tanh: plain('tanh'),
  tanh_shrink: functions.tanhShrink,
  sigmoid: plain('sigmoid'),
  log_sigmoid: functions.logSigmoid,
  exponential: plain('exp'),
  hard_silu: functions.hardSilu,
  hard_swish: functions.hardSilu,
  hard_tanh: functions.hardTanh,
  hard_shrink: functions.hardShrink,
  soft_shrink: functions.softShrink,
  sparse_plus: functions.sparsePlus,
  sparse_sigmoid: functions.sparseSigmoid,
  mish: plain('mish'),
};

/** Of all components along the last axis. */
const ALONG_LAST: Record<string, Emit> = {
  softmax: functions.softmax,
  log_softmax: functions.logSoftmax,
};

/** Functions that mean one thing under their name, which a user's own function may have, too. */
const MATHEMATICAL: Record<string, Emit> = {
  sin: plain('sin'),
  cos: plain('cos'),
  exp: plain('exp'),
  square: plain('square'),
  abs: plain('abs'),
  absolute: plain('abs'),
  atan: plain('atan'),
  arctan: plain('atan'),
  erf: plain('erf'),
  tanh: plain('tanh'),
  sigmoid: plain('sigmoid'),
  relu: plain('relu'),
  softplus: plain('softplus'),
  identity: (_, x) => x,
};

const own = <T>(table: Record<string, T>, name: string): T | undefined =>
  Object.hasOwn(table, name) ? table[name] : undefined;

/** Adds the activation that a configuration names: by a word, by a layer, or by a function. */
export function activate(
  context: LayerContext,
  activation: unknown,
  x: Value,
  layers: Readonly<Record<string, LayerKind>>,
): Value {
  if (activation === undefined || activation === null) return x;
  if (typeof activation === 'string')
    return named(context, activation, x) ?? ofFunction(context, activation, x, activation);
  const { class_name: className, config } = activation as Json;
  if (className === 'function' || typeof config === 'string') return ofFunction(context, config, x, activation);
  const kind = typeof className === 'string' ? own(layers, className) : undefined;
  if (!kind) return refuse(context, activation);
  const inner = context.within(wrappedLayer(activation), 'activation');
  requireUnderstood(inner, kind);
  return [kind.apply(inner, [x])].flat()[0];
}

function named(context: LayerContext, name: string, x: Value): Value | undefined {
  const { builder, layer } = context;
  const hint = `${layer.name}.${name}`;
  const emit = name === 'hard_sigmoid' ? hardSigmoid(context) : own(ELEMENTWISE, name);
  if (emit) return { name: emit(builder, x.name, hint), shape: x.shape };
  const along = own(ALONG_LAST, name);
  if (along) return mapAlong(builder, x, [x.shape.length - 1], (vector) => along(builder, vector, hint));
  return undefined;
}

/** 0.2 x + 0.5 in Keras 2, x / 6 + 0.5 in Keras 3. */
function hardSigmoid(context: LayerContext): Emit {
  const { major } = context;
  if (major === undefined)
    throw context.refuse(' with hard_sigmoid, which Keras 2 and 3 define differently, and the file tells no version');
  return functions.hardSigmoid(major >= 3 ? 1 / 6 : 0.2);
}

function ofFunction(context: LayerContext, name: unknown, x: Value, activation: unknown): Value {
  const emit = typeof name === 'string' ? own(MATHEMATICAL, name) : undefined;
  if (!emit || typeof name !== 'string') return refuse(context, activation);
  context.note(`assumed: the function "${name}" that layer "${context.layer.name}" calls is the mathematical one`);
  return { name: emit(context.builder, x.name, `${context.layer.name}.${name}`), shape: x.shape };
}

function refuse(context: LayerContext, activation: unknown): never {
  throw context.refuse(` with the activation ${shortJson(activation)}`);
}
