import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildForTarget } from '../compiler/deliver/build.js';
import { builtInMemory, type LoadedBuild } from '../compiler/deliver/package/store.js';
import { loadTarget } from '../compiler/deliver/package/targets.js';
import { PACKAGE_ROOT } from '../compiler/host/package-root.js';
import { withTangents } from '../compiler/import/fit-tangents.js';
import { loadModel } from '../compiler/index.js';
import { uniform } from '../compiler/judge/points/random.js';
import { exactSolutions } from '../compiler/model/physics.js';
import type { Model } from '../compiler/model/types.js';
import { keptCompression } from '../compiler/pipeline/compression-cache.js';
import { type BuildFit, fitBuild } from '../compiler/run/fit/fit.js';
import type { Measurement } from '../compiler/run/fit/job.js';
import { exampleModelFile } from './examples.js';

/** Fits of the examples in many trials: what is measured, and how estimates turn out. */

export interface Trial {
  /** The parameter's true value. */
  truth: number;
  measured: Measurement[];
}

export interface TrialFigures {
  trials: number;
  /** True value within the 95 % interval. */
  inside: number;
  /** Farthest from float64 Gauss-Newton on the float network, and from the truth: relative. */
  fromFloat: number;
  fromTruth: number;
  /** One measurement at a time, from all at once: relative. */
  filterFromBatch: number;
  mostSteps: number;
  meanSteps: number;
}

const NORMAL_95 = 1.959963984540054;

export const HEAT_ROD = { example: 'heat-rod', output: 'T', parameter: 'alpha', sigma: 0.2, count: 20 } as const;
export const BATTERY = { example: 'battery-health', output: 'V', parameter: 'Q', sigma: 5e-3, count: 30 } as const;
/** Tolerances are of the largest value of what is measured, and of its derivative. */
const BUILDS = {
  'heat-rod': { output: 1e-3, tangent: 2e-2, compress: 'auto' },
  'battery-health': { output: 1e-4, tangent: 5e-3, compress: 'none' },
} as const;

/** The part of an example that answers what is measured. */
export function measuredModel({ example, output }: typeof HEAT_ROD | typeof BATTERY): Model {
  const model = loadModel(exampleModelFile(example));
  return { ...model, outputs: model.outputs.filter(({ name }) => name === output) };
}

/** As `build --fit <parameter> --outputs <output> --tol <output>=...,<tangent>=... --engine c --for speed`. */
export async function fitBuildOf(task: typeof HEAT_ROD | typeof BATTERY, target: string): Promise<LoadedBuild> {
  const { model, fit } = withTangents(measuredModel(task), [task.parameter]);
  const { output, tangent, compress } = BUILDS[task.example];
  const tolerance = {
    outputs: {
      [task.output]: { relative: output },
      ...Object.fromEntries(fit.tangents.map(({ name }) => [name, { relative: tangent }])),
    },
  };
  const settings = { engine: 'c', goal: 'speed', compress, tolerance, fit } as const;
  const made = await buildForTarget(model, loadTarget(target), settings, { compressor: keptCompression });
  return builtInMemory(made.compiled, made);
}

function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** Temperatures of the exact solution at places and times that differ from trial to trial; a diffusivity of 15 to 110 mm^2/s. */
export function heatTrials(trials: number): Trial[] {
  const temperature = exactSolutions(loadModel(exampleModelFile(HEAT_ROD.example))).get(HEAT_ROD.output)!;
  const { output, sigma, count } = HEAT_ROD;
  return Array.from({ length: trials }, (_, trial) => {
    const random = uniform(1000 + trial);
    const truth = 15 + 95 * random();
    const measured = Array.from({ length: count }, (): Measurement => {
      const inputs = [10 + 80 * random(), 2 + 40 * random(), truth];
      return { inputs, output, value: temperature(inputs) + sigma * normal(random), sigma };
    });
    return { truth, measured };
  });
}

/** The discharges of the example's reference.json, each of another cell, of the equations and not of the network, with noise. */
export function batteryTrials(): Trial[] {
  const { output, sigma, count } = BATTERY;
  const file = join(PACKAGE_ROOT, 'examples', BATTERY.example, 'reference.json');
  const { points, outputs } = JSON.parse(readFileSync(file, 'utf8')) as {
    points: number[][];
    outputs: Record<string, number[]>;
  };
  return Array.from({ length: points.length / count }, (_, cell) => {
    const random = uniform(2000 + cell);
    const first = cell * count;
    const measured = Array.from({ length: count }, (_, k): Measurement => {
      const value = outputs[output][first + k] + sigma * normal(random);
      return { inputs: points[first + k], output, value, sigma };
    });
    return { truth: points[first][2], measured };
  });
}

/** Fits every trial on this machine, by the code that devices run. */
export async function fitTrials(
  build: LoadedBuild,
  parameter: string,
  trials: readonly Trial[],
  each: (trial: Trial, fit: BuildFit) => void = () => {},
): Promise<TrialFigures> {
  const free = [parameter];
  const result = { inside: 0, fromFloat: 0, fromTruth: 0, filterFromBatch: 0, mostSteps: 0, meanSteps: 0 };
  const apart = (a: number, b: number) => Math.abs(a / b - 1);
  for (const trial of trials) {
    const fit = await fitBuild(build, trial.measured, { free });
    const [value] = fit.values;
    if (Math.abs(value - trial.truth) <= NORMAL_95 * Math.sqrt(fit.covariance[0][0])) result.inside++;
    result.fromFloat = Math.max(result.fromFloat, apart(value, fit.reference.values[0]));
    result.fromTruth = Math.max(result.fromTruth, apart(value, trial.truth));
    result.mostSteps = Math.max(result.mostSteps, fit.iterations);
    result.meanSteps += fit.iterations / trials.length;
    const filter = await fitBuild(build, trial.measured, { free, filter: true });
    result.filterFromBatch = Math.max(result.filterFromBatch, apart(filter.values[0], value));
    each(trial, fit);
  }
  return { trials: trials.length, ...result };
}
