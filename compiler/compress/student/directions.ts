import { EigenvalueDecomposition, Matrix } from 'ml-matrix';
import { evaluateIr, gradientIr, pullBackFrom } from '../../ir/evaluate.js';
import type { IrNode } from '../../ir/types.js';
import { POINT_COUNTS } from '../teacher/point-counts.js';
import { type Teacher, trainingPoints } from '../teacher/teacher.js';
import type { Core, Layer } from './core.js';

/**
 * Active directions (Constantine, Active Subspaces, SIAM 2015): eigenvectors of the covariance of the gradients over the box.
 * Along those of small eigenvalues the function hardly changes, so that a student of the others is enough; its own fit moves
 * them further.
 */

/** Fewer inputs have nothing to spare. */
const FEWEST_INPUTS = 4;
/** Root mean square change along all directions that are left out, in units of the allowed error. */
const LEFT_OUT = 0.3;
/** Of a function over -1 .. 1, at most so much of its root mean square slope is its deviation from a constant (Poincare). */
const POINCARE = 2 / Math.PI;

/**
 * The linear map of the core's inputs onto its active directions, at unit length where every input goes from -1 to 1.
 * @param half half the range of every input
 * @returns undefined where that map would not take away at least two of them
 */
export function activeDirections(teacher: Teacher, core: Core, half: Float64Array): Layer | undefined {
  const d = core.width;
  if (d < FEWEST_INPUTS) return undefined;
  const { values, vectors } = eigen(gradientCovariance(teacher, core, half));
  let count = d;
  let left = 0;
  while (count > 1 && POINCARE * Math.sqrt(left + values[count - 1]) < LEFT_OUT) left += values[--count];
  if (count > d - 2) return undefined;
  const weight = new Float64Array(count * d);
  for (let r = 0; r < count; r++) for (let k = 0; k < d; k++) weight[r * d + k] = vectors.get(k, r) / half[k];
  return { weight, bias: new Float64Array(count) };
}

/** Of what goes through the core's heads only, by inputs that go from -1 to 1; in units of the allowed errors. */
function gradientCovariance(teacher: Teacher, core: Core, half: Float64Array): Matrix {
  const { graph, inputCount, allowances } = teacher;
  const points = trainingPoints(teacher, POINT_COUNTS.pruning);
  const count = points.length / inputCount;
  const sent = teacher.sent(graph);
  const values = evaluateIr(sent, points, inputCount);
  const arrays = new Set(core.heads.map(({ weight }) => weight));
  const heads = sent.nodes.filter((node) => node.kind === 'affine' && arrays.has(node.weight));
  const covariance = Matrix.zeros(core.width, core.width);
  for (let k = 0; k < allowances.length; k++) {
    const gradients = gradientIr(sent, values, k);
    const seeds = new Map<IrNode, Float64Array>(heads.map((head) => [head, gradients.get(head)!]));
    const slopes = pullBackFrom(sent, values, count, seeds);
    for (let p = 0; p < count; p++) {
      const row = core.inputs.flatMap((input) =>
        Array.from(slopes.get(input)!.subarray(p * input.width, (p + 1) * input.width)),
      );
      const scaled = row.map((g, i) => (g * half[i]) / allowances[k]);
      for (let i = 0; i < scaled.length; i++) {
        for (let j = 0; j <= i; j++) covariance.set(i, j, covariance.get(i, j) + (scaled[i] * scaled[j]) / count);
      }
    }
  }
  for (let i = 0; i < core.width; i++) for (let j = 0; j < i; j++) covariance.set(j, i, covariance.get(i, j));
  return covariance;
}

/** Eigenvalues, the largest first, and eigenvectors in columns of that order. */
function eigen(symmetric: Matrix): { values: number[]; vectors: Matrix } {
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(symmetric, { assumeSymmetric: true });
  const order = Array.from(realEigenvalues.keys()).sort((a, b) => realEigenvalues[b] - realEigenvalues[a]);
  return {
    values: order.map((i) => Math.max(0, realEigenvalues[i])),
    vectors: eigenvectorMatrix.subMatrixColumn(order),
  };
}
