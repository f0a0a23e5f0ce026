import { evaluateIr, gradientIr } from '../ir/evaluate.js';
import type { InputNode, IrGraph } from '../ir/types.js';

/** Exact gradients of graphs by their inputs. */

/** Points that are differentiated together: bounds memory. */
const CHUNK = 256;

/** d(component of the output)/d(input), row-major [points x inputs], in the graph's units; zero where it is not finite. */
export function inputSlopes(graph: IrGraph, points: Float64Array, d: number, component: number): Float64Array {
  const slopes = new Float64Array(points.length);
  const inputs = graph.nodes.filter((node): node is InputNode => node.kind === 'input');
  for (let start = 0; start < points.length; start += CHUNK * d) {
    const chunk = points.subarray(start, Math.min(points.length, start + CHUNK * d));
    const gradients = gradientIr(graph, evaluateIr(graph, chunk, d), component);
    for (const node of inputs) {
      gradients.get(node)!.forEach((g, p) => {
        if (Number.isFinite(g)) slopes[start + p * d + node.index] = g;
      });
    }
  }
  return slopes;
}

/** Of the points, row-major, the `count` where the graph's outputs are steepest, in shares of the spans of the inputs. */
export function steepest(
  graph: IrGraph,
  points: Float64Array,
  spans: ArrayLike<number>,
  units: ArrayLike<number>,
  count: number,
): Float64Array {
  const d = spans.length;
  const steepness = new Float64Array(points.length / d);
  for (let component = 0; component < graph.output.width; component++) {
    const slopes = inputSlopes(graph, points, d, component);
    for (let p = 0; p < steepness.length; p++) {
      let square = 0;
      for (let k = 0; k < d; k++) square += (slopes[p * d + k] * spans[k]) ** 2;
      steepness[p] = Math.max(steepness[p], Math.sqrt(square) / (units[component] || 1));
    }
  }
  const order = Array.from(steepness.keys()).sort((p, q) => steepness[q] - steepness[p] || p - q);
  const chosen = order.slice(0, count);
  return Float64Array.from({ length: chosen.length * d }, (_, i) => points[chosen[Math.floor(i / d)] * d + (i % d)]);
}
