/** Cholesky factorisation in float64 of matrices of a layer's size; those of refinement have their own in SIMD. */

/**
 * Cholesky factor L of A + diag(damping), lower triangle, row-major [n x n] with the given row stride; A = L L^T.
 * @returns false when the matrix is not positive definite in float64
 */
export function cholesky(
  a: Float64Array,
  damping: Float64Array,
  factor: Float64Array,
  n: number,
  stride: number,
): boolean {
  for (let i = 0; i < n; i++) {
    const row = i * stride;
    for (let j = 0; j <= i; j++) {
      const sum = a[row + j] - dot(factor, row, j * stride, j);
      if (j < i) factor[row + j] = sum / factor[j * stride + j];
      else if (sum + damping[i] > 0) factor[row + i] = Math.sqrt(sum + damping[i]);
      else return false;
    }
  }
  return true;
}

/** Solves L L^T x = b in place. */
export function choleskySolve(factor: Float64Array, x: Float64Array, n: number, stride: number): void {
  for (let i = 0; i < n; i++) x[i] = (x[i] - dotWith(factor, i * stride, x, i)) / factor[i * stride + i];
  for (let i = n - 1; i >= 0; i--) {
    x[i] /= factor[i * stride + i];
    const value = x[i];
    for (let k = 0; k < i; k++) x[k] -= factor[i * stride + k] * value;
  }
}

/** Of two stretches of the same array. */
export function dot(a: Float64Array, i: number, j: number, count: number): number {
  let sum = 0;
  for (let k = 0; k < count; k++) sum += a[i + k] * a[j + k];
  return sum;
}

function dotWith(a: Float64Array, i: number, x: Float64Array, count: number): number {
  let sum = 0;
  for (let k = 0; k < count; k++) sum += a[i + k] * x[k];
  return sum;
}
