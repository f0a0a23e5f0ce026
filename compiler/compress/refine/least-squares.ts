import { evaluateIr } from '../../ir/evaluate.js';
import { type NormalEquations, normalEquations } from '../../ir/jacobian.js';
import { createGram } from '../../ir/linear-algebra/gram.js';
import { parameterLayout, readParameters, weightSites, zeroWeights } from '../../ir/parameters.js';
import type { IrGraph } from '../../ir/types.js';
import type { Samples, Teacher } from '../teacher/teacher.js';
import { blockRankRidge } from './block-rank.js';

/**
 * A weighted linear least-squares problem at the current weights, to be solved with any damping:
 *
 *     minimise  sum_i curvature_i (J_i delta - pull_i)^2 / 2 + damping delta^T D delta / 2
 *
 * with D the diagonal of J^T W J or what stands for it, so that the damping has no unit. Weights are moved by -delta.
 */
export interface LeastSquares {
  /**
   * Puts up the problem at the weights that the graph has now.
   * @param pulls per residual, row-major [points x outputs]
   * @param strength weight of the penalties on parameters: that of all points together
   */
  linearize(teacher: Teacher, samples: Samples, pulls: Float64Array, curvatures: Float64Array, strength: number): void;
  /** @returns undefined where the damped matrix is not positive definite in float64 */
  solve(damping: number): Step | undefined;
  /** What the penalties on parameters add to the objective. */
  penalty(parameters: Float64Array, strength: number): number;
  /** Multiply-adds of one step with so many samples. */
  work(samples: number): number;
}

export interface Step {
  delta: Float64Array;
  /** Decrease of the objective that the linear problem predicts. */
  gain: number;
}

export interface Penalties {
  /** Weights that are zero stay zero. */
  keepZeros?: boolean;
  /** Weight of the block-rank regularisation (block-rank.ts). */
  blockRank?: number;
}

/** By J^T W J, [parameters x parameters]: for networks of fewer parameters than there are points. */
export function normalSystem(
  first: Teacher,
  graph: IrGraph,
  points: Float64Array,
  { keepZeros, blockRank = 0 }: Penalties,
): LeastSquares {
  const layout = parameterLayout(graph);
  const parameters = layout.size;
  const sent = first.sent(graph);
  const gram = createGram(parameters);
  const normal: NormalEquations = { gram, gradient: new Float64Array(parameters) };
  const fixed = keepZeros ? zeroWeights(graph) : [];
  const ridge = amplificationPenalty(first, graph, points);
  if (blockRank > 0) {
    blockRankRidge(graph, blockRank).forEach((r, k) => {
      ridge[k] += r;
    });
  }
  const { sum, size } = gram;
  const dampingOf = (damping: number) => {
    let most = 0;
    for (let k = 0; k < parameters; k++) most = Math.max(most, sum[k * size + k]);
    return normal.gradient.map((_, k) => damping * Math.max(sum[k * size + k], 1e-8 * most) + 1e-300);
  };
  return {
    linearize(teacher, samples, pulls, curvatures, strength) {
      normalEquations(teacher, sent, samples.points, pulls, curvatures, normal, layout);
      const theta = readParameters(graph);
      ridge.forEach((r, k) => {
        sum[k * size + k] += strength * r;
        normal.gradient[k] += strength * r * theta[k];
      });
      for (const k of fixed) {
        normal.gradient[k] = 0;
        for (let j = 0; j < k; j++) sum[k * size + j] = 0;
        for (let i = k + 1; i < parameters; i++) sum[i * size + k] = 0;
      }
    },
    solve(damping) {
      const { gradient } = normal;
      const scaled = dampingOf(damping);
      if (!gram.factorize(scaled)) return undefined;
      const delta = gradient.slice();
      gram.solve(delta);
      // (delta . gradient + delta . D delta) / 2
      const gain = delta.reduce((total, d, k) => total + (d * (gradient[k] + scaled[k] * d)) / 2, 0);
      return { delta, gain };
    },
    penalty: (theta, strength) => theta.reduce((total, t, k) => total + (strength * ridge[k] * t * t) / 2, 0),
    work: (samples) => samples * first.allowances.length * parameters ** 2,
  };
}

/** Root mean square error that a mean square amplification of 1 is worth, as a share of the strictest limit on it. */
const AMPLIFICATION_WORTH = 0.1;

/**
 * Weights (r, c) of a step z = W x enter as (w rms(x_c) / rms(z_r))^2: summed over a row, this is how much the step
 * amplifies relative errors of its argument. Networks that balance large terms against each other fit as well, but need
 * wider number formats.
 */
function amplificationPenalty(teacher: Teacher, graph: IrGraph, points: Float64Array): Float64Array {
  const worth = AMPLIFICATION_WORTH * Math.min(0.5, ...teacher.rmsLimits);
  const values = evaluateIr(graph, points, teacher.inputCount);
  const ridge: number[] = [];
  let height = 0;
  for (const { out, x, row, rows, bias } of weightSites(graph)) {
    const from = rootMeanSquares(values.get(x)!, x.width);
    const to = rootMeanSquares(values.get(out)!, out.width);
    for (let r = row; r < row + rows; r++)
      for (let c = 0; c < x.width; c++) ridge.push(to[r] > 0 ? (from[c] / to[r]) ** 2 : 0);
    if (!bias) continue;
    height += out.width;
    for (let r = 0; r < out.width; r++) ridge.push(to[r] > 0 ? 1 / to[r] ** 2 : 0);
  }
  return Float64Array.from(ridge, (r) => (r * worth ** 2) / height);
}

function rootMeanSquares(values: Float64Array, width: number): Float64Array {
  const squares = new Float64Array(width);
  for (let i = 0; i < values.length; i++) squares[i % width] += values[i] ** 2;
  return squares.map((s) => Math.sqrt((s * width) / values.length));
}
