import { createHash } from 'node:crypto';
import { modelToJson } from './load.js';
import type { Model } from './types.js';

/** SHA-256 over the model's JSON and its tensors' float64 bytes, by name. */
export function modelHash(model: Model): string {
  const hash = createHash('sha256');
  hash.update(JSON.stringify(modelToJson(model, 'model.safetensors')));
  for (const name of [...model.tensors.keys()].sort()) {
    const { shape, data } = model.tensors.get(name)!;
    hash.update(`${name} ${shape.join('x')} `);
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return hash.digest('hex');
}
