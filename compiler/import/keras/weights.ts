import type { Tensor } from '../../model/types.js';
import type { KerasLayer, KerasModel } from './config.js';
import type { Hdf5 } from './hdf5.js';

/** The weights of a Keras file, layer by layer, in the two ways in which Keras has stored them. */

/** The weights of one layer in the order in which it made them. */
export interface StoredLayer {
  /** The layer's name, or what stands for it in the file. */
  name: string;
  /** The name that Keras 3 stores beside the weights, of whatever object it is. */
  label?: string;
  /** Names of the group and of those around it: `['sequential', 'dense_1']`. */
  path: string[];
  tensors: Tensor[];
  /** `kernel`, `bias`, ... in the same order, where the file tells. */
  roles?: string[];
  /** Whether `name` is the layer's own; Keras 2 numbers layers by class and stores nothing else. */
  isNamed: boolean;
  /** Whether a tensor is one of integers. */
  hasIntegers: boolean;
}

/** Groups that hold the layers of a model, in versions of Keras from 2.12. */
const CONTAINERS = new Set(['layers', '_layer_checkpoint_dependencies']);
/** What is stored beside the layers: nothing of it is part of the network. */
const ASIDE = /(^|\/)(optimizer|_?metrics?|compile_metrics|_?loss_tracker|seed_generator|_random_generator)(\/|$)/;

/** Every layer of the file in its order, those without weights, too. */
export function storedLayers(hdf5: Hdf5): StoredLayer[] {
  const root = ['model_weights', ''].find((path) => namesIn(hdf5, path, 'layer_names') !== undefined);
  return root === undefined ? byPath(hdf5) : byName(hdf5, root);
}

/** Keras 2, and `.h5` of Keras 3: attributes list the layers and their weights. */
function byName(hdf5: Hdf5, root: string): StoredLayer[] {
  // A layer of several models is stored with each of them.
  const known = new Map<string, Tensor>();
  const once = (path: string, tensor: Tensor) => {
    const first = known.get(path);
    if (first && first.data.length === tensor.data.length && first.data.every((v, i) => v === tensor.data[i]))
      return first;
    known.set(path, tensor);
    return tensor;
  };
  return namesIn(hdf5, root, 'layer_names')!.map((name) => {
    const group = root ? `${root}/${name}` : name;
    const paths = namesIn(hdf5, group, 'weight_names') ?? [];
    const tensors = paths.map((path) => {
      const tensor = hdf5.tensors.get(`${group}/${path}`);
      if (!tensor) throw new Error(`the weight "${path}" of its layer "${name}" is missing`);
      return once(path, tensor);
    });
    return {
      name,
      path: [name],
      tensors,
      roles: paths,
      isNamed: true,
      hasIntegers: paths.some((path) => hdf5.integers.has(`${group}/${path}`)),
    };
  });
}

/** Long lists are cut into `name0`, `name1`, ... */
function namesIn(hdf5: Hdf5, path: string, name: string): string[] | undefined {
  const attributes = hdf5.attributes(path);
  if (attributes[name] !== undefined) return strings(attributes[name]);
  const parts: string[] = [];
  for (let i = 0; attributes[`${name}${i}`] !== undefined; i++) parts.push(...strings(attributes[`${name}${i}`]));
  return parts.length ? parts : undefined;
}

function strings(value: unknown): string[] {
  const list = typeof value === 'string' ? [value] : Array.isArray(value) ? value : [];
  return list.filter((entry): entry is string => typeof entry === 'string').map(unpadded);
}

/** Strings of fixed length end in zero bytes. */
export function unpadded(text: string): string {
  const end = text.indexOf('\0');
  return end < 0 ? text : text.slice(0, end);
}

