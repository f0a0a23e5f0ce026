import type { Tensor } from '../../model/types.js';
import { isZip, readZip } from '../zip.js';
import { elementBytes, ObjectHost, PyArray, PyTensor, type Storage, storageType } from './objects.js';
import { PickleRefusal, unpickle } from './pickle.js';

/**
 * PyTorch checkpoints: the zip format (1.6 and later: data.pkl and one file per storage), the older sequence of pickles,
 * and plain pickles of tensors or arrays. Nothing in them is executed.
 */

/** As a number: the pickle holds an integer of 80 bits. */
const LEGACY_MAGIC = Number(0x1950a86a20f9469cfc6cn);
const MAX_NESTED = 3;
const MAX_DEPTH = 32;
const MAX_OBJECTS = 1_000_000;

/** All tensors of a checkpoint by the path of keys that leads to them, joined by dots. */
export function readCheckpoint(bytes: Uint8Array): Map<string, Tensor> {
  return collectTensors(loadObject(bytes, 0));
}

function loadObject(bytes: Uint8Array, depth: number): unknown {
  if (depth > MAX_NESTED) throw new Error('it is nested too deeply');
  const nested = (inner: unknown) => {
    if (!(inner instanceof Uint8Array)) throw new PickleRefusal('a load of something other than bytes');
    return loadObject(inner, depth + 1);
  };
  if (isZip(bytes)) return loadZip(bytes, nested);
  const plain = new ObjectHost(() => {
    throw new Error('it refers to storages that it does not hold');
  }, nested);
  const first = unpickle(bytes, plain);
  return first.value === LEGACY_MAGIC ? loadLegacy(bytes, first.end, nested) : first.value;
}

function loadZip(bytes: Uint8Array, nested: (bytes: unknown) => unknown): unknown {
  const files = readZip(bytes, (name) => /(^|\/)(data\.pkl|byteorder|data\/[^/]+)$/.test(name));
  const name = [...files.keys()].find((key) => /(^|\/)data\.pkl$/.test(key));
  if (name === undefined) throw new Error('it holds no data.pkl');
  const folder = name.slice(0, -'data.pkl'.length);
  const order = files.get(`${folder}byteorder`);
  if (order && new TextDecoder().decode(order).trim() === 'big')
    throw new Error('it was written on a big-endian machine');
  const storages = new Map<string, Storage>();
  const storageOf = (id: unknown): Storage => {
    if (!Array.isArray(id) || id[0] !== 'storage') throw new PickleRefusal('a persistent object that is no storage');
    const key = String(id[2]);
    const known = storages.get(key);
    if (known) return known;
    const data = files.get(`${folder}data/${key}`);
    if (!data) throw new Error(`the storage "${key}" is missing`);
    const storage = { type: storageType(id[1]), data };
    storages.set(key, storage);
    return storage;
  };
  return unpickle(files.get(name)!, new ObjectHost(storageOf, nested)).value;
}

/** Magic number, protocol, system, the object, the list of storage keys, then each storage: its length and its bytes. */
function loadLegacy(bytes: Uint8Array, start: number, nested: (bytes: unknown) => unknown): unknown {
  const storages = new Map<string, Storage & { count: number }>();
  const storageOf = (id: unknown): Storage => {
    if (!Array.isArray(id) || id[0] !== 'storage') throw new PickleRefusal('a persistent object that is no storage');
    if (id[5] !== null && id[5] !== undefined)
      throw new Error('it uses views of storages; save it again with a newer PyTorch');
    const key = String(id[2]);
    const known = storages.get(key) ?? { type: storageType(id[1]), data: undefined, count: Number(id[4]) };
    storages.set(key, known);
    return known;
  };
  const host = new ObjectHost(storageOf, nested);
  let at = start;
  const next = () => {
    const { value, end } = unpickle(bytes, host, at);
    at = end;
    return value;
  };
  const version = next();
  if (version !== 1001) throw new Error('its format version is not 1001');
  next();
  const value = next();
  const keys = next();
  if (!Array.isArray(keys)) throw new Error('its list of storages is missing');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (const key of keys) {
    const storage = storages.get(String(key));
    if (!storage || at + 8 > bytes.length) throw new Error('a storage is missing');
    const count = Number(view.getBigInt64(at, true));
    const length = count * elementBytes(storage.type);
    at += 8;
    if (!(count >= 0 && at + length <= bytes.length)) throw new Error('a storage ends early');
    storage.data = bytes.subarray(at, at + length);
    at += length;
  }
  return value;
}

/** Dicts of weights by name; where a checkpoint holds one beside an optimizer's state, only that. */
function collectTensors(root: unknown): Map<string, Tensor> {
  const tensors = new Map<string, Tensor>();
  const seen = new Set<unknown>();
  const visit = (value: unknown, path: string, depth: number) => {
    if (typeof value !== 'object' || value === null || seen.has(value)) return;
    if (depth > MAX_DEPTH || seen.size > MAX_OBJECTS) throw new Error('it is nested too deeply');
    if (value instanceof PyTensor) tensors.set(path, value.toTensor());
    else if (value instanceof PyArray) {
      if (value.tensor) tensors.set(path, value.tensor);
    } else {
      seen.add(value);
      const entries: Iterable<[unknown, unknown]> =
        value instanceof Map ? value : Array.isArray(value) ? value.entries() : [];
      for (const [key, inner] of entries) {
        if (typeof key === 'string' || typeof key === 'number')
          visit(inner, path ? `${path}.${key}` : String(key), depth + 1);
      }
    }
  };
  visit(weightsOf(root), '', 0);
  for (const name of [...tensors.keys()]) if (COUNTERS.test(name)) tensors.delete(name);
  return tensors;
}

const COUNTERS = /(^|\.)(num_batches_tracked|epoch|iteration|step|version)$/;

const WEIGHT_KEYS = [
  'model_state_dict',
  'state_dict',
  'model_state',
  'net_state_dict',
  'model',
  'net',
  'params',
  'weights',
];
const OTHER_KEYS = [
  'optimizer_state_dict',
  'optimizer_state',
  'optimizer',
  'epoch',
  'scheduler',
  'lr_scheduler',
  'loss',
];

function weightsOf(root: unknown): unknown {
  if (!(root instanceof Map)) return root;
  for (const key of WEIGHT_KEYS) if (root.get(key) instanceof Map) return root.get(key);
  const hasOthers = OTHER_KEYS.some((key) => root.has(key));
  return hasOthers ? new Map([...root].filter(([key]) => !OTHER_KEYS.includes(String(key)))) : root;
}
