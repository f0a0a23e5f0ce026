import { evaluateIr, gradientIr, type IrValues } from '../ir/evaluate.js';
import type { IrGraph, IrNode } from '../ir/types.js';

/**
 * How much a small error in each value moves the outputs, in units of the allowed output error: the reverse-mode
 * gradient of the float network at sample points, divided by each output's allowance.
 */

export interface Sensitivity {
  /** Row-major [points x width]: the largest |d output / d value| / allowance over the outputs. */
  gain(node: IrNode): Float64Array;
  /** Largest over the points of the 2-norm of the gain: what unit white noise in the value does to the worst point. */
  noiseGain(node: IrNode): number;
  values: IrValues;
  pointCount: number;
}

/** @param allowances allowed absolute error of each component of the graph's output */
export function analyzeSensitivity(
  graph: IrGraph,
  points: Float64Array,
  inputCount: number,
  allowances: readonly number[],
): Sensitivity {
  const values = evaluateIr(graph, points, inputCount);
  const gains = new Map<IrNode, Float64Array>();
  for (const node of graph.nodes) gains.set(node, new Float64Array(values.get(node)!.length));
  allowances.forEach((allowance, component) => {
    const gradients = gradientIr(graph, values, component);
    for (const node of graph.nodes) {
      const gain = gains.get(node)!;
      const gradient = gradients.get(node)!;
      for (let i = 0; i < gain.length; i++) gain[i] = Math.max(gain[i], Math.abs(gradient[i]) / allowance);
    }
  });
  const noise = new Map<IrNode, number>();
  for (const node of graph.nodes) noise.set(node, largestRowNorm(gains.get(node)!, node.width));
  return {
    gain: (node) => gains.get(node)!,
    noiseGain: (node) => noise.get(node)!,
    values,
    pointCount: points.length / inputCount,
  };
}

function largestRowNorm(rows: Float64Array, width: number): number {
  let largest = 0;
  for (let at = 0; at < rows.length; at += width) {
    let sum = 0;
    for (let i = 0; i < width; i++) sum += finiteOr(rows[at + i], 0) ** 2;
    largest = Math.max(largest, sum);
  }
  return Math.sqrt(largest);
}

/** Gradients are infinite where a function has a vertical tangent (sqrt at 0); such points say nothing about noise. */
function finiteOr(value: number, otherwise: number): number {
  return Number.isFinite(value) ? value : otherwise;
}
