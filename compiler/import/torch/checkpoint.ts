import { collectTensors } from '../collect.js';
import type { TensorFile } from '../tensor-file.js';
import { isZip, readZip } from '../zip.js';
import { elementBytes, ObjectHost, type Storage, storageType } from './objects.js';
import { PickleRefusal, unpickle } from './pickle.js';

/**
 * PyTorch checkpoints: the zip format (1.6 and later: data.pkl and one file per storage), the older sequence of pickles,
 * and plain pickles of tensors or arrays. Nothing in them is executed.
 */

/** As a number: the pickle holds an integer of 80 bits. */
const LEGACY_MAGIC = Number(0x1950a86a20f9469cfc6cn);
/** Protocol 2, then that integer. */
const LEGACY_START = [0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
const MAX_NESTED = 3;

/** All tensors of a checkpoint by the path of keys that leads to them, joined by dots, and what it says beside them. */
export function readCheckpoint(bytes: Uint8Array): TensorFile {
  const file = collectTensors(loadObject(bytes, 0));
  return isTorch(bytes) ? { ...file, torch: true } : file;
}

/** PyTorch's own formats: the archive, or the sequence of pickles that starts with its magic number. */
export function isTorch(bytes: Uint8Array): boolean {
  return isZip(bytes) || LEGACY_START.every((byte, i) => bytes[i] === byte);
}

/** The objects of a bare pickle, such as that of a NumPy array of objects. */
export function readPickle(bytes: Uint8Array): unknown {
  return loadObject(bytes, 0);
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
  const all: string[] = [];
  const files = readZip(bytes, (name) => {
    all.push(name);
    return /(^|\/)(data\.pkl|byteorder|data\/[^/]+)$/.test(name);
  });
  const name = [...files.keys()].find((key) => /(^|\/)data\.pkl$/.test(key));
  if (name === undefined) {
    const isProgram = all.some((entry) => /(^|\/)(archive_format|serialized_exported_program\.json)$/.test(entry));
    throw new Error(
      isProgram
        ? 'it is a program of torch.export; import what torch.onnx.export(program, ...) writes of it'
        : 'it holds no data.pkl',
    );
  }
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
