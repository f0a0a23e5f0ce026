/** The `model_config` of a Keras model: layers, what they read, and what the model gives (Keras 2 and 3). */

export type Json = Record<string, unknown>;

export interface KerasLayer {
  name: string;
  className: string;
  config: Json;
  /** Calls of the layer in order: a layer that is called several times is shared. */
  calls: Call[];
  /** Whether it is an operation of Keras 3, some of which have the names of layers. */
  isOperation: boolean;
  /** Of a layer that is a model itself. */
  model?: KerasModel;
}

export interface Call {
  args: Argument[];
  kwargs: Record<string, Argument>;
}

/** One value of a call of a layer. */
export interface Reference {
  layer: string;
  /** Which call. */
  call: number;
  /** Which of its values. */
  tensor: number;
}

export type Argument =
  | Reference
  | { list: Argument[] }
  | { dict: Record<string, Argument> }
  /** A number, a word, a nested array of numbers, null, true or false. */
  | { constant: unknown }
  | { slice: { start: number | null; stop: number | null; step: number | null } }
  | { ellipsis: true }
  | { other: string };

/** A value that goes in or out of a model, with the name that the model gives it. */
export interface Port {
  name: string;
  reference: Reference;
}

export interface KerasModel {
  layers: KerasLayer[];
  /** Empty for a Sequential model. */
  inputs: Port[];
  outputs: Port[];
  sequential: boolean;
  /** Of a Sequential model that was built without an input layer. */
  inputShape?: unknown;
}

const MAX_LAYERS = 10_000;
const MAX_DEPTH = 16;
const MODELS = new Set(['Sequential', 'Functional', 'Model']);

/** The configuration is of a class whose calls are Python code. */
export class SubclassedModel extends Error {}

/** Throws `Error` with the reason. @throws SubclassedModel */
export function parseKerasConfig(text: string): KerasModel {
  const root = asObject(JSON.parse(text));
  const className = String(root.class_name ?? '');
  const config = asObject(root.config ?? {});
  if (!MODELS.has(className) || !Array.isArray(config.layers)) throw new SubclassedModel(className.slice(0, 80));
  return parseModel(className, config, 0);
}

function parseModel(className: string, config: Json, depth: number): KerasModel {
  if (depth > MAX_DEPTH) throw new Error('its models are nested too deeply');
  const list = config.layers;
  if (!Array.isArray(list) || list.length > MAX_LAYERS) throw new Error('its configuration has no layers');
  const layers = list.map((layer) => parseLayer(layer, depth));
  const sequential = className === 'Sequential';
  const inputShape = config.build_input_shape;
  if (sequential) return { layers, inputs: [], outputs: [], sequential, inputShape };
  const [inputs, outputs] = [config.input_layers, config.output_layers].map((value) => ports(value, depth > 0));
  if (!outputs.length) throw new Error('its configuration names no outputs');
  return { layers, inputs, outputs, sequential };
}

export function asObject(value: unknown): Json {
  if (typeof value !== 'object' || value === null) throw new Error('its configuration is damaged');
  return value as Json;
}

function parseLayer(entry: unknown, depth: number): KerasLayer {
  const layer = asObject(entry);
  const config = asObject(layer.config ?? {});
  if (typeof layer.class_name !== 'string') throw new Error('a layer of its configuration has no class');
  const { class_name: className } = layer;
  const name = String(config.name ?? layer.name ?? '');
  const calls = Array.isArray(layer.inbound_nodes) ? layer.inbound_nodes.map(parseCall) : [];
  const isModel = MODELS.has(className) && Array.isArray(config.layers);
  const isOperation = /^keras\.(src\.)?ops\b/.test(String(layer.module ?? ''));
  return {
    name,
    className,
    config,
    calls,
    isOperation,
    ...(isModel ? { model: parseModel(className, config, depth + 1) } : {}),
  };
}

/** The layer that a wrapper holds. */
export function wrappedLayer(entry: unknown): KerasLayer {
  return parseLayer(entry, 0);
}

/**
 * `["dense", 0, 0]` alone, or several in lists and dicts, whose keys are then the names.
 * @param isSorted dicts in the order of their keys, in which Keras counts the values of a model within a model
 */
