import { cholesky, choleskySolve } from '../../ir/linear-algebra/cholesky.js';
import { createGram, GRAM_BLOCK } from '../../ir/linear-algebra/gram.js';

/** Mean and covariance of values over sample points, and least squares on them. */
export interface Moments {
  readonly width: number;
  readonly mean: Float64Array;
  /** Row-major [width x width]. */
  readonly covariance: Float64Array;
}

/** @param values row-major [count x width] */
export function momentsOf(values: Float64Array, width: number): Moments {
  const count = values.length / width;
  const mean = new Float64Array(width);
  for (let p = 0; p < count; p++) for (let i = 0; i < width; i++) mean[i] += values[p * width + i] / count;
  const gram = createGram(width);
  const { jt: block, sum, size } = gram;
  for (let start = 0; start < count; start += GRAM_BLOCK) {
    block.fill(0);
    for (let p = start; p < Math.min(count, start + GRAM_BLOCK); p++) {
      for (let i = 0; i < width; i++) block[i * GRAM_BLOCK + p - start] = values[p * width + i] - mean[i];
    }
    gram.addBlock();
  }
  const covariance = new Float64Array(width * width);
  for (let i = 0; i < width; i++) {
    for (let j = 0; j <= i; j++) {
      covariance[i * width + j] = sum[i * size + j] / count;
      covariance[j * width + i] = covariance[i * width + j];
    }
  }
  return { width, mean, covariance };
}

/** Share of the largest variance that is added to every one: what float64 leaves of a covariance. */
const RIDGE = 1e-13;

/**
 * Coefficients [predictors x targets], row-major, of the linear fit of centred targets by centred predictors.
 * @param cross covariance of predictors with targets, [predictors x targets]
 */
export function solveRegression(
  covariance: Float64Array,
  predictors: number,
  cross: Float64Array,
  targets: number,
  ridge = RIDGE,
): Float64Array {
  let most = 0;
  for (let i = 0; i < predictors; i++) most = Math.max(most, covariance[i * predictors + i]);
  const solution = new Float64Array(predictors * targets);
  if (most === 0) return solution;
  const factor = new Float64Array(predictors * predictors);
  let damping = ridge * most;
  while (!cholesky(covariance, new Float64Array(predictors).fill(damping), factor, predictors, predictors))
    damping *= 10;
  const column = new Float64Array(predictors);
  for (let t = 0; t < targets; t++) {
    for (let i = 0; i < predictors; i++) column[i] = cross[i * targets + t];
    choleskySolve(factor, column, predictors, predictors);
    for (let i = 0; i < predictors; i++) solution[i * targets + t] = column[i];
  }
  return solution;
}

/**
 * Indices of a positive semi-definite matrix in the order of pivoted Cholesky, which is that of column-pivoted QR of the
 * data (Golub and Van Loan, Matrix Computations, 4th ed., 5.4.2 and 10.3.1), with the variance that each leaves over.
 */
export function pivotOrder(matrix: Float64Array, n: number): { order: number[]; remaining: number[] } {
  const rest = Float64Array.from({ length: n }, (_, i) => matrix[i * n + i]);
  const factor: Float64Array[] = [];
  const order: number[] = [];
  const remaining: number[] = [];
  const taken = new Uint8Array(n);
  for (let k = 0; k < n; k++) {
    let pivot = -1;
    for (let i = 0; i < n; i++) if (!taken[i] && (pivot < 0 || rest[i] > rest[pivot])) pivot = i;
    taken[pivot] = 1;
    order.push(pivot);
    const column = new Float64Array(n);
    const root = Math.sqrt(Math.max(rest[pivot], 0));
    if (root > 0) {
      for (let i = 0; i < n; i++) {
        if (taken[i]) continue;
        let sum = matrix[i * n + pivot];
        for (const f of factor) sum -= f[i] * f[pivot];
        column[i] = sum / root;
        rest[i] = Math.max(0, rest[i] - column[i] ** 2);
      }
      column[pivot] = root;
    }
    factor.push(column);
    rest[pivot] = 0;
    remaining.push(rest.reduce((m, v) => Math.max(m, v), 0));
  }
  return { order, remaining };
}
