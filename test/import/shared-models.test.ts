import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { importModel } from '../../compiler/import/import.js';
import { parseInput } from '../../compiler/import/options.js';
import type { ImportOptions } from '../../compiler/import/types.js';
import { evaluateReference } from '../../compiler/judge/reference/evaluate.js';
import { processorClock } from '../helpers/clock.js';
import { files } from './helpers.js';

/**
 * Seven PINNs by other people, kept outside the repository: in the folder that PINN_EDGE_MODELS names, or in
 * ../shared/models beside the checkout. Each has 200 reference points in float64.
 */

const here = dirname(fileURLToPath(import.meta.url));
const folder = process.env.PINN_EDGE_MODELS ?? join(here, '../../../shared/models');
const there = existsSync(folder);
if (!there)
  process.stderr.write(`skipped: the shared models are not at ${folder}; set PINN_EDGE_MODELS to their folder\n`);

interface Case {
  file: string;
  inputs?: string[];
  spec?: string;
  /** Largest difference from the reference, relative to the largest output. */
  tolerance: number;
}

const CASES: Record<string, Case> = {
  allencahn_hardic_onnx: { file: 'bench-allencahn.onnx', inputs: ['x=-1:1', 't=0:1'], tolerance: 1e-5 },
  burgers_hardbc_onnx: { file: 'bench-burgers1d.onnx', inputs: ['x=-1:1', 't=0:1', 'nu=0.02:0.08'], tolerance: 1e-5 },
  heat2d_inverse_onnx: { file: 'ind-heat2d-inverse.onnx', inputs: ['x=0:1', 'y=0:1'], tolerance: 1e-5 },
  helmholtz_fourier_onnx: { file: 'ind-helmholtz.onnx', inputs: ['x=0:1', 'y=0:1'], tolerance: 1e-5 },
  burgers_keras_tanh: { file: 'burgers.h5', inputs: ['t=0:1', 'x=-1:1'], tolerance: 1e-12 },
  eikonal_laaf_atan: { file: 'eik.hdf5', spec: 'eikonal-laaf-atan.jsonc', tolerance: 1e-12 },
  powersys_pinnsim_hardic: { file: 'weights.npz', spec: 'powersys-hardic.jsonc', tolerance: 1e-12 },
};

/** Largest difference over the points, per output relative to its largest reference value. */
export async function referenceError(name: string): Promise<number> {
  const { file, inputs = [], spec } = CASES[name];
  const options: ImportOptions = { inputs: inputs.map(parseInput) };
  if (spec) options.spec = { file: spec, text: readFileSync(join(here, 'specs', spec), 'utf8') };
  const { model } = await importModel(join(folder, name, file), files, options);
  const reference = JSON.parse(readFileSync(join(folder, name, 'ref.json'), 'utf8')) as {
    inputs: number[][];
    outputs: number[][];
  };
  const found = evaluateReference(model, Float64Array.from(reference.inputs.flat()));
  const width = model.outputs.length;
  return Math.max(
    ...model.outputs.map((_, k) => {
      const wanted = reference.outputs.map((row) => row[k]);
      const largest = Math.max(...wanted.map(Math.abs));
      return Math.max(...wanted.map((v, p) => Math.abs(v - found[p * width + k]) / largest));
    }),
  );
}

describe.skipIf(!there)('models by other people', () => {
  for (const [name, { tolerance }] of Object.entries(CASES)) {
    test(`${name} within ${tolerance} of its reference`, async () => {
      const error = await referenceError(name);
      expect(error).toBeLessThan(tolerance);
    });
  }

  test('a network of 83,000 parameters imports in less than 2 s of processor time', async () => {
    const milliseconds = processorClock();
    await referenceError('helmholtz_fourier_onnx');
    expect(milliseconds()).toBeLessThan(2000);
  });
});
