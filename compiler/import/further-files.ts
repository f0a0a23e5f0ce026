import { PinnEdgeError } from '../diagnostics.js';
import type { FileReader } from '../host/file-reader.js';
import { detectFormat, FORMATS, readModelBytes } from './detect.js';
import type { ImportSpec } from './network-spec.js';
import type { Imported } from './source.js';
import type { ImportOptions } from './types.js';

/** Files beside the spec, such as a scaler's `.npz`, whose numbers constants and normalisations may name. */

/**
 * The network, with the numbers of the spec's "files" among those that expressions may use.
 *
 * @returns it, and what refuses files that nothing has read
 */
export async function withFiles(
  imported: Imported,
  spec: ImportSpec,
  files: FileReader,
  options: ImportOptions,
): Promise<{ imported: Imported; requireFilesRead: () => void }> {
  const place = options.spec?.file ?? '';
  const found = new Map<string, { numbers: number[]; file: string }>();
  const unread = new Set(spec.files);
  for (const name of unread) {
    for (const [tensor, numbers] of await numbersOf(files.beside(place, name), files)) {
      const other = found.get(tensor)?.file ?? (imported.numbers?.(tensor) ? 'the file of the network' : undefined);
      if (other) throw misfit(place, `"files": ${name} has a tensor "${tensor}", and so has ${other}; rename one`);
      found.set(tensor, { numbers, file: name });
    }
  }
  const numbers = (name: string) => {
    const own = found.get(name);
    if (!own) return imported.numbers?.(name);
    unread.delete(own.file);
    return own.numbers;
  };
  const requireFilesRead = () => {
    for (const name of unread) {
      const why = `no constant and no normalisation names one of its tensors`;
      throw new PinnEdgeError('PE7014', { file: place, what: `"files": ${name}`, why });
    }
  };
  return { imported: spec.files ? { ...imported, numbers } : imported, requireFilesRead };
}

/** All tensors of a file, that of a `.npy` by the file's own name. @throws PE1001, PE7002, PE7010 */
async function numbersOf(file: string, files: FileReader): Promise<Map<string, number[]>> {
  const bytes = readModelBytes(file, files);
  const format = detectFormat(file, bytes);
  const read = format === 'json' ? undefined : await FORMATS[format].tensors?.();
  let tensors: [string, { data: ArrayLike<number> }][] | undefined;
  try {
    const content = read?.(bytes, file);
    tensors = content && [...content.tensors];
  } catch (error) {
    if (error instanceof PinnEdgeError) throw error;
    throw new PinnEdgeError('PE7002', { file, format, reason: (error as Error).message.split('\n')[0].slice(0, 300) });
  }
  if (!tensors)
    throw misfit(file, 'a file of "files" holds tensors: .npz, .npy, .safetensors, .pt, .pkl, .h5 or .msgpack');
  const base = (file.split(/[\\/]/).at(-1) ?? file).replace(/\.npy$/i, '');
  const isOne = tensors.length === 1 && /\.npy$/i.test(file);
  return new Map(tensors.map(([name, { data }]) => [isOne ? base : name, Array.from(data)]));
}

const misfit = (file: string, reason: string) => new PinnEdgeError('PE7010', { file, reason });
