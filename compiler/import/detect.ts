import { isHdf5 } from './keras/hdf5.js';
import { isNpy } from './numpy/npy.js';
import type { Importer } from './source.js';
import { plainTensors, type TensorFile } from './tensor-file.js';
import { isZip } from './zip.js';

/** Formats by their content first and their extension second; decoders are loaded when they are needed. */

export type Format = 'onnx' | 'torch' | 'keras' | 'safetensors' | 'numpy';

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
};

const EXTENSIONS: Record<string, Format> = {
  onnx: 'onnx',
  pt: 'torch',
  pth: 'torch',
  pkl: 'torch',
  pickle: 'torch',
  ckpt: 'torch',
  h5: 'keras',
  hdf5: 'keras',
  keras: 'keras',
  safetensors: 'safetensors',
  npz: 'numpy',
  npy: 'numpy',
};

/** True for a path that {@link importModel} takes: everything but `pinn-edge/1` JSON. */
export function isForeign(file: string): boolean {
  return Object.hasOwn(EXTENSIONS, extensionOf(file));
}

function extensionOf(file: string): string {
  return /\.([A-Za-z0-9]+)$/.exec(file)?.[1].toLowerCase() ?? '';
}

/** What the first bytes say beyond doubt wins; zip archives, pickles and protobuf go by their extension. */
export function detectFormat(file: string, bytes: Uint8Array): Format | undefined {
  const extension = extensionOf(file);
  const named = Object.hasOwn(EXTENSIONS, extension) ? EXTENSIONS[extension] : undefined;
  if (isHdf5(bytes)) return 'keras';
  if (isNpy(bytes)) return 'numpy';
  if (isZip(bytes)) return named === 'keras' || named === 'numpy' ? named : (zipFormat(bytes) ?? named);
  // A safetensors file starts with the length of its header and the header's brace.
  if (bytes.length > 9 && bytes[8] === 0x7b && bytes[6] === 0 && bytes[7] === 0 && named !== 'onnx')
    return 'safetensors';
  if (named === undefined && bytes[0] === 0x80 && bytes[1] >= 2 && bytes[1] <= 5) return 'torch';
  return named;
}

/** By the names in the archive's directory, which lies at its end. */
function zipFormat(bytes: Uint8Array): Format | undefined {
  const tail = new TextDecoder('latin1').decode(bytes.subarray(Math.max(0, bytes.length - 65536)));
  if (tail.includes('data.pkl')) return 'torch';
  if (tail.includes('model.weights.h5')) return 'keras';
  return tail.includes('.npy') ? 'numpy' : undefined;
}
