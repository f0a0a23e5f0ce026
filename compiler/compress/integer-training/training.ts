import { PinnEdgeError } from '../../diagnostics.js';
import { uniform } from '../../judge/points/random.js';
import { factorsOf } from './factors.js';
import { backward, createNetwork, forward, type Network } from './group.js';
import { FIXED, fixed, type Numbers } from './number-formats.js';
import { AdaMax } from './optimiser.js';
import { type Derivatives, exactPlan, type PathPlan, steinPlan, valuePlan } from './paths.js';
import type { Problem } from './problems.js';
import { floorLog2, type Random } from './smx.js';
import { gaussHermiteRule, type RuleName, randomRule, type SteinRule, sobolRule } from './stein.js';
import { createLayers, type Layer, type NetworkShape, type Parameter, parametersOf } from './trained-layers.js';

/**
 * Training of a small network of sines on a differential equation: in floating point, or in integers throughout (number-formats.ts),
 * then the same to the bit wherever it runs.
 */
export interface TrainingOptions {
  shape: NetworkShape;
  derivatives: 'exact' | 'stein';
  /** Of Stein's estimator. */
  carry: 'direct' | 'difference';
  rule: RuleName;
  sigma: number;
  pairs: number;
  /** Integers; floating point without. */
  numbers?: Numbers;
  steps: number;
  /** Points of the equation, and of conditions, per step; multiples of the block. */
  points: number;
  conditionPoints: number;
  /** Of the first step; it falls to zero in a straight line. */
  rate: number;
  seed: number;
}

/** Points that are worked on at a time: a block of rows. */
const GROUP = 4;

export interface Training {
  layers: readonly Layer[];
  /** States of the generators of points and of rounding, before the first step. */
  seeds: { points: number; rounding: number };
  /** One step; mean square of the residuals plus weighted mean square of what conditions are missed by. */
  step(): number;
  /** The network's value at points, row-major [count x inputs], in the numbers of the training. */
  values(points: Float64Array): Float64Array;
}

/**
 * @throws PE3005 for options that cannot be: a rank that the modes do not allow, a sigma of zero, blocks larger than a matrix,
 * points that are no multiple of a block
 */
export function createTraining(problem: Problem, options: TrainingOptions): Training {
  const { numbers, shape, seed, steps, points, conditionPoints } = options;
  requireOptions(options);
  const group = numbers?.gradients.block ?? GROUP;
  const layers = createLayers(shape, uniform(3 * seed));
  const drawPoint = uniform(3 * seed + 1);
  const drawDirection = uniform(3 * seed + 1_000_003);
  const rounding = numbers?.rounding === 'stochastic' ? uniform(3 * seed + 2) : undefined;
  if (numbers) {
    for (const { values } of parametersOf(layers)) values.set(values.map((v) => fixed(v, FIXED.stored, 4)));
    // Refuses blocks that are larger than a core before the first step.
    factorsOf(layers, numbers);
  }
  const optimiser = new AdaMax(numbers);
  const fixedPlan = options.derivatives === 'exact' ? exactPlan(problem.inputs, problem.among) : undefined;
  let plan = fixedPlan ?? steinPlan(firstRule(problem, options, drawDirection), problem.among, options.carry, numbers);
  const rateUnits = Math.round(options.rate * 2 ** FIXED.stored);
  const firstScale = plan.gradientScale;
  let step = 0;
  let lossScale = 1;

  return {
    layers,
    seeds: { points: 3 * seed + 1, rounding: 3 * seed + 2 },
    step() {
      if (!fixedPlan && options.rule !== 'gauss-hermite' && step > 0) {
        plan = steinPlan(nextRule(problem, options, drawDirection, step), problem.among, options.carry, numbers);
      }
      const net = createNetwork(layers, numbers);
      const sums = { residual: 0, condition: 0, largest: 0 };
      const work = { net, plan, lossScale, sums, rounding, problem };
      for (let p = 0; p < points; p += group) {
        equationGroup(work, Float64Array.from(drawMany(group, () => problem.draw(drawPoint)).flat()));
      }
      for (let p = 0; p < conditionPoints; p += group) {
        conditionGroup(
          work,
          drawMany(group, () => problem.drawCondition!(drawPoint)),
        );
      }
      const rate = Math.floor((rateUnits * (steps - step)) / steps) / 2 ** FIXED.stored;
      applyGradients(net, optimiser, (lossScale * plan.gradientScale) / firstScale, rate, rounding);
      if (numbers) lossScale = 2 ** Math.max(-10, Math.min(12, -1 - floorLog2(Math.max(sums.largest, 2 ** -14))));
      step++;
      return sums.residual / points + (conditionPoints ? (problem.weight * sums.condition) / conditionPoints : 0);
    },
    values: (at) => {
      const net = createNetwork(layers, numbers);
      const count = at.length / problem.inputs;
      return forward(net, valuePlan(problem.inputs, 1), at, count)[0];
    },
  };
}

