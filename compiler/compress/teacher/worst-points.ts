import { irParameterCount } from '../../ir/parameters.js';
import type { IrGraph } from '../../ir/types.js';
import { uniform } from '../../judge/points/random.js';
import { climbTogether, TOGETHER_POINTS } from '../../judge/worst-point.js';
import { askTeacher, joinSamples, largest, residuals, type Samples, selectSamples, type Teacher } from './teacher.js';

/**
 * Adaptive resampling: the points where the error is or was largest. They are collected from a pool over the whole box
 * and from the neighbourhoods of its worst points, and stay, for as long as there is room, so that an error that was
 * pushed down does not come back unseen.
 */
export class WorstPoints {
  private readonly fromPool = new Set<number>();
  private nearby?: Samples;
  private readonly random: () => number;

  /** @param capacity how many points are kept of either kind */
  constructor(
    private readonly teacher: Teacher,
    private readonly pool: Samples,
    public capacity: number,
  ) {
    this.random = generator(teacher.seed + 1);
  }

  /**
   * Looks again.
   * @returns the errors met, row-major [points x outputs], those of the pool first
   */
  update(graph: IrGraph): Float64Array {
    const { teacher, pool } = this;
    const errors = residuals(teacher, graph, pool);
    const order = byError(errors, pool.count);
    for (const p of order.slice(0, Math.ceil(this.capacity / 6))) this.fromPool.add(p);
    if (this.fromPool.size > this.capacity) this.forgetSmallest(order);
    const fresh = askTeacher(teacher, this.neighbours(order.slice(0, STARTS)));
    const nearby = this.nearby ? joinSamples(this.nearby, fresh) : fresh;
    const nearbyErrors = residuals(teacher, graph, nearby);
    const kept = byError(nearbyErrors, nearby.count).slice(0, this.capacity >> 1);
    this.nearby = selectSamples(nearby, kept, teacher.inputCount);
    const all = new Float64Array(errors.length + nearbyErrors.length);
    all.set(errors);
    all.set(nearbyErrors, errors.length);
    return all;
  }

  samples(): Samples {
    const pool = selectSamples(this.pool, [...this.fromPool], this.teacher.inputCount);
    return this.nearby ? joinSamples(pool, this.nearby) : pool;
  }

  private forgetSmallest(order: readonly number[]): void {
    for (let i = order.length - 1; this.fromPool.size > this.capacity; i--) this.fromPool.delete(order[i]);
  }

  /** Points around the given ones, at three distances. */
  private neighbours(chosen: readonly number[]): Float64Array {
    const { box, inputCount: d } = this.teacher;
    const points = new Float64Array(chosen.length * REACHES.length * d);
    let at = 0;
    for (const p of chosen) {
      for (const reach of REACHES) {
        for (let k = 0; k < d; k++) {
          const moved = this.pool.points[p * d + k] + reach * this.random() * (box.max[k] - box.min[k]);
          points[at++] = Math.min(box.max[k], Math.max(box.min[k], moved));
        }
      }
    }
    return points;
  }
}

const CLIMBERS = 64;
/** Fewer climb where asking the teacher takes more multiply-adds than this in all; never fewer than 8. */
const CLIMB_WORK = 1e9;

/**
 * Climbs from the points where the errors are largest: networks of few steep neurons have peaks that are narrower than the
 * distance between any points.
 * @returns the points that were reached, and the largest error there, in shares of the tolerance
 */
export function climb(teacher: Teacher, graph: IrGraph, samples: Samples): { peaks: Samples; error: number } {
  const { box, inputCount: d, seed } = teacher;
  const errors = residuals(teacher, graph, samples);
  const affordable = CLIMB_WORK / (TOGETHER_POINTS * (1 + irParameterCount(teacher.graph)));
  const climbers = Math.max(8, Math.min(CLIMBERS, Math.floor(affordable)));
  const starts = selectSamples(samples, byError(errors, samples.count).slice(0, climbers), d);
  const errorOf = (at: Samples) => worstOf(residuals(teacher, graph, at), at.count);
  const errorAt = (points: Float64Array) => errorOf(askTeacher(teacher, points));
  const peaks = askTeacher(teacher, climbTogether(starts.points, errorOf(starts), box, errorAt, seed + 1));
  return { peaks, error: largest(residuals(teacher, graph, peaks)) };
}

/** The samples, and the points where climbing from the worst of them leads. */
export function withPeaks(teacher: Teacher, graph: IrGraph, samples: Samples): Samples {
  return joinSamples(samples, climb(teacher, graph, samples).peaks);
}

const STARTS = 48;
/** Shares of the box. */
const REACHES = [1 / 16, 1 / 64, 1 / 256] as const;

/** Indices of points, largest error first. */
function byError(errors: Float64Array, count: number): number[] {
  const worst = worstOf(errors, count);
  return Array.from(worst.keys()).sort((p, q) => worst[q] - worst[p] || p - q);
}

/** The largest error of every point. */
function worstOf(errors: Float64Array, count: number): Float64Array {
  const width = errors.length / count;
  const worst = new Float64Array(count);
  for (let i = 0; i < errors.length; i++) {
    const p = Math.floor(i / width);
    worst[p] = Math.max(worst[p], Math.abs(errors[i]));
  }
  return worst;
}

/** Numbers in [-1, 1). */
function generator(seed: number): () => number {
  const random = uniform(seed - 1);
  return () => 2 * random() - 1;
}
