import { describe, expect, test } from 'vitest';
import { roundRows } from '../../compiler/compress/matrices/hmatrix.js';
import { roundTogether } from '../../compiler/compress/matrices/precision.js';
import { randoms } from '../helpers/models.js';

/** E[x x^T] of arguments that vary in a few directions mostly, row-major [cols x cols]. */
function momentOf(cols: number, directions: number): Float64Array {
  const next = randoms(5);
  const moment = new Float64Array(cols * cols);
  for (let d = 0; d < directions; d++) {
    const v = Float64Array.from({ length: cols }, () => next());
    for (let i = 0; i < cols; i++) for (let j = 0; j < cols; j++) moment[i * cols + j] += v[i] * v[j];
  }
  return moment;
}

function meanSquare(weights: Float64Array, rounded: Float64Array, cols: number, moment: Float64Array): number {
  let sum = 0;
  for (let at = 0; at < weights.length; at += cols) {
    for (let i = 0; i < cols; i++)
      for (let j = 0; j < cols; j++)
        sum += (weights[at + i] - rounded[at + i]) * (weights[at + j] - rounded[at + j]) * moment[i * cols + j];
  }
  return sum;
}

describe('weights rounded with their arguments in view', () => {
  const [rows, cols] = [12, 24];
  const next = randoms(3);
  const weights = Float64Array.from({ length: rows * cols }, (_, i) => (i % 7 === 0 ? 0 : next() - 0.4));

  test.each([8, 16] as const)('err less than half of what each rounded by itself does, %d bits', (bits) => {
    const moment = momentOf(cols, 4);
    const planned = meanSquare(weights, roundTogether(weights, cols, bits, moment), cols, moment);
    expect(planned).toBeLessThan(meanSquare(weights, roundRows(weights, cols, bits), cols, moment) / 4);
  });

  test.each([8, 16] as const)('fit into %d bits, zeros stay zeros', (bits) => {
    const rounded = roundTogether(weights, cols, bits, momentOf(cols, 4));
    expect(roundRows(rounded, cols, bits)).toEqual(rounded);
    weights.forEach((w, i) => {
      if (w === 0) expect(rounded[i]).toBe(0);
    });
  });

  test('arguments that are always zero leave rounding as it is', () => {
    expect(roundTogether(weights, cols, 8, new Float64Array(cols * cols))).toEqual(roundRows(weights, cols, 8));
  });
});
