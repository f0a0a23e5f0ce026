import { addOuter, times, timesTransposed } from './exact-products.js';
import { type Factor, factorsOf } from './factors.js';
import { FIXED, fixed, GRADIENT_SUM_LIMIT, type Numbers } from './number-formats.js';
import type { PathPlan } from './paths.js';
import { type Paths, sineBackward, sineForward } from './sine-of-paths.js';
import { type Random, roundRows } from './smx.js';
import type { Layer, Parameter } from './trained-layers.js';

/** A network as a step sees it. */
export interface Network {
  layers: readonly Layer[];
  /** Per layer the matrices of its products. */
  factors: readonly (readonly Factor[])[];
  /** Per layer its biases as they are added. */
  biases: readonly Float64Array[];
  /** Sums of gradients by the biases, as those of the factors. */
  biasGradients: ReadonlyMap<Parameter, Float64Array>;
  numbers?: Numbers;
}

/** A network with its weights in blocks and its biases as they are added, or both as they are. */
export function createNetwork(layers: readonly Layer[], numbers?: Numbers): Network {
  const biasGradients = new Map(layers.map(({ bias }) => [bias, new Float64Array(bias.cols)]));
  const biases = layers.map(({ bias: { values } }) =>
    numbers ? values.map((v) => fixed(v, numbers.biasPoint, 4)) : values,
  );
  return { layers, factors: factorsOf(layers, numbers), biases, biasGradients, numbers };
}

/** Values that the forward pass leaves for the backward one. */
interface Trace {
  /** Per layer and product its input rows. */
  inputs: Float64Array[][];
  /** Per hidden layer the arguments of its sines. */
  angles: Float64Array[];
}

const shapeOf = (plan: PathPlan, points: number, width: number): Paths => {
  const { carry, paths, among } = plan;
  return { carry, points, paths, among, width };
};

/** Outputs of all paths of a group of points [paths x points], and what the way back needs. */
export function forward(net: Network, plan: PathPlan, points: Float64Array, count: number): [Float64Array, Trace] {
  const { layers, factors, biases, numbers } = net;
  const rows = plan.paths * count;
  const trace: Trace = { inputs: [], angles: [] };
  let value = plan.spread(points, count);
  layers.forEach(({ outputs }, l) => {
    const inputs: Float64Array[] = [];
    factors[l].forEach(({ rows: m, cols: n, values }, s) => {
      if (s > 0 && numbers) {
        roundRows(value, value, { first: 0, rows, cols: value.length / rows }, numbers.intermediates);
      }
      inputs.push(value);
      const next = new Float64Array((value.length / n) * m);
      timesTransposed(value, values, value.length / n, n, m, next);
      value = next;
    });
    trace.inputs.push(inputs);
    const withBias = plan.carry === 'direct' ? rows : count;
    for (let r = 0; r < withBias; r++) for (let j = 0; j < outputs; j++) value[r * outputs + j] += biases[l][j];
    if (l === layers.length - 1) return;
    trace.angles.push(value);
    const h = new Float64Array(rows * outputs);
    sineForward(value, h, shapeOf(plan, count, outputs), numbers);
    if (numbers) {
      const own = plan.carry === 'direct' ? rows : count;
      roundRows(h, h, { first: 0, rows: own, cols: outputs }, numbers.activations);
      roundRows(h, h, { first: own, rows: rows - own, cols: outputs }, numbers.differences);
    }
    value = h;
  });
  return [numbers ? value.map((x) => fixed(x, FIXED.output, 8)) : value, trace];
}

/** Adds the gradients of a group to those of the factors and biases. @param gradients by the outputs [paths x points] */
export function backward(
  net: Network,
  plan: PathPlan,
  count: number,
  trace: Trace,
  gradients: Float64Array,
  random?: Random,
): void {
  const { layers, factors, biasGradients, numbers } = net;
  const rows = plan.paths * count;
  const round = (g: Float64Array) => {
    if (numbers) roundRows(g, g, { first: 0, rows, cols: g.length / rows }, numbers.gradients, random);
  };
  let g = gradients;
  round(g);
  for (let l = layers.length - 1; l >= 0; l--) {
    const { outputs, bias } = layers[l];
    const ofBias = biasGradients.get(bias)!;
    const withBias = plan.carry === 'direct' ? rows : count;
    for (let r = 0; r < withBias; r++) for (let j = 0; j < outputs; j++) ofBias[j] += g[r * outputs + j];
    for (let s = factors[l].length - 1; s >= 0; s--) {
      const { rows: m, cols: n, values, gradient } = factors[l][s];
      const x = trace.inputs[l][s];
      addGradient(g, x, x.length / n, m, n, gradient, numbers);
      if (l === 0 && s === 0) break;
      const back = new Float64Array(x.length);
      times(g, values, x.length / n, m, n, back);
      g = back;
      if (s > 0) round(g);
    }
    if (l === 0) break;
    sineBackward(trace.angles[l - 1], g, shapeOf(plan, count, layers[l - 1].outputs), numbers);
    round(g);
  }
  if (numbers) for (const sums of biasGradients.values()) hold(sums);
}

/** After so many rows sums are held to their limit, so that those until then are exact (number-formats.ts). */
const ROWS_AT_ONCE = 128;

/** gradient += g' x: g [rows x m], x [rows x n]. */
function addGradient(
  g: Float64Array,
  x: Float64Array,
  rows: number,
  m: number,
  n: number,
  gradient: Float64Array,
  numbers?: Numbers,
): void {
  if (!numbers) {
    addOuter(g, x, rows, m, n, gradient);
    return;
  }
  for (let first = 0; first < rows; first += ROWS_AT_ONCE) {
    addOuter(g.subarray(first * m), x.subarray(first * n), Math.min(ROWS_AT_ONCE, rows - first), m, n, gradient);
    hold(gradient);
  }
}

function hold(sums: Float64Array): void {
  for (let i = 0; i < sums.length; i++) {
    const sum = sums[i];
    if (sum > GRADIENT_SUM_LIMIT) sums[i] = GRADIENT_SUM_LIMIT;
    else if (sum < -GRADIENT_SUM_LIMIT) sums[i] = -GRADIENT_SUM_LIMIT;
  }
}
