import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import envPaths from 'env-paths';
import { type CompressedModel, type Compressor, compressModel } from '../compress/compress.js';
import type { CompressOptions } from '../compress/compress-options.js';
import type { Attempt } from '../compress/search/one-method.js';
import { codeHash } from '../host/code-hash.js';
import { VERSION } from '../host/package-root.js';
import { writeFileWhole } from '../host/write-file.js';
import { modelHash } from '../model/hash.js';
import { loadModel, modelToJson } from '../model/load.js';
import type { Model } from '../model/types.js';

/** Finished searches, in the XDG (or the system's) cache folder: one file per model, allowances, options and code. */

/** Folders of the compiler that compression runs: a change in one of them makes other networks. */
export const COMPRESSION_CODE = ['code', 'compress', 'ir', 'judge', 'model', 'table'] as const;

let code: string | undefined;

export function cacheFile(model: Model, allowances: readonly number[], options: Partial<CompressOptions>): string {
  const { onAttempt: _, checkpoint: __, ...settings } = options;
  code ??= codeHash(COMPRESSION_CODE);
  const key = createHash('sha256')
    .update(JSON.stringify([VERSION, code, modelHash(model), allowances, settings]))
    .digest('hex');
  return join(envPaths('pinn-edge', { suffix: '' }).cache, 'compress', `${key}.json`);
}

export interface FinishedSearch {
  result: CompressedModel;
  /** The attempts as they were told of while the search went on. */
  tried: Attempt[];
}

interface CacheEntry extends Pick<FinishedSearch, 'tried'> {
  facts: Omit<CompressedModel, 'model'>;
  model?: object;
}

/** @param note told where the result cannot be kept, which harms nothing else */
export function writeCache(
  file: string,
  { result: { model, ...facts }, tried }: FinishedSearch,
  note: (text: string) => void,
): void {
  const entry: CacheEntry = { tried, facts, model: model && inlineModel(model) };
  try {
    const text = JSON.stringify(entry);
    writeFileWhole(file, `${digestOf(text)}\n${text}`);
  } catch (error) {
    note(`note: the result is not cached: ${(error as Error).message}`);
  }
}

/** A cache file that cannot be read, or that is not as it was written, is as good as none. */
export function readCache(file: string): FinishedSearch | undefined {
  try {
    const [digest, text] = readFileSync(file, 'utf8').split('\n', 2);
    if (digestOf(text) !== digest) return undefined;
    const { facts, model, tried } = JSON.parse(text) as CacheEntry;
    if (!model) return { result: facts, tried };
    const bytes = new TextEncoder().encode(JSON.stringify(model));
    const loaded = loadModel(file, { read: () => bytes, beside: (_file, name) => name });
    return { result: { ...facts, model: loaded }, tried };
  } catch {
    return undefined;
  }
}

/** Compression that looks finished searches up and keeps those that it makes. */
export async function keptCompression(...args: Parameters<Compressor>): Promise<CompressedModel> {
  const [model, graph, allowances, options] = args;
  const file = cacheFile(model, allowances, options);
  const cached = readCache(file);
  if (cached) return cached.result;
  const tried: Attempt[] = [];
  const result = await compressModel(model, graph, allowances, {
    ...options,
    onAttempt: (attempt) => tried.push(attempt),
  });
  writeCache(file, { result, tried }, () => {});
  return result;
}

const digestOf = (text: string) => createHash('sha256').update(text).digest('hex');

/** The model as one JSON object, its tensors inline. */
function inlineModel(model: Model): object {
  const tensors = Object.fromEntries(
    [...model.tensors].map(([name, { shape, data }]) => [name, { shape, data: Array.from(data) }]),
  );
  return { ...modelToJson(model, ''), weights: undefined, tensors };
}
