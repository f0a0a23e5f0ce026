/** out[p, r] = bias[r] + sum_c weight[r, c] x[p, c]; four rows at a time share the loads of x. */
export function denseStep(
  weight: Float64Array,
  bias: Float64Array | undefined,
  x: Float64Array,
  out: Float64Array,
  size: number,
  rows: number,
  cols: number,
): void {
  for (let p = 0; p < size; p++) {
    const xAt = p * cols;
    const outAt = p * rows;
    let r = 0;
    for (; r + 4 <= rows; r += 4) {
      let w = r * cols;
      let s0 = 0;
      let s1 = 0;
      let s2 = 0;
      let s3 = 0;
      for (let c = 0; c < cols; c++, w++) {
        const v = x[xAt + c];
        s0 += weight[w] * v;
        s1 += weight[w + cols] * v;
        s2 += weight[w + 2 * cols] * v;
        s3 += weight[w + 3 * cols] * v;
      }
      out[outAt + r] = s0 + (bias ? bias[r] : 0);
      out[outAt + r + 1] = s1 + (bias ? bias[r + 1] : 0);
      out[outAt + r + 2] = s2 + (bias ? bias[r + 2] : 0);
      out[outAt + r + 3] = s3 + (bias ? bias[r + 3] : 0);
    }
    for (; r < rows; r++) {
      let sum = 0;
      for (let c = 0, w = r * cols; c < cols; c++, w++) sum += weight[w] * x[xAt + c];
      out[outAt + r] = sum + (bias ? bias[r] : 0);
    }
  }
}
