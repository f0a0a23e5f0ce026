import type { Goal } from '../code/cost/goal.js';
import { interpreterPrices } from '../code/cost/instructions.js';
import { splinesOf, weightSites } from '../ir/parameters.js';
import type { BlocksNode, IrGraph, SplineNode } from '../ir/types.js';
import { AXIS_BYTES } from '../table/spline.js';
import { RECORD_BYTES as TABLE_RECORD_BYTES } from '../table/table.js';

/** What a graph costs on the device, before its formats are known: the measure that searches make smaller. */

/** Most weights of a compressed network end up in 16 bits; a bias is 32 bits and each row has a shift. */
const WEIGHT_BYTES = 2;
const ROW_BYTES = 5;
/** A step costs a record in the block table, whatever its size. */
const RECORD_BYTES = 48;
/** What the table of one function takes within about 1e-3, built for size: tanh in the depth of a network 570, its last one 140. */
const FUNCTION_TABLE_BYTES = 400;
/** Evaluating one element of a function table takes about as long as this many multiply-adds. */
const MAP_MACS = 12;
/** Starting a step takes about as long as this many multiply-adds. */
const STEP_MACS = 40;
/** A multiplication of a spline, whose sums have 64 bits, takes about as long as this many multiply-adds. */
const SPLINE_MACS = 5;

export function costOf(graph: IrGraph, goal: Goal): number {
  return goal === 'speed' ? estimatedWork(graph) : estimatedBytes(graph);
}

/** Bytes of weights, biases and records; a matrix that several steps read is stored once. */
export function estimatedBytes(graph: IrGraph): number {
  const stored = new Set<Float64Array>();
  let bytes = 0;
  for (const node of graph.nodes) {
    if (node.kind === 'input' || node.kind === 'concat' || node.kind === 'slice') continue;
    bytes += RECORD_BYTES;
    if (node.kind === 'affine') {
      if (!stored.has(node.weight)) bytes += WEIGHT_BYTES * node.weight.length;
      stored.add(node.weight);
      bytes += ROW_BYTES * node.width;
    } else if (node.kind === 'blocks') bytes += leavesBytes(node, stored) + ROW_BYTES * node.width - RECORD_BYTES;
    else if (node.kind === 'scale') bytes += (WEIGHT_BYTES + ROW_BYTES) * node.width;
  }
  return bytes + splineBytes(graph);
}

/** A record per leaf, and its weights in their own width unless they are stored already. */
function leavesBytes({ leaves }: BlocksNode, stored: Set<Float64Array>): number {
  return leaves.reduce((n, { weight, precision = 16 }) => {
    const own = stored.has(weight) ? 0 : (precision / 8) * weight.length;
    stored.add(weight);
    return n + RECORD_BYTES + own;
  }, 0);
}

/** Bytes that a build has besides weights and biases: a record per step, and a table per function, which all steps share. */
export function bytesBesides(graph: IrGraph): number {
  const functions = new Set<string>();
  let records = 0;
  for (const node of graph.nodes) {
    if (node.kind === 'input' || node.kind === 'constant' || node.kind === 'concat' || node.kind === 'slice') continue;
    records += node.kind === 'blocks' ? node.leaves.length : 1;
    if (node.kind === 'map') functions.add(JSON.stringify({ ...node.fn, phase: 0 }));
  }
  return TABLE_RECORD_BYTES * records + FUNCTION_TABLE_BYTES * functions.size;
}

/** Multiply-adds per answer, other work counted as multiply-adds. */
export function estimatedWork(graph: IrGraph): number {
  let work = 0;
  for (const node of graph.nodes) {
    if (node.kind === 'input' || node.kind === 'constant' || node.kind === 'concat' || node.kind === 'slice') continue;
    if (node.kind === 'spline') {
      work += splineWork(node);
      continue;
    }
    work += STEP_MACS;
    if (node.kind === 'affine') work += node.weight.length;
    else if (node.kind === 'blocks') for (const { weight } of node.leaves) work += STEP_MACS + weight.length;
    else work += node.kind === 'map' ? MAP_MACS * node.width : node.width;
  }
  return work;
}

/** The board whose instructions `--max-instructions` counts, and the usual degree of a function table. */
const ISA = 'armv7e-m';
const TABLE_DEGREE = 3;

/** About how many instructions an answer takes under wasm3 with 16-bit values and weights, by the cost model. */
export function estimatedInstructions(graph: IrGraph): number {
  const prices = interpreterPrices(ISA);
  const element = prices['polynomial.element'] + TABLE_DEGREE * prices['polynomial.degree'];
  let sum = prices.answer;
  for (const node of graph.nodes) {
    if (node.kind === 'input' || node.kind === 'constant' || node.kind === 'concat' || node.kind === 'slice') continue;
    sum += prices.record;
    if (node.kind === 'affine') sum += prices['dense.product'] * node.weight.length + prices['dense.row'] * node.width;
    else if (node.kind === 'blocks') {
      sum += prices['dense.row'] * node.width;
      for (const { weight } of node.leaves) sum += prices.record + prices['dense.product'] * weight.length;
    } else if (node.kind === 'spline') {
      const { functions, products } = splineCounts(node);
      sum += prices['spline.function'] * functions + prices['spline.product'] * products;
    } else sum += (node.kind === 'map' ? element : prices['combine.element']) * node.width;
  }
  return sum;
}

/** Bytes of the weights and biases of the affine steps at a given width of weights; biases in 32 bits. */
export function weightBytes(graph: IrGraph, bits: number): number {
  return weightSites(graph).reduce(
    (n, { weight, bias }) => n + (weight.length * bits) / 8 + 4 * (bias?.length ?? 0),
    splineBytes(graph),
  );
}

/** Bytes of the weights, each matrix in its own precision or else in 16 bits, and of the biases in 32. */
export function storedBytes(graph: IrGraph): number {
  return weightSites(graph).reduce((n, { weight, bias, precision = 16 }) => {
    return n + (weight.length * precision) / 8 + 4 * (bias?.length ?? 0);
  }, splineBytes(graph));
}

/** Bytes of the coefficients of splines, which have 16 bits at most, and of their axes. */
function splineBytes(graph: IrGraph): number {
  return splinesOf(graph).reduce((n, { weight, axes, precision }) => {
    return n + (precision === 8 ? 1 : WEIGHT_BYTES) * weight.length + AXIS_BYTES * axes.length;
  }, 0);
}

/** What splineWork needs to know of a spline. */
type SplineShape = Pick<SplineNode, 'degree' | 'width'> & { readonly axes: ArrayLike<unknown> };

/** Multiply-adds that a spline takes about as long as. */
export function splineWork(shape: SplineShape): number {
  const { functions, products } = splineCounts(shape);
  return STEP_MACS + SPLINE_MACS * (functions + products);
}

/** Multiplications of the basis functions of every axis, and of their products with coefficients. */
function splineCounts({ axes, degree, width }: SplineShape): { functions: number; products: number } {
  return { functions: axes.length * degree * (degree + 1), products: width * (degree + 1) ** axes.length };
}
