import { type IrNode, operands } from '../../ir/types.js';

/**
 * The two parts of a model of which some inputs stay the same for many points, such as the function that a DeepONet's branch
 * is given: what these inputs decide alone is computed once, and the rest for each point.
 */

/** The nodes with those first that read nothing but inputs given once, and how many these are; all in an order that runs. */
export function inParts(
  nodes: readonly IrNode[],
  inputs: readonly { once?: boolean }[],
): { nodes: readonly IrNode[]; once: number } {
  if (!inputs.some(({ once }) => once)) return { nodes, once: 0 };
  const known = new Set<IrNode>();
  for (const node of nodes) {
    const isKnown = node.kind === 'input' ? inputs[node.index].once : operands(node).every((x) => known.has(x));
    if (isKnown) known.add(node);
  }
  return { nodes: [...known, ...nodes.filter((node) => !known.has(node))], once: known.size };
}

/** Whether anything but inputs and constants is decided by the inputs given once alone. */
export function hasOncePart(nodes: readonly IrNode[], inputs: readonly { once?: boolean }[]): boolean {
  const { nodes: sorted, once } = inParts(nodes, inputs);
  return sorted
    .slice(0, once)
    .some(({ kind }) => kind !== 'input' && kind !== 'constant' && kind !== 'concat' && kind !== 'slice');
}
