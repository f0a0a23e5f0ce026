import type { Goal } from '../../code/cost/goal.js';
import type { Spline } from '../../model/spline.js';
import { AXIS_BYTES } from '../../table/spline.js';
import { splineWork } from '../graph-cost.js';
import type { Tensor } from './coefficient-tensor.js';
import { GRADINGS, type Grading, gradingOf, segmentDensity, segmentsOver, withEnds } from './grading.js';

/** Which axes of a spline are graded, and how finely: what it would take is estimated from the function's derivatives. */

export interface Plan {
  /** Of every axis; undefined where equal segments are those of the input. */
  readonly gradings: readonly (Grading | undefined)[];
  /** Of every axis, about. */
  readonly segments: readonly number[];
  /** Degrees to look at. */
  readonly degrees: readonly number[];
  /** Estimated bytes of coefficients and axes. */
  readonly bytes: number;
  /** What is to be small. */
  readonly cost: number;
}

/** Degrees that are looked at: by the first one of each list the segments are estimated. */
const DEGREES: Record<'bytes' | 'time', readonly (readonly number[])[]> = { bytes: [[3, 4, 5]], time: [[2], [3]] };
const GRADING_DEGREE = { bytes: 3, time: 2 } as const;
/** Estimated bytes are worth a grading from here on, of those without any. */
const WORTH = 0.85;
/** Bytes of a grading besides its coefficients. */
const GRADING_BYTES = 48;

/** An axis with one of the gradings, or with none. */
interface Choice {
  spline?: Spline;
  segments: number;
  bytes: number;
  work: number;
}

/**
 * Plans for a spline within an error of 1, the best one first.
 *
 * @param values dimensions [outputs, samples of each axis]
 * @param places of the samples, in 0 .. 1 of each input's range
 * @param limits the least degree, and bytes from which on a spline is of no interest
 */
export function plansFor(
  goal: Goal,
  values: Tensor,
  places: readonly Float64Array[],
  limits: { degree: number; bytes: number },
): Plan[] {
  const measure = goal === 'speed' ? 'time' : 'bytes';
  const plans = DEGREES[measure].flatMap((listed) => {
    const degrees = listed.filter((degree) => degree >= limits.degree);
    if (!degrees.length) return [];
    const [degree] = degrees;
    let combined: Choice[][] = [[]];
    for (const [k, at] of places.entries()) {
      const density = segmentDensity(values, k, at, degree + 1);
      const choices = choicesFor(at, density, GRADING_DEGREE[measure]);
      combined = combined.flatMap((head) => choices.map((choice) => [...head, choice]));
    }
    return combined.map((choices) => planOf(choices, degrees, values.dims[0], measure));
  });
  return plans.filter(({ bytes }) => bytes < limits.bytes).sort((a, b) => a.cost - b.cost || a.bytes - b.bytes);
}

function choicesFor(places: Float64Array, density: Float64Array, degree: number): Choice[] {
  const plain = { segments: density.reduce((most, d) => Math.max(most, d), 1), bytes: AXIS_BYTES, work: 0 };
  const graded = GRADINGS.map((segments): Choice => {
    const axes = [{ segments }];
    const spline = gradingOf(places, density, segments, degree);
    const bytes = AXIS_BYTES + GRADING_BYTES + 2 * spline.weight.length;
    return {
      spline,
      segments: segmentsOver(spline, places, density),
      bytes,
      work: splineWork({ axes, degree, width: 1 }),
    };
  });
  return [plain, ...graded.filter(({ segments }) => segments < plain.segments)];
}

function planOf(
  choices: readonly Choice[],
  degrees: readonly number[],
  width: number,
  measure: 'bytes' | 'time',
): Plan {
  const [degree] = degrees;
  const coefficients = choices.reduce((n, { segments }) => n * (segments + degree), width);
  const bytes = choices.reduce((n, choice) => n + choice.bytes, 2 * coefficients);
  const work = choices.reduce((n, choice) => n + choice.work, splineWork({ axes: choices, degree, width }));
  const isGraded = choices.some(({ spline }) => spline);
  const cost = measure === 'time' ? work : isGraded ? bytes / WORTH : bytes;
  return {
    gradings: choices.map(({ spline }) => spline && withEnds(spline)),
    segments: choices.map(({ segments }) => segments),
    degrees,
    bytes,
    cost,
  };
}
