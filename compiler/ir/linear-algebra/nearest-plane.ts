import { cholesky, choleskySolve } from './cholesky.js';

/** Value `k`, or the nearest that it may take. */
type Clamp = (k: number, value: number) => number;
/** Rounds `values`; `missing` is the moment, with the arguments, of what the result still lacks. */
type Lattice = (values: Float64Array, steps: Float64Array, clamp: Clamp, missing?: Float64Array) => Float64Array;

/**
 * Nearest plane: rounds `values` to multiples of `steps`, in the order of falling steps times curvature, each given the
 * errors of those before it.
 *
 * @param n size of the matrix
 * @param entry of the curvature matrix
 * @param order steps by which the order is found, up to a common factor
 * @param damping share of the diagonal that is added to it
 * @returns undefined where the matrix, so damped, is not positive definite
 */
export function lattice(
  n: number,
  entry: (i: number, j: number) => number,
  order: Float64Array,
  damping: number,
): Lattice | undefined {
  const weightOf = (k: number) => order[k] ** 2 * entry(k, k);
  // The last of this list is rounded first.
  const sequence = Array.from({ length: n }, (_, k) => k).sort((a, b) => weightOf(a) - weightOf(b) || a - b);
  const matrix = new Float64Array(n * n);
  const diagonal = new Float64Array(n);
  let most = 0;
  for (let i = 0; i < n; i++) most = Math.max(most, entry(i, i));
  if (!(most > 0 && Number.isFinite(most))) return undefined;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) matrix[i * n + j] = entry(sequence[i], sequence[j]);
    diagonal[i] = Math.max(damping * matrix[i * n + i], 1e-12 * most);
  }
  const factor = new Float64Array(n * n);
  if (!cholesky(matrix, diagonal, factor, n, n)) return undefined;
  return (values, steps, clamp, missing) => {
    const rounded = new Float64Array(n);
    const shift = Float64Array.from(sequence, (k) => missing?.[k] ?? 0);
    if (missing) choleskySolve(factor, shift, n, n);
    sweep(
      factor,
      n,
      (i) => values[sequence[i]] + shift[i],
      (i, wanted) => {
        const k = sequence[i];
        rounded[k] = clamp(k, Math.round(wanted / steps[k]) * steps[k]);
        return rounded[k];
      },
    );
    return rounded;
  };
}

/**
 * The sweep of the nearest plane (Babai, Combinatorica 6 (1986) 1-13): from the last value to the first, each is rounded with
 * what the errors of those before it pull it by.
 *
 * @param factor lower Cholesky factor of the curvature, row-major [n x n]
 * @param target value i before rounding
 * @param round gives the value that i takes where `wanted` would be best, and keeps it
 */
export function sweep(
  factor: Float64Array,
  n: number,
  target: (i: number) => number,
  round: (i: number, wanted: number) => number,
): void {
  // pull[j] collects sum over the rounded ones of factor(i, j) times their error.
  const pull = new Float64Array(n);
  for (let i = n - 1; i >= 0; i--) {
    const value = target(i);
    const error = round(i, value - pull[i] / factor[i * n + i]) - value;
    if (error !== 0) for (let j = 0; j <= i; j++) pull[j] += factor[i * n + j] * error;
  }
}

/** {@link lattice} for one vector of values, whose own steps give the order. */
export function babai(
  n: number,
  entry: (i: number, j: number) => number,
  values: Float64Array,
  steps: Float64Array,
  damping: number,
  clamp: Clamp,
): Float64Array | undefined {
  return lattice(n, entry, steps, damping)?.(values, steps, clamp);
}