function ports(value: unknown, isSorted: boolean, key?: string): Port[] {
  if (isKeras2Reference(value)) {
    const reference = keras2Reference(value);
    return [{ name: key ?? reference.layer, reference }];
  }
  if (Array.isArray(value))
    return value.flatMap((entry, i) =>
      ports(entry, isSorted, key === undefined || value.length === 1 ? key : `${key}_${i}`),
    );
  if (typeof value !== 'object' || value === null) return [];
  const entries = Object.entries(value);
  if (isSorted) entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return entries.flatMap(([name, entry]) => ports(entry, isSorted, key === undefined ? name : `${key}_${name}`));
}

function isKeras2Reference(value: unknown): value is [string, number, number, ...unknown[]] {
  return (
    Array.isArray(value) &&
    typeof value[0] === 'string' &&
    (value.length === 1 || (Number.isInteger(value[1]) && Number.isInteger(value[2])))
  );
}

const keras2Reference = ([layer, call = 0, tensor = 0]: readonly unknown[]): Reference => ({
  layer: String(layer),
  call: Number(call),
  tensor: Number(tensor),
});

function parseCall(call: unknown): Call {
  // Keras 2: [["dense", 0, 0, {...}], ...] or one of these alone. Keras 3: {args: [...], kwargs: {...}}.
  if (Array.isArray(call)) return keras2Call(call);
  const { args, kwargs } = asObject(call);
  return {
    args: Array.isArray(args) ? args.map((argument) => parseArgument(argument)) : [],
    kwargs: parseAll(kwargs ?? {}),
  };
}

function keras2Call(call: unknown[]): Call {
  const entries = typeof call[0] === 'string' ? [call] : call;
  const values = entries.map((entry): Argument => {
    if (Array.isArray(entry) && entry[0] === '_CONSTANT_VALUE') return parseArgument(entry[2]);
    return isKeras2Reference(entry) ? keras2Reference(entry) : parseArgument(entry);
  });
  const [first] = entries;
  const kwargs = Array.isArray(first) && isObject(first[3]) ? first[3] : {};
  return { args: values.length > 1 ? [{ list: values }] : values, kwargs: parseAll(kwargs) };
}

function parseAll(values: unknown): Record<string, Argument> {
  return Object.fromEntries(Object.entries(asObject(values)).map(([name, value]) => [name, parseArgument(value)]));
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parseArgument(value: unknown, depth = 0): Argument {
  if (depth > MAX_DEPTH) throw new Error('its calls are nested too deeply');
  if (value === null || typeof value !== 'object') return { constant: value };
  if (Array.isArray(value)) {
    // Keras 2 names a value of another layer in the middle of plain arguments.
    if (value.length >= 3 && isKeras2Reference(value)) return keras2Reference(value);
    return { list: value.map((entry) => parseArgument(entry, depth + 1)) };
  }
  const { class_name: className, config } = value as Json;
  const facts = isObject(config) ? config : {};
  switch (className) {
    case '__keras_tensor__':
      return Array.isArray(facts.keras_history) ? keras2Reference(facts.keras_history) : other(value);
    case '__numpy__':
    case '__tensor__':
      return { constant: facts.value };
    case '__ellipsis__':
      return { ellipsis: true };
    case '__slice__':
      return slice(facts) ?? other(value);
    case '__tuple__':
      return parseArgument((value as Json).items, depth + 1);
    case undefined:
      return 'start' in value
        ? (slice(value as Json) ?? other(value))
        : {
            dict: Object.fromEntries(Object.entries(value).map(([name, v]) => [name, parseArgument(v, depth + 1)])),
          };
    default:
      return other(value);
  }
}

function slice({ start = null, stop = null, step = null }: Json): Argument | undefined {
  const isEnd = (end: unknown): end is number | null => end === null || Number.isInteger(end);
  return isEnd(start) && isEnd(stop) && isEnd(step) ? { slice: { start, stop, step } } : undefined;
}

const other = (value: unknown): Argument => ({ other: shortJson(value) });

/** A value of the configuration for a message. */
export function shortJson(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

/** The JSON value of an argument that reads no layer; undefined for others. */
export function constantOf(argument: Argument | undefined): unknown {
  if (!argument) return undefined;
  if ('constant' in argument) return argument.constant;
  if (!('list' in argument)) return undefined;
  const values = argument.list.map(constantOf);
  return values.includes(undefined) ? undefined : values;
}

/** All values of layers that an argument reads, in order. */
export function referencesOf(argument: Argument): Reference[] {
  if ('layer' in argument) return [argument];
  if ('list' in argument) return argument.list.flatMap(referencesOf);
  return 'dict' in argument ? Object.values(argument.dict).flatMap(referencesOf) : [];
}
