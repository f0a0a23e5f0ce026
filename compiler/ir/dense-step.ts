/**
 * Makes the same bits faster: out[p, r] = bias[r] + sum over k of m[k, r] x[p, k], in the order of k, or `out` and the products.
 * @param matrix row-major [length x height], or its transpose [height x length]
 * @param bias 'more' adds to `out`, product by product
 * @returns whether it has done so
 */
export type DenseKernel = (
  matrix: Float64Array,
  isTransposed: boolean,
  bias: Float64Array | undefined | 'more',
  x: Float64Array,
  out: Float64Array,
  size: number,
  height: number,
  length: number,
) => boolean;

/** The kernel of lanes/, where there are threads and shared memory for it: not in the page of a report. */
let kernel: DenseKernel | undefined;
/** So many products are worth their way to it. */
const WORTH_KERNEL = 1e5;

export function useDenseKernel(fast: DenseKernel): void {
  kernel = fast;
}

/** out[p, r] = bias[r] + sum_c weight[r, c] x[p, c], summed in the order of c; four rows at a time share the loads of x. */
export function denseStep(
  weight: Float64Array,
  bias: Float64Array | undefined,
  x: Float64Array,
  out: Float64Array,
  size: number,
  rows: number,
  cols: number,
): void {
  if (size * rows * cols >= WORTH_KERNEL && kernel?.(weight, true, bias, x, out, size, rows, cols)) return;
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

/** gx[p, c] += sum_r g[p, r] weight[r, c], added in the order of r. */
export function pullBackDense(
  weight: Float64Array,
  g: Float64Array,
  gx: Float64Array,
  size: number,
  rows: number,
  cols: number,
): void {
  if (size * rows * cols >= WORTH_KERNEL && kernel?.(weight, false, 'more', g, gx, size, cols, rows)) return;
  for (let p = 0; p < size; p++) {
    for (let r = 0; r < rows; r++) {
      const gr = g[p * rows + r];
      if (gr === 0) continue;
      for (let c = 0, w = r * cols; c < cols; c++, w++) gx[p * cols + c] += gr * weight[w];
    }
  }
}
