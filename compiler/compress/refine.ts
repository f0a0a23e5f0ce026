import type { IrGraph } from '../ir/types.js';
import { type NormalEquations, normalEquations } from './jacobian.js';
import { cholesky, choleskySolve, createGram } from './normal-equations.js';
import { readParameters, trainableCount, withOwnWeights, writeParameters } from './parameters.js';
import {
  askTeacher,
  joinSamples,
  largest,
  poolPoints,
  residuals,
  type Samples,
  type Teacher,
  toleranceShare,
  trainingPoints,
} from './teacher.js';
import { WorstPoints } from './worst-points.js';

/**
 * Refinement: fits all weights of a smaller network to the float64 network it came from, over the input box.
 *
 * Levenberg-Marquardt (Marquardt, SIAM J. Appl. Math. 11 (1963) 431, doi 10.1137/0111030; damping after Nielsen, IMM-REP
 * 1999-05) on the p-norm of the errors. p starts at 2 and doubles when progress slows, so that the largest error is what
 * is minimised in the end (Polya's algorithm; Rice, The Approximation of Functions, vol. 2, 1969). Every few steps the
 * points of a dense pool where the error is largest join the training points.
 */
export interface RefineOptions {
  /** Stop once the errors over the pool take at most this share of the tolerance. */
  target: number;
  maxSteps: number;
  /** Training points per residual equation's parameter. */
  density?: number;
  /** Awaited after every look at the pool; true ends refinement with the best so far. */
  checkpoint?: Checkpoint;
}

/** Lets others run for a moment, and says whether to stop. */
export type Checkpoint = () => Promise<boolean>;

export interface Refined {
  graph: IrGraph;
  /** Share of the tolerance that the errors over the pool take. */
  error: number;
  steps: number;
  /** Multiply-adds spent on normal equations: the clock of the search, equal from run to run. */
  work: number;
}

const POOL_POINTS = 6144;
/** Steps between looks at the pool. */
const LOOK = 4;
const MAX_NORM = 16;
/** Weight of every point beside those with the largest errors: keeps J^T W J from losing rank. */
const FLOOR = 0.02;
const SMALLEST_DAMPING = 1e-9;
const LARGEST_DAMPING = 1e6;

export async function refine(
  teacher: Teacher,
  start: IrGraph,
  pool: Samples,
  options: RefineOptions,
): Promise<Refined> {
  const graph = withOwnWeights(start);
  const parameters = trainableCount(graph);
  const outputs = teacher.allowances.length;
  const wantedPoints = Math.ceil(((options.density ?? 2) * parameters) / outputs);
  const count = Math.min(Math.max(512, wantedPoints), 8192);
  const base = askTeacher(teacher, trainingPoints(teacher, count));
  const problem = new Problem(teacher, graph, base);
  const worst = new WorstPoints(teacher, pool, base.count >> 1);
  const shareOf = (errors: Float64Array) => toleranceShare(teacher, errors);
  let best = { theta: readParameters(graph), error: shareOf(residuals(teacher, graph, pool)).share };
  const history = [best.error];
  let step = 0;
  while (best.error > options.target && step < options.maxSteps) {
    if (!problem.step()) {
      if (!problem.raiseNorm()) break;
      continue;
    }
    step++;
    if (step % LOOK) continue;
    const { share: error, peaked } = shareOf(worst.update(graph));
    if (error < best.error) best = { theta: readParameters(graph), error };
    history.push(error);
    if (await options.checkpoint?.()) break;
    if (hopeless(history, options, step)) break;
    if (!peaked) problem.lowerNorm();
    else if (stalled(history)) problem.raiseNorm();
    problem.setSamples(joinSamples(base, worst.samples()));
  }
  writeParameters(graph, best.theta);
  return { graph, error: best.error, steps: step, work: step * base.count * outputs * parameters ** 2 };
}

/** A dense set of points on which refinement looks for its largest errors. */
export function makePool(teacher: Teacher, count = POOL_POINTS): Samples {
  return askTeacher(teacher, poolPoints(teacher, count));
}

/** True when the error falls by less than a fifth in three looks. */
function stalled(history: readonly number[]): boolean {
  const n = history.length;
  return n > 4 && Math.min(...history.slice(-3)) > 0.8 * Math.min(...history.slice(0, -3));
}

/** Looks over which progress is judged; fewer would take a plateau for the end. */
const OUTLOOK = 8;

/** True when the best error, falling on at twice the pace of the last looks, would miss the target by far. */
function hopeless(history: readonly number[], { target, maxSteps }: RefineOptions, step: number): boolean {
  const n = history.length;
  if (n <= OUTLOOK + 1) return false;
  const now = Math.min(...history);
  const before = Math.min(...history.slice(0, n - OUTLOOK));
  const pace = Math.log(now / before) / (OUTLOOK * LOOK);
  return now * Math.exp(2 * pace * (maxSteps - step)) > 1.1 * target || now > before / 1.1;
}

