import { PinnEdgeError } from '../diagnostics.js';
import { type FileReader, readBytes } from '../host/file-reader.js';
import { unpacked } from './gzip.js';
import { isHdf5 } from './keras/hdf5.js';
import { CHECKPOINT_PREFIX, folderKind, type OtherKind, otherByContent, otherByName, packedModel } from './kinds.js';
import { isNpy } from './numpy/npy.js';
import type { Importer } from './source.js';
import { plainTensors, type TensorFile } from './tensor-file.js';
import { isZip, zipNames } from './zip.js';

/** Formats by their content first and their extension second; decoders are loaded when they are needed. */

export type Format = 'onnx' | 'torch' | 'keras' | 'safetensors' | 'numpy' | 'flax';

interface FormatEntry {
  title: string;
  load(): Promise<Importer>;
  /** Reads the tensors of a file that may be without a graph; the reader gives undefined where there is one. */
  tensors?(): Promise<(bytes: Uint8Array, file: string) => TensorFile | undefined>;
}

export const FORMATS: Record<Format, FormatEntry> = {
  onnx: { title: 'ONNX', load: async () => (await import('./onnx/import.js')).importOnnx },
  torch: {
    title: 'PyTorch',
    load: async () => (await import('./tensor-files.js')).importTorch,
    tensors: async () => (await import('./tensor-files.js')).readTorch,
  },
  keras: {
    title: 'Keras',
    load: async () => (await import('./keras/import.js')).importKeras,
    tensors: async () => {
      const { readKerasWeights } = await import('./keras/import.js');
      return (bytes) => {
        const weights = readKerasWeights(bytes);
        return weights && plainTensors(weights);
      };
    },
  },
  safetensors: {
    title: 'safetensors',
    load: async () => (await import('./tensor-files.js')).importSafetensors,
    tensors: async () => (await import('./tensor-files.js')).readSafetensorsFile,
  },
  numpy: {
    title: 'NumPy',
    load: async () => (await import('./tensor-files.js')).importNumpy,
    tensors: async () => (await import('./tensor-files.js')).readNumpy,
  },
  flax: {
    title: 'Flax',
    load: async () => (await import('./flax/msgpack.js')).importFlax,
    tensors: async () => {
      const { readFlax } = await import('./flax/msgpack.js');
      return (bytes) => plainTensors(readFlax(bytes));
    },
  },
};

const EXTENSIONS: Record<string, Format> = {
  onnx: 'onnx',
  pt: 'torch',
  pth: 'torch',
  pkl: 'torch',
  pickle: 'torch',
  ckpt: 'torch',
  pdparams: 'torch',
  h5: 'keras',
  hdf5: 'keras',
  keras: 'keras',
  safetensors: 'safetensors',
  npz: 'numpy',
  npy: 'numpy',
  msgpack: 'flax',
};

/** True for the name of a file that a framework writes: no name for a `pinn-edge/1` model. */
export function hasForeignName(file: string): boolean {
  return Object.hasOwn(EXTENSIONS, extensionOf(file));
}

function extensionOf(file: string): string {
  return /\.([A-Za-z0-9]+)$/.exec(file.replace(/\.gz$/i, ''))?.[1].toLowerCase() ?? '';
}

/**
 * What a file is: a format that is imported, or `json` for a `pinn-edge/1` model. Content decides where it is beyond
 * doubt; protobuf and damaged files go by their extension.
 * @throws PE7011 for a kind that is known and not read, PE7001 where nothing tells
 */
export function detectFormat(file: string, bytes: Uint8Array): Format | 'json' {
  const found = byContent(bytes) ?? byName(file) ?? otherByName(file);
  if (found === undefined) throw new PinnEdgeError('PE7001', { file });
  if (typeof found === 'object') throw notRead(file, found);
  return found;
}

function notRead(file: string, { title, step }: OtherKind): PinnEdgeError {
  return new PinnEdgeError('PE7011', { file, title, step });
}

function byName(file: string): Format | 'json' | undefined {
  const extension = extensionOf(file);
  if (extension === 'json') return 'json';
  return Object.hasOwn(EXTENSIONS, extension) ? EXTENSIONS[extension] : undefined;
}

function byContent(bytes: Uint8Array): Format | 'json' | OtherKind | undefined {
  const other = otherByContent(bytes);
  if (other) return other;
  if (isHdf5(bytes)) return 'keras';
  if (isNpy(bytes)) return 'numpy';
  if (isZip(bytes)) {
    const names = zipNames(bytes);
    return zipFormat(names) ?? packedModel(names);
  }
  // A safetensors file starts with the length of its header and the header's brace.
  if (bytes.length > 9 && bytes[8] === 0x7b && bytes[6] === 0 && bytes[7] === 0) return 'safetensors';
  // A pickle of protocol 2 or newer.
  if (bytes[0] === 0x80 && bytes[1] >= 2 && bytes[1] <= 5) return 'torch';
  if (isMessagePack(bytes)) return 'flax';
  return /^(\xef\xbb\xbf)?\s*\{/.test(latin1(bytes.subarray(0, 256))) ? 'json' : undefined;
}

const latin1 = (bytes: Uint8Array) => String.fromCharCode(...bytes);

function zipFormat(names: readonly string[]): Format | undefined {
  const has = (pattern: RegExp) => names.some((name) => pattern.test(name));
  if (has(/(^|\/)data\.pkl$/)) return 'torch';
  if (has(/^model\.weights\.h5$/)) return 'keras';
  return has(/\.npy$/) ? 'numpy' : undefined;
}

/** A map whose first key is a word. */
function isMessagePack(bytes: Uint8Array): boolean {
  const [first] = bytes;
  const at = first >= 0x81 && first <= 0x8f ? 1 : first === 0xde ? 3 : first === 0xdf ? 5 : undefined;
  if (at === undefined) return false;
  const isShort = bytes[at] > 0xa0 && bytes[at] <= 0xbf;
  const [length, start] = isShort ? [bytes[at] & 0x1f, at + 1] : [bytes[at] === 0xd9 ? bytes[at + 1] : 0, at + 2];
  return length > 0 && /^[\w./:-]+$/.test(latin1(bytes.subarray(start, start + length)));
}

/** The bytes of a model file, unpacked where the whole of it was compressed. @throws PE7011 for folders and prefixes that stand for a model of another kind */
export function readModelBytes(file: string, files: FileReader): Uint8Array {
  try {
    return unpacked(readBytes(file, files));
  } catch (error) {
    if (!(error instanceof PinnEdgeError))
      throw new PinnEdgeError('PE7002', { file, format: 'gzip', reason: (error as Error).message.slice(0, 300) });
    requireNoForeignFolder(file, files);
    throw error;
  }
}

/** @throws PE7011 where `path` is a folder, or the prefix of files, that a framework has written */
export function requireNoForeignFolder(path: string, files: FileReader): void {
  const exists = (name: string) => {
    try {
      return files.read(name) !== undefined;
    } catch {
      return false;
    }
  };
  const kind = folderKind((name) => exists(files.beside(`${path}/_`, name)));
  if (kind) throw notRead(path, kind);
  if (exists(`${path}.index`)) throw notRead(path, CHECKPOINT_PREFIX);
}
