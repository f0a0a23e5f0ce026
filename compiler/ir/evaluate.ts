import { evaluateSpline } from '../model/spline.js';
import { denseStep, pullBackDense } from './dense-step.js';
import { mapDerivative, mapValue } from './map-function.js';
import { pullBackSpline } from './splines.js';
import { type BlockLeaf, type IrGraph, type IrNode, operands } from './types.js';

/** Forward values and reverse-mode gradients of IR graphs in float64, vectorised over points. */

/** Row-major [points x width] of every node. */
export type IrValues = ReadonlyMap<IrNode, Float64Array>;

/**
 * Values of all nodes at `points`, row-major [count x inputs].
 * @param functions what to use in place of some maps' functions: the tables, when their error is measured
 */
export function evaluateIr(
  graph: IrGraph,
  points: Float64Array,
  inputCount: number,
  functions?: ReadonlyMap<IrNode, (x: number) => number>,
): IrValues {
  const count = points.length / inputCount;
  const values = new Map<IrNode, Float64Array>();
  for (const node of graph.nodes) {
    const out = new Float64Array(count * node.width);
    values.set(node, out);
    if (node.kind === 'input') for (let p = 0; p < count; p++) out[p] = points[p * inputCount + node.index];
    else {
      const inputs = operands(node).map((input) => values.get(input)!);
      const replaced = functions?.get(node);
      if (replaced) for (let i = 0; i < out.length; i++) out[i] = replaced(inputs[0][i]);
      else evaluateNode(node, inputs, out, count);
    }
  }
  return values;
}

/** One node over `count` points; `inputs` are the values of its operands. */
export function evaluateNode(node: IrNode, inputs: readonly Float64Array[], out: Float64Array, count: number): void {
  const { width } = node;
  const [x] = inputs;
  switch (node.kind) {
    case 'constant':
      for (let p = 0; p < count; p++) out.set(node.data, p * width);
      break;
    case 'affine':
      denseStep(node.weight, node.bias, x, out, count, width, node.x.width);
      break;
    case 'blocks':
      for (let p = 0; p < count; p++) out.set(node.bias, p * width);
      node.leaves.forEach((leaf, k) => {
        addLeaf(leaf, inputs[k], out, count, width);
      });
      break;
    case 'scale': {
      const step = node.x.width === 1 ? 0 : 1;
      const stride = node.x.width;
      for (let p = 0; p < count; p++) {
        for (let i = 0; i < width; i++) out[p * width + i] = node.scale[i] * x[p * stride + i * step] + node.shift[i];
      }
      break;
    }
    case 'map': {
      const f = mapValue(node.fn);
      for (let i = 0; i < count * width; i++) out[i] = f(x[i]);
      break;
    }
    case 'spline':
      evaluateSpline(node, x, out, count);
      break;
    case 'add':
    case 'mul': {
      const [a, b] = inputs;
      const [aw, bw] = [node.a.width, node.b.width];
      const sign = node.kind === 'add' && node.subtract ? -1 : 1;
      for (let p = 0; p < count; p++) {
        for (let i = 0; i < width; i++) {
          const u = a[p * aw + (aw === 1 ? 0 : i)];
          const v = b[p * bw + (bw === 1 ? 0 : i)];
          out[p * width + i] = node.kind === 'add' ? u + sign * v : u * v;
        }
      }
      break;
    }
    case 'min':
    case 'max': {
      const pick = node.kind === 'min' ? Math.min : Math.max;
      const [u, v] = [reader(inputs[0], node.a.width), reader(inputs[1], node.b.width)];
      for (let p = 0; p < count; p++) for (let i = 0; i < width; i++) out[p * width + i] = pick(u(p, i), v(p, i));
      break;
    }
    case 'select': {
      const [c, a, b] = [node.condition, node.a, node.b].map((x, k) => reader(inputs[k], x.width));
      for (let p = 0; p < count; p++) {
        for (let i = 0; i < width; i++) out[p * width + i] = c(p, i) > 0 ? a(p, i) : b(p, i);
      }
      break;
    }
    case 'concat': {
      let at = 0;
      node.parts.forEach((part, k) => {
        for (let p = 0; p < count; p++) {
          for (let i = 0; i < part.width; i++) out[p * width + at + i] = inputs[k][p * part.width + i];
        }
        at += part.width;
      });
      break;
    }
    case 'slice':
      for (let p = 0; p < count; p++) {
        for (let i = 0; i < width; i++) out[p * width + i] = x[p * node.x.width + node.start + i];
      }
      break;
    case 'input':
      throw new Error('an input has no operands to evaluate');
  }
}

