import { EigenvalueDecomposition, Matrix } from 'ml-matrix';
import { evaluateIr, gradientIr } from '../../ir/evaluate.js';
import { weightSites } from '../../ir/parameters.js';
import type { IrGraph } from '../../ir/types.js';
import { POINT_COUNTS } from '../teacher/point-counts.js';
import { type Teacher, trainingPoints } from '../teacher/teacher.js';

/**
 * Neural tangent kernels of a network and of its compressed form (Jacot, Gabriel and Hongler, arXiv 1806.07572): Theta =
 * J J^T over sample points, J the Jacobian of the outputs, in units of their largest values, by all weights. Both are also
 * compared at unit trace, because a kernel is a sum over weights and grows with their number;
 * positive semi-definiteness holds for any weights and shows nothing.
 */

export interface TangentKernelReport {
  /** ||Theta - Theta_c||_F / ||Theta||_F, both as they are. */
  distance: number;
  /** The same of the kernels divided by their traces. */
  shapeDistance: number;
  /** Largest eigenvalues, as shares of the trace, before and after. */
  spectrum: { before: number[]; after: number[] };
}

const EIGENVALUES = 8;

export function compareTangentKernels(teacher: Teacher, compressed: IrGraph): TangentKernelReport {
  const points = trainingPoints(teacher, POINT_COUNTS.tangentKernels);
  const before = tangentKernel(teacher, teacher.graph, points);
  const after = tangentKernel(teacher, compressed, points);
  return {
    distance: distance(before, after),
    shapeDistance: distance(unitTrace(before), unitTrace(after)),
    spectrum: { before: leading(before), after: leading(after) },
  };
}

/**
 * Theta, [rows x rows] with a row per point and output, outputs in units of their largest value. The Jacobian itself is
 * not needed: a matrix with argument x and gradient g of its rows adds (g_p . g_q) (x_p . x_q), a bias g_p . g_q.
 */
function tangentKernel({ inputCount, largestOutputs, sent }: Teacher, network: IrGraph, points: Float64Array): Matrix {
  const graph = sent(network);
  const values = evaluateIr(graph, points, inputCount);
  const gradients = Array.from(largestOutputs, (_, k) => gradientIr(graph, values, k));
  const count = points.length / inputCount;
  const theta = Matrix.zeros(count * largestOutputs.length, count * largestOutputs.length);
  for (const { out, x, row, rows, bias } of weightSites(graph)) {
    const moves = products(values.get(x)!, values.get(x)!, count, x.width, 0, x.width);
    gradients.forEach((left, a) => {
      gradients.forEach((right, b) => {
        const [l, r] = [left.get(out)!, right.get(out)!];
        const slopes = products(l, r, count, out.width, row, rows);
        const shifts = bias && (rows === out.width ? slopes : products(l, r, count, out.width, 0, out.width));
        const unit = (largestOutputs[a] || 1) * (largestOutputs[b] || 1);
        for (let p = 0; p < count; p++) {
          for (let q = 0; q < count; q++) {
            const [i, j] = [a * count + p, b * count + q];
            const k = p * count + q;
            theta.set(i, j, theta.get(i, j) + (slopes[k] * moves[k] + (shifts?.[k] ?? 0)) / unit);
          }
        }
      });
    });
  }
  return theta;
}

/** Dot products of components from .. from + size - 1 of the rows of two [count x width] arrays, row-major [count x count]. */
function products(
  a: Float64Array,
  b: Float64Array,
  count: number,
  width: number,
  from: number,
  size: number,
): Float64Array {
  const out = new Float64Array(count * count);
  for (let p = 0; p < count; p++) {
    for (let q = 0; q < count; q++) {
      let sum = 0;
      for (let i = from; i < from + size; i++) sum += a[p * width + i] * b[q * width + i];
      out[p * count + q] = sum;
    }
  }
  return out;
}

function distance(a: Matrix, b: Matrix): number {
  const norm = a.norm('frobenius');
  return norm > 0 ? Matrix.sub(a, b).norm('frobenius') / norm : 0;
}

function unitTrace(theta: Matrix): Matrix {
  const trace = theta.trace();
  return trace > 0 ? Matrix.div(theta, trace) : theta;
}

function leading(theta: Matrix): number[] {
  const { realEigenvalues } = new EigenvalueDecomposition(theta, { assumeSymmetric: true });
  const trace = theta.trace() || 1;
  return realEigenvalues
    .sort((a, b) => b - a)
    .slice(0, EIGENVALUES)
    .map((value) => value / trace);
}
