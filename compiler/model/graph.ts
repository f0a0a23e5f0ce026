import { nearestNames, type Problem, plural } from '../diagnostics.js';
import { splineWidth } from './spline-shapes.js';
import { structuredWidth } from './structured-shapes.js';
import { allOutputs, type Model, type ModelNode, nodeInputs, nodeTensors, type Tensor } from './types.js';

/** Checks names, references, shapes and cycles of a graph and finds its execution order and the width of every value. */

type GraphFile = Pick<Model, 'inputs' | 'outputs' | 'hidden' | 'nodes'>;

export interface CheckedGraph {
  order: ModelNode[];
  widths: Map<string, number>;
}

/** Names, references, shapes and cycles; adds to `problems` what is wrong, all of it. */
export function checkGraph(file: GraphFile, tensors: ReadonlyMap<string, Tensor>, problems: Problem[]): CheckedGraph {
  const index = indexNames(file, problems);
  checkReferences(file, index, tensors, problems);
  const order = executionOrder(file.nodes, index, problems);
  const widths = new Map<string, number>(file.inputs.map((input) => [input.name, 1]));
  for (const i of order) {
    const width = nodeWidth(file.nodes[i], `nodes[${i}]`, widths, tensors, problems);
    if (width !== undefined) widths.set(file.nodes[i].name, width);
  }
  checkOutputs(file, widths, problems);
  return { order: order.map((i) => file.nodes[i]), widths };
}

/** Index of the node that makes each value; -1 for inputs. */
function indexNames(file: GraphFile, problems: Problem[]): Map<string, number> {
  const index = new Map<string, number>();
  const add = (name: string, at: number, path: string) => {
    if (index.has(name)) {
      problems.push({ path, found: `the name "${name}" a second time`, expected: 'a unique name' });
    } else {
      index.set(name, at);
    }
  };
  file.inputs.forEach((input, i) => {
    add(input.name, -1, `inputs[${i}].name`);
  });
  file.nodes.forEach((node, i) => {
    add(node.name, i, `nodes[${i}].name`);
  });
  const outputs = new Set<string>();
  allOutputs(file).forEach((output, i) => {
    if (outputs.has(output.name)) {
      problems.push({ path: `outputs[${i}].name`, found: `"${output.name}" a second time`, expected: 'a unique name' });
    }
    outputs.add(output.name);
  });
  return index;
}

function checkReferences(
  file: GraphFile,
  index: ReadonlyMap<string, number>,
  tensors: ReadonlyMap<string, Tensor>,
  problems: Problem[],
): void {
  const unknown = (path: string, name: string, known: Iterable<string>, what: string) => {
    const near = nearestNames(name, [...known]);
    problems.push({ path, found: `"${name}"`, expected: near.length ? `${what}, such as ${near.join(', ')}` : what });
  };
  file.nodes.forEach((node, i) => {
    nodeInputs(node).forEach((name, k) => {
      if (!index.has(name)) unknown(`nodes[${i}].inputs[${k}]`, name, index.keys(), 'the name of an input or node');
    });
    for (const { name, field } of nodeTensors(node)) {
      if (!tensors.has(name)) unknown(`nodes[${i}].${field}`, name, tensors.keys(), 'the name of a tensor');
    }
  });
  allOutputs(file).forEach((output, i) => {
    if (output.value !== undefined && !index.has(output.value)) {
      unknown(`outputs[${i}].value`, output.value, index.keys(), 'the name of an input or node');
    }
  });
}

/** Node indices with every node after those it reads. Nodes on a cycle are reported and left out. */
function executionOrder(
  nodes: readonly ModelNode[],
  index: ReadonlyMap<string, number>,
  problems: Problem[],
): number[] {
  const order: number[] = [];
  const state = new Uint8Array(nodes.length);
  const reportedCycles = new Set<number>();
  for (let root = 0; root < nodes.length; root++) {
    // An explicit stack: a chain of a million nodes must not overflow JavaScript's own.
    const stack = [{ node: root, next: 0 }];
    if (state[root]) continue;
    state[root] = 1;
    while (stack.length) {
      const top = stack[stack.length - 1];
      const inputs = nodeInputs(nodes[top.node]);
      if (top.next === inputs.length) {
        state[top.node] = 2;
        order.push(top.node);
        stack.pop();
        continue;
      }
      const child = index.get(inputs[top.next++]) ?? -1;
      if (child < 0 || state[child] === 2) continue;
      if (state[child] === 1) {
        if (!reportedCycles.has(child)) {
          reportedCycles.add(child);
          const from = stack.findIndex((entry) => entry.node === child);
          const names = [...stack.slice(from).map((entry) => nodes[entry.node].name), nodes[child].name];
          problems.push({
            path: `nodes[${child}]`,
            found: `a cycle: ${names.reverse().join(' -> ')}`,
            expected: 'a graph without cycles',
          });
        }
        continue;
      }
      state[child] = 1;
      stack.push({ node: child, next: 0 });
    }
  }
  return order;
}

