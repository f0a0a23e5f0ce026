import { expect, it } from 'vitest';
import { BATTERY, batteryTrials, fitTrials, measuredModel } from '../../bench/device-fits.js';
import { buildForTarget } from '../../compiler/deliver/build.js';
import { builtInMemory } from '../../compiler/deliver/package/store.js';
import { loadTarget } from '../../compiler/deliver/package/targets.js';
import { withTangents } from '../../compiler/import/fit-tangents.js';

/** The capacity of a cell from 30 voltages of a discharge with 5 mV of noise: 35 cells of the equations, not of the network. */

const { model, fit } = withTangents(measuredModel(BATTERY), [BATTERY.parameter]);
const tolerance = { outputs: { V: { relative: 1e-4 }, V_Q: { relative: 2e-2 } } };
const settings = { engine: 'c', compress: 'none', precision: '32', tolerance, fit } as const;
const made = await buildForTarget(model, loadTarget('cortex-m4'), settings);
const build = builtInMemory(made.compiled, made);

it('is within 5 % of the true one, one measurement at a time within 2 % of all at once', async () => {
  const figures = await fitTrials(build, BATTERY.parameter, batteryTrials());
  expect(figures.fromTruth).toBeLessThan(0.05);
  expect(figures.filterFromBatch).toBeLessThan(0.02);
  expect(figures.fromFloat).toBeLessThan(0.01);
  expect(figures.mostSteps).toBeLessThanOrEqual(8);
  expect(figures.inside).toBeGreaterThanOrEqual(28);
});
