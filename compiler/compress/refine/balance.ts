import { EigenvalueDecomposition, Matrix, SingularValueDecomposition } from 'ml-matrix';
import { isFactor } from '../../ir/blocks.js';
import { evaluateIr } from '../../ir/evaluate.js';
import { mapNodes } from '../../ir/map-nodes.js';
import { type AffineNode, type IrGraph, type IrNode, useCounts } from '../../ir/types.js';
import { POINT_COUNTS } from '../teacher/point-counts.js';
import { type Teacher, trainingPoints } from '../teacher/teacher.js';

/** Directions in which the values between the factors are smaller than this beside the largest count as if they were not. */
const SMALLEST_MOMENT = 1e-12;

/**
 * The same function with the factors of every low-rank matrix L R in the balance of a singular value decomposition: the
 * values between them have mean square 1 over the box and are uncorrelated, and the columns of L are orthogonal. Refinement
 * leaves factors in which large terms cancel, which are costly to round.
 *
 * With E[R x x^T R^T] = Q S Q^T and L Q S^(1/2) = U D V^T, the factors are U D and V^T S^(-1/2) Q^T R.
 */
export function balanced(teacher: Teacher, graph: IrGraph): IrGraph {
  const uses = useCounts(graph);
  const values = evaluateIr(graph, trainingPoints(teacher, POINT_COUNTS.balancing), teacher.inputCount);
  const transforms = new Map<AffineNode, { left: Matrix; right: Matrix }>();
  const plan = (x: IrNode, left: Float64Array) => {
    if (!isFactor(x, (node) => uses.get(node) === 1)) return;
    const transform = transformOf(Matrix.from1DArray(left.length / x.width, x.width, left), values.get(x)!);
    if (transform) transforms.set(x, transform);
  };
  for (const node of graph.nodes) {
    if (node.kind === 'affine') plan(node.x, node.weight);
    else if (node.kind === 'blocks') for (const { x, weight } of node.leaves) plan(x, weight);
  }
  const leftOf = (x: IrNode, weight: Float64Array) => {
    const transform = transforms.get(x as AffineNode);
    return transform ? product(weight, x.width, transform.left) : weight;
  };
  return mapNodes(graph, (read, original) => {
    if (read.kind === 'blocks' && original.kind === 'blocks') {
      const leaves = read.leaves.map((leaf, k) => ({ ...leaf, weight: leftOf(original.leaves[k].x, leaf.weight) }));
      return { ...read, leaves };
    }
    if (read.kind !== 'affine' || original.kind !== 'affine') return read;
    const right = transforms.get(original)?.right;
    const weight = leftOf(original.x, read.weight);
    if (!right) return { ...read, weight };
    const rows = right.mmul(Matrix.from1DArray(read.width, read.x.width, weight));
    const bias = right.mmul(Matrix.columnVector(read.bias));
    return { ...read, weight: Float64Array.from(rows.to1DArray()), bias: Float64Array.from(bias.to1DArray()) };
  });
}

/** What L is multiplied by from the right, and R from the left; undefined where the values are not of full rank. */
function transformOf(left: Matrix, values: Float64Array): { left: Matrix; right: Matrix } | undefined {
  const rank = left.columns;
  const between = Matrix.from1DArray(values.length / rank, rank, values);
  const moment = between.transpose().mmul(between).div(between.rows);
  if (!(moment.trace() > 0 && Number.isFinite(moment.trace()))) return undefined;
  const { realEigenvalues: sizes, eigenvectorMatrix: q } = new EigenvalueDecomposition(moment, {
    assumeSymmetric: true,
  });
  if (!(Math.min(...sizes) > SMALLEST_MOMENT * Math.max(...sizes))) return undefined;
  const whole = q.mmul(Matrix.diag(sizes.map(Math.sqrt)));
  const inverse = Matrix.diag(sizes.map((s) => 1 / Math.sqrt(s))).mmul(q.transpose());
  const { rightSingularVectors: v } = new SingularValueDecomposition(left.mmul(whole), { autoTranspose: true });
  // Fewer rows than the rank: V is not square, and there is nothing to gain.
  if (v.columns !== rank) return undefined;
  return { left: whole.mmul(v), right: v.transpose().mmul(inverse) };
}

function product(weight: Float64Array, cols: number, by: Matrix): Float64Array {
  return Float64Array.from(
    Matrix.from1DArray(weight.length / cols, cols, weight)
      .mmul(by)
      .to1DArray(),
  );
}
