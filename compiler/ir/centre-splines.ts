import {
  type ConcatNode,
  graphOf,
  type IrGraph,
  type IrNode,
  operands,
  type SplineNode,
  withOperands,
} from './types.js';

/**
 * The same graph with the coefficients of differentiated splines centred about zero, and their middle added to the value
 * behind the spline: basis functions add up to 1, and their derivatives to 0, so that derivatives stay what they are. They
 * are differences of neighbouring coefficients, which integers of 16 bits have to tell apart.
 */
export function centreSplines(graph: IrGraph): IrGraph {
  const centred = centredWeights(graph);
  if (!centred.size) return graph;
  const changed = new Map<IrNode, IrNode>();
  for (const node of graph.nodes) {
    const read = withOperands(
      node,
      operands(node).map((x) => changed.get(x)!),
    );
    const known = read.kind === 'spline' ? centred.get(read.weight) : undefined;
    changed.set(node, known && read.kind === 'spline' ? moved({ ...read, weight: known.weight }, known.middle) : read);
  }
  return graphOf(changed.get(graph.output) as ConcatNode);
}

function moved(spline: SplineNode, middle: Float64Array): IrNode {
  if (spline.orders.some((order) => order > 0)) return spline;
  const { name, width } = spline;
  return { kind: 'scale', name, width, x: spline, scale: new Float64Array(width).fill(1), shift: middle };
}

/** Coefficients of splines that are met with a derivative and gain a bit by it, by their arrays; middles per row. */
function centredWeights(graph: IrGraph): Map<Float64Array, { weight: Float64Array; middle: Float64Array }> {
  const centred = new Map<Float64Array, { weight: Float64Array; middle: Float64Array }>();
  for (const node of graph.nodes) {
    if (node.kind !== 'spline' || centred.has(node.weight) || node.orders.every((order) => order === 0)) continue;
    const { weight, width } = node;
    const perRow = weight.length / width;
    const middle = Float64Array.from({ length: width }, (_, row) => {
      const own = weight.subarray(row * perRow, (row + 1) * perRow);
      return (own.reduce((m, c) => Math.min(m, c)) + own.reduce((m, c) => Math.max(m, c))) / 2;
    });
    const about = weight.map((c, i) => c - middle[Math.floor(i / perRow)]);
    if (2 * largestOf(about) <= largestOf(weight)) centred.set(weight, { weight: about, middle });
  }
  return centred;
}

const largestOf = (values: Float64Array) => values.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
