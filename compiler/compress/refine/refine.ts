import { readParameters, sharesWeights, trainableCount, withOwnWeights, writeParameters } from '../../ir/parameters.js';
import type { IrGraph } from '../../ir/types.js';
import {
  askTeacher,
  joinSamples,
  largest,
  residuals,
  type Samples,
  shareOf,
  type Teacher,
  toleranceShare,
  trainingPoints,
} from '../teacher/teacher.js';
import { WorstPoints } from '../teacher/worst-points.js';
import { balanceFactors } from './block-rank.js';
import { type LeastSquares, normalSystem } from './least-squares.js';
import { sampleSpaceSystem } from './sample-space.js';

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
  /** Weights that are zero stay zero. */
  keepZeros?: boolean;
  /** The p of the norm to begin with; 2 unless given. */
  norm?: number;
  /** Go on to the last step even if the target is out of reach. */
  patient?: boolean;
  /**
   * Of derivatives: root mean squares, small beside the peaks that tolerances are relative to, are what is hard to fit. They
   * fall slowly, so that near the target it goes on to the last step.
   */
  derived?: boolean;
  /** Weight of the block-rank regularisation (block-rank.ts); none unless given. */
  blockRank?: number;
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

/** More parameters than this are refined by J J^T, which grows with the points, not by J^T J. */
export const LARGEST_NORMAL_EQUATIONS = 1000;
/**
 * Points that stay, then: so many residuals at first, but not fewer points; those of the largest errors join them, as many
 * again. As long as the errors between them are much larger than at them, there are too few, and they are doubled.
 */
const DUAL = { residuals: 384, points: 192, most: 1536, overfit: 3 } as const;
/** Steps between looks at the pool. */
const LOOK = 4;
const MAX_NORM = 16;
/** Weight of every point beside those with the largest errors: keeps J^T W J from losing rank. */
const FLOOR = 0.02;
/**
 * Weight of the points of the largest errors where root mean squares are fitted, of derivatives: nearly all of them are where
 * the function is steep, a small part of the box.
 */
const STEEP_WEIGHT = 0.1;
/** An output never counts for less than this beside the others. */
const SMALLEST_BALANCE = 0.1;
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
  const dual = parameters > LARGEST_NORMAL_EQUATIONS && !sharesWeights(teacher.sent(graph));
  const wantedPoints = Math.ceil(((dual ? 0 : (options.density ?? 2)) * parameters) / outputs);
  const count = dual
    ? Math.max(DUAL.points, Math.ceil(DUAL.residuals / outputs))
    : Math.min(Math.max(512, wantedPoints), 8192);
  let base = askTeacher(teacher, trainingPoints(teacher, count));
  if (options.blockRank) balanceFactors(graph);
  const system = dual ? sampleSpaceSystem(graph, outputs) : normalSystem(teacher, graph, base.points, options);
  const problem = new Problem(teacher, graph, base, system, options);
  const worst = new WorstPoints(teacher, pool, base.count >> 1);
  let best = { theta: readParameters(graph), error: shareOf(teacher, graph, pool) };
  const history = [best.error];
  let step = 0;
  let work = 0;
  while (best.error > options.target && step < options.maxSteps) {
    if (!problem.step()) {
      if (!problem.raiseNorm()) break;
      continue;
    }
    step++;
    work += system.work(base.count);
    if (step % LOOK) continue;
    const errors = worst.update(graph);
    const { share: error, peaked, outputs: shares } = toleranceShare(teacher, errors, pool.interior);
    if (error < best.error) best = { theta: readParameters(graph), error };
    history.push(error);
    if (await options.checkpoint?.()) break;
    if (!options.patient && hopeless(history, options, step)) break;
    if (!peaked) problem.lowerNorm();
    else if (stalled(history)) problem.raiseNorm();
    problem.balance(shares);
    if (dual && largest(errors) > DUAL.overfit * problem.peak && 2 * base.count * outputs <= DUAL.most) {
      base = askTeacher(teacher, trainingPoints(teacher, 2 * base.count));
      worst.capacity = base.count >> 1;
    }
    problem.setSamples(joinSamples(base, worst.samples()));
  }
  writeParameters(graph, best.theta);
  return { graph, error: best.error, steps: step, work };
}

/** True when the error falls by less than a fifth in three looks. */
function stalled(history: readonly number[]): boolean {
  const n = history.length;
  return n > 4 && Math.min(...history.slice(-3)) > 0.8 * Math.min(...history.slice(0, -3));
}

/** Looks over which progress is judged; fewer would take a plateau for the end. */
const OUTLOOK = 8;
/** Far from the target, and for a result that would be too, half as many do. */
const FAR = 20;

