import { evaluateReference } from '../judge/reference/evaluate.js';
import { checkGraph } from '../model/graph.js';
import { type ModelNode, nodeInputs, type Tensor } from '../model/types.js';

/** Nodes whose operands are all constants become constants, so that a fixed input leaves nothing to compute. */
export function foldConstants(nodes: readonly ModelNode[], tensors: Map<string, Tensor>): ModelNode[] {
  const constant = new Set<string>();
  for (const node of nodes) {
    if (nodeInputs(node).every((name) => constant.has(name))) constant.add(node.name);
  }
  const foldable = nodes.filter(({ name }) => constant.has(name));
  if (foldable.every(({ op }) => op === 'constant')) return [...nodes];
  const values = evaluateConstants(foldable, tensors);
  return nodes.map((node) => {
    const value = values.get(node.name);
    return value && node.op !== 'constant' ? { name: node.name, op: 'constant', value } : node;
  });
}

/** Values of a graph without inputs, by the reference evaluator itself. */
function evaluateConstants(nodes: ModelNode[], tensors: Map<string, Tensor>): Map<string, number[]> {
  const inputs = [{ name: '', min: 0, max: 1 }];
  const { order, widths } = checkGraph({ inputs, outputs: [], nodes }, tensors, []);
  const outputs = order.flatMap(({ name }) =>
    Array.from({ length: widths.get(name) ?? 0 }, (_, index) => ({ name: `${name}[${index}]`, value: name, index })),
  );
  const results = evaluateReference({ name: '', inputs, outputs, nodes: order, tensors, widths }, Float64Array.of(0));
  const values = new Map<string, number[]>();
  outputs.forEach(({ value }, i) => {
    values.set(value, [...(values.get(value) ?? []), results[i]]);
  });
  return values;
}
