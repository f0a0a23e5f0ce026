import { type Box, inputBox } from '../model/box.js';
import { type Model, type ModelNode, networkOutputs, nodeInputs } from '../model/types.js';
import { arcNode } from './arcs.js';
import { jumpNode } from './floor.js';
import { functionOf } from './map-function.js';
import { clipNode, hardSigmoidNode, lookupNode } from './piecewise.js';
import { intervalBounds, type Range } from './ranges.js';
import { splineNode } from './splines.js';
import { structuredNode } from './structured-steps.js';
import { type ConcatNode, graphOf, type IrGraph, type IrNode } from './types.js';

/**
 * The graph of a model's network outputs, sent or hidden, as IR, node by node, nothing folded yet; what none of them needs
 * is left out.
 */
export function buildIr(model: Model): IrGraph {
  const values = new Map<string, IrNode>();
  const box = inputBox(model.inputs);
  model.inputs.forEach(({ name }, index) => {
    values.set(name, { kind: 'input', name, width: 1, index });
  });
  for (const node of model.nodes) values.set(node.name, buildNode(model, node, values, box));
  const parts = networkOutputs(model).map((output): IrNode => {
    const x = values.get(output.value)!;
    return x.width === 1 ? x : { kind: 'slice', name: output.name, width: 1, x, start: output.index ?? 0 };
  });
  const output: ConcatNode = { kind: 'concat', name: 'outputs', width: parts.length, parts };
  return graphOf(output);
}

function buildNode(model: Model, node: ModelNode, values: ReadonlyMap<string, IrNode>, box: Box): IrNode {
  const name = node.name;
  const width = model.widths.get(name)!;
  const [x, y, z] = nodeInputs(node).map((input) => values.get(input)!);
  switch (node.op) {
    case 'dense': {
      const weight = model.tensors.get(node.weight)!.data;
      const bias = node.bias === undefined ? new Float64Array(width) : model.tensors.get(node.bias)!.data;
      return { kind: 'affine', name, width, x, weight, bias, precision: node.precision };
    }
    case 'low_rank':
    case 'hierarchical':
    case 'tensor_train':
      return structuredNode(
        model,
        node,
        node.inputs.map((input) => values.get(input)!),
      );
    case 'spline':
      return splineNode(
        model,
        node,
        node.inputs.map((input) => values.get(input)!),
      );
    case 'add':
    case 'sub':
      return { kind: 'add', name, width, a: x, b: y, subtract: node.op === 'sub' };
    case 'mul':
      return { kind: 'mul', name, width, a: x, b: y };
    case 'div': {
      const fn = functionOf({ op: 'function', name: 'reciprocal' });
      const inverse: IrNode = { kind: 'map', name, width: y.width, x: y, fn };
      return { kind: 'mul', name, width, a: x, b: inverse };
    }
    case 'min':
    case 'max':
      return { kind: node.op, name, width, a: x, b: y };
    case 'select':
      return { kind: 'select', name, width, condition: x, a: y, b: z };
    case 'sum':
    case 'mean': {
      const weight = new Float64Array(x.width).fill(node.op === 'mean' ? 1 / x.width : 1);
      return { kind: 'affine', name, width, x, weight, bias: new Float64Array(1) };
    }
    case 'elu':
      return { kind: 'map', name, width, x, fn: functionOf({ op: 'elu', alpha: node.alpha ?? 1 }) };
    case 'leaky_relu':
      return { kind: 'map', name, width, x, fn: functionOf({ op: 'leakyRelu', slope: node.slope ?? 0.01 }) };
    case 'hard_sigmoid':
      return hardSigmoidNode(name, x, node.alpha ?? 0.2, node.beta ?? 0.5);
    case 'clip':
      return clipNode(name, x, node.min ?? Number.NEGATIVE_INFINITY, node.max ?? Number.POSITIVE_INFINITY);
    case 'lookup':
      return lookupNode(name, x, node.points, node.values);
    case 'floor':
    case 'ceil':
    case 'round':
      return jumpNode(model.name, name, node.op, x, boundsOf(x, box));
    case 'asin':
    case 'acos':
    case 'atanh':
      return arcNode(name, node.op, x, boundsOf(x, box));
    case 'concat':
      return { kind: 'concat', name, width, parts: node.inputs.map((input) => values.get(input)!) };
    case 'slice':
      return { kind: 'slice', name, width, x, start: node.start };
    case 'scale':
      return {
        kind: 'scale',
        name,
        width,
        x,
        scale: spread(node.scale, width, 1),
        shift: spread(node.shift, width, 0),
      };
    case 'neg':
      return { kind: 'scale', name, width, x, scale: spread([-1], width, 1), shift: spread(undefined, width, 0) };
    case 'constant':
      return { kind: 'constant', name, width, data: Float64Array.from(node.value) };
    case 'pow':
      return { kind: 'map', name, width, x, fn: functionOf({ op: 'power', exponent: node.exponent }) };
    case 'gelu': {
      const gelu = node.approximate === 'tanh' ? 'geluTanh' : 'gelu';
      return { kind: 'map', name, width, x, fn: functionOf({ op: 'function', name: gelu }) };
    }
    default:
      return { kind: 'map', name, width, x, fn: functionOf({ op: 'function', name: node.op }) };
  }
}

/** Bounds of a value over the box, by interval arithmetic. */
function boundsOf(x: IrNode, box: Box): readonly Range[] {
  const output: ConcatNode = { kind: 'concat', name: x.name, width: x.width, parts: [x] };
  return intervalBounds(graphOf(output), box).get(x)!;
}

/** A vector of length 1 or `width` as one of length `width`. */
export function spread(vector: ArrayLike<number> | undefined, width: number, otherwise: number): Float64Array {
  return Float64Array.from({ length: width }, (_, i) => {
    if (vector === undefined) return otherwise;
    return vector[vector.length === 1 ? 0 : i];
  });
}
