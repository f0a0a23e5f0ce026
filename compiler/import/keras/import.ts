import { PinnEdgeError } from '../../diagnostics.js';
import type { Tensor } from '../../model/types.js';
import { type ActivationName, applyActivation } from '../activations.js';
import type { GraphBuilder } from '../builder.js';
import type { Imported, ImportJob, NetworkOutput } from '../source.js';
import { networksOf } from '../state-dict.js';
import { isZip, readZip } from '../zip.js';
import { type Argument, type KerasLayer, type KerasModel, parseKerasConfig } from './config.js';
import { type Hdf5, readHdf5 } from './hdf5.js';
import { ARITHMETIC, FUNCTIONS, LAYERS, type LayerContext } from './layers.js';

/**
 * Keras models: `.keras` (a zip of config.json and model.weights.h5), `.h5`/`.hdf5` with a `model_config`, and files of
 * weights alone, which a spec or the layers' names put in order.
 */
export function importKeras(job: ImportJob): Imported {
  const { config, hdf5 } = open(job.bytes);
  const weights = weightsByLayer(hdf5);
  const ownLayers = job.spec.network !== undefined || job.spec.networks !== undefined;
  if (config === undefined || ownLayers) return networksOf(job, orderedTensors(hdf5, weights));
  const model = parseKerasConfig(config);
  job.notes.push(`Keras ${model.sequential ? 'Sequential' : 'functional'} model: ${model.layers.length} layers`);
  const inputs = inputLayers(job, model, weights);
  const columns = inputs.flatMap(({ name, width }) =>
    Array.from({ length: width }, () =>
      inputs.length > 1 && width === 1 && /^[A-Za-z]\w*$/.test(name) ? name : undefined,
    ),
  );
  const build = (builder: GraphBuilder, values: readonly string[]): NetworkOutput[] => {
    const scope = new Map<string, string>();
    let at = 0;
    for (const { name, width } of inputs) {
      scope.set(name, builder.concat(values.slice(at, at + width), name));
      at += width;
    }
    return new KerasWalker(job.file, builder, model, weights, scope).run();
  };
  return { networks: new Map([['N', { columns, build }]]), ...(model.sequential ? {} : { outputs: model.outputs }) };
}

/** Tensors of a file of weights alone; undefined for one with its model. */
export function readKerasWeights(bytes: Uint8Array): Map<string, Tensor> | undefined {
  const { config, hdf5 } = open(bytes);
  return config === undefined ? orderedTensors(hdf5, weightsByLayer(hdf5)) : undefined;
}

function open(bytes: Uint8Array): { config: string | undefined; hdf5: Hdf5 } {
  if (isZip(bytes)) {
    const files = readZip(bytes, (name) => name === 'config.json' || name.endsWith('.weights.h5'));
    const weights = files.get('model.weights.h5');
    const config = files.get('config.json');
    if (!weights || !config) throw new Error('it holds no config.json and model.weights.h5');
    return { config: new TextDecoder().decode(config), hdf5: readHdf5(weights) };
  }
  const hdf5 = readHdf5(bytes);
  const { model_config: config } = hdf5.attributes('');
  return { config: typeof config === 'string' ? unpadded(config) : undefined, hdf5 };
}

/** Weights of every layer in order, by the layer's name in the file. */
function weightsByLayer(hdf5: Hdf5): Map<string, Tensor[]> {
  const legacy = ['model_weights', ''].find((path) => Array.isArray(hdf5.attributes(path).layer_names));
  const layers = new Map<string, Tensor[]>();
  if (legacy === undefined) {
    // Keras 3: layers/<name>/vars/<k>.
    for (const [path, tensor] of hdf5.tensors) {
      const match = /(?:^|\/)layers\/(.+)\/vars\/(\d+)$/.exec(path);
      if (!match) continue;
      // The file numbers layers by class; the model's own name is an attribute.
      const own = hdf5.attributes(path.slice(0, path.lastIndexOf('/'))).name;
      const name = typeof own === 'string' ? unpadded(own) : match[1];
      const list = layers.get(name) ?? [];
      list[Number(match[2]) % 64] = tensor;
      layers.set(name, list);
    }
    return layers;
  }
  for (const name of strings(hdf5.attributes(legacy).layer_names)) {
    const path = legacy ? `${legacy}/${name}` : name;
    const tensors = strings(hdf5.attributes(path).weight_names).map((weight) => hdf5.tensors.get(`${path}/${weight}`));
    layers.set(
      name,
      tensors.filter((t): t is Tensor => t !== undefined),
    );
  }
  return layers;
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.map((text) => unpadded(String(text))) : [];
}

