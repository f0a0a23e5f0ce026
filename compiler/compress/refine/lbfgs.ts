import { evaluateIr, pullBackIr } from '../../ir/evaluate.js';
import {
  type ParameterLayout,
  parameterLayout,
  readParameters,
  type WeightSite,
  weightSites,
  withOwnWeights,
  writeParameters,
  zeroWeights,
} from '../../ir/parameters.js';
import type { IrGraph } from '../../ir/types.js';
import {
  askTeacher,
  joinSamples,
  type Samples,
  shareOf,
  type Teacher,
  toleranceShare,
  trainingPoints,
} from '../teacher/teacher.js';
import { WorstPoints } from '../teacher/worst-points.js';
import { balanceFactors, blockRankRidge } from './block-rank.js';
import type { Refined, RefineOptions } from './refine.js';

/**
 * Refinement of networks whose J^T J would be too large: limited-memory BFGS (Nocedal, Math. Comp. 35 (1980) 773; two-loop
 * recursion of Nocedal and Wright, Numerical Optimization, algorithm 7.4) on the sum of squared errors, with the points
 * of the largest errors added as in refine.ts. Needs gradients only.
 */

const MEMORY = 12;
const LOOK = 8;
const BASE_POINTS = 1024;
const SUFFICIENT_DECREASE = 1e-4;
const MAX_HALVINGS = 12;
const CHUNK = 512;

export async function refineLarge(
  teacher: Teacher,
  start: IrGraph,
  pool: Samples,
  options: RefineOptions,
): Promise<Refined> {
  const graph = withOwnWeights(start);
  if (options.blockRank) balanceFactors(graph);
  const ridge = options.blockRank ? blockRankRidge(graph, options.blockRank) : undefined;
  const base = askTeacher(teacher, trainingPoints(teacher, BASE_POINTS));
  const worst = new WorstPoints(teacher, pool, BASE_POINTS >> 1);
  let samples = base;
  let theta = readParameters(graph);
  const fixed = options.keepZeros ? zeroWeights(graph) : [];
  const extra = { ridge, fixed };
  let point = lossAndGradient(teacher, graph, samples, extra);
  let best = { theta, error: shareOf(teacher, graph, pool) };
  let pairs: Pair[] = [];
  let step = 0;
  while (best.error > options.target && step < options.maxSteps) {
    const next = lineSearch(teacher, graph, samples, extra, theta, point, twoLoop(pairs, point.gradient));
    if (!next) {
      if (!pairs.length) break;
      pairs = [];
      continue;
    }
    pairs = [...pairs, pairOf(theta, point.gradient, next.theta, next.gradient)]
      .filter((p) => p.curvature > 0)
      .slice(-MEMORY);
    theta = next.theta;
    point = next;
    step++;
    if (step % LOOK) continue;
    const error = toleranceShare(teacher, worst.update(graph), pool.interior).share;
    if (error < best.error) best = { theta, error };
    if (await options.checkpoint?.()) break;
    samples = joinSamples(base, worst.samples());
    point = lossAndGradient(teacher, graph, samples, extra);
    // Pairs of one set of points mislead on another only a little: they are kept.
  }
  writeParameters(graph, best.theta);
  return { graph, error: best.error, steps: step, work: step * 6 * samples.count * theta.length };
}

/** What is asked of the weights besides small errors. */
interface Extra {
  ridge?: Float64Array;
  /** Indices of parameters that stay as they are. */
  fixed: readonly number[];
}

interface Pair {
  move: Float64Array;
  change: Float64Array;
  curvature: number;
}

function pairOf(t0: Float64Array, g0: Float64Array, t1: Float64Array, g1: Float64Array): Pair {
  const move = t1.map((t, i) => t - t0[i]);
  const change = g1.map((g, i) => g - g0[i]);
  return { move, change, curvature: dot(move, change) };
}

