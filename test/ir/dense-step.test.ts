import { expect, test } from 'vitest';
import { denseStep, pullBackDense } from '../../compiler/ir/dense-step.js';
import '../../compiler/ir/lanes/jobs.js';
import { randoms } from '../helpers/models.js';

/** Dense steps in SIMD WebAssembly, from so many products on: the bits of the loop that the documents describe. */

test.each([
  [600, 20, 20],
  [601, 13, 17],
  [33, 64, 65],
  [1000, 1, 150],
  [129, 200, 7],
])('%d points, %d rows, %d columns: every sum has the bits of the plain loop', (size, rows, cols) => {
  const next = randoms(size + rows);
  const values = (n: number) => Float64Array.from({ length: n }, next);
  const [weight, bias, x, g] = [values(rows * cols), values(rows), values(size * cols), values(size * rows)];
  const out = new Float64Array(size * rows);
  for (const shift of [bias, undefined]) {
    denseStep(weight, shift, x, out, size, rows, cols);
    const plain = out.map((_, i) => {
      const [p, r] = [Math.floor(i / rows), i % rows];
      let sum = 0;
      for (let c = 0; c < cols; c++) sum += weight[r * cols + c] * x[p * cols + c];
      return sum + (shift ? shift[r] : 0);
    });
    expect(Buffer.compare(Buffer.from(out.buffer), Buffer.from(plain.buffer))).toBe(0);
  }
  const gx = values(size * cols);
  const wanted = gx.slice();
  for (let p = 0; p < size; p++)
    for (let r = 0; r < rows; r++)
      for (let c = 0; c < cols; c++) wanted[p * cols + c] += g[p * rows + r] * weight[r * cols + c];
  pullBackDense(weight, g, gx, size, rows, cols);
  expect(Buffer.compare(Buffer.from(gx.buffer), Buffer.from(wanted.buffer))).toBe(0);
});
