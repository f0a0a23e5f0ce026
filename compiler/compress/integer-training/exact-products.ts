/**
 * Products of matrices of doubles, row-major. In integers all sums are exact (number-formats.ts), so that no order of them matters.
 */

/** y = x w': x [rows x n], w [m x n]. */
export function timesTransposed(
  x: Float64Array,
  w: Float64Array,
  rows: number,
  n: number,
  m: number,
  y: Float64Array,
): void {
  for (let r = 0; r < rows; r++) {
    const from = r * n;
    for (let j = 0; j < m; j++) {
      const row = j * n;
      let even = 0;
      let odd = 0;
      let k = 0;
      for (; k + 1 < n; k += 2) {
        even += x[from + k] * w[row + k];
        odd += x[from + k + 1] * w[row + k + 1];
      }
      if (k < n) even += x[from + k] * w[row + k];
      y[r * m + j] = even + odd;
    }
  }
}

/** x = g w: g [rows x m], w [m x n]. */
export function times(g: Float64Array, w: Float64Array, rows: number, m: number, n: number, x: Float64Array): void {
  x.fill(0, 0, rows * n);
  for (let r = 0; r < rows; r++) {
    const to = r * n;
    for (let j = 0; j < m; j++) {
      const factor = g[r * m + j];
      if (factor === 0) continue;
      const row = j * n;
      for (let k = 0; k < n; k++) x[to + k] += factor * w[row + k];
    }
  }
}

/** w += g' x: g [rows x m], x [rows x n]. */
export function addOuter(g: Float64Array, x: Float64Array, rows: number, m: number, n: number, w: Float64Array): void {
  for (let r = 0; r < rows; r++) {
    const from = r * n;
    for (let j = 0; j < m; j++) {
      const factor = g[r * m + j];
      if (factor === 0) continue;
      const row = j * n;
      for (let k = 0; k < n; k++) w[row + k] += factor * x[from + k];
    }
  }
}
