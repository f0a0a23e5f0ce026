import { Matrix, SingularValueDecomposition } from 'ml-matrix';
import { evaluateIr } from '../../ir/evaluate.js';
import { mapNodes } from '../../ir/map-nodes.js';
import type { AffineNode, IrGraph } from '../../ir/types.js';
import { type Teacher, trainingPoints } from '../teacher/teacher.js';
import { type Moments, momentsOf } from './moments.js';

/**
 * Domain-aware truncated SVD: W is replaced by U V of rank r such that ||(W - U V) C^(1/2)||_F is least, with C the
 * covariance of the step's argument over the input box (Hsu et al., arXiv 2207.00112, weigh by Fisher information; Wang
 * et al., arXiv 2403.07378, by activations, as here). The mean of the argument goes into the bias exactly.
 *
 * ml-matrix is used for the SVD: layers are a few hundred wide at most, and it is done once per layer.
 */

export interface Factors {
  /** Row-major [rows x rank] and [rank x cols]. */
  readonly left: Float64Array;
  readonly right: Float64Array;
  readonly rank: number;
}

/** All singular triplets of one affine step, from which factors of any rank are cut. */
export interface WeightSpectrum {
  readonly node: AffineNode;
  /** Singular values of W C^(1/2), or of W. */
  readonly values: readonly number[];
  factors(rank: number): Factors;
  /** Change of the bias that keeps the mean of the result. */
  biasShift(rank: number): Float64Array;
}

export function weightedSpectra(teacher: Teacher, graph: IrGraph): WeightSpectrum[] {
  const values = evaluateIr(graph, trainingPoints(teacher, 1536), teacher.inputCount);
  return graph.nodes
    .filter((node): node is AffineNode => node.kind === 'affine')
    .map((node) => weightedSpectrum(node, momentsOf(values.get(node.x)!, node.x.width)));
}

function weightedSpectrum(node: AffineNode, { covariance, mean, width: cols }: Moments): WeightSpectrum {
  const { root, inverse } = squareRoots(covariance, cols);
  const spectrum = plainSpectrum(node, Matrix.from1DArray(node.width, cols, node.weight).mmul(root), inverse);
  const biasShift = (rank: number) => {
    const { left, right } = spectrum.factors(rank);
    return Float64Array.from({ length: node.width }, (_, r) => {
      let shift = 0;
      for (let c = 0; c < cols; c++) {
        let w = node.weight[r * cols + c];
        for (let k = 0; k < rank; k++) w -= left[r * rank + k] * right[k * cols + c];
        shift += w * mean[c];
      }
      return shift;
    });
  };
  return { ...spectrum, biasShift };
}

/** C^(1/2) and its inverse; directions in which the argument does not vary get a tiny variance. */
function squareRoots(covariance: Float64Array, n: number): { root: Matrix; inverse: Matrix } {
  const { leftSingularVectors: u, diagonal } = new SingularValueDecomposition(Matrix.from1DArray(n, n, covariance));
  const floor = 1e-14 * Math.max(diagonal[0], 1e-300);
  const scale = (power: number) => Matrix.diag(diagonal.map((v) => Math.max(v, floor) ** power)).mmul(u.transpose());
  return { root: u.mmul(scale(0.5)), inverse: u.mmul(scale(-0.5)) };
}

/** Spectrum of `matrix`; the right factors are multiplied by `after`. */
export function plainSpectrum(node: AffineNode, matrix: Matrix, after?: Matrix): WeightSpectrum {
  const svd = new SingularValueDecomposition(matrix, { autoTranspose: true });
  const values = svd.diagonal;
  const right = after ? svd.rightSingularVectors.transpose().mmul(after) : svd.rightSingularVectors.transpose();
  return {
    node,
    values,
    factors: (rank) => {
      const cols = node.x.width;
      const left = new Float64Array(node.width * rank);
      const cut = new Float64Array(rank * cols);
      for (let r = 0; r < node.width; r++) {
        for (let k = 0; k < rank; k++) left[r * rank + k] = svd.leftSingularVectors.get(r, k) * Math.sqrt(values[k]);
      }
      for (let k = 0; k < rank; k++) {
        for (let c = 0; c < cols; c++) cut[k * cols + c] = right.get(k, c) * Math.sqrt(values[k]);
      }
      return { left, right: cut, rank };
    },
    biasShift: () => new Float64Array(node.width),
  };
}

/** Smallest rank whose neglected singular values have at most `error` of the norm of all. */
export function rankFor(values: readonly number[], error: number): number {
  const total = values.reduce((sum, v) => sum + v * v, 0);
  let rest = total;
  for (let rank = 0; rank < values.length; rank++) {
    if (rest <= error ** 2 * total) return Math.max(1, rank);
    rest -= values[rank] ** 2;
  }
  return values.length;
}

/** Each affine step as two, where that takes fewer weights: rank r is worth it while r (m + n) < m n. */
export function truncate(graph: IrGraph, spectra: readonly WeightSpectrum[], error: number): IrGraph {
  const byNode = new Map(spectra.map((spectrum) => [spectrum.node, spectrum]));
  return mapNodes(graph, (read, original) => {
    const spectrum = byNode.get(original as AffineNode);
    if (!spectrum || read.kind !== 'affine') return read;
    const [rows, cols] = [read.width, read.x.width];
    const rank = rankFor(spectrum.values, error);
    if (rank * (rows + cols + 1) >= rows * cols) return read;
    const { left, right } = spectrum.factors(rank);
    const shift = spectrum.biasShift(rank);
    const bias = read.bias.map((b, r) => b + shift[r]);
    const inner: AffineNode = {
      kind: 'affine',
      name: `${read.name}_v`,
      width: rank,
      x: read.x,
      weight: right,
      bias: new Float64Array(rank),
    };
    return { ...read, x: inner, weight: left, bias };
  });
}
