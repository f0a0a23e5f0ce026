import { denseStep } from '../../ir/dense-step.js';
import {
  clip,
  elu,
  FUNCTIONS,
  type FunctionName,
  hardSigmoid,
  JUMPS,
  leakyRelu,
  lookup,
  power,
  type ScalarFunction,
} from '../../model/functions.js';
import { evaluateSpline } from '../../model/spline.js';
import { type Model, type ModelNode, nodeInputs, splineOf } from '../../model/types.js';
import { factors, hierarchicalStep } from './structured-weights.js';

/** The operations of the graph over blocks of points. */

/** Points evaluated together: enough to amortise the graph walk, few enough for a value to stay in cache. */
export const BLOCK = 128;

/** Computes a node's value at so many points. */
export type Step = (size: number) => void;

/** @param values of every name, row-major [block x width], with blocks of at most {@link BLOCK} points; the node's own is what the step writes */
export function compileNode(model: Model, node: ModelNode, values: ReadonlyMap<string, Float64Array>): Step {
  const out = values.get(node.name)!;
  const width = model.widths.get(node.name)!;
  const [x, y] = nodeInputs(node).map((name) => values.get(name)!);
  const [xWidth, yWidth] = nodeInputs(node).map((name) => model.widths.get(name)!);
  switch (node.op) {
    case 'dense': {
      const weight = model.tensors.get(node.weight)!.data;
      const bias = node.bias === undefined ? undefined : model.tensors.get(node.bias)!.data;
      return (size) => denseStep(weight, bias, x, out, size, width, xWidth);
    }
    case 'low_rank':
    case 'tensor_train': {
      const { left, right, rank } = factors(model, node);
      const bias = node.bias === undefined ? undefined : model.tensors.get(node.bias)!.data;
      const middle = new Float64Array(BLOCK * rank);
      return (size) => {
        denseStep(right, undefined, x, middle, size, rank, xWidth);
        denseStep(left, bias, middle, out, size, width, rank);
      };
    }
    case 'spline': {
      const spline = splineOf(model, node);
      const argument = sideBySide(model, node.inputs, values);
      return (size) => evaluateSpline(spline, argument(size), out, size);
    }
    case 'hierarchical':
      return hierarchicalStep(model, node, values, out);
    case 'add':
      return binaryStep((a, b) => a + b, x, y, out, xWidth, yWidth, width);
    case 'sub':
      return binaryStep((a, b) => a - b, x, y, out, xWidth, yWidth, width);
    case 'mul':
      return binaryStep((a, b) => a * b, x, y, out, xWidth, yWidth, width);
    case 'div':
      return binaryStep((a, b) => a / b, x, y, out, xWidth, yWidth, width);
    case 'min':
      return binaryStep(Math.min, x, y, out, xWidth, yWidth, width);
    case 'max':
      return binaryStep(Math.max, x, y, out, xWidth, yWidth, width);
    case 'select': {
      const [conditionWidth, aWidth, bWidth] = node.inputs.map((name) => model.widths.get(name)!);
      const b = values.get(node.inputs[2])!;
      return (size) => {
        for (let p = 0; p < size; p++) {
          for (let i = 0; i < width; i++) {
            const chooseA = x[p * conditionWidth + (conditionWidth === 1 ? 0 : i)] > 0;
            out[p * width + i] = chooseA
              ? y[p * aWidth + (aWidth === 1 ? 0 : i)]
              : b[p * bWidth + (bWidth === 1 ? 0 : i)];
          }
        }
      };
    }
    case 'sum':
    case 'mean': {
      const divisor = node.op === 'mean' ? xWidth : 1;
      return (size) => {
        for (let p = 0; p < size; p++) {
          let sum = 0;
          for (let i = 0; i < xWidth; i++) sum += x[p * xWidth + i];
          out[p] = sum / divisor;
        }
      };
    }
    case 'concat':
      return sideBySide(model, node.inputs, values, out);
    case 'slice':
      return (size) => {
        for (let p = 0; p < size; p++) {
          for (let i = 0; i < width; i++) out[p * width + i] = x[p * xWidth + node.start + i];
        }
      };
    case 'scale': {
      const { scale = [1], shift = [0] } = node;
      return (size) => {
        for (let p = 0; p < size; p++) {
          for (let i = 0; i < width; i++) {
            const value = x[p * xWidth + (xWidth === 1 ? 0 : i)];
            out[p * width + i] = scale[scale.length === 1 ? 0 : i] * value + shift[shift.length === 1 ? 0 : i];
          }
        }
      };
    }
    case 'constant':
      return (size) => {
        for (let p = 0; p < size; p++) out.set(node.value, p * width);
      };
    case 'floor':
    case 'ceil':
    case 'round':
      return unaryStep(JUMPS[node.op], x, out, width);
    default:
      return unaryStep(scalarFunction(node)!.value, x, out, width);
  }
}

/** Fills `out` with the named values side by side, row-major [points x total width], and gives it. */
function sideBySide(
  model: Model,
  names: readonly string[],
  values: ReadonlyMap<string, Float64Array>,
  given?: Float64Array,
): (size: number) => Float64Array {
  const parts = names.map((name) => ({ data: values.get(name)!, width: model.widths.get(name)! }));
  const width = parts.reduce((n, part) => n + part.width, 0);
  const out = given ?? new Float64Array(BLOCK * width);
  return (size) => {
    let at = 0;
    for (const part of parts) {
      for (let p = 0; p < size; p++) {
        for (let i = 0; i < part.width; i++) out[p * width + at + i] = part.data[p * part.width + i];
      }
      at += part.width;
    }
    return out;
  };
}

/** The function that an elementwise node of one operand applies; undefined for every other node. */
export function scalarFunction(node: ModelNode): ScalarFunction | undefined {
  switch (node.op) {
    case 'neg':
      return { value: (x) => -x, derivative: () => -1, series: (s) => s.map((v) => -v) };
    case 'pow':
      return power(node.exponent);
    case 'elu':
      return elu(node.alpha ?? 1);
    case 'leaky_relu':
      return leakyRelu(node.slope ?? 0.01);
    case 'hard_sigmoid':
      return hardSigmoid(node.alpha ?? 0.2, node.beta ?? 0.5);
    case 'clip':
      return clip(node.min ?? Number.NEGATIVE_INFINITY, node.max ?? Number.POSITIVE_INFINITY);
    case 'lookup':
      return lookup(node.points, node.values);
    case 'gelu':
      return FUNCTIONS[node.approximate === 'tanh' ? 'geluTanh' : 'gelu'];
    default:
      return Object.hasOwn(FUNCTIONS, node.op) ? FUNCTIONS[node.op as FunctionName] : undefined;
  }
}

function unaryStep(f: ScalarFunction['value'], x: Float64Array, out: Float64Array, width: number): Step {
  return (size) => {
    for (let i = 0; i < size * width; i++) out[i] = f(x[i]);
  };
}

function binaryStep(
  f: (a: number, b: number) => number,
  a: Float64Array,
  b: Float64Array,
  out: Float64Array,
  aWidth: number,
  bWidth: number,
  width: number,
): Step {
  return (size) => {
    for (let p = 0; p < size; p++) {
      for (let i = 0; i < width; i++) {
        out[p * width + i] = f(a[p * aWidth + (aWidth === 1 ? 0 : i)], b[p * bWidth + (bWidth === 1 ? 0 : i)]);
      }
    }
  };
}
