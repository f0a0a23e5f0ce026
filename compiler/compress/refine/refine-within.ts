import { sharesWeights, trainableCount } from '../../ir/parameters.js';
import type { IrGraph } from '../../ir/types.js';
import { addPeaks, type SearchPoints } from '../teacher/search-points.js';
import { askTeacher, type Samples, shareOf, type Teacher } from '../teacher/teacher.js';
import { climb } from '../teacher/worst-points.js';
import { refineLarge } from './lbfgs.js';
import { LARGEST_NORMAL_EQUATIONS, type Refined, type RefineOptions, refine } from './refine.js';

/** Refinement aims a little below the target, for points that it does not see. */
const AIM = 0.94;
/** How often a network that keeps the target only on the points it was refined on is refined further. */
const RETRIES = 4;
/** The norm of the errors that they begin with: they are even already. */
const RETRY_NORM = 8;
/** Steps of L-BFGS that a step of Levenberg-Marquardt is worth. */
const LBFGS_STEPS = 3;

/** Levenberg-Marquardt, or L-BFGS for a network too large for J^T J that is asked for more than small errors. */
export function refineAny(teacher: Teacher, graph: IrGraph, pool: Samples, options: RefineOptions): Promise<Refined> {
  // J J^T of the points is made matrix by matrix: not where one matrix serves several steps.
  const penalized = options.keepZeros || options.blockRank || sharesWeights(teacher.sent(graph));
  if (!penalized || trainableCount(graph) <= LARGEST_NORMAL_EQUATIONS) return refine(teacher, graph, pool, options);
  return refineLarge(teacher, graph, pool, { ...options, maxSteps: LBFGS_STEPS * options.maxSteps });
}

/** Where climbing leads, an error may be this much larger than at the points that are looked at: searches leave as much. */
export const PEAK = 1.05;

export interface RefinedWithin extends Refined {
  /** Share of the tolerance that the errors take at points that refinement does not see; peaks between them count less. */
  unseen: number;
  /** The points, with the peaks that were met: a search goes on with them. */
  points: SearchPoints;
}

/**
 * Refines until the errors at points that refinement does not see are within a limit, too, and those at the peaks between
 * them: peaks that are not join the points.
 * @param options `target`: what to aim at, at most `limit`
 */
export async function refineWithin(
  teacher: Teacher,
  graph: IrGraph,
  points: SearchPoints,
  limit: number,
  options: RefineOptions,
): Promise<RefinedWithin> {
  let aim = AIM * options.target;
  const start = await fitValues(teacher, graph, points.pool, options);
  let refined = await refineAny(teacher, start.graph, points.pool, { ...options, target: aim });
  let work = start.work + refined.work;
  for (let retry = 0; ; retry++) {
    let error = shareOf(teacher, refined.graph, points.unseen);
    let peaks: Samples | undefined;
    if (error <= limit) {
      const climbed = climb(teacher, refined.graph, points.starts);
      if (climbed.error > PEAK * limit) peaks = climbed.peaks;
      error = Math.max(error, climbed.error / PEAK);
    }
    const again = peaks !== undefined || (error > limit && refined.error <= aim);
    if (!again || retry === RETRIES) return { ...refined, work, unseen: error, points };
    if (peaks) points = addPeaks(points, peaks);
    // The points between those of the pool are worse by this much: aim lower by as much.
    else aim *= (AIM * limit) / error;
    refined = await refineAny(teacher, refined.graph, points.pool, { ...options, target: aim, norm: RETRY_NORM });
    work += refined.work;
  }
}

/** Errors of derivatives that are this many times the tolerance say little of where the weights should go. */
const FAR = 10;

/**
 * Where derivatives are far off, the network's own values are fitted first: derivatives follow them, while the errors of
 * derivatives, largest at steep places, lead a network that is not near astray.
 */
async function fitValues(
  teacher: Teacher,
  graph: IrGraph,
  pool: Samples,
  options: RefineOptions,
): Promise<Pick<Refined, 'graph' | 'work'>> {
  const { values } = teacher;
  if (!values || shareOf(teacher, graph, pool) < FAR) return { graph, work: 0 };
  return refineAny(values, graph, askTeacher(values, pool.points, pool.interior), options);
}
