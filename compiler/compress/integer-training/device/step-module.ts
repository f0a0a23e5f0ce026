import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { requireDeviceModule } from '../../../code/asc/device.js';
import { compileAssemblyScript, ENTRY } from '../../../code/asc/run-asc.js';
import { PinnEdgeError } from '../../../diagnostics.js';
import { PACKAGE_ROOT } from '../../../host/package-root.js';
import { spread } from '../../../judge/points/random.js';
import { FIXED, smxNumbers } from '../number-formats.js';
import { steinPlan } from '../paths.js';
import { poisson } from '../problems.js';
import { QUARTER_WAVE } from '../sine.js';
import { gaussHermiteRule } from '../stein.js';
import { type Layer, parametersOf } from '../trained-layers.js';
import { createTraining, type TrainingOptions } from '../training.js';

/**
 * The training of Poisson's equation in two dimensions as a WebAssembly module that takes one word, makes a step where it is
 * 1, and gives five: what a device's firmware runs as it runs a model. Every bit is that of training.ts.
 */
export interface StepModule {
  wasm: Uint8Array;
  /** Linear memory that it touches. */
  memoryBytes: number;
  /** As its export `identity` has it. */
  identity: number;
  outputs: number;
}

export interface DeviceOptions {
  /** Neurons of either hidden layer, a multiple of 4. */
  width: number;
  steps: number;
  /** Points of the equation and of its conditions in a step, multiples of 4. */
  points: number;
  conditionPoints: number;
  rate: number;
  sigma: number;
  seed: number;
  rounding: 'nearest' | 'stochastic';
}

const IDENTITY = 0x74726169;
const OUTPUTS = 5;
const FOLDER = 'compiler/compress/integer-training/device';
/** The entry; it imports the others. */
const STEP = 'step.as.ts';
/** log2 of what missed conditions count. */
const CONDITION_BITS = 6;

/** The same training on the host. */
export function trainingOptions(options: DeviceOptions): TrainingOptions {
  const { width, steps, points, conditionPoints, rate, sigma, seed, rounding } = options;
  return {
    shape: { inputs: 2, hidden: [width, width], structure: 'dense', rank: 1 },
    derivatives: 'stein',
    carry: 'difference',
    rule: 'gauss-hermite',
    pairs: 1,
    numbers: smxNumbers({ rounding }),
    steps,
    points,
    conditionPoints,
    rate,
    sigma,
    seed,
  };
}

/** @throws PE3005 for a width that is no multiple of 4 or above 256, and what training itself refuses */
export async function compileStepModule(options: DeviceOptions): Promise<StepModule> {
  const { width } = options;
  if (!Number.isInteger(width) || width < 4 || width > 256 || width % 4) {
    const reason = `layers on a device have a multiple of 4 neurons, at most 256, found ${width}`;
    throw new PinnEdgeError('PE3005', { option: 'width', reason });
  }
  const folder = join(PACKAGE_ROOT, FOLDER);
  const files = readdirSync(folder).filter((name) => name.endsWith('.as.ts'));
  const sources = new Map(files.map((name) => [name, readFileSync(join(folder, name), 'utf8')]));
  sources.set(ENTRY, sources.get(STEP)!).set('constants.ts', constants(options));
  const wasm = await compileAssemblyScript(sources);
  const memoryBytes = (await instantiateStep(wasm))(2)[0];
  requireDeviceModule(wasm, memoryBytes);
  return { wasm, memoryBytes, identity: IDENTITY, outputs: OUTPUTS };
}

interface Exports extends Record<string, unknown> {
  memory: { buffer: ArrayBuffer };
  input(): number;
  output(): number;
  run(): number;
}

/** The module under V8: words in, words out. */
export async function instantiateStep(wasm: Uint8Array): Promise<(word: number) => Int32Array> {
  const { instantiate } = await import('@assemblyscript/loader');
  const { exports } = await instantiate<Exports>(wasm, {});
  return (word) => {
    const words = new Int32Array(exports.memory.buffer);
    words[exports.input() >> 2] = word;
    exports.run();
    return words.slice(exports.output() >> 2, (exports.output() >> 2) + OUTPUTS);
  };
}

function constants(options: DeviceOptions): string {
  const { width, steps, points, conditionPoints, rate, sigma, rounding } = options;
  const host = trainingOptions(options);
  const training = createTraining(poisson(), host);
  const plan = steinPlan(gaussHermiteRule(sigma, 2), 2, 'difference', host.numbers);
  const { steps: directions, laplacian } = plan.used!;
  const factorBits = bitsOf(laplacian);
  const list = (values: Iterable<number>) => `memory.data<i32>([${Array.from(values).join(', ')}], 8)`;
  const integers = (values: Float64Array, bits: number) => list(values.map((v) => v * 2 ** bits));
  return `export const WIDTH: i32 = ${width};
export const PAIRS: i32 = ${laplacian.length};
export const GROUPS: i32 = ${points / 4};
export const CONDITION_GROUPS: i32 = ${conditionPoints / 4};
export const STEPS: i32 = ${steps};
export const RATE: i32 = ${Math.round(rate * 2 ** FIXED.stored)};
export const STOCHASTIC: bool = ${rounding === 'stochastic'};
export const POINT_STATE: u32 = ${spread(training.seeds.points)};
export const ROUNDING_STATE: u32 = ${spread(training.seeds.rounding)};
/** Bits behind the point of the factors; of what gradients by outputs are scaled by; of missed conditions. */
export const FACTOR_BITS: i32 = ${factorBits};
export const BACK_SCALE: i32 = ${-Math.log2(plan.gradientScale)};
export const CONDITION_SHIFT: i32 = ${FIXED.residual - CONDITION_BITS};
export const STEIN_FACTORS: usize = ${integers(laplacian, factorBits)};
export const STEIN_DIRECTIONS: usize = ${integers(directions, FIXED.direction)};
export const QUARTER_WAVE: usize = ${list(QUARTER_WAVE)};
export const INITIAL: usize = ${list(storedWords(training.layers))};
`;
}

/** The fewest bits behind the point with which all values are integers. */
function bitsOf(values: Float64Array): number {
  let bits = 0;
  while (values.some((v) => !Number.isInteger(v * 2 ** bits))) bits++;
  return bits;
}

/** Stored weights and biases in the module's order, which is that of the layers. */
export function storedWords(layers: readonly Layer[]): Int32Array {
  return Int32Array.from(
    parametersOf(layers).flatMap(({ values }) => Array.from(values, (v) => v * 2 ** FIXED.stored)),
  );
}

/** FNV-1a over the words, as the module gives it. */
export function hashOf(layers: readonly Layer[]): number {
  return storedWords(layers).reduce((hash, word) => Math.imul(hash ^ word, 0x01000193), 0x811c9dc5 | 0) | 0;
}

/** The loss of a step, as {@link createTraining} gives it, of the module's words. */
export function lossOf(words: Int32Array, { points, conditionPoints }: DeviceOptions): number {
  const sum = (at: number) => (words[at + 1] * 2 ** 32 + (words[at] >>> 0)) / 2 ** 24;
  return sum(0) / points + (conditionPoints ? (2 ** CONDITION_BITS * sum(2)) / conditionPoints : 0);
}
