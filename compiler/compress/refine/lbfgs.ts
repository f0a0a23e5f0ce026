import { evaluateIr, pullBackIr } from '../../ir/evaluate.js';
import {
  parameterLayout,
  readParameters,
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
import { addOuterProducts } from './outer-products.js';
import { lineSearch, QuasiNewton } from './quasi-newton.js';
import type { Refined, RefineOptions } from './refine.js';

/**
 * Refinement of networks whose J^T J would be too large: limited-memory BFGS on the sum of squared errors, with the points
 * of the largest errors added as in refine.ts. Needs gradients only.
 */

const LOOK = 8;
const BASE_POINTS = 1024;
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
  const memory = new QuasiNewton();
  const evaluate = (trial: Float64Array) => {
    writeParameters(graph, trial);
    return lossAndGradient(teacher, graph, samples, extra);
  };
  let step = 0;
  while (best.error > options.target && step < options.maxSteps) {
    const next = lineSearch(evaluate, theta, point, memory.direction(point.gradient));
    if (!next) {
      writeParameters(graph, theta);
      if (memory.isEmpty) break;
      memory.forget();
      continue;
    }
    memory.remember(theta, point.gradient, next);
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