function addLeaf(
  { row, rows, weight, x }: BlockLeaf,
  values: Float64Array,
  out: Float64Array,
  count: number,
  width: number,
) {
  const cols = x.width;
  for (let p = 0; p < count; p++) {
    for (let r = 0, w = 0; r < rows; r++) {
      let sum = 0;
      for (let c = 0; c < cols; c++, w++) sum += weight[w] * values[p * cols + c];
      out[p * width + row + r] += sum;
    }
  }
}

/** Component i of a value at point p; a value of width 1 is broadcast. */
function reader(values: Float64Array, width: number): (p: number, i: number) => number {
  return width === 1 ? (p) => values[p] : (p, i) => values[p * width + i];
}

/** d(component `component` of the output)/d(every node), row-major [points x width]. */
export function gradientIr(graph: IrGraph, values: IrValues, component: number): Map<IrNode, Float64Array> {
  const width = graph.output.width;
  const seed = new Float64Array(values.get(graph.output)!.length);
  for (let at = component; at < seed.length; at += width) seed[at] = 1;
  return pullBackIr(graph, values, seed);
}

/** d(sum of seed times output)/d(every node); `seed` is row-major [points x output width]. */
export function pullBackIr(graph: IrGraph, values: IrValues, seed: Float64Array): Map<IrNode, Float64Array> {
  return pullBackFrom(graph, values, seed.length / graph.output.width, new Map([[graph.output as IrNode, seed]]));
}

/**
 * d(sum over the seeded nodes of seed times value)/d(every node).
 * @param seeds row-major [points x width] for every node that the sum is of
 */
export function pullBackFrom(
  graph: IrGraph,
  values: IrValues,
  count: number,
  seeds: ReadonlyMap<IrNode, Float64Array>,
): Map<IrNode, Float64Array> {
  const gradients = new Map<IrNode, Float64Array>();
  for (const node of graph.nodes) gradients.set(node, seeds.get(node)?.slice() ?? new Float64Array(count * node.width));
  for (let n = graph.nodes.length - 1; n >= 0; n--) pullBack(graph.nodes[n], values, gradients, count);
  return gradients;
}

/** Calls back with the index of every component of a value of `width` and of its operands, broadcast if of width 1. */
function forEachBroadcast(
  count: number,
  width: number,
  widths: readonly number[],
  callback: (at: number, operands: readonly number[]) => void,
): void {
  for (let p = 0; p < count; p++) {
    for (let i = 0; i < width; i++)
      callback(
        p * width + i,
        widths.map((w) => p * w + (w === 1 ? 0 : i)),
      );
  }
}

/** gx += W^T g, over the rows of the leaf. */
function pullBackLeaf(
  { row, rows, weight, x }: BlockLeaf,
  g: Float64Array,
  gx: Float64Array,
  count: number,
  width: number,
): void {
  const cols = x.width;
  for (let p = 0; p < count; p++) {
    for (let r = 0; r < rows; r++) {
      const gr = g[p * width + row + r];
      if (gr === 0) continue;
      for (let c = 0, w = r * cols; c < cols; c++, w++) gx[p * cols + c] += gr * weight[w];
    }
  }
}

