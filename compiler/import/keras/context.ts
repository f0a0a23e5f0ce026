import type { PinnEdgeError } from '../../diagnostics.js';
import type { Tensor } from '../../model/types.js';
import type { GraphBuilder } from '../builder.js';
import { type Argument, constantOf, type KerasLayer, shortJson } from './config.js';
import type { Value } from './values.js';

/** What a layer's handler works with. */
export interface LayerContext {
  builder: GraphBuilder;
  layer: KerasLayer;
  /** Version 2 or 3 of Keras, where the file tells. */
  major?: number;
  /** The layer's weights by role, in the order in which it makes them; refuses the layer where they are not there. */
  weights(roles: readonly string[]): Tensor[];
  /** The same for a layer within this one, whose group in the file has the name `stored`. */
  within(inner: KerasLayer, stored: string): LayerContext;
  /** The error to throw; `advice` where there is a better one than another way to export the model. */
  refuse(reason: string, advice?: string): PinnEdgeError;
  note(text: string): void;
}

/** A kind of layer: which keys of its configuration it reads, and what it does. */
export interface LayerKind {
  /** Keys that change the answers and are obeyed. */
  reads?: readonly string[];
  /** Keys that are understood at one value alone. */
  only?: Readonly<Record<string, unknown>>;
  /** Whether it takes several values in one list. */
  apply(context: LayerContext, inputs: readonly Value[]): Value | readonly Value[];
}

/** Keys without effect on the answers: names, what training needs, and what the values of shapes are known from. */
const HARMLESS =
  /^(name|trainable|dtype|batch_input_shape|batch_shape|build_config|seed|noise_shape|quantization_config|.*_(initializer|regularizer|constraint))$/;

/** Refuses a layer of which something is not understood, by key and value. */
export function requireUnderstood(context: LayerContext, kind: LayerKind): void {
  const { config } = context.layer;
  requireFloats(context, config.dtype);
  for (const [key, value] of Object.entries(config)) {
    if (value === null || HARMLESS.test(key) || kind.reads?.includes(key)) continue;
    const only = kind.only?.[key];
    if (only !== undefined && JSON.stringify(only) === JSON.stringify(value)) continue;
    throw context.refuse(` with ${key.slice(0, 40)} = ${shortJson(value)}`);
  }
}

/** Policies of floats compute what float64 computes, to rounding; those of integers do not. */
function requireFloats(context: LayerContext, policy: unknown): void {
  const facts = (typeof policy === 'object' && policy !== null ? policy : { config: { name: policy } }) as {
    class_name?: unknown;
    config?: { name?: unknown; mode?: unknown } | null;
  };
  const name = facts.config?.name ?? facts.config?.mode;
  if (name === undefined || name === null || /^(mixed_)?b?float(16|32|64)$/.test(String(name))) return;
  throw context.refuse(
    `, which was quantised (${String(name).slice(0, 40)}) and rounds its inputs as it runs`,
    'import the model as it was before model.quantize()',
  );
}

/** Arguments of a call beside the values: only what changes nothing. */
export function requirePlainCall(context: LayerContext, kwargs: Readonly<Record<string, Argument>>): void {
  for (const [key, argument] of Object.entries(kwargs)) {
    const value = constantOf(argument);
    const isNothing = (entry: unknown): boolean => entry === null || (Array.isArray(entry) && entry.every(isNothing));
    if (isNothing(value) || key === 'name' || (key === 'training' && value === false)) continue;
    throw context.refuse(` called with ${key.slice(0, 40)} = ${shortJson(value ?? argument)}`);
  }
}
