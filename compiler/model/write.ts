import { basename, dirname, join } from 'node:path';
import { writeFileWhole } from '../host/write-file.js';
import { modelToJson } from './load.js';
import { writeSafetensors } from './safetensors.js';
import type { Model } from './types.js';

/** Writes `file` and its weights in `<name>.safetensors` beside it; the weights first, so that the model finds them. */
export function writeModel(file: string, model: Model): void {
  const weights = weightsBeside(file);
  writeFileWhole(weights, writeSafetensors(model.tensors));
  writeFileWhole(file, `${JSON.stringify(modelToJson(model, basename(weights)), null, 2)}\n`);
}

/** Where {@link writeModel} puts the weights of `file`. */
export function weightsBeside(file: string): string {
  return join(dirname(file), `${basename(file).replace(/\.json$/, '')}.safetensors`);
}
