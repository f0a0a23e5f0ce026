/** Product of row-major matrices [rows x middle] and [middle x cols]. */
export function multiply(a: Float64Array, b: Float64Array, rows: number, middle: number, cols: number): Float64Array {
  const out = new Float64Array(rows * cols);
  for (let r = 0; r < rows; r++) {
    for (let m = 0; m < middle; m++) {
      const v = a[r * middle + m];
      if (v === 0) continue;
      for (let c = 0; c < cols; c++) out[r * cols + c] += v * b[m * cols + c];
    }
  }
  return out;
}
