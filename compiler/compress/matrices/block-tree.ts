import { Matrix, SingularValueDecomposition } from 'ml-matrix';
import { cholesky } from '../../ir/linear-algebra/cholesky.js';
import type { WeightBits } from '../../ir/types.js';
import { halfOf } from './clusters.js';

/**
 * Block cluster trees of one matrix W [rows x cols], with what every block would cost at every rank.
 *
 * Errors are measured where they matter: ||D (W - W_H) L||_F, with L L^T = C the covariance of the argument over the
 * input box and D the root mean square gain from each row to the outputs in units of their allowances. This is the
 * change of the network's outputs, to first order and with independent rows, in shares of the tolerance.
 */

export interface WeightedMatrix {
  rows: number;
  cols: number;
  /** Row-major [rows x cols]. */
  weight: Float64Array;
  /** Covariance of the argument, row-major [cols x cols]. */
  covariance: Float64Array;
  /** Diagonal of D, all above 0. */
  gains: Float64Array;
}

/** HODLR trees divide the blocks on the diagonal only. */
export type TreeShape = 'adaptive' | 'hodlr' | 'dense';

export interface Block {
  readonly row: number;
  readonly rows: number;
  readonly col: number;
  readonly cols: number;
  readonly level: number;
  /** Singular values of D W L of the block, largest first. */
  readonly values: readonly number[];
  /** Row-major [rows x values]: left singular vectors. */
  readonly vectors: Float64Array;
  /** Sum of squares of the singular values from each rank on. */
  readonly tails: Float64Array;
  readonly children: readonly Block[];
}

export interface TreeOptions {
  shape: TreeShape;
  /** Blocks with fewer rows or columns than twice this are not divided. */
  leafSize: number;
}

export const DEFAULT_TREE: TreeOptions = { shape: 'adaptive', leafSize: 8 };

export function blockTree(matrix: WeightedMatrix, { shape, leafSize }: TreeOptions): Block {
  const factors = new Map<string, Float64Array>();
  const factorOf = (col: number, cols: number) => {
    const key = `${col} ${cols}`;
    const known = factors.get(key) ?? covarianceFactor(matrix, col, cols);
    factors.set(key, known);
    return known;
  };
  const build = (row: number, rows: number, col: number, cols: number, level: number): Block => {
    const children: Block[] = [];
    const divides = shape === 'adaptive' || (shape === 'hodlr' && (level === 0 || row === col));
    if (divides && rows >= 2 * leafSize && cols >= 2 * leafSize) {
      for (const [r, h] of halves(row, rows)) {
        for (const [c, w] of halves(col, cols)) children.push(build(r, h, c, w, level + 1));
      }
    }
    return { row, rows, col, cols, level, children, ...spectrum(matrix, row, rows, col, cols, factorOf(col, cols)) };
  };
  return build(0, matrix.rows, 0, matrix.cols, 0);
}

function halves(start: number, size: number): [start: number, size: number][] {
  const half = halfOf(size);
  return [
    [start, half],
    [start + half, size - half],
  ];
}

/** What float64 leaves of a covariance, as a share of its largest entry. */
const RIDGE = 1e-13;

/** Lower triangular L with L L^T = the covariance of some columns, row-major. */
function covarianceFactor({ covariance, cols }: WeightedMatrix, col: number, count: number): Float64Array {
  const part = new Float64Array(count * count);
  let most = 0;
  for (let i = 0; i < count; i++) {
    for (let j = 0; j < count; j++) part[i * count + j] = covariance[(col + i) * cols + col + j];
    most = Math.max(most, part[i * count + i]);
  }
  const factor = new Float64Array(count * count);
  if (most === 0) return factor;
  for (let ridge = RIDGE; ; ridge *= 10) {
    if (cholesky(part, new Float64Array(count).fill(ridge * most), factor, count, count)) return factor;
    factor.fill(0);
  }
}

