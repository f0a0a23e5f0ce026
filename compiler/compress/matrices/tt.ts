import { Matrix, SingularValueDecomposition } from 'ml-matrix';
import { mapNodes } from '../../ir/map-nodes.js';
import { multiply } from '../../ir/matrix.js';
import { type Core, coresOf, trainHalf } from '../../ir/tensor-train.js';
import type { AffineNode, IrGraph, TrainHalf } from '../../ir/types.js';
import { activationNorm } from './block-tree.js';
import {
  asItIs,
  type HierarchyAnalysis,
  type Layer,
  type MatrixReport,
  precisionRule,
  restructure,
  type Structured,
  truncatedFactors,
} from './hmatrix.js';

/**
 * Tensor-train layers with partial reconstruction (arXiv 2207.01751, 2512.09202; the definition of the two halves is
 * ours, see tensor-train.ts). The rank between the halves comes from the singular values of the weights in the norm of
 * the activations (block-tree.ts), the ranks within a half from TT-SVD (Oseledets, doi 10.1137/090752286, algorithm 1);
 *
 *     ||D (W - W_TT) C^(1/2)||_F <= eps ||D W C^(1/2)||_F
 *
 * is checked on the stored cores, and the ranks grow where it does not hold. The device stores the two halves merged: a
 * layer pays off while rank (rows + cols) < rows cols, others stay dense.
 */

/** Part of the squared error that the rank between the halves may use; each half gets half of the rest. */
const MIDDLE_SHARE = 0.8;
const TRIES = 12;

/** The graph with its matrices as tensor trains; see {@link restructure}. */
export function toTensorTrains(analysis: HierarchyAnalysis, error: number): Structured {
  return restructure(analysis, error, trainMatrix);
}

function trainMatrix(layer: Layer, read: AffineNode, allowed: number): { node: AffineNode; report: MatrixReport } {
  const { matrix, norm, tree, mean } = layer;
  const { rows, cols } = matrix;
  const bound = norm > 0 ? Math.min(1, allowed / norm) : 1;
  const precision = precisionRule(tree, norm, bound)(tree);
  const named = { name: read.name, rows, cols, bound };
  let aim = bound;
  for (let attempt = 0; attempt < TRIES; attempt++, aim *= 0.7) {
    const rank = Math.max(
      1,
      tree.tails.findIndex((tail) => tail <= MIDDLE_SHARE * (aim * norm) ** 2),
    );
    if (rank * (rows + cols) >= rows * cols) break;
    const { left, right } = truncatedFactors(layer, tree, rank);
    const inner = aim * Math.sqrt((1 - MIDDLE_SHARE) / 2);
    const halves = [halfOf('output', left, rows, rank, inner), halfOf('input', right, cols, rank, inner)];
    const product = multiply(halves[0].merged, halves[1].merged, rows, rank, cols);
    const difference = matrix.weight.map((w, i) => w - product[i]);
    const error = norm > 0 ? activationNorm(matrix, difference) / norm : 0;
    if (error > bound) continue;
    const bias = read.bias.map((b, r) => mean.reduce((sum, m, c) => sum + m * difference[r * cols + c], b));
    const node = trainNode({ ...read, bias, precision }, halves[0], halves[1], rank);
    return { node, report: { ...named, structure: 'tensor-train', error, share: error * norm } };
  }
  return { node: asItIs(read), report: { ...named, structure: 'dense', error: 0, share: 0 } };
}

function trainNode(read: AffineNode, output: TrainHalf, input: TrainHalf, rank: number): AffineNode {
  const { x, name, precision } = read;
  const bias = new Float64Array(rank);
  const inner: AffineNode = {
    kind: 'affine',
    name: `${name}_v`,
    width: rank,
    x,
    weight: input.merged,
    bias,
    precision,
    train: input,
  };
  return { ...read, x: inner, weight: output.merged, train: output };
}

/** Trains again where refinement has changed the merged halves: cores that make up the new ones. */
export function recoverTrains(graph: IrGraph): IrGraph {
  return mapNodes(graph, (node) => {
    if (node.kind !== 'affine' || !node.train || coresOf(node)) return node;
    const output = node.train.half === 'output';
    const [size, rank] = output ? [node.width, node.x.width] : [node.x.width, node.width];
    const train = halfOf(node.train.half, node.weight, size, rank, RECOVERY);
    return { ...node, weight: train.merged, train };
  });
}

/** Relative error of cores that are to stand for given halves: float32 keeps no more. */
const RECOVERY = 3e-8;

