import { congruential } from '../../compiler/judge/points/random.js';
import { loadModel } from '../../compiler/model/load.js';
import type { Model } from '../../compiler/model/types.js';

/** Small models for tests, built as the JSON a user would write. */

type Json = Record<string, unknown>;

export function modelFrom(json: Json, files: Record<string, Uint8Array> = {}): Model {
  const text = new TextEncoder().encode(JSON.stringify(json));
  return loadModel('model.json', {
    read: (path) => (path === 'model.json' ? text : files[path]),
    beside: (_file, name) => name,
  });
}

/** Deterministic numbers in [-1, 1). */
export function randoms(seed: number): () => number {
  const random = congruential(seed);
  return () => 2 * random() - 1;
}

export function tensor(shape: number[], next: () => number, scale = 1): { shape: number[]; data: number[] } {
  const count = shape.reduce((n, d) => n * d, 1);
  return { shape, data: Array.from({ length: count }, () => Math.fround(next() * scale)) };
}

/** A random multilayer perceptron with `widths` neurons per layer, inputs in [-1, 1]. */
export function perceptron(widths: number[], activation = 'tanh', seed = 1, scale = 1.5): Json {
  const next = randoms(seed);
  const inputs = Array.from({ length: widths[0] }, (_, i) => ({ name: `x${i}`, min: -1, max: 1 }));
  const nodes: Json[] = [{ name: 'v0', op: 'concat', inputs: inputs.map((i) => i.name) }];
  const tensors: Record<string, Json> = {};
  for (let l = 1; l < widths.length; l++) {
    tensors[`w${l}`] = tensor([widths[l], widths[l - 1]], next, scale / Math.sqrt(widths[l - 1]));
    tensors[`b${l}`] = tensor([widths[l]], next, 0.5);
    const from = l === 1 ? 'v0' : `h${l - 1}`;
    nodes.push({ name: `z${l}`, op: 'dense', inputs: [from], weight: `w${l}`, bias: `b${l}` });
    if (l < widths.length - 1) nodes.push({ name: `h${l}`, op: activation, inputs: [`z${l}`] });
  }
  const last = `z${widths.length - 1}`;
  const outputs = Array.from({ length: widths.at(-1)! }, (_, i) => ({ name: `y${i}`, value: last, index: i }));
  return { format: 'pinn-edge/1', name: 'mlp', inputs, outputs, tensors, nodes };
}