/** D W L of a block, [rows x cols]. */
function weighted(
  { weight, cols: stride, gains }: WeightedMatrix,
  row: number,
  rows: number,
  col: number,
  cols: number,
  factor: Float64Array,
): Matrix {
  const product = Matrix.zeros(rows, cols);
  for (let r = 0; r < rows; r++) {
    const sums = new Float64Array(cols);
    for (let c = 0; c < cols; c++) {
      const w = weight[(row + r) * stride + col + c];
      if (w !== 0) for (let k = 0; k <= c; k++) sums[k] += w * factor[c * cols + k];
    }
    sums.forEach((sum, k) => {
      product.set(r, k, gains[row + r] * sum);
    });
  }
  return product;
}

function spectrum(
  matrix: WeightedMatrix,
  row: number,
  rows: number,
  col: number,
  cols: number,
  factor: Float64Array,
): Pick<Block, 'values' | 'vectors' | 'tails'> {
  const product = weighted(matrix, row, rows, col, cols, factor);
  const svd = new SingularValueDecomposition(rows >= cols ? product : product.transpose());
  const left = rows >= cols ? svd.leftSingularVectors : svd.rightSingularVectors;
  const count = Math.min(rows, cols);
  const vectors = new Float64Array(rows * count);
  for (let r = 0; r < rows; r++) for (let k = 0; k < count; k++) vectors[r * count + k] = left.get(r, k);
  const values = svd.diagonal.slice(0, count);
  const tails = new Float64Array(count + 1);
  for (let k = count - 1; k >= 0; k--) tails[k] = tails[k + 1] + values[k] ** 2;
  return { values, vectors, tails };
}

/** ||D E L||_F of a matrix E of errors, row-major. */
export function activationNorm(matrix: WeightedMatrix, errors: Float64Array): number {
  const { rows, cols } = matrix;
  const factor = covarianceFactor(matrix, 0, cols);
  return weighted({ ...matrix, weight: errors }, 0, rows, 0, cols, factor).norm('frobenius');
}

/** What becomes of a block: nothing, a product of rank r, its entries, or its four parts. */
export type Choice =
  | { kind: 'zero' | 'dense'; block: Block; bits: WeightBits; bytes: number; error: number }
  | { kind: 'low-rank'; block: Block; rank: number; bits: WeightBits; bytes: number; error: number }
  | { kind: 'split'; parts: readonly Choice[]; bytes: number; error: number };

/** Bytes of a BLOCK record and of its row shifts; a low-rank leaf has a DENSE record with biases before it. */
const RECORD_BYTES = 32;
const LOW_RANK_BYTES = 2 * RECORD_BYTES + 8;

/**
 * The cheapest way to store a block when a squared error of 1 is worth `price` bytes: at the optimum every kept rank,
 * division and dense block removes error at no more than that price, and the next one would cost more.
 */
export function cheapest(
  block: Block,
  price: number,
  bitsOf: (block: Block) => WeightBits,
  rootIsFree = false,
): Choice {
  const { rows, cols, tails } = block;
  const bits = bitsOf(block);
  const each = bits / 8;
  const overhead = rootIsFree ? 0 : 1;
  let best: Choice = { kind: 'zero', block, bits, bytes: 0, error: tails[0] };
  const offer = (choice: Choice) => {
    if (choice.bytes + price * choice.error < best.bytes + price * best.error) best = choice;
  };
  for (let rank = 1; rank * (rows + cols) < rows * cols; rank++) {
    const bytes = rank * (rows + cols) * each + 4 * rank + (overhead ? LOW_RANK_BYTES : RECORD_BYTES);
    offer({ kind: 'low-rank', block, rank, bits, bytes, error: tails[rank] });
  }
  offer({ kind: 'dense', block, bits, bytes: rows * cols * each + overhead * RECORD_BYTES, error: 0 });
  if (block.children.length) {
    const parts = block.children.map((child) => cheapest(child, price, bitsOf));
    const bytes = parts.reduce((n, part) => n + part.bytes, 0);
    offer({ kind: 'split', parts, bytes, error: parts.reduce((n, part) => n + part.error, 0) });
  }
  return best;
}

/** The blocks that are stored. */
export function leavesOf(choice: Choice): Exclude<Choice, { kind: 'split' }>[] {
  if (choice.kind === 'split') return choice.parts.flatMap(leavesOf);
  return choice.kind === 'zero' ? [] : [choice];
}
