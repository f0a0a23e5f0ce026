import { Dataset, File, Group } from 'jsfive';
import type { Tensor } from '../../model/types.js';

/** HDF5 files by jsfive, within limits: datasets of numbers by path, and attributes of groups. */
export interface Hdf5 {
  /** Datasets by path without a leading slash. */
  tensors: Map<string, Tensor>;
  /** Attributes of the group at `path` ('' is the root). */
  attributes(path: string): Record<string, unknown>;
}

const SIGNATURE = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a];
const MAX_DEPTH = 16;
const MAX_OBJECTS = 20_000;
const MAX_ELEMENTS = 2 ** 26;

export function isHdf5(bytes: Uint8Array): boolean {
  return SIGNATURE.every((b, i) => bytes[i] === b);
}

/** Throws `Error` with the reason. */
export function readHdf5(bytes: Uint8Array): Hdf5 {
  if (!isHdf5(bytes)) throw new Error('it does not start as an HDF5 file');
  const log = console as unknown as { warn: (...words: unknown[]) => void };
  const { warn } = log;
  // jsfive warns of what it skips; what is needed and missing is reported where it is needed.
  log.warn = () => {};
  try {
    return walk(new File(bytes.slice().buffer));
  } catch (error) {
    // jsfive throws strings.
    throw error instanceof Error ? error : new Error(String(error));
  } finally {
    log.warn = warn;
  }
}

function walk(root: Group): Hdf5 {
  const tensors = new Map<string, Tensor>();
  const attributes = new Map<string, Record<string, unknown>>();
  let objects = 0;
  const visit = (group: Group, path: string, depth: number) => {
    if (depth > MAX_DEPTH) throw new Error('its groups are nested too deeply');
    attributes.set(path, group.attrs);
    for (const key of group.keys) {
      if (++objects > MAX_OBJECTS) throw new Error(`it holds more than ${MAX_OBJECTS} objects`);
      const child = group.get(key);
      const childPath = path ? `${path}/${key}` : key;
      if (child instanceof Dataset) {
        const tensor = readDataset(child, childPath);
        if (tensor) tensors.set(childPath, tensor);
      } else if (child instanceof Group) {
        visit(child, childPath, depth + 1);
      }
    }
  };
  visit(root, '', 0);
  return { tensors, attributes: (path) => attributes.get(path) ?? {} };
}

/** Undefined for datasets of text and other things that are no numbers. */
function readDataset(dataset: Dataset, path: string): Tensor | undefined {
  const { dtype } = dataset;
  if (typeof dtype !== 'string' || !/^[<>|]?[fiu][1248]$/.test(dtype)) return undefined;
  const shape = Array.from(dataset.shape ?? [], Number);
  const count = shape.reduce((n, d) => n * d, 1);
  if (!(count <= MAX_ELEMENTS)) throw new Error(`"${path}" has shape [${shape.join(', ')}], which is too large`);
  const data = Float64Array.from(dataset.value as ArrayLike<number>, Number);
  if (data.length !== count) throw new Error(`"${path}" of shape [${shape.join(', ')}] has ${data.length} numbers`);
  return { shape: shape.length ? shape : [1], data };
}
