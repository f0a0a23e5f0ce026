import { type AddNode, type IrGraph, type IrNode, type MulNode, useCounts } from './types.js';

/**
 * Sums 1 - a b whose product nothing else reads, as derivatives of tanh are made of: one record computes them, and the
 * product is not stored.
 */
export function complements({ nodes, output }: IrGraph): ReadonlyMap<AddNode, MulNode> {
  const uses = useCounts({ nodes, output });
  const found = new Map<AddNode, MulNode>();
  for (const node of nodes) {
    if (node.kind !== 'add' || !node.subtract || !isOne(node.a)) continue;
    const { b } = node;
    if (b.kind === 'mul' && b.width === node.width && uses.get(b) === 1) found.set(node, b);
  }
  return found;
}

function isOne(node: IrNode): boolean {
  return node.kind === 'constant' && node.data.every((v) => v === 1);
}
