import {
  type Model,
  type ModelNode,
  type NetworkOutput,
  networkOutputs,
  nodeInputs,
  splineOf,
  type Tensor,
} from '../../model/types.js';
import { appendElu, appendFunction, appendPower } from './function-tables.js';
import { type Program, ProgramBuilder } from './program.js';
import { OutputReader } from './sent-outputs.js';
import { appendModelSpline } from './spline-programs.js';

/**
 * The exact real function that a model file defines, as a program: its numbers as the doubles they are read as, every
 * operation in real arithmetic. Outputs are in engineering units.
 */
export function readModelProgram(model: Model): Program {
  const to = new ProgramBuilder();
  const values = new Map<string, Int32Array>();
  model.inputs.forEach(({ name }, index) => {
    values.set(name, to.input(index));
  });
  const needed = neededNodes(model, networkOutputs(model));
  for (const node of model.nodes) if (needed.has(node.name)) values.set(node.name, appendNode(to, model, node, values));
  const outputs = new OutputReader(to, model, values);
  return to.finish(
    model.inputs.length,
    Int32Array.from(model.outputs, (output) => to.linear(outputs.of(output), 1)[0]),
  );
}

/** Names of what the outputs need. */
function neededNodes(model: Model, outputs: readonly NetworkOutput[]): Set<string> {
  const needed = new Set(outputs.map(({ value }) => value));
  for (const node of [...model.nodes].reverse()) {
    if (needed.has(node.name)) for (const name of nodeInputs(node)) needed.add(name);
  }
  return needed;
}

function join(parts: readonly Int32Array[]): Int32Array {
  return Int32Array.from(parts.flatMap((part) => Array.from(part)));
}

function appendNode(
  to: ProgramBuilder,
  model: Model,
  node: ModelNode,
  values: ReadonlyMap<string, Int32Array>,
): Int32Array {
  const [x, y, z] = nodeInputs(node).map((name) => values.get(name)!);
  const tensor = (name: string) => model.tensors.get(name)!;
  const bias = 'bias' in node && node.bias !== undefined ? tensor(node.bias).data : undefined;
  const width = model.widths.get(node.name)!;
  switch (node.op) {
    case 'dense':
      return to.affine(x, tensor(node.weight).data, bias ?? new Float64Array(width));
    case 'low_rank': {
      const right = tensor(node.right);
      const middle = to.affine(x, right.data, new Float64Array(right.shape[0]));
      return to.affine(middle, tensor(node.left).data, bias ?? new Float64Array(width));
    }
    case 'hierarchical':
      return appendLeaves(to, model, node, join(node.inputs.map((name) => values.get(name)!)), bias);
    case 'tensor_train':
      return appendTrain(to, node.outputCores.map(tensor), node.inputCores.map(tensor), x, bias);
    case 'add':
      return to.linear(x, 1, 0, y, 1);
    case 'sub':
      return to.linear(x, 1, 0, y, -1);
    case 'mul':
      return to.multiply(x, y);
    case 'div':
      return to.multiply(x, to.elementary('power', y, { exponent: -1 }));
    case 'min':
    case 'max':
      return to.extremum(node.op, x, y);
    case 'select':
      return to.select(x, y, z);
    case 'sum':
      return to.affine(x, new Float64Array(x.length).fill(1), new Float64Array(1));
    case 'mean': {
      // Divided by the number of elements exactly, which need not have a double as its inverse.
      const sum = to.affine(x, new Float64Array(x.length).fill(1), new Float64Array(1));
      const count = to.constants([x.length]);
      return to.multiply(sum, to.elementary('power', count, { exponent: -1 }));
    }
    case 'concat':
      return join(node.inputs.map((name) => values.get(name)!));
    case 'slice':
      return x.subarray(node.start, node.stop);
    case 'scale':
      return to.linear(x, node.scale ?? 1, node.shift ?? 0);
    case 'neg':
      return to.linear(x, -1);
    case 'constant':
      return to.constants(node.value);
    case 'pow':
      return appendPower(to, x, node.exponent);
    case 'elu':
      return appendElu(to, x, node.alpha ?? 1);
    case 'leaky_relu':
      return to.piecewise(x, [0], [0], node.slope ?? 0.01, 1);
    case 'hard_sigmoid':
      return to.piecewise(to.linear(x, node.alpha ?? 0.2, node.beta ?? 0.5), [0, 1], [0, 1], 0, 0);
    case 'clip': {
      const ends = [node.min, node.max].filter((end): end is number => end !== undefined && Number.isFinite(end));
      if (!ends.length) return x;
      return to.piecewise(x, ends, ends, node.min === undefined ? 1 : 0, node.max === undefined ? 1 : 0);
    }
    case 'lookup':
      return to.piecewise(x, node.points, node.values, 0, 0);
    case 'spline':
      return appendModelSpline(to, splineOf(model, node), join(node.inputs.map((name) => values.get(name)!)));
    case 'floor':
    case 'ceil':
    case 'round':
      return to.jump(node.op, x);
    case 'gelu':
      return appendFunction(to, node.approximate === 'tanh' ? 'geluTanh' : 'gelu', x);
    default:
      return appendFunction(to, node.op, x);
  }
}

/** b + the leaves' products, each added into its rows. */
function appendLeaves(
  to: ProgramBuilder,
  model: Model,
  node: Extract<ModelNode, { op: 'hierarchical' }>,
  x: Int32Array,
  bias: Float64Array | undefined,
): Int32Array {
  const tensor = (name: string) => model.tensors.get(name)!;
  let sums = to.constants(bias ?? new Float64Array(node.width));
  for (const leaf of node.leaves) {
    let part = x.subarray(...leaf.cols);
    for (const name of 'weight' in leaf ? [leaf.weight] : [leaf.right, leaf.left]) {
      part = to.affine(part, tensor(name).data, new Float64Array(tensor(name).shape[0]));
    }
    const added = to.linear(sums.subarray(...leaf.rows), 1, 0, part, 1);
    const next = sums.slice();
    next.set(added, leaf.rows[0]);
    sums = next;
  }
  return sums;
}

/** A tensor train, core by core from the last input to the first output; cores are [rank, mode, next rank]. */
function appendTrain(
  to: ProgramBuilder,
  outputCores: readonly Tensor[],
  inputCores: readonly Tensor[],
  x: Int32Array,
  bias: Float64Array | undefined,
): Int32Array {
  const affine = (z: Int32Array, { data }: Tensor) => to.affine(z, data, new Float64Array(data.length / z.length));
  let z = x;
  for (const core of [...inputCores].reverse()) {
    const taken = core.shape[1] * core.shape[2];
    z = join(Array.from({ length: z.length / taken }, (_, i) => affine(z.subarray(i * taken, (i + 1) * taken), core)));
  }
  for (const core of [...outputCores].reverse()) {
    const [rank, mode, next] = core.shape;
    const behind = z.length / next;
    const given = Array.from({ length: behind }, (_, i) => {
      return affine(
        z.filter((_, at) => at % behind === i),
        core,
      );
    });
    z = Int32Array.from({ length: rank * mode * behind }, (_, at) => given[at % behind][Math.floor(at / behind)]);
  }
  return bias ? to.linear(z, 1, bias) : z;
}
