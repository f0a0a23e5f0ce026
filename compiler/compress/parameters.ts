import {
  type AffineNode,
  type ConcatNode,
  graphOf,
  type IrGraph,
  type IrNode,
  operands,
  withOperands,
} from '../ir/types.js';

/** The weights of a graph as one vector: per affine step its matrix, row-major, then its bias. */

export function affineNodes(graph: IrGraph): AffineNode[] {
  return graph.nodes.filter((node): node is AffineNode => node.kind === 'affine');
}

/** Numbers that the graph stores: weights and biases of affine steps, factors of scalings, constants. */
export function irParameterCount(graph: IrGraph): number {
  let count = 0;
  for (const node of graph.nodes) {
    if (node.kind === 'affine') count += node.weight.length + node.bias.length;
    else if (node.kind === 'scale') count += node.scale.length + node.shift.length;
    else if (node.kind === 'constant') count += node.data.length;
  }
  return count;
}

/** Numbers that refinement may change. */
export function trainableCount(graph: IrGraph): number {
  return affineNodes(graph).reduce((n, node) => n + node.weight.length + node.bias.length, 0);
}

export function readParameters(graph: IrGraph): Float64Array {
  const theta = new Float64Array(trainableCount(graph));
  let at = 0;
  for (const { weight, bias } of affineNodes(graph)) {
    theta.set(weight, at);
    theta.set(bias, at + weight.length);
    at += weight.length + bias.length;
  }
  return theta;
}

/** Overwrites the arrays of the graph in place: only for a graph that owns them (see {@link withOwnWeights}). */
export function writeParameters(graph: IrGraph, theta: Float64Array): void {
  let at = 0;
  for (const { weight, bias } of affineNodes(graph)) {
    weight.set(theta.subarray(at, at + weight.length));
    at += weight.length;
    bias.set(theta.subarray(at, at + bias.length));
    at += bias.length;
  }
}

/** The same graph with fresh arrays for the weights of its affine steps. */
export function withOwnWeights(graph: IrGraph): IrGraph {
  return mapNodes(graph, (node) =>
    node.kind === 'affine' ? { ...node, weight: node.weight.slice(), bias: node.bias.slice() } : node,
  );
}

/** Rebuilds a graph node by node; `change` sees each node with its operands already changed. */
export function mapNodes(graph: IrGraph, change: (node: IrNode, original: IrNode) => IrNode): IrGraph {
  const changed = new Map<IrNode, IrNode>();
  for (const node of graph.nodes) {
    const read = withOperands(
      node,
      operands(node).map((x) => changed.get(x)!),
    );
    changed.set(node, change(read, node));
  }
  return graphOf(changed.get(graph.output) as ConcatNode);
}
