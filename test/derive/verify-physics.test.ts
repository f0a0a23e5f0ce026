import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { PhysicsResult } from '../../compiler/run/physics.js';
import { cli, temporaryFolder } from '../helpers/cli.js';
import { perceptron } from '../helpers/models.js';

/** `build --residuals` and `verify --physics` of a compressed network, from the model file to what is printed. */

const folder = temporaryFolder();

/** Neurons in pairs that are alike: half of them can be taken out. */
function compressible() {
  const model = perceptron([2, 8, 1], 'tanh', 3) as {
    tensors: Record<string, { data: number[] }>;
    physics?: object;
  };
  const { w1, b1 } = model.tensors;
  for (let k = 0; k < 4; k++) {
    w1.data.splice(2 * (k + 4), 2, ...w1.data.slice(2 * k, 2 * k + 2));
    b1.data[k + 4] = b1.data[k];
  }
  model.physics = {
    parameters: { c: 0.5 },
    residuals: [{ name: 'transport', expression: 'y0_x1 + c*y0_x0' }],
    exact: { y0: 'sin(x0 - c*x1)' },
  };
  return model;
}

it('sets the residuals of the float network, the compressed one and the module side by side', () => {
  const file = join(folder, 'model.json');
  const place = join(folder, 'build');
  writeFileSync(file, JSON.stringify(compressible()));
  const options = [
    '--residuals',
    '--tol',
    '1e-2',
    '--compress',
    'prune',
    '--effort',
    'quick',
    '--no-cache',
    '-o',
    place,
  ];
  const built = cli(['build', file, '--target', 'stm32f4', ...options]);
  expect(built, built.err).toMatchObject({ code: 0 });
  // The residual has a tolerance of its own, which is said.
  const [, limit] = built.out.match(/residual {2}transport is held to ([0-9.e-]+),/)!;
  const verified = cli(['verify', place, '--physics', '--samples', '512', '--json']);
  expect(verified, verified.err).toMatchObject({ code: 0 });
  const { residuals, exact } = JSON.parse(verified.out).physics as PhysicsResult;
  const [{ name, network, compressed, module, moduleError, largestTerm }] = residuals;
  expect(name).toBe('transport');
  expect(Number(limit)).toBeCloseTo(1e-2 * largestTerm, 3);
  expect(moduleError!).toBeLessThan(Number(limit));
  // It is another network, and still near the first.
  expect(compressed!.largest).not.toBe(network.largest);
  for (const size of [compressed!, module!]) expect(Math.abs(size.l2 / network.l2 - 1)).toBeLessThan(0.05);
  expect(exact[0].compressed!.l2 / exact[0].network.l2).toBeCloseTo(1, 1);
});
