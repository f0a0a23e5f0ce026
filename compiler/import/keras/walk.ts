import { PinnEdgeError, plural } from '../../diagnostics.js';
import type { Tensor } from '../../model/types.js';
import type { GraphBuilder } from '../builder.js';
import { type Argument, type Call, type KerasLayer, type KerasModel, type Reference, referencesOf } from './config.js';
import { type LayerContext, requirePlainCall, requireUnderstood } from './context.js';
import { LAYERS } from './layers/layers.js';
import { isValue, type Operand } from './operands.js';
import { applyOperation, type Result } from './operations.js';
import type { Value } from './values.js';
import { type LayerPlace, roleOf, snakeCase, storedNames, type WeightStore } from './weights.js';

/** What all models of a file share. */
export interface Walk {
  file: string;
  builder: GraphBuilder;
  store: WeightStore;
  major?: number;
  notes: string[];
  /** Layers called so far: models within models could ask for any number. */
  calls: number;
  /** What to do where a layer cannot be imported. */
  advice: string;
}

const MAX_CALLS = 20_000;
const ROOT: LayerPlace = { names: [], stored: [] };

/** Adds the nodes of a model that reads `inputs`; its outputs in order. Throws `Error` with the reason. */
export function walkModel(walk: Walk, model: KerasModel, inputs: readonly Value[], around = ROOT): Value[] {
  const stored = storedNames(model.layers);
  const places = new Map(
    model.layers.map((layer, i) => [
      layer.name,
      { names: [...around.names, layer.name], stored: [...around.stored, stored[i]] },
    ]),
  );
  const apply = (layer: KerasLayer, call: Call, read: (reference: Reference) => Operand) =>
    new LayerCall(walk, layer, places.get(layer.name)!).apply(call, read);
  if (!model.sequential) return walkGraph(model, inputs, apply);
  return model.layers.reduce<Value[]>(
    (values, layer) => {
      if (layer.className === 'InputLayer') return values;
      const reference = { layer: '', call: 0, tensor: 0 };
      return valuesOf(apply(layer, { args: [reference], kwargs: {} }, () => values[0]));
    },
    [...inputs],
  );
}

function valuesOf(result: Result): Value[] {
  const list = 'test' in result ? [result] : [result].flat();
  if (list.every((value): value is Value => isValue(value as Operand))) return list;
  throw new Error('an output of its model is a comparison, not a number');
}

/** Calls of layers in the order in which they need each other, without recursion: a chain may be long. */
function walkGraph(
  model: KerasModel,
  inputs: readonly Value[],
  apply: (layer: KerasLayer, call: Call, read: (reference: Reference) => Operand) => Result,
): Value[] {
  const layers = new Map(model.layers.map((layer) => [layer.name, layer]));
  const firstCalls = firstCallsOf(model);
  const scope = new Map<string, Result>();
  const keyOf = ({ layer, call }: Reference) => `${layer}\n${call - (firstCalls.get(layer) ?? 0)}`;
  for (const [i, { reference }] of model.inputs.entries()) scope.set(keyOf(reference), inputs[i]);
  const read = (reference: Reference): Operand => {
    const result = scope.get(keyOf(reference))!;
    if ('test' in result) return result;
    const value = [result].flat()[reference.tensor] as Value | undefined;
    if (!value) throw new Error(`layer "${reference.layer}" has no value ${reference.tensor}`);
    return value;
  };
  const stack = model.outputs.map(({ reference }) => reference);
  const waiting = new Set<string>();
  while (stack.length) {
    const reference = stack.at(-1)!;
    const key = keyOf(reference);
    if (scope.has(key)) {
      stack.pop();
      continue;
    }
    const layer = layers.get(reference.layer);
    const call = layer?.calls[reference.call - (firstCalls.get(reference.layer) ?? 0)];
    if (!layer) throw new Error(`layer "${reference.layer.slice(0, 60)}" is missing from its configuration`);
    if (!call) throw new Error(`layer "${reference.layer.slice(0, 60)}" is not called where it is read`);
    const needed = [...call.args, ...Object.values(call.kwargs)].flatMap(referencesOf);
    const missing = needed.filter((r) => !scope.has(keyOf(r)));
    if (missing.length) {
      if (waiting.has(key)) throw new Error(`layer "${reference.layer.slice(0, 60)}" reads itself`);
      waiting.add(key);
      stack.push(...missing);
      continue;
    }
    scope.set(key, apply(layer, call, read));
    stack.pop();
  }
  return model.outputs.flatMap(({ reference }) => {
    const value = read(reference);
    return valuesOf(value as Result);
  });
}

/** Keras 2 counts the calls of a model within a model from 1, as its own making was the first. */
function firstCallsOf(model: KerasModel): Map<string, number> {
  const last = new Map<string, number>();
  const note = ({ layer, call }: Reference) => last.set(layer, Math.max(last.get(layer) ?? 0, call));
  for (const { reference } of model.outputs) note(reference);
  for (const { calls } of model.layers)
    for (const { args, kwargs } of calls) [...args, ...Object.values(kwargs)].flatMap(referencesOf).forEach(note);
  return new Map(
    model.layers
      .filter(({ model: inner, name, calls }) => inner && (last.get(name) ?? 0) === calls.length)
      .map(({ name }) => [name, 1]),
  );
}

