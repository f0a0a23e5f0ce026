import { forEachJacobianBlock, type NormalEquations } from '../../ir/jacobian.js';
import { createGram, GRAM_BLOCK, type Gram } from '../../ir/linear-algebra/gram.js';
import type { ParameterLayout } from '../../ir/parameters.js';
import { type Batch, errorsOf, gaussNewton, type Loss, sumUp } from './objective.js';
import type { Penalty } from './penalties.js';

/**
 * The linear least-squares problem of a step of Levenberg-Marquardt,
 *
 *     minimise  |J delta - r|^2 + damping delta^T D delta,   weights move by -delta,
 *
 * with D the diagonal of J^T J, so that the damping has no unit (Marquardt, doi 10.1137/0111030).
 */
export interface GaussNewton {
  /** Puts up the problem at the weights that the graphs have now. */
  linearize(batches: readonly Batch[]): Loss;
  /** @returns the step, and the decrease of the loss that it promises; undefined where the matrix is not positive definite */
  solve(damping: number): { delta: Float64Array; gain: number } | undefined;
}

/** Weights that no residual depends on are damped by this part of the largest diagonal. */
const SMALLEST_DIAGONAL = 1e-10;

/** By J^T J, [parameters x parameters]. */
export function byParameters(
  layout: ParameterLayout,
  inputCount: number,
  penalties: readonly Penalty[] = [],
): GaussNewton {
  const { size: parameters } = layout;
  const normal: NormalEquations = { gram: createGram(parameters), gradient: new Float64Array(parameters) };
  const { sum, size } = normal.gram;
  return {
    linearize(batches) {
      const { total, terms } = gaussNewton(batches, inputCount, layout, normal);
      const added = penalties.reduce((value, penalty) => value + penalty.add(normal.gradient, normal.gram), 0);
      return { total: total + added, terms };
    },
    solve(damping) {
      const { gram, gradient } = normal;
      let most = 0;
      for (let k = 0; k < parameters; k++) most = Math.max(most, sum[k * size + k]);
      const scaled = gradient.map((_, k) => damping * Math.max(sum[k * size + k], SMALLEST_DIAGONAL * most) + 1e-300);
      if (!gram.factorize(scaled)) return undefined;
      const delta = gradient.slice();
      gram.solve(delta);
      return { delta, gain: delta.reduce((total, d, k) => total + d * (gradient[k] + scaled[k] * d), 0) };
    },
  };
}

/** By J D^-1 J^T, [residuals x residuals], for fewer residuals than parameters: delta = D^-1 J^T alpha. */
export function byResiduals(layout: ParameterLayout, inputCount: number): GaussNewton {
  const { size: parameters } = layout;
  const jt = new Float64Array(Math.ceil(parameters / 3) * 3 * GRAM_BLOCK);
  let gram: Gram | undefined;
  let jacobian = new Float64Array(0);
  let units: Float64Array = new Float64Array(0);
  let right = new Float64Array(0);
  return {
    linearize(batches) {
      const count = batches.reduce((n, { term, count: points }) => n + points * term.roots.length, 0);
      if (right.length !== count) [right, jacobian] = [new Float64Array(count), new Float64Array(count * parameters)];
      let from = 0;
      const all = batches.map((batch) => {
        const errors = errorsOf(batch, inputCount);
        fillRows(batch, from);
        const width = batch.term.roots.length;
        errors.forEach((e, i) => {
          right[from + i] = e * Math.sqrt(batch.shares[Math.floor(i / width)]);
        });
        from += errors.length;
        return errors;
      });
      units = unitsOf(jacobian, parameters);
      for (let i = 0; i < jacobian.length; i++) jacobian[i] /= units[i % parameters];
      if (gram?.size !== Math.ceil(count / 3) * 3) gram = createGram(count);
      gram.sum.fill(0);
      for (let at = 0; at < parameters; at += GRAM_BLOCK) {
        const width = Math.min(GRAM_BLOCK, parameters - at);
        gram.jt.fill(0);
        for (let i = 0; i < count; i++) {
          const row = i * parameters + at;
          gram.jt.set(jacobian.subarray(row, row + width), i * GRAM_BLOCK);
        }
        gram.addBlock();
      }
      return sumUp(batches, all);

      function fillRows({ term: { graph, roots }, points, shares }: Batch, first: number): void {
        const visit = (start: number, size: number, component: number) => {
          for (let p = 0; p < size; p++) {
            const row = (first + (start + p) * roots.length + component) * parameters;
            const scale = roots[component] * Math.sqrt(shares[start + p]);
            for (let k = 0; k < parameters; k++) jacobian[row + k] = scale * jt[k * GRAM_BLOCK + p];
          }
        };
        forEachJacobianBlock(graph, points, inputCount, jt, visit, layout);
      }
    },
    solve(damping) {
      if (!gram?.factorize(new Float64Array(right.length).fill(damping))) return undefined;
      const alpha = right.slice();
      gram.solve(alpha);
      const delta = new Float64Array(parameters);
      alpha.forEach((a, i) => {
        for (let k = 0, at = i * parameters; k < parameters; k++, at++) delta[k] += a * jacobian[at];
      });
      for (let k = 0; k < parameters; k++) delta[k] /= units[k];
      // |r|^2 - |r - J delta|^2, and J delta = r - damping alpha.
      const gain = alpha.reduce((sum, a, i) => sum + right[i] ** 2 - (damping * a) ** 2, 0);
      return { delta, gain };
    },
  };
}

/** Norms of the columns. */
function unitsOf(jacobian: Float64Array, parameters: number): Float64Array {
  const squares = new Float64Array(parameters);
  for (let i = 0; i < jacobian.length; i++) squares[i % parameters] += jacobian[i] ** 2;
  const most = squares.reduce((a, b) => Math.max(a, b), 0);
  return squares.map((s) => Math.sqrt(Math.max(s, SMALLEST_DIAGONAL * most)) || 1);
}
