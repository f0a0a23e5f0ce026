import { type ConcatNode, graphOf, type IrGraph, type IrNode, operands, withOperands } from './types.js';

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
