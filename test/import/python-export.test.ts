import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { evaluateReference } from '../../compiler/judge/reference/evaluate.js';
import { loadModel } from '../../compiler/model/load.js';
import { CLI } from '../helpers/cli.js';
import { files } from './helpers.js';

/**
 * pinn_edge_export against the frameworks, as pip installs them: PINN_EDGE_PYTHON names a Python that has some of them.
 * Those that it lacks are skipped, but for those that PINN_EDGE_FRAMEWORKS lists, which must be there.
 */

const python = process.env.PINN_EDGE_PYTHON;
const required = (process.env.PINN_EDGE_FRAMEWORKS ?? '').split(' ').filter(Boolean);
const here = dirname(fileURLToPath(import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'pinn-edge-export-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Keras computes some functions in float32 whatever its floatx, as tanh on JAX, for one. */
const KERAS_WITHIN = 1e-6;

/** What each part of export_check.py needs, and models that it must have exported. */
const PARTS: Record<string, { needs: string[]; models: string[]; within?: number }> = {
  torch: { needs: ['torch'], models: ['choices', 'truths', 'functions', 'modified-mlp', 'deeponet'] },
  'deepxde-pytorch': { needs: ['torch', 'deepxde'], models: ['dde-fnn', 'dde-pfnn', 'dde-transforms'] },
  'deepxde-jax': { needs: ['jax', 'flax', 'deepxde'], models: ['dde-fnn', 'dde-transforms'] },
  jax: {
    needs: ['jax', 'flax', 'equinox'],
    models: ['tree', 'linen', 'nnx', 'equinox', 'equinox-scalar', 'everything', 'side0', 'side1', 'side2', 'side3'],
  },
  'keras-jax': {
    needs: ['keras', 'jax'],
    within: KERAS_WITHIN,
    models: ['sequential', 'two-inputs', 'named-inputs', 'lambda', 'own-layer', 'subclassed'],
  },
  'keras-torch': {
    needs: ['keras', 'torch'],
    within: KERAS_WITHIN,
    models: ['sequential', 'two-inputs', 'named-inputs', 'lambda', 'own-layer', 'subclassed'],
  },
};

function has(module: string): boolean {
  if (!python) return false;
  const found = spawnSync(python, [
    '-c',
    `import importlib.util, sys; sys.exit(not importlib.util.find_spec("${module}"))`,
  ]);
  return found.status === 0;
}

const missing = new Set([...new Set(Object.values(PARTS).flatMap(({ needs }) => needs))].filter((name) => !has(name)));
if (missing.size) {
  const what = python ? `${python} has no ${[...missing].join(', ')}` : 'PINN_EDGE_PYTHON names no Python';
  process.stderr.write(`${what}: exports from there are not tested\n`);
}

test('what had to be installed is there', () => {
  expect(required.filter((name) => missing.has(name))).toEqual([]);
});

describe.each(Object.entries(PARTS))('exports: %s', (part, { needs, models, within = 1e-12 }) => {
  test.skipIf(needs.some((name) => missing.has(name)))(
    'models answer as the framework does',
    () => {
      const place = join(folder, part);
      mkdirSync(place);
      execFileSync(python!, ['-W', 'ignore', join(here, 'export_check.py'), place, part], {
        stdio: 'pipe',
        env: {
          ...process.env,
          CUDA_VISIBLE_DEVICES: '',
          JAX_PLATFORMS: 'cpu',
          JAX_ENABLE_X64: '1',
          PINN_EDGE: `${process.execPath} ${CLI}`,
        },
      });
      const answers = JSON.parse(readFileSync(join(place, 'answers.json'), 'utf8')) as Record<
        string,
        { points: number[][]; outputs: number[][] }
      >;
      expect(Object.keys(answers)).toEqual(expect.arrayContaining(models));
      for (const [name, { points, outputs }] of Object.entries(answers)) {
        const model = loadModel(join(place, `${name}.json`), files);
        const found = evaluateReference(model, Float64Array.from(points.flat()));
        expect(found.length, name).toBe(outputs.flat().length);
        outputs.flat().forEach((wanted, i) => {
          expect(Math.abs(found[i] - wanted), `${name}, answer ${i}`).toBeLessThan(
            within * Math.max(1, Math.abs(wanted)),
          );
        });
      }
    },
    300_000,
  );
});