/** Values at points of a network whose weights are rounded to their blocks with numbers, and nothing else. */
export function networkValues(layers: readonly Layer[], points: Float64Array, numbers?: Numbers): Float64Array {
  const net = { ...createNetwork(layers, numbers), numbers: undefined };
  const [{ inputs }] = layers;
  return forward(net, valuePlan(inputs, 1), points, points.length / inputs)[0];
}

function requireOptions({ points, conditionPoints, numbers, shape, steps, rate, derivatives }: TrainingOptions): void {
  const wrong = (option: string, reason: string) => new PinnEdgeError('PE3005', { option, reason });
  if (numbers && derivatives === 'exact') {
    throw wrong('derivatives', 'training in integers has its derivatives by stein, found exact');
  }
  const group = numbers?.gradients.block ?? GROUP;
  for (const [option, count, least] of [
    ['points', points, 1],
    ['condition points', conditionPoints, 0],
  ] as const) {
    if (!Number.isInteger(count) || count < least || count % group) {
      throw wrong(option, `must be a multiple of ${group}, the rows of a block, found ${count}`);
    }
  }
  if (!Number.isInteger(steps) || steps < 1)
    throw wrong('steps', `must be a whole number of at least 1, found ${steps}`);
  if (!(rate > 0 && rate < 1)) throw wrong('rate', `must be above 0 and below 1, found ${rate}`);
  const small = shape.hidden.find((width) => width < group);
  if (small !== undefined) {
    throw wrong(
      'block',
      `blocks of ${group} x ${group} are larger than a hidden layer of ${small} neurons; take wider layers`,
    );
  }
}

function firstRule(problem: Problem, options: TrainingOptions, random: Random): SteinRule {
  if (options.rule === 'gauss-hermite') return gaussHermiteRule(options.sigma, problem.inputs);
  return nextRule(problem, options, random, 0);
}

function nextRule({ inputs }: Problem, { rule, sigma, pairs, seed }: TrainingOptions, random: Random, step: number) {
  if (rule === 'random') return randomRule(sigma, pairs, inputs, random);
  return sobolRule(sigma, pairs, inputs, 1 + pairs * (step + 65536 * (seed % 256)));
}

function drawMany<T>(count: number, draw: () => T): T[] {
  return Array.from({ length: count }, draw);
}

interface Work {
  net: Network;
  plan: PathPlan;
  problem: Problem;
  lossScale: number;
  sums: { residual: number; condition: number; largest: number };
  rounding?: Random;
}

function equationGroup({ net, plan, problem, lossScale, sums, rounding }: Work, points: Float64Array): void {
  const count = points.length / problem.inputs;
  const [outputs, trace] = forward(net, plan, points, count);
  const gradients = new Float64Array(outputs.length);
  for (let p = 0; p < count; p++) {
    const at = points.subarray(p * problem.inputs, (p + 1) * problem.inputs);
    const { residual, by } = problem.residual(at, plan.gather(outputs, count, p));
    const r = net.numbers ? fixed(residual, FIXED.residual, 2 ** 10) : residual;
    sums.residual += square(r, net.numbers);
    sums.largest = Math.max(sums.largest, Math.abs(r));
    plan.scatter(scaled(by, r * (net.numbers ? lossScale : 1)), gradients, count, p);
  }
  backward(net, plan, count, trace, gradients, rounding);
}

type Condition = ReturnType<NonNullable<Problem['drawCondition']>>;

function conditionGroup({ net, plan, problem, lossScale, sums, rounding }: Work, drawn: readonly Condition[]): void {
  const scale = plan.gradientScale;
  const own = valuePlan(problem.inputs, scale);
  const count = drawn.length;
  const [outputs, trace] = forward(net, own, Float64Array.from(drawn.flatMap(({ point }) => point)), count);
  const gradients = drawn.map(({ point, known }, p) => {
    const missed = problem.trial(point, outputs[p]) - known;
    const e = net.numbers ? fixed(missed, FIXED.residual, 2 ** 10) : missed;
    sums.condition += square(e, net.numbers);
    return e * problem.slope(point) * problem.weight * scale * (net.numbers ? lossScale : 1);
  });
  backward(net, own, count, trace, Float64Array.from(gradients), rounding);
}

/** Bits behind the point of what is squared, so that sums of squares are exact. */
const SQUARE_BITS = 12;
const square = (x: number, numbers?: Numbers) => (numbers ? fixed(x, SQUARE_BITS, 2 ** 10) : x) ** 2;

function scaled({ value, gradient, laplacian }: Derivatives, by: number): Derivatives {
  return { value: value * by, gradient: gradient.map((g) => g * by), laplacian: laplacian * by };
}

function applyGradients(net: Network, optimiser: AdaMax, scale: number, rate: number, random?: Random): void {
  const gradients = new Map<Parameter, Float64Array>(net.biasGradients);
  for (const factor of net.factors.flat()) factor.hand(gradients, random);
  for (const parameter of parametersOf(net.layers)) {
    optimiser.update(parameter, gradients.get(parameter)!, scale, rate, random);
  }
}