/** Minus the approximate inverse Hessian times the gradient. */
function twoLoop(pairs: readonly Pair[], gradient: Float64Array): Float64Array {
  const q = gradient.slice();
  const alphas = new Array<number>(pairs.length);
  for (let i = pairs.length - 1; i >= 0; i--) {
    const { move, change, curvature } = pairs[i];
    alphas[i] = dot(move, q) / curvature;
    for (let k = 0; k < q.length; k++) q[k] -= alphas[i] * change[k];
  }
  const last = pairs.at(-1);
  const scale = last ? last.curvature / dot(last.change, last.change) : 1e-3 / Math.sqrt(dot(q, q) || 1);
  for (let k = 0; k < q.length; k++) q[k] *= scale;
  pairs.forEach(({ move, change, curvature }, i) => {
    const beta = dot(change, q) / curvature;
    for (let k = 0; k < q.length; k++) q[k] += (alphas[i] - beta) * move[k];
  });
  return q.map((v) => -v);
}

function lineSearch(
  teacher: Teacher,
  graph: IrGraph,
  samples: Samples,
  extra: Extra,
  theta: Float64Array,
  { loss, gradient }: { loss: number; gradient: Float64Array },
  direction: Float64Array,
): { theta: Float64Array; loss: number; gradient: Float64Array } | undefined {
  const slope = dot(direction, gradient);
  if (!(slope < 0)) return undefined;
  for (let halving = 0, length = 1; halving < MAX_HALVINGS; halving++, length /= 2) {
    const trial = theta.map((t, k) => t + length * direction[k]);
    writeParameters(graph, trial);
    const next = lossAndGradient(teacher, graph, samples, extra);
    if (next.loss <= loss + SUFFICIENT_DECREASE * length * slope) return { theta: trial, ...next };
  }
  writeParameters(graph, theta);
  return undefined;
}

/** Half the sum of squared errors, with the ridge per point and output, and its gradient; zero for what is fixed. */
function lossAndGradient(
  teacher: Teacher,
  graph: IrGraph,
  samples: Samples,
  { ridge, fixed }: Extra,
): { loss: number; gradient: Float64Array } {
  const { inputCount, allowances } = teacher;
  const layout = parameterLayout(graph);
  const sent = teacher.sent(graph);
  const sites = weightSites(sent);
  const gradient = new Float64Array(layout.size);
  const outputs = allowances.length;
  let loss = 0;
  for (let start = 0; start < samples.count; start += CHUNK) {
    const end = Math.min(samples.count, start + CHUNK);
    const values = evaluateIr(sent, samples.points.subarray(start * inputCount, end * inputCount), inputCount);
    const seed = values.get(sent.output)!.map((v, i) => {
      const r = (v - samples.wanted[start * outputs + i]) / allowances[i % outputs];
      loss += (r * r) / 2;
      return r / allowances[i % outputs];
    });
    const gradients = pullBackIr(sent, values, seed);
    for (const site of sites) addOuterProducts(gradient, layout, site, gradients.get(site.out)!, values.get(site.x)!);
  }
  if (ridge) {
    const strength = samples.count * outputs;
    readParameters(graph).forEach((t, k) => {
      loss += (strength * ridge[k] * t * t) / 2;
      gradient[k] += strength * ridge[k] * t;
    });
  }
  for (const k of fixed) gradient[k] = 0;
  return { loss: Number.isNaN(loss) ? Number.POSITIVE_INFINITY : loss, gradient };
}

/** Adds sum over points of g x^T and, where the site has the bias, of g. */
function addOuterProducts(
  into: Float64Array,
  { offsets }: ParameterLayout,
  { x: { width: cols }, out: { width: height }, row, rows, weight, bias }: WeightSite,
  g: Float64Array,
  x: Float64Array,
): void {
  const count = g.length / height;
  const at = offsets.get(weight)!;
  const biasAt = bias ? offsets.get(bias)! : 0;
  for (let p = 0; p < count; p++) {
    for (let r = 0; r < rows; r++) {
      const slope = g[p * height + row + r];
      if (slope === 0) continue;
      for (let c = 0, k = at + r * cols; c < cols; c++, k++) into[k] += slope * x[p * cols + c];
    }
    for (let r = 0; bias && r < height; r++) into[biasAt + r] += g[p * height + r];
  }
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}
