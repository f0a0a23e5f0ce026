import { join } from 'node:path';
import { expect, it } from 'vitest';
import { fitTrials, HEAT_ROD, heatTrials, measuredModel } from '../../bench/device-fits.js';
import { buildForTarget } from '../../compiler/deliver/build.js';
import { builtInMemory } from '../../compiler/deliver/package/store.js';
import { loadTarget } from '../../compiler/deliver/package/targets.js';
import { PACKAGE_ROOT } from '../../compiler/host/package-root.js';
import { withTangents } from '../../compiler/import/fit-tangents.js';
import { loadModel } from '../../compiler/index.js';
import { fitOnBoard } from '../../compiler/run/boards/fit-board.js';
import type { BuildFit } from '../../compiler/run/fit/fit.js';
import { jobNumbers, type Measurement } from '../../compiler/run/fit/job.js';
import { BOARDS } from '../boards/setup.js';

/**
 * The diffusivity of heat-rod from 20 temperatures with 0.2 degC of noise. The network is the one that `build --fit alpha
 * --outputs T --tol T=1e-3,T_alpha=2e-2 --for speed` makes of it, whose search takes minutes; estimates are compared with
 * those of the whole float64 network.
 */

const { parameter } = HEAT_ROD;
const free = [parameter];
const small = loadModel(join(PACKAGE_ROOT, 'test', 'fit', 'fixtures', 'heat-rod.json'));
const { model, fit } = withTangents({ ...small, outputs: small.outputs.slice(0, 1) }, free);
const tolerance = { all: { relative: 5e-4 }, outputs: { T_alpha: { relative: 1e-2 } } };
const settings = { engine: 'c', compress: 'none', goal: 'speed', tolerance, fit } as const;
const made = await buildForTarget(model, loadTarget('cortex-m4'), settings);
const build = { ...builtInMemory(made.compiled, made), model: withTangents(measuredModel(HEAT_ROD), free).model };

const done: { measured: Measurement[]; fit: BuildFit }[] = [];
const figures = await fitTrials(build, parameter, heatTrials(100), ({ measured }, fit) => done.push({ measured, fit }));

it('is within 1 % of float64 Gauss-Newton, in at most 8 steps; intervals hold in at least 90 of 100 trials', () => {
  expect(figures.fromFloat).toBeLessThan(0.01);
  expect(figures.mostSteps).toBeLessThanOrEqual(8);
  expect(figures.inside).toBeGreaterThanOrEqual(90);
  expect(figures.inside).toBeLessThan(100);
  expect(figures.filterFromBatch).toBeLessThan(0.02);
});

const [longest] = [...done].sort((a, b) => b.fit.iterations - a.fit.iterations);

for (const { name, board, isSkipped } of BOARDS) {
  it.skipIf(isSkipped || name === 'xtensa')(`${name}: the same bits, where it took the most steps`, () => {
    const job = jobNumbers(build.report, longest.measured, { free });
    // Throws where a bit differs.
    const { instructions, memoryBytes, stackBytes, iterations } = fitOnBoard(board, build, job, longest.fit.numbers);
    expect(iterations).toBe(figures.mostSteps);
    if (name !== 'cortex-m4') return;
    expect(instructions).toBeLessThan(2e6);
    expect(memoryBytes + stackBytes).toBeLessThanOrEqual(1024);
  });
}