function nodeWidth(
  node: ModelNode,
  path: string,
  widths: ReadonlyMap<string, number>,
  tensors: ReadonlyMap<string, Tensor>,
  problems: Problem[],
): number | undefined {
  const inputs = nodeInputs(node).map((name) => widths.get(name));
  if (inputs.some((w) => w === undefined)) return undefined;
  const [a, b] = inputs as number[];
  const bad = (where: string, found: string, expected: string): undefined => {
    problems.push({ path: `${path}${where}`, found, expected });
    return undefined;
  };
  switch (node.op) {
    case 'dense': {
      const weight = tensors.get(node.weight);
      if (!weight) return undefined;
      const [rows, cols] = weight.shape;
      if (weight.shape.length !== 2 || cols !== a) {
        return bad(
          '.weight',
          `shape [${weight.shape.join(', ')}]`,
          `[out, ${a}], as "${node.inputs[0]}" has width ${a}`,
        );
      }
      const bias = node.bias === undefined ? undefined : tensors.get(node.bias);
      if (bias && bias.data.length !== rows) {
        return bad('.bias', `shape [${bias.shape.join(', ')}]`, `[${rows}], the rows of "${node.weight}"`);
      }
      return rows;
    }
    case 'low_rank':
    case 'hierarchical':
    case 'tensor_train':
      return structuredWidth(node, inputs as number[], tensors, bad);
    case 'spline':
      return splineWidth(node, inputs as number[], tensors, bad);
    case 'add':
    case 'sub':
    case 'mul':
    case 'div':
    case 'min':
    case 'max':
      if (a !== b && a !== 1 && b !== 1)
        return bad('.inputs', `widths ${a} and ${b}`, 'equal widths, or one of width 1');
      return Math.max(a, b);
    case 'select': {
      const width = Math.max(...(inputs as number[]));
      if ((inputs as number[]).every((w) => w === width || w === 1)) return width;
      return bad('.inputs', `widths ${inputs.join(', ')}`, 'equal widths, or some of width 1');
    }
    case 'sum':
    case 'mean':
      return 1;
    case 'clip': {
      const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = node;
      return min < max ? a : bad('', `min ${min} and max ${max}`, 'min < max');
    }
    case 'lookup': {
      const { points, values } = node;
      if (points.length !== values.length)
        return bad('.values', plural(values.length, 'number'), `${points.length}, one per point`);
      const at = points.findIndex((p, i) => i > 0 && !(p > points[i - 1]));
      return at < 0 ? a : bad(`.points[${at}]`, String(points[at]), `more than ${points[at - 1]}, the point before it`);
    }
    case 'concat':
      return (inputs as number[]).reduce((sum, w) => sum + w, 0);
    case 'slice':
      if (node.start >= node.stop || node.stop > a) {
        return bad(
          '',
          `start ${node.start} and stop ${node.stop}`,
          `0 <= start < stop <= ${a}, the width of "${node.inputs[0]}"`,
        );
      }
      return node.stop - node.start;
    case 'scale': {
      let width = a;
      for (const field of ['scale', 'shift'] as const) {
        const length = node[field]?.length ?? 1;
        if (length === 1 || length === width) continue;
        if (width !== 1)
          return bad(`.${field}`, plural(length, 'number'), `1 or ${width}, the width of "${node.inputs[0]}"`);
        width = length;
      }
      return width;
    }
    case 'constant':
      return node.value.length;
    default:
      return a;
  }
}

function checkOutputs(file: GraphFile, widths: ReadonlyMap<string, number>, problems: Problem[]): void {
  allOutputs(file).forEach((output, i) => {
    if (output.value === undefined) return;
    const width = widths.get(output.value);
    const index = output.index ?? 0;
    if (width !== undefined && index >= width) {
      problems.push({
        path: `outputs[${i}].index`,
        found: String(index),
        expected: `less than ${width}, the width of "${output.value}"`,
      });
    }
    if (output.scale === 0) {
      problems.push({ path: `outputs[${i}].scale`, found: '0', expected: 'a number other than zero' });
    }
  });
}
