import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { evaluateReference } from '../../compiler/judge/reference/evaluate.js';
import { loadModel } from '../../compiler/model/load.js';
import { files } from './helpers.js';

/**
 * pinn_edge_export.py against the frameworks: PINN_EDGE_PYTHON names a Python that has torch (and deepxde, jax, flax).
 * Without it the test is skipped.
 */

const python = process.env.PINN_EDGE_PYTHON;
const here = dirname(fileURLToPath(import.meta.url));
if (!python) process.stderr.write('skipped: set PINN_EDGE_PYTHON to a Python with torch to test pinn_edge_export.py\n');

describe.skipIf(!python)('pinn_edge_export.py', () => {
  const folder = mkdtempSync(join(tmpdir(), 'pinn-edge-export-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  test('models answer as the framework does', () => {
    execFileSync(python!, [join(here, 'export_check.py'), folder], {
      stdio: 'pipe',
      env: { ...process.env, CUDA_VISIBLE_DEVICES: '' },
    });
    const answers = JSON.parse(readFileSync(join(folder, 'answers.json'), 'utf8')) as Record<
      string,
      { points: number[][]; outputs: number[][] }
    >;
    const names = Object.keys(answers);
    expect(names.length).toBeGreaterThan(10);
    expect(names).toEqual(expect.arrayContaining(['choices', 'truths', 'functions']));
    for (const [name, { points, outputs }] of Object.entries(answers)) {
      const model = loadModel(join(folder, `${name}.json`), files);
      const found = evaluateReference(model, Float64Array.from(points.flat()));
      outputs.flat().forEach((wanted, i) => {
        expect(Math.abs(found[i] - wanted), `${name}, answer ${i}`).toBeLessThan(1e-12 * Math.max(1, Math.abs(wanted)));
      });
    }
  }, 300_000);
});
