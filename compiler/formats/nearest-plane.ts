import { cholesky, choleskySolve } from '../ir/linear-algebra/cholesky.js';

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
    // pull[j] collects sum over the rounded ones of factor(i, j) times their error.
    const pull = new Float64Array(n);
    for (let i = n - 1; i >= 0; i--) {
      const k = sequence[i];
      const wanted = values[k] + shift[i] - pull[i] / factor[i * n + i];
      rounded[k] = clamp(k, Math.round(wanted / steps[k]) * steps[k]);
      const error = rounded[k] - values[k] - shift[i];
      for (let j = 0; j <= i; j++) pull[j] += factor[i * n + j] * error;
    }
    return rounded;
  };
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
