import type { GraphBuilder } from './builder.js';

/** Activations by the names that frameworks and specs use. */

type Emit = (builder: GraphBuilder, x: string, hint: string) => string;

const simple =
  (op: Parameters<GraphBuilder['unary']>[0], fields: object = {}): Emit =>
  (builder, x, hint) =>
    builder.unary(op, x, hint, fields);

const ACTIVATIONS = {
  none: (_, x) => x,
  tanh: simple('tanh'),
  sin: simple('sin'),
  cos: simple('cos'),
  sigmoid: simple('sigmoid'),
  silu: simple('silu'),
  swish: simple('silu'),
  gelu: simple('gelu'),
  gelu_tanh: simple('gelu', { approximate: 'tanh' }),
  relu: simple('relu'),
  leaky_relu: simple('leaky_relu'),
  elu: simple('elu'),
  selu: simple('selu'),
  softplus: simple('softplus'),
  mish: simple('mish'),
  atan: simple('atan'),
  exp: simple('exp'),
  hard_sigmoid: simple('hard_sigmoid'),
  square: simple('pow', { exponent: 2 }),
  abs: simple('abs'),
  erf: simple('erf'),
} satisfies Record<string, Emit>;

export type ActivationName = keyof typeof ACTIVATIONS;

/** Adds the nodes of an activation; the name of its value. */
export function applyActivation(builder: GraphBuilder, name: ActivationName, x: string, hint: string): string {
  return (ACTIVATIONS[name] as Emit)(builder, x, hint);
}