/** Keras 3: weights are numbered within the group `vars` of their layer. */
function byPath(hdf5: Hdf5): StoredLayer[] {
  return hdf5.groups
    .filter((group) => /(^|\/)vars$/.test(group) && !ASIDE.test(group))
    .map((group) => {
      const path = group
        .split('/')
        .slice(0, -1)
        .filter((part) => !CONTAINERS.has(part));
      const paths: string[] = [];
      while (hdf5.tensors.has(`${group}/${paths.length}`)) paths.push(`${group}/${paths.length}`);
      const own = hdf5.attributes(group).name;
      const isNamed = typeof own === 'string' && group.split('/').some((part) => CONTAINERS.has(part));
      return {
        name: isNamed ? unpadded(own) : path.join('/'),
        ...(typeof own === 'string' ? { label: unpadded(own) } : {}),
        path,
        isNamed,
        tensors: paths.map((p) => hdf5.tensors.get(p)!),
        hasIntegers: paths.some((p) => hdf5.integers.has(p)),
      };
    })
    .filter(({ path, tensors }) => path.length > 0 || tensors.length > 0);
}

/** Where a layer stands: its name and the name of its group in the file, each after those of the models around it. */
export interface LayerPlace {
  names: readonly string[];
  stored: readonly string[];
}

/** Finds a layer's weights by its place in the model, or by its name where another model has stored it. */
export class WeightStore {
  private readonly byPlace = new Map<string, StoredLayer>();
  private readonly byName = new Map<string, StoredLayer[]>();

  constructor(
    private readonly layers: readonly StoredLayer[],
    model: KerasModel,
  ) {
    for (const layer of layers) {
      if (!layer.roles) this.byPlace.set(layer.path.join('/'), layer);
      if (layer.isNamed) this.add(layer.name, layer);
    }
    // A layer of several models is stored where it was met first.
    for (const { names, stored } of placesOf(model)) {
      const placed = this.byPlace.get(stored.join('/'));
      if (placed && !placed.isNamed && placed.tensors.length) this.add(names[names.length - 1], placed);
    }
  }

  find({ names, stored }: LayerPlace): StoredLayer | undefined {
    const own = names[names.length - 1];
    const outer = this.layers.find((layer) => layer.roles && layer.name === names[0]);
    if (outer) return names.length > 1 ? innerLayer(outer, own) : outer;
    const placed = this.byPlace.get(stored.join('/'));
    if (placed?.tensors.length && (!placed.isNamed || placed.name === own)) return placed;
    const filled = (this.byName.get(own) ?? []).filter(({ tensors }) => tensors.length);
    return filled.length === 1 ? filled[0] : placed;
  }

  private add(name: string, layer: StoredLayer): void {
    this.byName.set(name, [...(this.byName.get(name) ?? []), layer]);
  }
}

/** Keras 3 names the groups of layers by class and count. */
export function storedNames(layers: readonly KerasLayer[]): string[] {
  const counts = new Map<string, number>();
  return layers.map(({ className }) => {
    const base = snakeCase(className);
    const count = counts.get(base) ?? 0;
    counts.set(base, count + 1);
    return count === 0 ? base : `${base}_${count}`;
  });
}

export function snakeCase(name: string): string {
  return name
    .replace(/\W+/g, '')
    .replace(/(.)([A-Z][a-z]+)/g, '$1_$2')
    .replace(/([a-z])([A-Z])/g, '$1_$2')
    .toLowerCase();
}

/** All layers of a model and of the models in it. */
function placesOf(model: KerasModel, around: LayerPlace = { names: [], stored: [] }): LayerPlace[] {
  const stored = storedNames(model.layers);
  return model.layers.flatMap((layer, i) => {
    const place = { names: [...around.names, layer.name], stored: [...around.stored, stored[i]] };
    return layer.model ? placesOf(layer.model, place) : [place];
  });
}

/** The weights of a model within a model stand in one list, by names such as `dense_1/kernel:0`. */
function innerLayer(outer: StoredLayer, own: string): StoredLayer {
  const chosen = outer.roles!.flatMap((path, i) => (path.split('/').slice(0, -1).includes(own) ? [i] : []));
  return {
    ...outer,
    name: own,
    tensors: chosen.map((i) => outer.tensors[i]),
    roles: chosen.map((i) => outer.roles![i]),
  };
}

/** `dense_1/kernel:0` without its layer. */
export function roleOf(path: string): string {
  return path.split('/').at(-1)!.replace(/:\d+$/, '');
}
