import { cholesky, choleskySolve } from '../compress/cholesky.js';
import { normalEquations } from '../compress/jacobian.js';
import { createGram } from '../compress/normal-equations.js';
import { affineNodes, mapNodes } from '../compress/parameters.js';
import type { Samples, Teacher } from '../compress/teacher.js';
import { evaluateIr, evaluateNode, gradientIr, type IrValues } from '../ir/evaluate.js';
import { type AffineNode, type IrGraph, type IrNode, operands } from '../ir/types.js';
import { type Box, coveringPoints } from '../sample/points.js';
import { type QuantizedGraph, segmentsOf } from './types.js';

/**
 * Rounding of weights with the activations in view: weights are put on their grids one after the other, the coarsest
 * first, and what each rounding does to the outputs over the box is made up for by those that are not rounded yet
 * (optimal brain quantisation, Frantar and Alistarh, arXiv 2208.11580; GPTQ, arXiv 2210.17323; it is Babai's nearest
 * plane in the lattice of the grids). Biases come last: their grid is the finest.
 *
 * Small networks take all weights together, with J^T J of the outputs. Larger ones go step by step: each is fitted to the
 * unrounded step's results from the arguments that it really gets, and rounded with the second moments of those, points
 * weighted by how much the result moves the outputs. The largest networks, and matrices in blocks, are rounded plainly. Of several dampings and plain rounding the
 * most accurate is taken, so the result is never worse than plain rounding on the points looked at.
 */
export interface RoundedWeights {
  weight: Float64Array;
  bias: Float64Array;
}

export type Rounding = ReadonlyMap<AffineNode, RoundedWeights>;

/** More weights than this are rounded step by step. */
const LARGEST_JOINT = 1200;
/** And more than this plainly: looking at the activations would take seconds, for every plan that is tried. */
const LARGEST_STEPWISE = 60_000;
const POINTS = 640;
/** Shares of the diagonal of the curvature that are added to it: how little weights may move to make up for others. */
const DAMPINGS = [1e-2, 1e-4] as const;

export class WeightRounder {
  private readonly points: Float64Array;
  private readonly exact: Float64Array;
  private readonly layers: readonly AffineNode[];
  private curvature?: { sum: Float64Array; size: number };

  /** @param allowances allowed absolute error of each component of the graph's output */
  constructor(
    private readonly graph: IrGraph,
    box: Box,
    private readonly inputCount: number,
    private readonly allowances: readonly number[],
  ) {
    this.points = coveringPoints(box, POINTS);
    this.exact = outputsOf(graph, this.points, inputCount);
    this.layers = affineNodes(graph);
  }

  /** The weights on the grids of `quantized`, which was made from the same graph with plain rounding. */
  round(quantized: QuantizedGraph): Rounding {
    const grids = this.layers.map((layer) => gridOf(layer, quantized));
    let best = plainRounding(this.layers, grids);
    if (this.parameters > LARGEST_STEPWISE) return best;
    let least = this.errorOf(best);
    const joint = this.parameters <= LARGEST_JOINT && !this.graph.nodes.some((node) => node.kind === 'blocks');
    for (const damping of joint ? DAMPINGS : DAMPINGS.slice(-1)) {
      const rounding = joint ? this.jointly(grids, damping) : this.stepwise(grids, damping);
      const error = rounding ? this.errorOf(rounding) : Number.POSITIVE_INFINITY;
      if (rounding && error < least) [best, least] = [rounding, error];
    }
    return best;
  }

  /** Largest plus three root mean square errors against the unrounded network, in units of the allowances. */
  errorOf(rounding: Rounding): number {
    const got = outputsOf(withWeights(this.graph, rounding), this.points, this.inputCount);
    let [peak, squares] = [0, 0];
    for (let i = 0; i < got.length; i++) {
      const r = Math.abs(got[i] - this.exact[i]) / this.allowances[i % this.allowances.length];
      peak = Math.max(peak, Number.isFinite(r) ? r : Number.POSITIVE_INFINITY);
      squares += r * r;
    }
    return peak + 3 * Math.sqrt(squares / got.length);
  }

  private get parameters(): number {
    return this.layers.reduce((n, { weight, bias }) => n + weight.length + bias.length, 0);
  }

