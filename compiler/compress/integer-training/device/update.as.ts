// Weights in blocks, from those that are stored, and the step of the optimiser.
import { BIAS_GRADIENT_BITS, LARGEST, LOWEST_WEIGHT, MEANS, MOST, STORED, SUMS, WEIGHTS } from './layout.as';
import { clamp, exponentOf, largest32, nearest, stochastic } from './rounding.as';

export function roundWeights(first: i32, rows: i32, cols: i32, exponents: usize): void {
  for (let top = 0; top < rows; top += 4) {
    const height = min(4, rows - top);
    for (let left = 0; left < cols; left += 4) {
      const wide = min(4, cols - left);
      const at = first + top * cols + left;
      const exponent = exponentOf(largest32(STORED + 4 * at, height, wide, cols), 24, 8, LOWEST_WEIGHT, -5);
      store<i8>(exponents++, exponent);
      for (let r = 0; r < height; r++) {
        for (let c = 0; c < wide; c++) {
          const i = at + r * cols + c;
          store<i8>(WEIGHTS + i, clamp(nearest(load<i32>(STORED + 4 * i), exponent + 24), 127));
        }
      }
    }
  }
}

/** Rounds the sums of a matrix to blocks, moves what is stored; gradients are 2^lossShift times too large. */
export function updateMatrix(first: i32, rows: i32, cols: i32, bits: i32, lossShift: i32, rate: i64): void {
  for (let top = 0; top < rows; top += 4) {
    const height = min(4, rows - top);
    for (let left = 0; left < cols; left += 4) {
      const wide = min(4, cols - left);
      const at = first + top * cols + left;
      let most: i64 = 0;
      for (let r = 0; r < height; r++) {
        for (let c = 0; c < wide; c++) most = max(most, abs(load<i64>(SUMS + 8 * (at + r * cols + c))));
      }
      const exponent = exponentOf(most, bits, 12, -20, -2);
      for (let r = 0; r < height; r++) {
        for (let c = 0; c < wide; c++) {
          const i = at + r * cols + c;
          const q = clamp(stochastic(load<i64>(SUMS + 8 * i), exponent + bits), 2047);
          move(i, nearest(q, lossShift - exponent - 30), rate);
        }
      }
    }
  }
}

export function updateBiases(from: i32, to: i32, lossShift: i32, rate: i64): void {
  for (let i = from; i < to; i++) move(i, nearest(load<i64>(SUMS + 8 * i), BIAS_GRADIENT_BITS + lossShift - 30), rate);
}

/** AdaMax: the gradient has 30 bits behind the point. */
function move(i: i32, gradient: i64, rate: i64): void {
  const g = clamp(gradient, MOST);
  const mean = load<i32>(MEANS + 4 * i) + ((g - load<i32>(MEANS + 4 * i) + 4) >> 3);
  const before = load<i32>(LARGEST + 4 * i);
  const most = max(<i64>(before - (before >> 8)), abs(g));
  store<i32>(MEANS + 4 * i, mean);
  store<i32>(LARGEST + 4 * i, most);
  const moved = load<i32>(STORED + 4 * i) - (rate * mean) / (most + 1);
  store<i32>(STORED + 4 * i, clamp(moved, (1 << 26) - 1));
}
