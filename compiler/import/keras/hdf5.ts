import { Dataset, File, Group } from 'jsfive';
import { plural } from '../../diagnostics.js';
import type { Tensor } from '../../model/types.js';

/** HDF5 files by jsfive, within limits: datasets of numbers by path, and attributes of groups. */
export interface Hdf5 {
  /** Datasets by path without a leading slash. */
  tensors: Map<string, Tensor>;
  /** Paths of the datasets whose elements are integers. */
  integers: Set<string>;
  /** Paths of all groups ('' is the root). */
  groups: string[];
  /** Attributes of the group at `path` ('' is the root). */
  attributes(path: string): Record<string, unknown>;
}

const MAX_DEPTH = 16;
const MAX_OBJECTS = 20_000;
const MAX_ELEMENTS = 2 ** 26;

const REWRITE =
  'write it again without libver="latest", compression and chunks (from Keras: model.save("net.keras") or model.save_weights("net.weights.h5"))';

/** Where the file starts within its bytes: after a block of the user's own, if there is one. */
const STARTS = [0, 512, 1024, 2048, 4096];
const SIGNATURE = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a];

function startOf(bytes: Uint8Array): number | undefined {
  return STARTS.find((start) => SIGNATURE.every((b, i) => bytes[start + i] === b));
}

export function isHdf5(bytes: Uint8Array): boolean {
  return startOf(bytes) !== undefined;
}

/** Throws `Error` with the reason. */
export function readHdf5(bytes: Uint8Array): Hdf5 {
  const log = console as unknown as { warn: (...words: unknown[]) => void };
  const { warn } = log;
  // jsfive warns of what it skips; what is needed and missing is reported where it is needed.
  log.warn = () => {};
  try {
    // A copy from the start of a buffer, as what Node reads of a small file lies somewhere in a pool; without what a
    // user has put before the file, as addresses count from its signature.
    const start = startOf(bytes);
    if (start === undefined) throw new Error('it does not start as an HDF5 file');
    const { buffer } = Uint8Array.from(bytes.subarray(start));
    return walk(new File(buffer), new DataView(buffer));
  } catch (error) {
    // jsfive throws strings.
    throw error instanceof Error ? error : new Error(String(error));
  } finally {
    log.warn = warn;
  }
}

function walk(root: Group, file: DataView): Hdf5 {
  const tensors = new Map<string, Tensor>();
  const integers = new Set<string>();
  const attributes = new Map<string, Record<string, unknown>>();
  let objects = 0;
  const visit = (group: Group, path: string, depth: number) => {
    if (depth > MAX_DEPTH) throw new Error('its groups are nested too deeply');
    requireAttributes(group, path, file);
    attributes.set(path, group.attrs);
    for (const key of group.keys) {
      if (++objects > MAX_OBJECTS) throw new Error(`it holds more than ${MAX_OBJECTS} objects`);
      const child = group.get(key);
      const childPath = path ? `${path}/${key}` : key;
      if (child instanceof Dataset) {
        const tensor = readDataset(child, childPath);
        if (!tensor) continue;
        tensors.set(childPath, tensor);
        if (/^[<>|]?[iu]/.test(String(child.dtype))) integers.add(childPath);
      } else if (child instanceof Group) {
        visit(child, childPath, depth + 1);
      }
    }
  };
  visit(root, '', 0);
  return { tensors, integers, groups: [...attributes.keys()], attributes: (path) => attributes.get(path) ?? {} };
}

/** The message of HDF5 that says where many or large attributes are stored. */
const ATTRIBUTE_INFO = 0x15;

/** jsfive leaves attributes out that a newer HDF5 has put into a heap of their own: with them goes what they say. */
function requireAttributes(group: Group, path: string, file: DataView): void {
  for (const message of group._dataobjects.find_msg_type(ATTRIBUTE_INFO)) {
    const at = message.get('offset_to_message') ?? 0;
    // Version, flags, the largest creation index where flag 0 is set, the address of the heap: all ones for none.
    const heap = file.getBigUint64(at + (file.getUint8(at + 1) & 1 ? 4 : 2), true);
    if (heap === 0xffff_ffff_ffff_ffffn) continue;
    throw new Error(
      `the attributes of ${path ? `"${path}"` : 'its root'} are stored in a way that is not read; ${REWRITE}`,
    );
  }
}

/** Undefined for datasets of text and other things that are no numbers. */
function readDataset(dataset: Dataset, path: string): Tensor | undefined {
  const { dtype } = dataset;
  if (typeof dtype !== 'string' || !/^[<>|]?[fiu][1248]$/.test(dtype)) return undefined;
  const shape = Array.from(dataset.shape ?? [], Number);
  const count = shape.reduce((n, d) => n * d, 1);
  if (!(count <= MAX_ELEMENTS)) throw new Error(`"${path}" has shape [${shape.join(', ')}], which is too large`);
  const data = Float64Array.from(elements(dataset, path), Number);
  if (data.length !== count)
    throw new Error(`"${path}" of shape [${shape.join(', ')}] has ${plural(data.length, 'number')}`);
  return { shape: shape.length ? shape : [1], data };
}

function elements(dataset: Dataset, path: string): ArrayLike<number> {
  try {
    return dataset.value as ArrayLike<number>;
  } catch (error) {
    // Layouts that jsfive does not know end in words, or in a call of what is not there.
    if (error instanceof RangeError) throw error;
    throw new Error(`"${path}" is stored in a way that is not read, or damaged; ${REWRITE}`);
  }
}
