import { evaluateIr, gradientIr } from '../../ir/evaluate.js';
import { createGram, GRAM_BLOCK, type Gram } from '../../ir/linear-algebra/gram.js';
import { trainableCount, type WeightSite, weightSites } from '../../ir/parameters.js';
import type { IrGraph } from '../../ir/types.js';
import type { Samples, Teacher } from '../teacher/teacher.js';
import type { LeastSquares } from './least-squares.js';

/**
 * The same steps of Levenberg-Marquardt for networks of more parameters than there are points, by J D^-1 J^T, [residuals x
 * residuals], instead of J^T J: with delta = D^-1 J^T alpha,
 *
 *     (J D^-1 J^T + damping) alpha = pull
 *
 * (the identity of Sherman, Morrison and Woodbury). J itself is never made: the rows of a matrix with argument x and
 * gradient g have entries g_r x_c, so it adds (g_p . g_q) (x_p . x_q), a bias g_p . g_q, with the components of g and x
 * in units of D. The number of parameters costs next to nothing, their layers' widths do: residuals^2 (rows + columns) / 2.
 *
 * D is diag(J^T J) to the extent that it is a product of rows and columns: mean g_r^2 times mean x_c^2.
 */
export function sampleSpaceSystem(graph: IrGraph, outputs: number): LeastSquares {
  const sites = weightSites(graph);
  const parameters = trainableCount(graph);
  const lengths = sites.reduce((n, { x, rows, bias, out }) => n + x.width + rows + (bias ? out.width : 0), 0);
  let terms: Term[] = [];
  let pull = new Float64Array(0);
  let kernel: Gram | undefined;
  return {
    linearize(teacher, samples, pulls, curvatures) {
      const roots = rootWeights(teacher, samples, curvatures);
      const count = samples.count * outputs;
      if (!(kernel && kernel.size >= count)) kernel = createGram(count);
      pull = pulls.map((p, i) => p * Math.sqrt(curvatures[i]));
      terms = termsOf(graph, sites, samples, roots, teacher.inputCount);
      fillKernel(terms, kernel, count);
    },
    solve(damping) {
      if (!kernel?.factorize(new Float64Array(pull.length).fill(damping))) return undefined;
      const alpha = pull.slice();
      kernel.solve(alpha);
      const delta = new Float64Array(parameters);
      let at = 0;
      for (const term of terms) at = addStep(delta, at, term, alpha);
      // (delta . J^T pull + damping delta . D delta) / 2, with J D^-1 J^T alpha = pull - damping alpha.
      const gain = alpha.reduce((sum, a, i) => sum + ((pull[i] - damping * a) * (pull[i] + damping * a)) / 2, 0);
      return { delta, gain };
    },
    penalty: () => 0,
    work: (samples) => (samples * outputs) ** 2 * (lengths / 2 + (samples * outputs) / 6),
  };
}

/** Values of one matrix or bias over all residuals, in units of D; a bias is a matrix with the argument 1. */
interface Term {
  rows: number;
  cols: number;
  /** Row-major [residuals x rows] and [residuals x columns]; no argument for a bias. */
  slopes: Float64Array;
  argument?: Float64Array;
  /** What the units were, per row and column. */
  slopeUnits: Float64Array;
  argumentUnits?: Float64Array;
}

function rootWeights({ allowances }: Teacher, { count }: Samples, curvatures: Float64Array): Float64Array {
  const outputs = allowances.length;
  return Float64Array.from({ length: count * outputs }, (_, i) => Math.sqrt(curvatures[i]) / allowances[i % outputs]);
}