/** True when the best error, falling on at twice the pace of the last looks, would miss the target by far. */
function hopeless(history: readonly number[], { target, maxSteps, derived }: RefineOptions, step: number): boolean {
  const now = Math.min(...history);
  const far = now > FAR * target;
  if (derived && !far) return false;
  const looks = far ? OUTLOOK / 2 : OUTLOOK;
  const n = history.length;
  if (n <= looks + 1) return false;
  const before = Math.min(...history.slice(0, n - looks));
  const pace = Math.log(now / before) / (looks * LOOK);
  const expected = now * Math.exp(2 * pace * (maxSteps - step));
  return far ? expected > FAR * target : expected > 1.1 * target || now > before / 1.1;
}

/** One least-p-norm problem and its damping. */
class Problem {
  private damping = 1e-2;
  private growth = 2;
  private balances: number[];
  private errors: Float64Array;
  private norm: number;
  /** So many residuals count in full whatever the norm. */
  private readonly even: number;

  constructor(
    private teacher: Teacher,
    private readonly graph: IrGraph,
    private samples: Samples,
    private readonly system: LeastSquares,
    { norm = 2, derived = false }: RefineOptions,
  ) {
    this.norm = norm;
    // Points that join stand behind these.
    this.even = derived ? samples.count * teacher.allowances.length : Number.POSITIVE_INFINITY;
    this.balances = Array.from(teacher.allowances, () => 1);
    this.errors = residuals(teacher, graph, samples);
  }

  /** Largest error at the points, by the balances of the outputs. */
  get peak(): number {
    return largest(this.errors);
  }

  setSamples(samples: Samples): void {
    this.samples = samples;
    this.errors = residuals(this.teacher, this.graph, samples);
  }

  /** Outputs that are nearer to their limits than others count for more from now on. */
  balance(shares: readonly number[]): void {
    const most = Math.max(...shares);
    if (!(most > 0 && Number.isFinite(most))) return;
    const moved = this.balances.map((weight, k) => weight * Math.sqrt(shares[k] / most));
    const top = Math.max(...moved);
    const balances = moved.map((weight) => Math.max(SMALLEST_BALANCE, weight / top));
    const allowances = this.teacher.allowances.map((a, k) => (a * this.balances[k]) / balances[k]);
    this.balances = balances;
    this.teacher = { ...this.teacher, allowances };
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

  /** (|r| / peak)^(p-2), which makes of squares the p-norm. */
  private weighing(peak: number): Weighing {
    const { norm, even } = this;
    if (norm === 2) return (_, i) => (i < even ? 1 : STEEP_WEIGHT);
    return (r) => (Math.abs(r) / peak) ** (norm - 2);
  }

  /** One accepted step; false when none lowers the norm. */
  step(): boolean {
    const { errors, norm, teacher, graph, system } = this;
    const peak = largest(errors);
    if (!(peak > 0 && Number.isFinite(peak))) return false;
    const weigh = this.weighing(peak);
    const curvatures = new Float64Array(errors.length);
    const pulls = new Float64Array(errors.length);
    for (let i = 0; i < errors.length; i++) {
      const weight = weigh(errors[i], i);
      curvatures[i] = (norm - 1) * weight + FLOOR;
      pulls[i] = (errors[i] * (weight + FLOOR)) / curvatures[i];
    }
    const theta = readParameters(graph);
    const strength = errors.reduce((sum, r, i) => sum + weigh(r, i) + FLOOR, 0);
    system.linearize(teacher, this.samples, pulls, curvatures, strength);
    const total = (residual: Float64Array, parameters: Float64Array) =>
      objective(residual, norm, weigh) + system.penalty(parameters, strength);
    const before = total(errors, theta);
    while (this.damping < LARGEST_DAMPING) {
      const solved = system.solve(this.damping);
      if (solved) {
        const moved = theta.map((t, k) => t - solved.delta[k]);
        writeParameters(graph, moved);
        const trial = residuals(teacher, graph, this.samples);
        const gain = before - total(trial, moved);
        if (gain > 0) {
          const ratio = Math.min(1, gain / solved.gain);
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
}

/** Weight of a residual in the sum of squares. */
type Weighing = (residual: number, index: number) => number;

/** sum |r|^p / (p peak^(p-2)) + floor r^2 / 2: its gradient and curvature are what the normal equations hold. */
function objective(errors: Float64Array, norm: number, weigh: Weighing): number {
  let sum = 0;
  for (let i = 0; i < errors.length; i++) sum += (weigh(errors[i], i) / norm + FLOOR / 2) * errors[i] ** 2;
  return Number.isNaN(sum) ? Number.POSITIVE_INFINITY : sum;
}
