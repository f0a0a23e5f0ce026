import { beforeAll, describe, expect, it } from 'vitest';
import { createEngine } from '../../compiler/code/engines/create.js';
import type { Engine } from '../../compiler/code/engines/engine.js';
import { packageBuild } from '../../compiler/deliver/package/build-files.js';
import { builtInMemory, type LoadedBuild } from '../../compiler/deliver/package/store.js';
import { loadTarget } from '../../compiler/deliver/package/targets.js';
import { compile } from '../../compiler/pipeline/compile.js';
import { verify } from '../../compiler/run/verify.js';
import { modelFrom, perceptron } from '../helpers/models.js';

describe('verify', () => {
  let build: LoadedBuild;
  let unit: number;
  beforeAll(async () => {
    const compiled = await compile(modelFrom(perceptron([2, 4, 1])), { tolerance: 1e-4 });
    build = builtInMemory(compiled, packageBuild(compiled, loadTarget('host')));
    unit = compiled.measured.outputs[0].largestReference * 2 ** build.report.outputs[0].exponent;
  });

  /** The build's own answers and `error` in words on top. */
  async function off(error: (inputs: Int32Array) => number): Promise<Engine> {
    const engine = await createEngine('oracle', build.runnable);
    return {
      name: 'off',
      run: (inputs) => {
        const { outputs, statuses } = engine.run(inputs);
        return { statuses, outputs: outputs.map((word, p) => word + error(inputs.subarray(2 * p, 2 * p + 2))) };
      },
    };
  }

  it('passes what the build is, and fails an even error that is within the tolerance but larger than a third of it', async () => {
    expect((await verify(build, { tolerance: 1e-3, samples: 512 })).pass).toBe(true);
    const even = await off(() => Math.round(0.0008 * unit));
    const result = await verify(build, { tolerance: 1e-3, samples: 512, engine: even });
    expect(result.outputs[0].maxRelative).toBeLessThan(1e-3);
    expect(result.outputs[0].relativeL2).toBeGreaterThan(1e-3 / 3);
    expect(result.pass).toBe(false);
  });

  it('fails an error in a small part of the box that the build did not look at', async () => {
    const { inputs } = build.report;
    const at = (k: number, share: number) =>
      (inputs[k].min + share * (inputs[k].max - inputs[k].min)) * 2 ** inputs[k].exponent;
    const [span, centre] = [at(0, 1) - at(0, 0), [at(0, 0.3141), at(1, 0.7182)]];
    // A cone of a fiftieth of the span: one sample in a thousand meets it.
    const cone = await off(([x, t]) => {
      const distance = Math.hypot(x - centre[0], t - centre[1]) / span;
      return Math.round(0.002 * unit * Math.max(0, 1 - 50 * distance));
    });
    const result = await verify(build, { tolerance: 1e-3, engine: cone });
    expect(result.pass).toBe(false);
    expect(result.outputs[0].maxRelative).toBeGreaterThan(0.0019);
  });
});
