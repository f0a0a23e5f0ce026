import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { PinnEdgeError } from '../../compiler/diagnostics.js';
import { importModel } from '../../compiler/import/import.js';
import { parseInput } from '../../compiler/import/options.js';
import { evaluateReference } from '../../compiler/judge/reference/evaluate.js';
import { processorClock } from '../helpers/clock.js';
import { memoryFiles } from './helpers.js';
import { jaxArray, npy, objectArray, pickle } from './pickles.js';

/**
 * Damaged files of every format: each ends in a model or in one PinnEdgeError sentence, soon and without filling the
 * memory. Deterministic; PINN_EDGE_FUZZ sets the number of mutations per format (npm run fuzz:import: 10,000).
 */

const COUNT = Number(process.env.PINN_EDGE_FUZZ ?? 250);
const SLOWEST_MS = 3000;
const folder = join(dirname(fileURLToPath(import.meta.url)), 'fixtures');

const matrix = { shape: [3, 2], data: Float64Array.of(0.5, -1, 0.25, 2, -0.5, 1) };
const row = { shape: [1, 3], data: Float64Array.of(1, -1, 0.5) };
/** Files that are made here. */
const MADE: Record<string, Uint8Array> = {
  'lists.pkl': pickle([
    [matrix, row],
    [
      [0.5, 1],
      [2, 3],
    ],
    new Map([['config', new Map([['arch', 'mlp']])]]),
  ]),
  'jax.pkl': pickle([{ tuple: [jaxArray(matrix), jaxArray(row)] }]),
  'objects.npy': npy('|O', [2], pickle(objectArray([matrix, row]))),
  'texts.npy': npy('<U2', [2], new Uint8Array(16).fill(65)),
};

const FORMATS: Record<string, string[]> = {
  onnx: [
    'shapes.dynamo.onnx',
    'piratenet.legacy.onnx',
    'activations.dynamo.onnx',
    'mlp-fixed-batch.onnx',
    'keras.tf2onnx.onnx',
    'periodic.legacy.onnx',
    'operations.onnx',
    'exports.onnx',
  ],
  'PyTorch zip': ['mlp.pt', 'checkpoint.pt', 'weight-norm.pt', 'deepxde.pt'],
  'PyTorch legacy': ['mlp-legacy.pth'],
  pickle: ['mlp-protocol2.pkl', 'mlp-protocol4.pkl', 'mlp-protocol5.pkl', 'mlp-tensors.pkl'],
  'lists of arrays': Object.keys(MADE),
  safetensors: ['mlp.safetensors'],
  npz: ['mlp.npz', 'numbered.npz', 'flax.npz'],
  'Keras h5': [
    'keras-sequential.h5',
    'keras-functional.h5',
    'keras-sequential.weights.h5',
    'hdf5-latest.h5',
    'keras2-nested.h5',
  ],
  'Keras zip': ['keras-sequential.keras', 'keras-functional.keras', 'keras3-nested.keras', 'keras3-operations.keras'],
  Flax: ['flax.msgpack'],
};

/** Linear congruential generator (Knuth, MMIX) on 32 of its bits. */
function generator(seed: number): (below: number) => number {
  let state = BigInt(seed);
  return (below) => {
    state = (state * 6364136223846793005n + 1442695040888963407n) & 0xffffffffffffffffn;
    return Number((state >> 33n) % BigInt(below));
  };
}

const VALUES = [0, 1, 0x7f, 0x80, 0xff, 0x28, 0x29, 0x52, 0x63, 0x93];

/** One to eight changes: flipped bits, odd bytes, long runs of 0 or 255, cuts, repeated and moved pieces. */
function mutate(bytes: Uint8Array, random: (below: number) => number): Uint8Array {
  let out = bytes.slice();
  const changes = 1 + random(8);
  for (let n = 0; n < changes && out.length > 1; n++) {
    const at = random(out.length);
    switch (random(8)) {
      case 0:
      case 1:
        out[at] ^= 1 << random(8);
        break;
      case 2:
      case 3:
        out[at] = VALUES[random(VALUES.length)];
        break;
      case 4:
        out.fill(random(2) ? 0xff : 0, at, at + 1 + random(8));
        break;
      case 5:
        if (random(4) === 0) out = out.slice(0, at);
        break;
      case 6: {
        const piece = out.slice(at, at + 1 + random(32));
        const to = random(out.length);
        out = Uint8Array.from([...out.subarray(0, to), ...piece, ...out.subarray(to)]);
        break;
      }
      default: {
        const to = random(out.length);
        out.copyWithin(to, at, at + 1 + random(16));
      }
    }
  }
  return out;
}

describe('damaged files', () => {
  for (const [format, seeds] of Object.entries(FORMATS)) {
    test(
      `${format}: ${COUNT} mutations end in a model or a sentence`,
      async () => {
        const random = generator(format.length);
        const originals = seeds.map((name) => ({
          name,
          bytes: MADE[name] ?? new Uint8Array(readFileSync(join(folder, name))),
        }));
        const faults: string[] = [];
        let models = 0;
        for (let n = 0; n < COUNT && faults.length < 5; n++) {
          const { name, bytes } = originals[n % originals.length];
          const damaged = mutate(bytes, random);
          const milliseconds = processorClock();
          try {
            const inputs = n % 3 ? [] : ['a=-1:1', 'b=0:1'].map(parseInput);
            const { model } = await importModel(name, memoryFiles({ [name]: damaged }), { inputs });
            evaluateReference(model, new Float64Array(model.inputs.length));
            models++;
          } catch (error) {
            const isSentence = error instanceof PinnEdgeError && error.exitCode === 2;
            if (!isSentence) faults.push(`mutation ${n} of ${name}: ${(error as Error).stack ?? error}`);
            else if (/undefined|\[object|\{\w+\}/.test(error.message))
              faults.push(`mutation ${n} of ${name}: ${error.message}`);
          }
          const elapsed = milliseconds();
          if (elapsed > SLOWEST_MS) faults.push(`mutation ${n} of ${name} took ${elapsed.toFixed(0)} ms`);
        }
        expect(faults.join('\n')).toBe('');
        expect(models).toBeLessThan(COUNT);
        expect(process.memoryUsage().rss).toBeLessThan(3 * 2 ** 30);
      },
      COUNT * 200 + 30_000,
    );
  }
});
