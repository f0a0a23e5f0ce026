import { derivedSpline, evaluateSpline, type Spline, segmentsPerUnit } from '../model/spline.js';
import { type Model, type ModelNode, splineOf } from '../model/types.js';
import type { IrNode, SplineNode } from './types.js';

/** A spline of the model, of the values that it reads side by side. */
export function splineNode(
  model: Model,
  node: Extract<ModelNode, { op: 'spline' }>,
  inputs: readonly IrNode[],
): SplineNode {
  const { name, precision } = node;
  const width = model.widths.get(name)!;
  const cols = inputs.reduce((n, x) => n + x.width, 0);
  const x: IrNode = inputs.length === 1 ? inputs[0] : { kind: 'concat', name, width: cols, parts: inputs };
  return { kind: 'spline', name, width, x, ...splineOf(model, node), precision };
}

/** What the basis functions in integers have in excess: degree! of every axis, by which coefficients are divided. */
export function basisExcess({ degree, axes }: Pick<Spline, 'degree' | 'axes'>): number {
  return factorial(degree) ** axes.length;
}

/** Exponent of a spline's coefficients, divided by that excess, as integers of so many bits: as fine as they allow. */
export function coefficientExponent(node: Spline, bits: 8 | 16): number {
  const largest = node.weight.reduce((m, c) => Math.max(m, Math.abs(c)), 0) / basisExcess(node);
  return largest > 0 ? Math.floor(Math.log2((2 ** (bits - 1) - 0.5) / largest)) : 0;
}

function factorial(n: number): number {
  return n > 1 ? n * factorial(n - 1) : 1;
}

/** Adds a spline's gradient to that of its argument. */
export function pullBackSpline(
  node: SplineNode,
  x: Float64Array,
  g: Float64Array,
  gx: Float64Array,
  count: number,
): void {
  const { width, axes } = node;
  const slopes = new Float64Array(count * width);
  axes.forEach((axis, k) => {
    evaluateSpline(derivedSpline(node, k), x, slopes, count);
    const scale = segmentsPerUnit(axis);
    for (let p = 0; p < count; p++) {
      for (let i = 0; i < width; i++) gx[p * axes.length + k] += g[p * width + i] * scale * slopes[p * width + i];
    }
  });
}
