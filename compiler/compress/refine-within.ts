import { trainableCount } from '../ir/parameters.js';
import type { IrGraph } from '../ir/types.js';
import { refineLarge } from './lbfgs.js';
import { LARGEST_NORMAL_EQUATIONS, type Refined, type RefineOptions, refine } from './refine.js';
import { type Samples, shareOf, type Teacher } from './teacher.js';

/** Refinement aims a little below the target, for points that it does not see. */
const AIM = 0.94;
/** How often a network that keeps the target only on the points it was refined on is refined further. */
const RETRIES = 2;
/** Steps of L-BFGS that a step of Levenberg-Marquardt is worth. */
const LBFGS_STEPS = 3;

/** Levenberg-Marquardt, or L-BFGS for a network too large for J^T J that is asked for more than small errors. */
export function refineAny(teacher: Teacher, graph: IrGraph, pool: Samples, options: RefineOptions): Promise<Refined> {
  const penalized = options.keepZeros || options.blockRank;
  if (!penalized || trainableCount(graph) <= LARGEST_NORMAL_EQUATIONS) return refine(teacher, graph, pool, options);
  return refineLarge(teacher, graph, pool, { ...options, maxSteps: LBFGS_STEPS * options.maxSteps });
}

/**
 * Refines until the errors at points that refinement does not see are within a limit, too.
 * @param options `target`: what to aim at, at most `limit`
 * @returns with `unseen`, the share of the tolerance that the errors at those points take
 */
export async function refineWithin(
  teacher: Teacher,
  graph: IrGraph,
  pool: Samples,
  unseen: Samples,
  limit: number,
  options: RefineOptions,
): Promise<Refined & { unseen: number }> {
  let aim = AIM * options.target;
  let refined = await refineAny(teacher, graph, pool, { ...options, target: aim });
  let { work } = refined;
  let error = shareOf(teacher, refined.graph, unseen);
  for (let retry = 0; retry < RETRIES && refined.error <= aim && error > limit; retry++) {
    // The points between those of the pool are worse by this much: aim lower by as much.
    aim *= (AIM * limit) / error;
    refined = await refineAny(teacher, refined.graph, pool, { ...options, target: aim });
    work += refined.work;
    error = shareOf(teacher, refined.graph, unseen);
  }
  return { ...refined, work, unseen: error };
}