/** Fixed-length strings are filled up with NUL. */
function unpadded(text: string): string {
  const end = text.indexOf('\0');
  return end < 0 ? text : text.slice(0, end);
}

/** Tensors by layer and role, in the order in which the file lists its layers. */
function orderedTensors(hdf5: Hdf5, layers: ReadonlyMap<string, Tensor[]>): Map<string, Tensor> {
  const paths = new Map([...hdf5.tensors].map(([path, tensor]) => [tensor, path]));
  const tensors = new Map<string, Tensor>();
  for (const [layer, list] of layers) {
    list.forEach((tensor, k) => {
      const last = paths.get(tensor)?.split('/').at(-1)?.replace(/:\d+$/, '') ?? '';
      const role =
        /^\d+$/.test(last) || last === '' ? (tensor.shape.length === 2 ? 'kernel' : k === 0 ? 'value' : 'bias') : last;
      tensors.set(`${layer.replace(/\/\w*cell$/, '')}.${role}`, tensor);
    });
  }
  return tensors.size ? tensors : hdf5.tensors;
}

function inputLayers(
  job: ImportJob,
  model: KerasModel,
  weights: ReadonlyMap<string, Tensor[]>,
): { name: string; width: number }[] {
  const byName = new Map(model.layers.map((layer) => [layer.name, layer]));
  const named = model.inputs.length
    ? model.inputs
    : model.layers.filter(({ className }) => className === 'InputLayer').map(({ name }) => name);
  if (!named.length) {
    const first = model.layers.find(({ className }) => className === 'Dense');
    const width =
      first && (weights.get(first.name) ?? [...weights.values()].find((list) => list.length))?.[0]?.shape[0];
    return [{ name: '', width: width ?? job.namedInputs ?? 1 }];
  }
  return named.map((name) => {
    const { config = {} } = byName.get(name) ?? {};
    const shape = config.batch_input_shape ?? config.batch_shape;
    const width = Array.isArray(shape) ? shape.slice(1).reduce((n: number, d) => n * Number(d), 1) : Number.NaN;
    if (!(Number.isInteger(width) && width >= 1 && width <= 1024))
      throw new Error(`its input "${name}" has no fixed width`);
    return { name, width };
  });
}

class KerasWalker {
  private readonly layers: Map<string, KerasLayer>;
  /** How many layers of a class came before: Keras 3 names weights by class and count. */
  private readonly storedNames = new Map<string, string>();

  constructor(
    private readonly file: string,
    private readonly builder: GraphBuilder,
    private readonly model: KerasModel,
    private readonly weights: ReadonlyMap<string, Tensor[]>,
    private readonly scope: Map<string, string>,
  ) {
    this.layers = new Map(model.layers.map((layer) => [layer.name, layer]));
    const counts = new Map<string, number>();
    for (const { name, className } of model.layers) {
      const base = snakeCase(className);
      const count = counts.get(base) ?? 0;
      counts.set(base, count + 1);
      this.storedNames.set(name, count === 0 ? base : `${base}_${count}`);
    }
  }

  run(): NetworkOutput[] {
    if (this.model.sequential) {
      let value = [...this.scope.values()][0];
      for (const layer of this.model.layers)
        if (layer.className !== 'InputLayer') value = this.apply(layer, [{ value }]);
      return [{ name: 'u', value }];
    }
    this.resolve(this.model.outputs);
    return this.model.outputs.map((name) => ({ name, value: this.scope.get(name)! }));
  }

