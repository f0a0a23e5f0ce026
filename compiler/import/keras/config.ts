/** The `model_config` of a Keras model: layers, what they read, and what the model gives (Keras 2 and 3). */

export interface KerasLayer {
  name: string;
  className: string;
  config: Record<string, unknown>;
  /** Calls of the layer: each a list of arguments, a layer's name or a number. */
  calls: Argument[][];
}

export type Argument = { layer: string; index: number } | { number: number } | { other: string };

export interface KerasModel {
  layers: KerasLayer[];
  /** Names of input layers in order; empty for a Sequential model. */
  inputs: string[];
  outputs: string[];
  sequential: boolean;
}

type Json = Record<string, unknown>;

const MAX_LAYERS = 10_000;

/** Throws `Error` with the reason. */
export function parseKerasConfig(text: string): KerasModel {
  const root = JSON.parse(text) as Json;
  const className = String(root?.class_name ?? '');
  if (className !== 'Sequential' && className !== 'Functional' && className !== 'Model') {
    throw new Error(
      `its model is of class "${className.slice(0, 80)}"; save a Sequential or functional model, or its weights alone`,
    );
  }
  const config = asObject(root.config);
  const list = config.layers;
  if (!Array.isArray(list) || list.length > MAX_LAYERS) throw new Error('its configuration has no layers');
  const layers = list.map(parseLayer);
  const sequential = className === 'Sequential';
  if (sequential) return { layers, inputs: [], outputs: [layers.at(-1)?.name ?? ''], sequential };
  return { layers, inputs: references(config.input_layers), outputs: references(config.output_layers), sequential };
}

function asObject(value: unknown): Json {
  if (typeof value !== 'object' || value === null) throw new Error('its configuration is damaged');
  return value as Json;
}

function parseLayer(entry: unknown): KerasLayer {
  const layer = asObject(entry);
  const config = asObject(layer.config ?? {});
  const calls = Array.isArray(layer.inbound_nodes) ? layer.inbound_nodes.map(parseCall) : [];
  if (typeof layer.class_name !== 'string') throw new Error('a layer of its configuration has no class');
  return { name: String(config.name ?? layer.name ?? ''), className: layer.class_name, config, calls };
}

/** `["dense", 0, 0]` once or in a list. */
function references(value: unknown): string[] {
  if (!Array.isArray(value)) return [];
  if (typeof value[0] === 'string') return [value[0]];
  return value.flatMap((entry) => (Array.isArray(entry) ? [String(entry[0])] : []));
}

function parseCall(call: unknown): Argument[] {
  // Keras 2: [["dense", 0, 0, {...}], ...]. Keras 3: {args: [...], kwargs: {...}}.
  if (Array.isArray(call))
    return typeof call[0] === 'string' ? [...keras2Argument(call)] : call.flatMap(keras2Argument);
  const { args } = asObject(call);
  return Array.isArray(args) ? args.flatMap(keras3Argument) : [];
}

function keras2Argument(entry: unknown): Argument[] {
  if (typeof entry === 'number') return [{ number: entry }];
  if (!Array.isArray(entry) || typeof entry[0] !== 'string')
    return [{ other: JSON.stringify(entry)?.slice(0, 40) ?? '' }];
  if (entry[0] === '_CONSTANT_VALUE')
    return typeof entry[2] === 'number' ? [{ number: entry[2] }] : [{ other: 'a constant' }];
  const rest = typeof entry[3] === 'object' && entry[3] !== null ? Object.values(entry[3] as Json) : [];
  const more = rest.flatMap((value): Argument[] => {
    if (typeof value === 'number') return [{ number: value }];
    return Array.isArray(value) && typeof value[0] === 'string'
      ? [{ layer: value[0], index: Number(value[2] ?? 0) }]
      : [];
  });
  return [{ layer: entry[0], index: Number(entry[2] ?? 0) }, ...more];
}

function keras3Argument(entry: unknown): Argument[] {
  if (typeof entry === 'number') return [{ number: entry }];
  if (Array.isArray(entry)) return entry.flatMap(keras3Argument);
  if (typeof entry === 'object' && entry !== null) {
    const history = asObject((entry as Json).config ?? {}).keras_history;
    if (Array.isArray(history)) return [{ layer: String(history[0]), index: Number(history[2] ?? 0) }];
  }
  return [{ other: JSON.stringify(entry)?.slice(0, 40) ?? '' }];
}
