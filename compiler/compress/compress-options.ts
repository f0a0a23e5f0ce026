import type { Goal } from '../code/cost/goal.js';
import { DEFAULT_TREE, type TreeOptions } from './matrices/block-tree.js';
import type { TeacherKind } from './physics/teach.js';
import type { Checkpoint } from './refine/refine.js';
import type { Attempt } from './search/one-method.js';

/** What compression can be asked for. */

export const METHODS = [
  'auto',
  'prune',
  'student',
  'spline',
  'hmatrix',
  'tt',
  'lowrank',
  'svd',
  'magnitude',
  'int8',
  'int16',
] as const;
export type Method = (typeof METHODS)[number];

export interface CompressOptions {
  method: Method;
  /** What networks are compared by: time for `speed`, else bytes. */
  goal: Goal;
  /** Share of the tolerance that compression may spend. */
  share: number;
  seed: number;
  /** Instead of a share of the tolerance: bytes that the weights may take in 16 bits, as accurate as can be. */
  maxBytes?: number;
  /** Round weights to the least precision per matrix that keeps the share; a build leaves that to its number formats. */
  round: boolean;
  /** hmatrix: where blocks may be divided. */
  tree: TreeOptions;
  /** Single methods: refine the weights that are left. */
  refine: boolean;
  /** Weight of the nuclear norms of low-rank blocks during refinement, 0 for none. */
  blockRank: number;
  /** The same for instructions per answer, as {@link estimatedInstructions} counts them. */
  maxInstructions?: number;
  /** What the weights of the result are refined on in the end, beside or in place of the float network. */
  teacher: TeacherKind;
  /** Of a step model: learn on trajectories of so many steps, too. */
  trajectorySteps?: number;
  /** Multiply-adds of refinement at most. */
  maxWork: number;
  onAttempt?: (attempt: Attempt) => void;
  /** Awaited now and then: true ends the search with the best so far. */
  checkpoint?: Checkpoint;
}

/**
 * Multiply-adds of the normal equations at most: about 30 s, 2 min and 15 min on one core of a server of 2024. Looking at the
 * errors between steps is not counted; of deep networks of few neurons it is most of the time.
 */
export const EFFORTS = { quick: 150e9, normal: 600e9, thorough: 6000e9 } as const;
export const EFFORT_LEVELS = ['quick', 'normal', 'thorough'] as const;
export type Effort = (typeof EFFORT_LEVELS)[number];

export const DEFAULT_COMPRESS: CompressOptions = {
  method: 'auto',
  goal: 'size',
  share: 0.55,
  seed: 0,
  round: false,
  tree: DEFAULT_TREE,
  refine: true,
  blockRank: 0,
  teacher: 'network',
  maxWork: EFFORTS.normal,
};
