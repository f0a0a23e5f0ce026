import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { importModel } from '../../compiler/import/import.js';
import { parseInput } from '../../compiler/import/options.js';
import { evaluateReference } from '../../compiler/judge/reference/evaluate.js';
import { loadModel, modelToJson } from '../../compiler/model/load.js';
import { writeSafetensors } from '../../compiler/model/safetensors.js';
import { files, memoryFiles } from './helpers.js';

/** Every architecture, exported by the frameworks themselves (fixtures/make.py): the answers must be the framework's. */

const folder = join(dirname(fileURLToPath(import.meta.url)), 'fixtures');

interface Case {
  file: string;
  inputs?: string[];
  spec?: object;
  /** float64 weights: answers agree to rounding. */
  exact?: boolean;
  points: number[][];
  outputs: number[][];
}

const cases = JSON.parse(readFileSync(join(folder, 'cases.json'), 'utf8')) as Record<string, Case>;

describe('exports of the frameworks', () => {
  for (const [name, { file, inputs = [], spec, exact, points, outputs }] of Object.entries(cases)) {
    test(name, async () => {
      const { model, notes } = await importModel(join(folder, file), files, {
        inputs: inputs.map(parseInput),
        ...(spec ? { spec: { file: 'spec.json', text: JSON.stringify(spec) } } : {}),
      });
      expect(notes.join('\n')).not.toContain('undefined');
      expect(model.outputs.length).toBe(outputs[0].length);
      const found = evaluateReference(model, Float64Array.from(points.flat()));
      outputs.flat().forEach((wanted, i) => {
        const scale = Math.max(1, Math.abs(wanted));
        const output = model.outputs[i % model.outputs.length].name;
        expect(
          Math.abs(found[i] - wanted) / scale,
          `${output} at point ${Math.floor(i / outputs[0].length)}`,
        ).toBeLessThan(exact ? 1e-12 : 1e-5);
      });
      const written = memoryFiles({
        'm.json': JSON.stringify(modelToJson(model, 'm.safetensors')),
        'm.safetensors': writeSafetensors(model.tensors),
      });
      const again = loadModel('m.json', written);
      expect(evaluateReference(again, Float64Array.from(points.flat()))).toEqual(found);
    });
  }
});
