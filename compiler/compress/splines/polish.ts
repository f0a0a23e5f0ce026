import { type AxisBasis, fitAll, type Tensor, valuesOf } from './tensor.js';

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
  /** Largest error at the samples. */
  error: number;
}

export function leastSquares(values: Tensor, bases: readonly AxisBasis[]): SplineFit {
  const coefficients = fitAll(values, bases);
  return { coefficients, error: largestDifference(valuesOf(coefficients, bases), values) };
}

/** @returns the fit within the limit, or undefined where it was not reached */
export function polish(
  values: Tensor,
  bases: readonly AxisBasis[],
  { coefficients: start }: SplineFit,
  limit: number,
): SplineFit | undefined {
  const target = 0.97 * limit;
  const current = start.data.slice();
  let before = current.slice();
  let excessThen = Number.POSITIVE_INFINITY;
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
      got.data[i] = beyond > 0 ? Math.sign(miss) * beyond : 0;
    }
    if (error <= limit) return { coefficients, error };
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

function largestDifference(a: Tensor, b: Tensor): number {
  let most = 0;
  for (let i = 0; i < a.data.length; i++) most = Math.max(most, Math.abs(a.data[i] - b.data[i]));
  return most;
}
