import { type AxisBasis, fitAll, type Tensor, valuesOf } from './coefficient-tensor.js';

/**
 * Coefficients whose largest error at the samples is as small as can be: least squares first, which leaves errors of all
 * sizes, then what is beyond a limit is fitted away. With e the part of the errors beyond the limit, the sum of e^2 is
 * convex in the coefficients, and the least squares fit of e is its gradient in the norm of the basis: steps along it with
 * momentum (Nesterov) lead to zero where the limit can be kept at all.
 */

const STEPS = 120;
/** Steps after which the errors beyond the limit must have shrunk to a share, or polishing is given up. */
const PATIENCE = 24;
const LEAST_GAIN = 0.7;

export interface SplineFit {
  coefficients: Tensor;
  /** Share of the tolerance: by the largest error at the samples, or by root mean squares where those are nearer to their limits. */
  error: number;
}

/** What is fitted: values in units of the allowed error, dimensions [outputs, samples of each axis]. */
export interface Wanted {
  readonly values: Tensor;
  /** Allowed root mean square of each output. */
  readonly rmsLimits: ArrayLike<number>;
}

export function leastSquares(wanted: Wanted, bases: readonly AxisBasis[]): SplineFit {
  const coefficients = fitAll(wanted.values, bases);
  const got = valuesOf(coefficients, bases);
  const errors = got.data.map((v, i) => v - wanted.values.data[i]);
  return { coefficients, error: shareOfErrors(errors, wanted.rmsLimits) };
}

/** @param errors in units of the allowed error, row-major [outputs x samples] */
function shareOfErrors(errors: Float64Array, rmsLimits: ArrayLike<number>): number {
  const count = errors.length / rmsLimits.length;
  let share = 0;
  for (let k = 0; k < rmsLimits.length; k++) {
    let squares = 0;
    for (let i = k * count; i < (k + 1) * count; i++) {
      share = Math.max(share, Math.abs(errors[i]));
      squares += errors[i] ** 2;
    }
    share = Math.max(share, Math.sqrt(squares / count) / rmsLimits[k]);
  }
  return share;
}

/** @returns the fit within the limit, or undefined where it was not reached, or at the price of the root mean square */
export function polish(
  { values, rmsLimits }: Wanted,
  bases: readonly AxisBasis[],
  { coefficients: start }: SplineFit,
  limit: number,
): SplineFit | undefined {
  const target = 0.97 * limit;
  const current = start.data.slice();
  let before = current.slice();
  let excessThen = Number.POSITIVE_INFINITY;
  const errors = new Float64Array(values.data.length);
  for (let n = 0; n < STEPS; n++) {
    const momentum = n / (n + 3);
    const ahead = current.map((c, i) => c + momentum * (c - before[i]));
    const coefficients: Tensor = { dims: start.dims, data: ahead };
    const got = valuesOf(coefficients, bases);
    let error = 0;
    let excess = 0;
    for (let i = 0; i < got.data.length; i++) {
      const miss = values.data[i] - got.data[i];
      const beyond = Math.abs(miss) - target;
      error = Math.max(error, Math.abs(miss));
      excess += beyond > 0 ? beyond * beyond : 0;
      errors[i] = miss;
      got.data[i] = beyond > 0 ? Math.sign(miss) * beyond : 0;
    }
    if (error <= limit) {
      const share = shareOfErrors(errors, rmsLimits);
      return share <= limit ? { coefficients, error: share } : undefined;
    }
    if (n % PATIENCE === 0) {
      if (excess > LEAST_GAIN * excessThen) return undefined;
      excessThen = excess;
    }
    const step = fitAll(got, bases);
    before = current.slice();
    for (let i = 0; i < current.length; i++) current[i] = ahead[i] + STEP * step.data[i];
  }
  return undefined;
}

/** The sum's curvature in that norm is at most 1: longer steps than 1 and below 2 still converge. */
const STEP = 1;