/** TT-SVD of a half, [size x rank] or [rank x size], within a relative error; cores in float32. */
export function halfOf(
  half: TrainHalf['half'],
  matrix: Float64Array,
  size: number,
  rank: number,
  error: number,
): TrainHalf {
  const modes = modesOf(size);
  const norm = Math.sqrt(matrix.reduce((sum, v) => sum + v * v, 0));
  const each = (error * norm) / Math.sqrt(Math.max(1, modes.length - 1));
  // An input half is split from its end, which is an output half of the transposed matrix.
  if (half === 'output') return trainHalf(half, splitModes(matrix, modes, rank, each));
  const transposed = transpose(matrix, rank, size);
  const cores = splitModes(transposed, [...modes].reverse(), rank, each, true);
  return trainHalf(half, cores);
}

function splitModes(
  matrix: Float64Array,
  modes: readonly number[],
  last: number,
  error: number,
  reversed = false,
): Core[] {
  const cores: Core[] = [];
  // Rows of a half that is split from its end count their first mode fastest.
  let rest = reversed ? reverseModes(matrix, modes, last) : matrix.slice();
  let rank = 1;
  let size = modes.reduce((n, m) => n * m, 1);
  for (const mode of modes.slice(0, -1)) {
    size /= mode;
    const [rows, cols] = [rank * mode, size * last];
    const { left, right, rank: next } = truncatedSvd(rest, rows, cols, error);
    cores.push({ shape: [rank, mode, next], data: left });
    rest = right;
    rank = next;
  }
  cores.push({ shape: [rank, modes[modes.length - 1], last], data: rest });
  const rounded = cores.map(({ shape, data }): Core => ({ shape, data: data.map(Math.fround) }));
  return reversed ? rounded.reverse().map(mirrored) : rounded;
}

/** Row-major [m_1 .. m_d x last] to [m_d .. m_1 x last] for modes given as m_d .. m_1. */
function reverseModes(matrix: Float64Array, modes: readonly number[], last: number): Float64Array {
  const out = new Float64Array(matrix.length);
  const size = matrix.length / last;
  for (let to = 0; to < size; to++) {
    // Digits of `to` in the order of `modes`, most significant first; read with the least significant first.
    let [rest, from, unit] = [to, 0, size];
    const digits = [...modes].reverse().map((mode) => {
      const digit = rest % mode;
      rest = Math.floor(rest / mode);
      return { digit, mode };
    });
    for (const { digit, mode } of digits) {
      unit /= mode;
      from += digit * unit;
    }
    for (let k = 0; k < last; k++) out[to * last + k] = matrix[from * last + k];
  }
  return out;
}

/** A core read from its other end. */
function mirrored({ shape: [a, mode, b], data }: Core): Core {
  const out = new Float64Array(data.length);
  for (let i = 0; i < a; i++) {
    for (let m = 0; m < mode; m++)
      for (let j = 0; j < b; j++) out[(j * mode + m) * a + i] = data[(i * mode + m) * b + j];
  }
  return { shape: [b, mode, a], data: out };
}

function transpose(matrix: Float64Array, rows: number, cols: number): Float64Array {
  return matrix.map((_, i) => matrix[(i % rows) * cols + Math.floor(i / rows)]);
}

/** Orthonormal left factor [rows x rank] and the rest [rank x cols], the smallest rank within an absolute error. */
function truncatedSvd(matrix: Float64Array, rows: number, cols: number, error: number) {
  const full = Matrix.from1DArray(rows, cols, matrix);
  const svd = new SingularValueDecomposition(rows >= cols ? full : full.transpose());
  const vectors = rows >= cols ? svd.leftSingularVectors : svd.rightSingularVectors;
  const values = svd.diagonal;
  let rank = Math.min(rows, cols);
  for (let rest = 0; rank > 1; rank--) {
    rest += values[rank - 1] ** 2;
    if (rest > error ** 2) break;
  }
  const left = new Float64Array(rows * rank);
  for (let r = 0; r < rows; r++) for (let k = 0; k < rank; k++) left[r * rank + k] = vectors.get(r, k);
  return { left, right: multiply(transpose(left, rows, rank), matrix, rank, rows, cols), rank };
}

/** A width as a product of modes of about 16 or less, larger ones where it has large prime factors. */
export function modesOf(size: number): number[] {
  const count = Math.max(1, Math.ceil(Math.log2(size) / 4));
  const modes = new Array<number>(count).fill(1);
  const primes: number[] = [];
  for (let rest = size, p = 2; rest > 1; p++) {
    for (; rest % p === 0; rest /= p) primes.push(p);
  }
  for (const p of primes.reverse()) modes[modes.indexOf(Math.min(...modes))] *= p;
  return modes.filter((mode, i) => mode > 1 || (i === 0 && size === 1));
}