  private jointly(grids: readonly Grid[], damping: number): Rounding | undefined {
    const { sum, size } = this.jointCurvature();
    const n = this.parameters;
    const steps = new Float64Array(n);
    const values = new Float64Array(n);
    let at = 0;
    this.layers.forEach((layer, l) => {
      const { rows, cols } = shapeOf(layer);
      for (let i = 0; i < layer.weight.length; i++) steps[at + i] = grids[l].step(Math.floor(i / cols), i % cols);
      values.set(layer.weight, at);
      at += layer.weight.length;
      steps.fill(grids[l].biasStep, at, at + rows);
      values.set(layer.bias, at);
      at += rows;
    });
    const entry = (i: number, j: number) => sum[Math.max(i, j) * size + Math.min(i, j)];
    const rounded = babai(n, entry, values, steps, damping, (k, value) => clampTo(grids, this.layers, k, value));
    if (!rounded) return undefined;
    const result = new Map<AffineNode, RoundedWeights>();
    at = 0;
    for (const layer of this.layers) {
      const weight = rounded.slice(at, at + layer.weight.length);
      at += layer.weight.length;
      result.set(layer, { weight, bias: rounded.slice(at, at + layer.bias.length) });
      at += layer.bias.length;
    }
    return result;
  }

  private jointCurvature(): { sum: Float64Array; size: number } {
    if (!this.curvature) {
      const { allowances, graph, points, inputCount } = this;
      const count = points.length / inputCount;
      const gram = createGram(this.parameters);
      const teacher = { allowances: Float64Array.from(allowances), inputCount } as Teacher;
      const samples: Samples = { count, interior: 0, points, wanted: this.exact };
      const ones = new Float64Array(count * allowances.length).fill(1);
      const gradient = new Float64Array(this.parameters);
      normalEquations(teacher, graph, samples, new Float64Array(ones.length), ones, { gram, gradient });
      this.curvature = gram;
    }
    return this.curvature;
  }

  private stepwise(grids: readonly Grid[], damping: number): Rounding | undefined {
    const result = new Map<AffineNode, RoundedWeights>();
    const { values, pulls } = this.unrounded();
    const count = this.points.length / this.inputCount;
    // The network as it will be, as far as it is rounded: every step sees the arguments that it really gets.
    const now = new Map<IrNode, Float64Array>();
    for (const node of this.graph.nodes) {
      let step: IrNode = node;
      if (node.kind === 'affine') {
        const l = this.layers.indexOf(node);
        const rounded = roundStep(node, grids[l], now.get(node.x)!, values.get(node)!, pulls.get(node)!, damping);
        if (!rounded) return undefined;
        result.set(node, rounded);
        step = { ...node, ...rounded };
      }
      const out = node.kind === 'input' ? values.get(node)! : new Float64Array(count * node.width);
      if (node.kind !== 'input') {
        const read = operands(node).map((x) => now.get(x)!);
        evaluateNode(step, read, out, count);
      }
      now.set(node, out);
    }
    return result;
  }

  private known?: { values: IrValues; pulls: Map<AffineNode, Float64Array> };

  /** Values of the unrounded network at the points, and the sum of squared gradients of the outputs by each step there. */
  private unrounded(): { values: IrValues; pulls: Map<AffineNode, Float64Array> } {
    if (this.known) return this.known;
    const { graph, points, inputCount, allowances } = this;
    const values = evaluateIr(graph, points, inputCount);
    const count = points.length / inputCount;
    const pulls = new Map<AffineNode, Float64Array>(this.layers.map((layer) => [layer, new Float64Array(count)]));
    allowances.forEach((allowance, component) => {
      const gradients = gradientIr(graph, values, component);
      for (const layer of this.layers) {
        const pull = pulls.get(layer)!;
        gradients.get(layer)!.forEach((g, i) => {
          const share = (g / allowance) ** 2;
          if (Number.isFinite(share)) pull[Math.floor(i / layer.width)] += share;
        });
      }
    });
    this.known = { values, pulls };
    return this.known;
  }
}

/**
 * One affine step, fitted to `wanted` from the arguments `x` and rounded row by row.
 * @param pull weight of every point
 */
