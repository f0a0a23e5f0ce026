import { evaluateIr, gradientIr } from './evaluate.js';
import { laneEquations } from './lanes/jobs.js';
import { GRAM_BLOCK, type Gram } from './linear-algebra/gram.js';
import { type ParameterLayout, parameterLayout, type WeightSite, weightSites } from './parameters.js';
import type { IrGraph } from './types.js';

/**
 * Jacobian of the outputs by all weights, by reverse mode, one output at a time: with g the gradient of the output by
 * an affine step's value and x the step's argument, the entry of weight (r, c) is g_r x_c and that of bias r is g_r, summed
 * over the steps that share the weight.
 */

/**
 * Calls back with blocks of the transposed Jacobian, [parameters x GRAM_BLOCK], one output component per block.
 * @param jt where blocks are written
 * @param visit first point of the block, number of points, output component
 * @param layout of the parameters, default: those of the graph; those that no output depends on have zeros, and what is not
 *   in it is no parameter
 */
export function forEachJacobianBlock(
  graph: IrGraph,
  points: Float64Array,
  inputCount: number,
  jt: Float64Array,
  visit: (start: number, size: number, component: number) => void,
  layout = parameterLayout(graph),
): void {
  const count = points.length / inputCount;
  const sites = weightSites(graph);
  for (let start = 0; start < count; start += GRAM_BLOCK) {
    const size = Math.min(GRAM_BLOCK, count - start);
    const values = evaluateIr(graph, points.subarray(start * inputCount, (start + size) * inputCount), inputCount);
    for (let component = 0; component < graph.output.width; component++) {
      const gradients = gradientIr(graph, values, component);
      jt.fill(0);
      for (const site of sites) addSite(jt, layout, site, values.get(site.x)!, gradients.get(site.out)!, size);
      visit(start, size, component);
    }
  }
}

function addSite(
  jt: Float64Array,
  { offsets }: ParameterLayout,
  { x: { width: cols }, out: { width: height }, row, rows, weight, bias }: WeightSite,
  x: Float64Array,
  g: Float64Array,
  size: number,
): void {
  const xt = transpose(x, cols, size);
  const gt = transpose(g, height, size);
  let at = (offsets.get(weight) ?? -1) * GRAM_BLOCK;
  for (let r = row; at >= 0 && r < row + rows; r++) {
    for (let c = 0; c < cols; c++, at += GRAM_BLOCK) {
      for (let p = 0; p < size; p++) jt[at + p] += gt[r * size + p] * xt[c * size + p];
    }
  }
  const biasAt = bias && offsets.get(bias);
  if (biasAt === undefined) return;
  at = biasAt * GRAM_BLOCK;
  for (let r = 0; r < height; r++, at += GRAM_BLOCK) {
    for (let p = 0; p < size; p++) jt[at + p] += gt[r * size + p];
  }
}

function transpose(values: Float64Array, width: number, count: number): Float64Array {
  const out = new Float64Array(values.length);
  for (let p = 0; p < count; p++) for (let i = 0; i < width; i++) out[i * count + p] = values[p * width + i];
  return out;
}

/** J^T W J (lower triangle) and J^T W r of the residuals r = (output - wanted) / allowance. */
export interface NormalEquations {
  gram: Gram;
  gradient: Float64Array;
}

/** As {@link addNormalEquations}, with nothing there before. */
export function normalEquations(
  units: { readonly allowances: Float64Array; readonly inputCount: number },
  graph: IrGraph,
  points: Float64Array,
  errors: Float64Array,
  weights: Float64Array,
  into: NormalEquations,
  layout = parameterLayout(graph),
): void {
  into.gram.sum.fill(0);
  into.gradient.fill(0);
  addNormalEquations(units, graph, points, errors, weights, into, layout);
}

/**
 * Adds those of more residuals.
 * @param allowances allowed absolute error of each component of the graph's output
 * @param points row-major [count x inputs]
 * @param errors the residuals, row-major [count x outputs]
 * @param weights per residual
 * @param layout of the parameters; default: those of the graph
 */
export function addNormalEquations(
  { allowances, inputCount }: { readonly allowances: Float64Array; readonly inputCount: number },
  graph: IrGraph,
  points: Float64Array,
  errors: Float64Array,
  weights: Float64Array,
  into: NormalEquations,
  layout = parameterLayout(graph),
): void {
  const { gradient } = into;
  const { jt } = into.gram;
  const width = allowances.length;
  const roots = weights.map((weight) => Math.sqrt(weight));
  const lanes = laneEquations(
    graph,
    points,
    inputCount,
    layout,
    roots.map((root, i) => root / allowances[i % width]),
    roots.map((root, i) => root * errors[i]),
  );
  if (lanes) {
    for (let i = 0; i < lanes.sum.length; i++) into.gram.sum[i] += lanes.sum[i];
    for (let k = 0; k < gradient.length; k++) gradient[k] += lanes.gradient[k];
    return;
  }
  const scale = new Float64Array(GRAM_BLOCK);
  const visit = (start: number, count: number, component: number) => {
    for (let p = 0; p < count; p++) {
      const i = (start + p) * width + component;
      scale[p] = roots[i] / allowances[component];
    }
    for (let k = 0; k < gradient.length; k++) {
      const at = k * GRAM_BLOCK;
      let sum = 0;
      for (let p = 0; p < count; p++) {
        jt[at + p] *= scale[p];
        const i = (start + p) * width + component;
        sum += jt[at + p] * roots[i] * errors[i];
      }
      gradient[k] += sum;
    }
    into.gram.addBlock();
  };
  forEachJacobianBlock(graph, points, inputCount, jt, visit, layout);
}