function termsOf(
  graph: IrGraph,
  sites: readonly WeightSite[],
  { count, points }: Samples,
  roots: Float64Array,
  inputCount: number,
): Term[] {
  const outputs = graph.output.width;
  const values = evaluateIr(graph, points, inputCount);
  const gradients = Array.from({ length: outputs }, (_, k) => gradientIr(graph, values, k));
  const residuals = count * outputs;
  const slopesOf = ({ out }: WeightSite, row: number, rows: number) => {
    const slopes = new Float64Array(residuals * rows);
    for (let i = 0; i < residuals; i++) {
      const g = gradients[i % outputs].get(out)!;
      const at = Math.floor(i / outputs) * out.width + row;
      for (let r = 0; r < rows; r++) slopes[i * rows + r] = roots[i] * g[at + r];
    }
    return { rows, slopes, slopeUnits: toUnits(slopes, rows, residuals) };
  };
  return sites.flatMap((site): Term[] => {
    const { x, out, row, rows, bias } = site;
    const cols = x.width;
    const argument = new Float64Array(residuals * cols);
    for (let i = 0; i < residuals; i++) {
      const p = Math.floor(i / outputs);
      argument.set(values.get(x)!.subarray(p * cols, (p + 1) * cols), i * cols);
    }
    const argumentUnits = toUnits(argument, cols, 1);
    const matrix = { ...slopesOf(site, row, rows), cols, argument, argumentUnits };
    if (!bias) return [matrix];
    const shift = rows === out.width ? matrix : slopesOf(site, 0, out.width);
    const { slopes, slopeUnits } = shift;
    return [matrix, { rows: out.width, cols: 1, slopes, slopeUnits }];
  });
}

/** Components that vary less than this beside the largest one do not get steps that are larger still. */
const SMALLEST_UNIT = 1e-3;

/** Divides the components of row-major [.. x width] by their norms (`scale` = residuals) or root mean squares (1), in place. */
function toUnits(values: Float64Array, width: number, scale: number): Float64Array {
  const rows = values.length / width;
  const units = new Float64Array(width);
  for (let i = 0; i < values.length; i++) units[i % width] += values[i] ** 2;
  let most = 0;
  for (let c = 0; c < width; c++) {
    units[c] = Math.sqrt((units[c] * scale) / rows);
    most = Math.max(most, units[c]);
  }
  for (let c = 0; c < width; c++) units[c] = Math.max(units[c], SMALLEST_UNIT * most) || 1;
  for (let i = 0; i < values.length; i++) values[i] /= units[i % width];
  return units;
}

/** The lower triangle of J D^-1 J^T. */
function fillKernel(terms: readonly Term[], into: Gram, count: number): void {
  const total = new Float64Array(into.sum.length);
  const kept = new Float64Array(into.sum.length);
  let last: Float64Array | undefined;
  for (const { slopes, rows, argument, cols } of terms) {
    if (slopes !== last) kept.set(products(into, slopes, count, rows));
    last = slopes;
    const moves = argument && products(into, argument, count, cols);
    if (moves) for (let i = 0; i < total.length; i++) total[i] += kept[i] * moves[i];
    else for (let i = 0; i < total.length; i++) total[i] += kept[i];
  }
  into.sum.set(total);
}

/** Dot products of the rows of a row-major [count x width] array: the lower triangle, in the array of `into`. */
function products(into: Gram, values: Float64Array, count: number, width: number): Float64Array {
  into.sum.fill(0);
  for (let from = 0; from < width; from += GRAM_BLOCK) {
    const size = Math.min(GRAM_BLOCK, width - from);
    const stride = size + (size % 2);
    into.jt.fill(0, 0, into.size * stride);
    for (let i = 0; i < count; i++) into.jt.set(values.subarray(i * width + from, i * width + from + size), i * stride);
    into.addBlock(stride);
  }
  return into.sum;
}

/** delta = D^-1 J^T alpha of one matrix or bias; returns where the next starts. */
function addStep(delta: Float64Array, at: number, term: Term, alpha: Float64Array): number {
  const { rows, cols, slopes, argument, slopeUnits, argumentUnits } = term;
  alpha.forEach((a, i) => {
    for (let r = 0; r < rows; r++) {
      const slope = a * slopes[i * rows + r];
      if (slope === 0) continue;
      if (!argument) delta[at + r] += slope;
      else for (let c = 0, k = at + r * cols; c < cols; c++, k++) delta[k] += slope * argument[i * cols + c];
    }
  });
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < cols; c++) delta[at + r * cols + c] /= slopeUnits[r] * (argumentUnits?.[c] ?? 1);
  return at + rows * cols;
}