/** One least-p-norm problem and its damping. */
class Problem {
  private norm = 2;
  private damping = 1e-2;
  private growth = 2;
  private samples: Samples;
  private errors: Float64Array;
  private readonly normal: NormalEquations;
  private readonly factor: Float64Array;

  constructor(
    private readonly teacher: Teacher,
    private readonly graph: IrGraph,
    samples: Samples,
  ) {
    const parameters = trainableCount(graph);
    const gram = createGram(parameters);
    this.samples = samples;
    this.errors = residuals(teacher, graph, samples);
    this.normal = { gram, gradient: new Float64Array(parameters) };
    this.factor = new Float64Array(gram.size ** 2);
  }

  setSamples(samples: Samples): void {
    this.samples = samples;
    this.errors = residuals(this.teacher, this.graph, samples);
  }

  raiseNorm(): boolean {
    if (this.norm >= MAX_NORM) return false;
    this.norm *= 2;
    this.damping = Math.min(this.damping, 1e-2);
    return true;
  }

  lowerNorm(): void {
    this.norm = Math.max(2, this.norm / 2);
  }

  /** One accepted step; false when none lowers the norm. */
  step(): boolean {
    const { errors, norm, teacher, graph, normal } = this;
    const peak = largest(errors);
    if (!(peak > 0 && Number.isFinite(peak))) return false;
    const curvatures = new Float64Array(errors.length);
    const pulls = new Float64Array(errors.length);
    for (let i = 0; i < errors.length; i++) {
      const weight = norm === 2 ? 1 : (Math.abs(errors[i]) / peak) ** (norm - 2);
      curvatures[i] = (norm - 1) * weight + FLOOR;
      pulls[i] = (errors[i] * (weight + FLOOR)) / curvatures[i];
    }
    normalEquations(teacher, graph, this.samples, pulls, curvatures, normal);
    const theta = readParameters(graph);
    const before = objective(errors, norm, peak);
    while (this.damping < LARGEST_DAMPING) {
      const delta = this.solve();
      if (delta) {
        writeParameters(
          graph,
          theta.map((t, k) => t - delta[k]),
        );
        const trial = residuals(teacher, graph, this.samples);
        const gain = before - objective(trial, norm, peak);
        const predicted = predictedGain(delta, normal.gradient, this.dampingOf());
        if (gain > 0) {
          const ratio = Math.min(1, gain / predicted);
          this.damping = Math.max(SMALLEST_DAMPING, this.damping * Math.max(1 / 5, 1 - (2 * ratio - 1) ** 3));
          this.growth = 2;
          this.errors = trial;
          return true;
        }
      }
      this.damping *= this.growth;
      this.growth *= 2;
    }
    writeParameters(graph, theta);
    this.damping = 1e-2;
    this.growth = 2;
    return false;
  }

  private dampingOf(): Float64Array {
    const { gradient } = this.normal;
    const { sum, size } = this.normal.gram;
    let most = 0;
    for (let k = 0; k < gradient.length; k++) most = Math.max(most, sum[k * size + k]);
    return Float64Array.from(gradient, (_, k) => this.damping * Math.max(sum[k * size + k], 1e-8 * most) + 1e-300);
  }

  private solve(): Float64Array | undefined {
    const { gradient } = this.normal;
    const { sum, size } = this.normal.gram;
    if (!cholesky(sum, this.dampingOf(), this.factor, gradient.length, size)) return undefined;
    const delta = gradient.slice();
    choleskySolve(this.factor, delta, gradient.length, size);
    return delta;
  }
}

/** sum |r|^p / (p peak^(p-2)) + floor r^2 / 2: its gradient and curvature are what the normal equations hold. */
function objective(errors: Float64Array, norm: number, peak: number): number {
  let sum = 0;
  for (const r of errors) {
    const weight = norm === 2 ? 1 : (Math.abs(r) / peak) ** (norm - 2);
    sum += (weight / norm + FLOOR / 2) * r * r;
  }
  return Number.isNaN(sum) ? Number.POSITIVE_INFINITY : sum;
}

/** Decrease of the quadratic model: (delta . gradient + delta . D delta) / 2. */
function predictedGain(delta: Float64Array, gradient: Float64Array, damping: Float64Array): number {
  let sum = 0;
  for (let k = 0; k < delta.length; k++) sum += delta[k] * (gradient[k] + damping[k] * delta[k]);
  return sum / 2;
}
