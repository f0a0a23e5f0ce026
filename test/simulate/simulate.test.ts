import { beforeAll, describe, expect, it } from 'vitest';
import { packageBuild } from '../../compiler/deliver/package/build-files.js';
import { builtInMemory, type LoadedBuild } from '../../compiler/deliver/package/store.js';
import { loadTarget } from '../../compiler/deliver/package/targets.js';
import { compile } from '../../compiler/pipeline/compile.js';
import { simulate } from '../../compiler/run/simulate.js';
import { modelFrom, perceptron } from '../helpers/models.js';

describe('simulate', () => {
  let build: LoadedBuild;
  beforeAll(async () => {
    const compiled = await compile(modelFrom(perceptron([2, 4, 1])), { tolerance: 1e-2 });
    build = builtInMemory(compiled, packageBuild(compiled, loadTarget('host')));
  });

  it.each(['wasm3', 'oracle', 'reference'] as const)(
    'refuses what is not a number, as a device does (%s)',
    async (engine) => {
      const points = Float64Array.of(0.1, 0.2, 0.3, Number.NaN);
      await expect(simulate(build, points, { engine })).rejects.toMatchObject({
        code: 'PE4503',
        message: expect.stringContaining('of point 1 is not a number'),
      });
    },
  );

  it('holds infinity to the box, as a device does', async () => {
    const { clamped, outputs } = await simulate(build, Float64Array.of(Number.POSITIVE_INFINITY, 0.2));
    expect(clamped).toEqual([0]);
    expect(Number.isFinite(outputs[0])).toBe(true);
  });
});
