import { type Box, concatPoints, cornerPoints, edgePoints, inputBox, interiorPoints } from '../sample/points.js';

/**
 * The error of an approximation against a reference over the input box: Sobol points, corners and faces, then a local
 * search for the worst point from the worst samples.
 */

/** Engineering values in, row-major [points x inputs]; engineering values out, row-major [points x outputs]. */
export type PointFunction = (points: Float64Array) => Float64Array;

/** The error of one output. */
export interface OutputError {
  name: string;
  /** Largest |error| found, in the output's unit. */
  maxAbsolute: number;
  /** maxAbsolute divided by the largest |reference| of this output over the box. */
  maxRelative: number;
  /** sqrt(sum error^2 / sum reference^2) over the Sobol points. */
  relativeL2: number;
  /** Input values where the largest error occurs. */
  worstAt: number[];
  /** Largest |reference| over the points, in the output's unit. */
  largestReference: number;
}

export interface MeasureOptions {
  /** Number of Sobol points. */
  samples: number;
  /** Local searches per output; 0 for none. */
  searches: number;
  /** First point of the Sobol sequence; different parts give disjoint points. */
  skip?: number;
}

/**
 * The relative L2 error is held to this share of a relative tolerance, by compression and by formats: a build is not to
 * be at its limit everywhere.
 */
export const RELATIVE_L2_SHARE = 1 / 3;

/** What `build` checks itself with and `verify` uses by default: both then see the same points and the same figures. */
export const DEFAULT_MEASURE: MeasureOptions = { samples: 8192, searches: 32 };

export interface Measurement {
  outputs: OutputError[];
  /** Points evaluated in all. */
  points: number;
}

const ROUNDS = 24;
const RANDOM_STEPS = 6;

/** The error of every output; NaN of the approximation counts as infinite. The same options give the same points. */
export function measureError(
  model: { inputs: readonly { min: number; max: number }[]; outputs: readonly { name: string }[] },
  approximation: PointFunction,
  reference: PointFunction,
  options: MeasureOptions,
): Measurement {
  const box = inputBox(model.inputs);
  const d = box.min.length;
  const sobol = interiorPoints(box, options.samples, options.skip ?? 1);
  const points = concatPoints([sobol, cornerPoints(box), edgePoints(box, Math.max(16, options.samples >> 2))]);
  const wanted = reference(points);
  const got = approximation(points);
  const outputs = model.outputs.map((output, k) =>
    summarize(output.name, k, model.outputs.length, wanted, got, points, d, sobol.length / d),
  );
  let evaluated = points.length / d;
  if (options.searches > 0) {
    outputs.forEach((output, k) => {
      const starts = worstPoints(points, wanted, got, k, model.outputs.length, d, options.searches);
      const error = (at: Float64Array) => {
        const w = reference(at);
        const g = approximation(at);
        evaluated += at.length / d;
        return Float64Array.from({ length: at.length / d }, (_, p) => {
          const i = p * model.outputs.length + k;
          output.largestReference = Math.max(output.largestReference, Math.abs(w[i]));
          return Math.abs(g[i] - w[i]);
        });
      };
      const found = searchWorst(starts, box, error);
      if (found.error > output.maxAbsolute) {
        output.maxAbsolute = found.error;
        output.worstAt = found.at;
      }
      output.maxRelative = relative(output.maxAbsolute, output.largestReference);
    });
  }
  return { outputs, points: evaluated };
}

function summarize(
  name: string,
  k: number,
  width: number,
  wanted: Float64Array,
  got: Float64Array,
  points: Float64Array,
  d: number,
  sobolCount: number,
): OutputError {
  let maxAbsolute = -1;
  let worst = 0;
  let largestReference = 0;
  let errorSquares = 0;
  let referenceSquares = 0;
  for (let p = 0; p < points.length / d; p++) {
    const i = p * width + k;
    const error = Math.abs(got[i] - wanted[i]);
    // NaN counts as the worst possible error.
    if (!(error <= maxAbsolute)) {
      maxAbsolute = Number.isNaN(error) ? Number.POSITIVE_INFINITY : error;
      worst = p;
    }
    largestReference = Math.max(largestReference, Math.abs(wanted[i]));
    if (p < sobolCount) {
      errorSquares += error * error;
      referenceSquares += wanted[i] * wanted[i];
    }
  }
  return {
    name,
    maxAbsolute,
    maxRelative: relative(maxAbsolute, largestReference),
    relativeL2: relative(Math.sqrt(errorSquares), Math.sqrt(referenceSquares)),
    worstAt: Array.from(points.subarray(worst * d, (worst + 1) * d)),
    largestReference,
  };
}

function relative(error: number, reference: number): number {
  if (reference > 0) return error / reference;
  return error === 0 ? 0 : Number.POSITIVE_INFINITY;
}

function worstPoints(
  points: Float64Array,
  wanted: Float64Array,
  got: Float64Array,
  k: number,
  width: number,
  d: number,
  count: number,
): Float64Array {
  const errors = Array.from({ length: points.length / d }, (_, p) =>
    Math.abs(got[p * width + k] - wanted[p * width + k]),
  );
  const order = errors.map((_, p) => p).sort((p, q) => errors[q] - errors[p] || p - q);
  return Float64Array.from(order.slice(0, count).flatMap((p) => Array.from(points.subarray(p * d, (p + 1) * d))));
}

/**
 * Search upwards from every start at once. Truncation errors of tables and compression are smooth at some scale and
 * rounding errors are rough at every scale, so each round tries compass steps along the axes, halved when none helps,
 * and random steps of every length around the best point so far.
 */
function searchWorst(
  starts: Float64Array,
  box: Box,
  errorAt: (points: Float64Array) => Float64Array,
): { error: number; at: number[] } {
  const d = box.min.length;
  const count = starts.length / d;
  const tries = 2 * d + RANDOM_STEPS;
  const current = starts.slice();
  const best = errorAt(current);
  const steps = new Float64Array(count).fill(1 / 32);
  const random = uniform(count);
  for (let round = 0; round < ROUNDS; round++) {
    const candidates = new Float64Array(count * tries * d);
    for (let s = 0; s < count; s++) {
      for (let m = 0; m < tries; m++) {
        const radius = 2 ** (-4 - 12 * random());
        for (let axis = 0; axis < d; axis++) {
          const compass = axis === m >> 1 ? (m & 1 ? -steps[s] : steps[s]) : 0;
          const move = m < 2 * d ? compass : radius * (2 * random() - 1);
          const span = box.max[axis] - box.min[axis];
          const moved = current[s * d + axis] + move * span;
          candidates[(s * tries + m) * d + axis] = Math.min(box.max[axis], Math.max(box.min[axis], moved));
        }
      }
    }
    const errors = errorAt(candidates);
    for (let s = 0; s < count; s++) {
      let better = -1;
      for (let m = 0; m < tries; m++) {
        const e = errors[s * tries + m];
        if (e > best[s]) {
          best[s] = e;
          better = m;
        }
      }
      if (better < 0) steps[s] /= 2;
      else current.set(candidates.subarray((s * tries + better) * d, (s * tries + better + 1) * d), s * d);
    }
  }
  let worst = 0;
  for (let s = 1; s < count; s++) if (best[s] > best[worst]) worst = s;
  return { error: best[worst], at: Array.from(current.subarray(worst * d, (worst + 1) * d)) };
}

/** Numbers in [0, 1), the same for the same seed (Numerical Recipes' 32-bit linear congruential generator). */
function uniform(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