  /** Layers that `names` need, without recursion: a chain may be long. */
  private resolve(names: readonly string[]): void {
    const stack = [...names];
    const waiting = new Set<string>();
    while (stack.length) {
      const name = stack.at(-1)!;
      if (this.scope.has(name)) {
        stack.pop();
        continue;
      }
      const layer = this.layers.get(name);
      if (!layer) throw new Error(`layer "${name}" is missing from its configuration`);
      const [call, ...more] = layer.calls;
      if (!call || more.length)
        throw this.refuse(layer, more.length ? ', which is applied several times' : ', which reads nothing');
      const missing = call.flatMap((a) => ('layer' in a && !this.scope.has(a.layer) ? [a.layer] : []));
      if (missing.length) {
        if (waiting.has(name)) throw new Error(`layer "${name}" reads itself`);
        waiting.add(name);
        stack.push(...missing);
        continue;
      }
      this.scope.set(
        name,
        this.apply(
          layer,
          call.map((a) => this.read(layer, a)),
        ),
      );
      stack.pop();
    }
  }

  private read(layer: KerasLayer, argument: Argument): { value: string } | { number: number } {
    if ('number' in argument) return argument;
    if ('other' in argument) throw this.refuse(layer, `, which reads ${argument.other}`);
    return { value: this.scope.get(argument.layer)! };
  }

  private apply(layer: KerasLayer, inputs: readonly ({ value: string } | { number: number })[]): string {
    const weights = this.weights.get(layer.name) ?? this.weights.get(this.storedNames.get(layer.name)!) ?? [];
    const context: LayerContext = {
      file: this.file,
      builder: this.builder,
      layer,
      weights,
      refuse: (reason) => this.refuse(layer, reason),
    };
    const handler = Object.hasOwn(LAYERS, layer.className) ? LAYERS[layer.className] : undefined;
    const values = inputs.flatMap((input) => ('value' in input ? [input.value] : []));
    if (!values.length) throw this.refuse(layer, ', which reads nothing');
    return handler && values.length === inputs.length
      ? handler(context, values)
      : this.operation(layer, inputs, values);
  }

  /** An operation layer: `TFOpLambda` of Keras 2, a class per operation in Keras 3. */
  private operation(
    layer: KerasLayer,
    inputs: readonly ({ value: string } | { number: number })[],
    values: readonly string[],
  ): string {
    const spelled = layer.className === 'TFOpLambda' ? String(layer.config.function) : layer.className;
    const name = snakeCase(spelled.split('.').at(-1) ?? '');
    const { builder } = this;
    const [x] = values;
    const f = Object.hasOwn(FUNCTIONS, name) ? FUNCTIONS[name] : undefined;
    if (f && inputs.length === 1) {
      if (f === 'sqrt' || f === 'log' || f === 'neg' || f === 'reciprocal') return builder.unary(f, x, layer.name);
      return applyActivation(builder, f as ActivationName, x, layer.name);
    }
    const op = Object.hasOwn(ARITHMETIC, name) ? ARITHMETIC[name] : undefined;
    if (op && inputs.length === 2) {
      const [a, b] = inputs.map((input) => ('value' in input ? input.value : builder.constant([input.number])));
      return builder.binary(op, a, b, layer.name);
    }
    if ((name === 'power' || name === 'pow') && inputs.length === 2 && 'value' in inputs[0] && 'number' in inputs[1]) {
      return builder.unary('pow', x, layer.name, { exponent: inputs[1].number });
    }
    throw this.refuse(layer, '');
  }

  private refuse(layer: KerasLayer, reason: string): PinnEdgeError {
    const advice = 'convert the model with tf2onnx and import the .onnx, or import the weights alone with a spec';
    return new PinnEdgeError('PE7003', {
      file: this.file,
      op: layer.className.slice(0, 60),
      node: layer.name.slice(0, 60),
      reason,
      advice,
    });
  }
}

function snakeCase(name: string): string {
  return name
    .replace(/\W+/g, '')
    .replace(/(.)([A-Z][a-z]+)/g, '$1_$2')
    .replace(/([a-z])([A-Z])/g, '$1_$2')
    .toLowerCase();
}