/** Adds a node's gradient to those of its operands. */
function pullBack(node: IrNode, values: IrValues, gradients: Map<IrNode, Float64Array>, count: number): void {
  const g = gradients.get(node)!;
  const { width } = node;
  switch (node.kind) {
    case 'affine':
      pullBackDense(node.weight, g, gradients.get(node.x)!, count, width, node.x.width);
      break;
    case 'blocks':
      for (const leaf of node.leaves) pullBackLeaf(leaf, g, gradients.get(leaf.x)!, count, width);
      break;
    case 'scale': {
      const gx = gradients.get(node.x)!;
      const xw = node.x.width;
      for (let p = 0; p < count; p++) {
        for (let i = 0; i < width; i++) gx[p * xw + (xw === 1 ? 0 : i)] += g[p * width + i] * node.scale[i];
      }
      break;
    }
    case 'map': {
      const gx = gradients.get(node.x)!;
      const x = values.get(node.x)!;
      const slope = mapDerivative(node.fn);
      for (let i = 0; i < g.length; i++) if (g[i] !== 0) gx[i] += g[i] * slope(x[i]);
      break;
    }
    case 'spline':
      pullBackSpline(node, values.get(node.x)!, g, gradients.get(node.x)!, count);
      break;
    case 'add':
    case 'mul': {
      const [ga, gb] = [gradients.get(node.a)!, gradients.get(node.b)!];
      const [a, b] = [values.get(node.a)!, values.get(node.b)!];
      const [aw, bw] = [node.a.width, node.b.width];
      const sign = node.kind === 'add' && node.subtract ? -1 : 1;
      for (let p = 0; p < count; p++) {
        for (let i = 0; i < width; i++) {
          const ia = p * aw + (aw === 1 ? 0 : i);
          const ib = p * bw + (bw === 1 ? 0 : i);
          const gi = g[p * width + i];
          ga[ia] += node.kind === 'add' ? gi : gi * b[ib];
          gb[ib] += node.kind === 'add' ? sign * gi : gi * a[ia];
        }
      }
      break;
    }
    case 'min':
    case 'max': {
      const [ga, gb] = [gradients.get(node.a)!, gradients.get(node.b)!];
      const [a, b] = [values.get(node.a)!, values.get(node.b)!];
      forEachBroadcast(count, width, [node.a.width, node.b.width], (at, [ia, ib]) => {
        if (node.kind === 'max' ? a[ia] >= b[ib] : a[ia] <= b[ib]) ga[ia] += g[at];
        else gb[ib] += g[at];
      });
      break;
    }
    case 'select': {
      const [gc, ga, gb] = [node.condition, node.a, node.b].map((x) => gradients.get(x)!);
      const [c, a, b] = [node.condition, node.a, node.b].map((x) => values.get(x)!);
      const reach = c.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
      const widths = [node.condition.width, node.a.width, node.b.width];
      forEachBroadcast(count, width, widths, (at, [ic, ia, ib]) => {
        if (c[ic] > 0) ga[ia] += g[at];
        else gb[ib] += g[at];
        // The true derivative is zero, but an error of the condition moves the switch: as if it were a ramp.
        if (reach > 0) gc[ic] += (g[at] * (a[ia] - b[ib])) / reach;
      });
      break;
    }
    case 'concat': {
      let at = 0;
      for (const part of node.parts) {
        const gp = gradients.get(part)!;
        for (let p = 0; p < count; p++) {
          for (let i = 0; i < part.width; i++) gp[p * part.width + i] += g[p * width + at + i];
        }
        at += part.width;
      }
      break;
    }
    case 'slice': {
      const gx = gradients.get(node.x)!;
      for (let p = 0; p < count; p++) {
        for (let i = 0; i < width; i++) gx[p * node.x.width + node.start + i] += g[p * width + i];
      }
      break;
    }
  }
}
