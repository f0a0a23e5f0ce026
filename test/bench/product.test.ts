import { expect, it } from 'vitest';
import { withoutModule } from '../../bench/product.js';
import { compile } from '../../compiler/pipeline/compile.js';
import { modelFrom, perceptron } from '../helpers/models.js';

it('a build of wasm3+native without its module is the build of c', async () => {
  const model = modelFrom(perceptron([2, 6, 1]));
  const options = { tolerance: 1e-3, goal: 'speed', isa: 'rv32imc' } as const;
  const native = withoutModule(await compile(model, { ...options, engine: 'wasm3+native' }));
  const c = await compile(model, { ...options, engine: 'c' });
  expect({ ...native, stages: [] }).toEqual({ ...c, stages: [] });
});