function roundStep(
  layer: AffineNode,
  grid: Grid,
  x: Float64Array,
  wanted: Float64Array,
  pull: Float64Array,
  damping: number,
): RoundedWeights | undefined {
  const { rows, cols } = shapeOf(layer);
  const n = cols + 1;
  const moment = weightedMoments(x, cols, pull);
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

function shapeOf({ width, x }: AffineNode): { rows: number; cols: number } {
  return { rows: width, cols: x.width };
}

function outputsOf(graph: IrGraph, points: Float64Array, inputCount: number): Float64Array {
  return evaluateIr(graph, points, inputCount).get(graph.output)!;
}

/** The graph with other weights. */
function withWeights(graph: IrGraph, weights: Rounding): IrGraph {
  return mapNodes(graph, (node, original) => {
    const replaced = weights.get(original as AffineNode);
    return replaced && node.kind === 'affine' ? { ...node, ...replaced } : node;
  });
}

/** Where the weights of a step may lie. */
interface Grid {
  step(row: number, col: number): number;
  /** The value, or the nearest that the weights' width holds. */
  clamp(row: number, col: number, value: number): number;
  biasStep: number;
  /** Steps of the columns up to a factor that is the row's, then of the bias. */
  columnSteps(): Float64Array;
}

function gridOf(node: AffineNode, quantized: QuantizedGraph): Grid {
  const format = quantized.affine.get(node)!;
  const { exponent } = quantized.formats.get(node)!;
  const columns = segmentsOf(node.x).flatMap(({ leaf, width }) =>
    Array<number>(width).fill(quantized.formats.get(leaf)!.exponent),
  );
  const step = (row: number, col: number) => 2 ** (columns[col] - format.shifts[row] - exponent);
  // The smallest integer is left out: a row that holds it would get a coarser grid.
  const limit = 2 ** (format.weightBits - 1) - 1;
  const biasStep = 2 ** -(exponent + format.guard);
  return {
    step,
    clamp: (row, col, value) => {
      const unit = step(row, col);
      return Math.min(limit, Math.max(-limit, value / unit)) * unit;
    },
    biasStep,
    columnSteps: () => Float64Array.from([...columns.map((_, c) => step(0, c)), biasStep]),
  };
}

function clampTo(grids: readonly Grid[], layers: readonly AffineNode[], k: number, value: number): number {
  let at = k;
  for (const [l, layer] of layers.entries()) {
    if (at < layer.weight.length) return grids[l].clamp(Math.floor(at / layer.x.width), at % layer.x.width, value);
    at -= layer.weight.length;
    if (at < layer.bias.length) return value;
    at -= layer.bias.length;
  }
  return value;
}

function plainRounding(layers: readonly AffineNode[], grids: readonly Grid[]): Rounding {
  return new Map(
    layers.map((layer, l) => {
      const { step, clamp, biasStep } = grids[l];
      const cols = layer.x.width;
      const weight = layer.weight.map((w, i) => {
        const [r, c] = [Math.floor(i / cols), i % cols];
        return clamp(r, c, Math.round(w / step(r, c)) * step(r, c));
      });
      return [layer, { weight, bias: layer.bias.map((b) => Math.round(b / biasStep) * biasStep) }];
    }),
  );
}

type Clamp = (k: number, value: number) => number;
/** Rounds `values`; `missing` is the moment, with the arguments, of what the result still lacks. */
type Lattice = (values: Float64Array, steps: Float64Array, clamp: Clamp, missing?: Float64Array) => Float64Array;

/**
 * Nearest plane: rounds `values` to multiples of `steps`, in the order of falling steps times curvature, each given the
 * errors of those before it.
 * @param entry of the curvature matrix
 * @param order steps by which the order is found, up to a common factor
 */
function lattice(
  n: number,
  entry: (i: number, j: number) => number,
  order: Float64Array,
  damping: number,
): Lattice | undefined {
  const weightOf = (k: number) => order[k] ** 2 * entry(k, k);
  // The last of this list is rounded first.
  const sequence = Array.from({ length: n }, (_, k) => k).sort((a, b) => weightOf(a) - weightOf(b) || a - b);
  const matrix = new Float64Array(n * n);
  const diagonal = new Float64Array(n);
  let most = 0;
  for (let i = 0; i < n; i++) most = Math.max(most, entry(i, i));
  if (!(most > 0 && Number.isFinite(most))) return undefined;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) matrix[i * n + j] = entry(sequence[i], sequence[j]);
    diagonal[i] = Math.max(damping * matrix[i * n + i], 1e-12 * most);
  }
  const factor = new Float64Array(n * n);
  if (!cholesky(matrix, diagonal, factor, n, n)) return undefined;
  return (values, steps, clamp, missing) => {
    const rounded = new Float64Array(n);
    const shift = Float64Array.from(sequence, (k) => missing?.[k] ?? 0);
    if (missing) choleskySolve(factor, shift, n, n);
    // pull[j] collects sum over the rounded ones of factor(i, j) times their error.
    const pull = new Float64Array(n);
    for (let i = n - 1; i >= 0; i--) {
      const k = sequence[i];
      const wanted = values[k] + shift[i] - pull[i] / factor[i * n + i];
      rounded[k] = clamp(k, Math.round(wanted / steps[k]) * steps[k]);
      const error = rounded[k] - values[k] - shift[i];
      for (let j = 0; j <= i; j++) pull[j] += factor[i * n + j] * error;
    }
    return rounded;
  };
}

function babai(
  n: number,
  entry: (i: number, j: number) => number,
  values: Float64Array,
  steps: Float64Array,
  damping: number,
  clamp: Clamp,
): Float64Array | undefined {
  return lattice(n, entry, steps, damping)?.(values, steps, clamp);
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
