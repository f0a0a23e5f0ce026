import { createGram } from '../ir/linear-algebra/gram.js';
import { lattice } from '../ir/linear-algebra/nearest-plane.js';
import type { AffineNode } from '../ir/types.js';
import { type Grid, type RoundedWeights, shapeOf } from './weight-grid.js';

/** Rounding of one affine step to the results that it should have, from the arguments that it really gets. */

/** Arguments of a step, row-major [points x cols], and the weight of every point. */
export interface StepArguments {
  x: Float64Array;
  pull: Float64Array;
}

/**
 * One affine step, fitted to `wanted` from the arguments `x` and rounded row by row.
 *
 * @param own the arguments that the step really gets
 * @param wanted [points x rows], row-major: the unrounded step's results
 * @param others arguments of the derivatives that share the weights: their results are to change little, too
 * @returns undefined where the moments of the arguments have no Cholesky factor
 */
export function roundStep(
  layer: AffineNode,
  grid: Grid,
  own: StepArguments,
  wanted: Float64Array,
  others: readonly StepArguments[],
  damping: number,
): RoundedWeights | undefined {
  const { rows, cols } = shapeOf(layer);
  const n = cols + 1;
  const { x, pull } = own;
  const moment = weightedMoments(x, cols, pull);
  for (const other of others) {
    const more = weightedMoments(other.x, cols, other.pull);
    // They have no bias.
    for (let i = 0; i < cols; i++) for (let j = 0; j < cols; j++) moment[i * n + j] += more[i * n + j];
  }
  const solve = lattice(n, (i, j) => moment[i * n + j], grid.columnSteps(), damping);
  if (!solve) return undefined;
  const missing = missingMoments(layer, x, wanted, pull);
  const weight = new Float64Array(layer.weight.length);
  const bias = new Float64Array(rows);
  for (let r = 0; r < rows; r++) {
    const given = new Float64Array(n);
    given.set(layer.weight.subarray(r * cols, (r + 1) * cols));
    given[cols] = layer.bias[r];
    const steps = Float64Array.from({ length: n }, (_, c) => (c < cols ? grid.step(r, c) : grid.biasStep));
    const clamp = (c: number, value: number) => (c < cols ? grid.clamp(r, c, value) : value);
    const rounded = solve(given, steps, clamp, missing.subarray(r * n, (r + 1) * n));
    weight.set(rounded.subarray(0, cols), r * cols);
    bias[r] = rounded[cols];
  }
  return { weight, bias };
}

/** Row-major [(width + 1)^2]: sum over the points of pull x~ x~^T with x~ = [x, 1]. */
function weightedMoments(x: Float64Array, width: number, pull: Float64Array): Float64Array {
  const n = width + 1;
  const gram = createGram(n);
  const { jt, sum, size } = gram;
  const block = jt.length / size;
  for (let start = 0; start < pull.length; start += block) {
    jt.fill(0);
    for (let p = start; p < Math.min(pull.length, start + block); p++) {
      const root = Math.sqrt(pull[p]);
      for (let c = 0; c < width; c++) jt[c * block + p - start] = root * x[p * width + c];
      jt[width * block + p - start] = root;
    }
    gram.addBlock();
  }
  const moments = new Float64Array(n * n);
  for (let i = 0; i < n; i++)
    for (let j = 0; j < n; j++) moments[i * n + j] = sum[Math.max(i, j) * size + Math.min(i, j)];
  return moments;
}

/** Row-major [rows x (cols + 1)]: sum over the points of pull (z - W x - b) [x, 1], z what the step's results should be. */
function missingMoments(layer: AffineNode, x: Float64Array, z: Float64Array, pull: Float64Array): Float64Array {
  const { rows, cols } = shapeOf(layer);
  const n = cols + 1;
  const out = new Float64Array(rows * n);
  for (let p = 0; p < pull.length; p++) {
    for (let r = 0; r < rows; r++) {
      let lack = z[p * rows + r] - layer.bias[r];
      for (let c = 0; c < cols; c++) lack -= layer.weight[r * cols + c] * x[p * cols + c];
      lack *= pull[p];
      for (let c = 0; c < cols; c++) out[r * n + c] += lack * x[p * cols + c];
      out[r * n + cols] += lack;
    }
  }
  return out;
}
