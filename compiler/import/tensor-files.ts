import { PinnEdgeError } from '../diagnostics.js';
import { readSafetensors, safetensorsMetadata } from '../model/safetensors.js';
import type { Tensor } from '../model/types.js';
import { collectTensors } from './collect.js';
import { isNpy, readNpy } from './numpy/npy.js';
import { adviceFor } from './pickle-advice.js';
import type { Imported, ImportJob } from './source.js';
import { networksOf } from './state-dict.js';
import type { Said, TensorFile } from './tensor-file.js';
import { isTorch, readCheckpoint, readPickle } from './torch/checkpoint.js';
import { PickleRefusal } from './torch/pickle.js';
import { readZip } from './zip.js';

/** Files that hold tensors by name and no graph: PyTorch, pickles, safetensors, NumPy. The spec or the names say the rest. */

/** PyTorch, Paddle and DeepXDE checkpoints and other pickles; nothing in them is executed. @throws PE7004 */
export function importTorch(job: ImportJob): Imported {
  return networksOf(
    job,
    refusing(job, () => readTorch(job.bytes, job.file)),
  );
}

export function importSafetensors(job: ImportJob): Imported {
  return networksOf(job, readSafetensorsFile(job.bytes));
}

/** The tensors, and the texts of `__metadata__`; `"format": "pt"` there is PyTorch's own mark. */
export function readSafetensorsFile(bytes: Uint8Array): TensorFile {
  const tensors = readSafetensors(bytes);
  const { format, ...metadata } = safetensorsMetadata(bytes);
  const said = Object.entries(metadata).map(([path, value]): Said => ({ path, value }));
  return { tensors, said, ...(format === 'pt' ? { torch: true } : {}) };
}

/** @throws PE7004 for an array of objects that is no weights */
export function importNumpy(job: ImportJob): Imported {
  return networksOf(
    job,
    refusing(job, () => readNumpy(job.bytes)),
  );
}

/** Paddle writes its matrices as [in, out], whatever the objects in its files look like. */
export function readTorch(bytes: Uint8Array, file: string): TensorFile {
  const read = readCheckpoint(bytes);
  return /\.pdparams$/i.test(file) ? { ...read, layout: 'in,out' } : read;
}

function refusing(job: ImportJob, read: () => TensorFile): TensorFile {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof PickleRefusal)) throw error;
    const advice = adviceFor(error.what, isTorch(job.bytes));
    throw new PinnEdgeError('PE7004', { file: job.file, what: error.what, advice });
  }
}

/** Arrays of a `.npz` by name, or the one of a `.npy`; arrays of objects by the names of what they hold. */
export function readNumpy(bytes: Uint8Array): TensorFile {
  const tensors = new Map<string, Tensor>();
  const said: Said[] = [];
  let layout: TensorFile['layout'];
  const files = isNpy(bytes) ? new Map([['weight.npy', bytes]]) : readZip(bytes, (name) => name.endsWith('.npy'));
  for (const [file, data] of files) {
    const name = file.replace(/\.npy$/, '');
    const content = readNpy(data, name);
    if ('tensor' in content) tensors.set(name, content.tensor);
    else if ('text' in content) said.push({ path: name, value: content.text.join(', ') });
    else if ('pickle' in content) {
      const inner = collectTensors(readPickle(content.pickle));
      const path = (key: string) => (files.size === 1 ? key || name : key ? `${name}.${key}` : name);
      for (const [key, tensor] of inner.tensors) tensors.set(path(key), tensor);
      for (const { path: key, value } of inner.said) said.push({ path: path(key), value });
      layout ??= inner.layout;
    } else throw new Error(`the array "${name}" has elements of type ${content.unread}; save it as float64 or float32`);
  }
  return { tensors, said, ...(layout ? { layout } : {}) };
}