/** The arguments of a call of a model, which may name its inputs. */
function inOrder(model: KerasModel, args: readonly Argument[]): readonly Argument[] {
  const [first] = args;
  if (args.length !== 1 || !('dict' in first)) return args;
  return model.inputs.map(({ name }) => first.dict[name] ?? { other: `no value for its input "${name}"` });
}

/** One call of one layer. */
class LayerCall implements LayerContext {
  readonly builder: GraphBuilder;
  readonly major?: number;

  constructor(
    private readonly walk: Walk,
    readonly layer: KerasLayer,
    private readonly place: LayerPlace,
  ) {
    this.builder = walk.builder;
    this.major = walk.major;
  }

  apply({ args, kwargs }: Call, read: (reference: Reference) => Operand): Result {
    if (++this.walk.calls > MAX_CALLS) throw new Error(`its model calls layers more than ${MAX_CALLS} times`);
    const { className, model } = this.layer;
    const operands = (model ? inOrder(model, args) : args).map((argument) => this.resolve(argument, read));
    if (model) return this.applyModel(model, operands, kwargs);
    const isKnown = !this.layer.isOperation && Object.hasOwn(LAYERS, className);
    const kind = isKnown ? LAYERS[className] : undefined;
    const inputs = operands.length === 1 && 'list' in operands[0] ? operands[0].list : operands;
    if (kind && operands.length === 1 && inputs.length > 0 && inputs.every(isValue)) {
      requireUnderstood(this, kind);
      requirePlainCall(this, kwargs);
      return this.named(() => kind.apply(this, inputs as Value[]));
    }
    return this.applyOperation(operands, kwargs, read);
  }

  private applyModel(model: KerasModel, operands: readonly Operand[], kwargs: Call['kwargs']): Value[] {
    requirePlainCall(this, kwargs);
    const values = operands.flatMap(function flatten(operand): Operand[] {
      return 'list' in operand ? operand.list.flatMap(flatten) : [operand];
    });
    const count = model.sequential ? 1 : model.inputs.length;
    if (values.length !== count || !values.every(isValue)) throw this.refuse(` with ${plural(values.length, 'input')}`);
    return walkModel(this.walk, model, values as Value[], this.place);
  }

  private applyOperation(
    operands: readonly Operand[],
    kwargs: Call['kwargs'],
    read: (reference: Reference) => Operand,
  ): Result {
    const { className, config } = this.layer;
    if (className === 'Lambda') throw this.refuse(', which is Python code of its own');
    const isFunction = className === 'TFOpLambda' || className === 'SlicingOpLambda';
    const spelled = isFunction ? String(config.function) : className;
    const settings = Object.entries(config)
      .filter(([key]) => !/^(name|trainable|dtype|function)$/.test(key))
      .map(([key, value]): [string, Operand] => [key, { constant: value }]);
    const named = Object.entries(kwargs).map(([key, argument]): [string, Operand] => [
      key,
      this.resolve(argument, read),
    ]);
    const name = snakeCase(spelled.split('.').at(-1) ?? '').replace(/^_+|_+$/g, '');
    const result = this.named(() => applyOperation(this, name, operands, Object.fromEntries([...settings, ...named])));
    if (result === undefined) throw this.refuse('');
    return result;
  }

  /** What is wrong with shapes and axes is said of the layer. */
  private named<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      const isPlain = error instanceof Error && Object.getPrototypeOf(error) === Error.prototype;
      throw isPlain ? this.refuse(`: ${error.message}`) : error;
    }
  }

  private resolve(argument: Argument, read: (reference: Reference) => Operand): Operand {
    if ('layer' in argument) return read(argument);
    if ('list' in argument) {
      const list = argument.list.map((entry) => this.resolve(entry, read));
      const isConstant = list.length > 0 && list.every((entry) => 'constant' in entry && entry.constant !== null);
      return isConstant ? { constant: list.map((entry) => (entry as { constant: unknown }).constant) } : { list };
    }
    if ('dict' in argument) return { list: Object.values(argument.dict).map((entry) => this.resolve(entry, read)) };
    if ('other' in argument) throw this.refuse(`, which reads ${argument.other}`);
    return argument;
  }

  weights(roles: readonly string[]): Tensor[] {
    const stored = this.walk.store.find(this.place);
    if (!stored?.tensors.length) throw this.refuse(', whose weights are missing from the file');
    const named = stored.roles?.map(roleOf);
    const order = named && roles.map((role) => named.indexOf(role));
    if (stored.tensors.length !== roles.length || order?.includes(-1)) {
      const found = named?.join(', ') ?? plural(stored.tensors.length, 'tensor');
      throw this.refuse(` with the weights ${roles.join(', ')}: the file has ${found}`);
    }
    return order ? order.map((i) => stored.tensors[i]) : [...stored.tensors];
  }

  within(inner: KerasLayer, stored: string): LayerContext {
    const { names, stored: groups } = this.place;
    return new LayerCall(this.walk, inner, { names: [...names, inner.name], stored: [...groups, stored] });
  }

  note(text: string): void {
    if (!this.walk.notes.includes(text)) this.walk.notes.push(text);
  }

  refuse(reason: string, advice = this.walk.advice): PinnEdgeError {
    return new PinnEdgeError('PE7003', {
      file: this.walk.file,
      op: this.layer.className.slice(0, 60),
      node: this.layer.name.slice(0, 60),
      reason,
      advice,
    });
  }
}
