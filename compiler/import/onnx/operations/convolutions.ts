import { sizeOf } from '../ndarray.js';
import {
  type Dim,
  type Handler,
  intAttribute,
  intsAttribute,
  pointShape,
  requireConstant,
  stringAttribute,
  toVariable,
} from '../values.js';
import { MAX_MATRIX } from './products.js';

/** Convolutions over axes of fixed length, as the matrices that they are; of width 1 they are dense layers. */

const convolution: Handler = (context, [x, kernelInput, biasInput]) => {
  if (!x) throw context.refuse(': it has no input');
  const { node, builder } = context;
  const kernel = requireConstant(context, kernelInput, 'kernel');
  const bias = biasInput && requireConstant(context, biasInput, 'bias').data;
  const variable = toVariable(context, x, 'constant');
  const [, channels, ...lengths] = pointShape(variable.shape);
  const [filters, perGroup, ...taps] = kernel.shape;
  const groups = intAttribute(node, 'group', 1);
  if (taps.length === 0 || taps.length !== lengths.length || perGroup * groups !== channels)
    throw context.refuse(`: its kernel [${kernel.shape.join(', ')}] does not fit`);
  const steps = intsAttribute(node, 'strides') ?? taps.map(() => 1);
  const gaps = intsAttribute(node, 'dilations') ?? taps.map(() => 1);
  const auto = stringAttribute(node, 'auto_pad') ?? 'NOTSET';
  const reach = taps.map((k, i) => (k - 1) * gaps[i] + 1);
  const pads = paddings(auto, lengths, reach, steps) ?? intsAttribute(node, 'pads') ?? taps.flatMap(() => [0, 0]);
  const after = (i: number) => pads[taps.length + i];
  const outs = lengths.map((length, i) => Math.floor((length + pads[i] + after(i) - reach[i]) / steps[i]) + 1);
  const plain = variable.shape.every(
    (d, i) =>
      d !== null ||
      i === 0 ||
      (i > 1 && reach[i - 2] === 1 && steps[i - 2] === 1 && pads[i - 2] === 0 && after(i - 2) === 0),
  );
  if (!plain) throw context.refuse(': it runs along the batch', 'every point must be answered by itself');
  const [rows, cols] = [filters * sizeOf(outs), channels * sizeOf(lengths)];
  if (outs.some((n) => n < 1)) throw context.refuse(': its kernel is longer than its input');
  if (rows * cols > MAX_MATRIX) throw context.refuse(': its matrix is too large');
  const data = new Float64Array(rows * cols);
  const [positions, tapCount] = [sizeOf(outs), sizeOf(taps)];
  for (let f = 0; f < filters; f++) {
    const first = Math.floor(f / (filters / groups)) * perGroup;
    for (let p = 0; p < positions; p++) {
      const at = unravel(p, outs);
      for (let k = 0; k < tapCount; k++) {
        const tap = unravel(k, taps);
        const from = at.map((o, i) => o * steps[i] - pads[i] + tap[i] * gaps[i]);
        if (from.some((v, i) => v < 0 || v >= lengths[i])) continue;
        const place = from.reduce((n, v, i) => n * lengths[i] + v, 0);
        for (let c = 0; c < perGroup; c++) {
          const col = (first + c) * sizeOf(lengths) + place;
          data[(f * positions + p) * cols + col] += kernel.data[(f * perGroup + c) * tapCount + k];
        }
      }
    }
  }
  const shift = bias && {
    shape: [rows],
    data: Float64Array.from({ length: rows }, (_, r) => bias[Math.floor(r / positions)]),
  };
  const name = builder.dense(variable.name, { shape: [rows, cols], data }, shift, node.output[0]);
  const shape = [1, filters, ...outs].map((d, i): Dim => (variable.shape[i] === null ? null : d));
  return [{ kind: 'variable', name, shape }];
};

/** Zeros before every axis, then after every axis, for `auto_pad`. */
function paddings(
  auto: string,
  lengths: readonly number[],
  reach: readonly number[],
  steps: readonly number[],
): number[] | undefined {
  if (auto === 'NOTSET' || auto === '') return undefined;
  if (auto === 'VALID') return [...lengths, ...lengths].map(() => 0);
  const total = lengths.map((n, i) => Math.max(0, (Math.ceil(n / steps[i]) - 1) * steps[i] + reach[i] - n));
  const smaller = total.map((t) => Math.floor(t / 2));
  const larger = total.map((t) => Math.ceil(t / 2));
  return auto === 'SAME_UPPER' ? [...smaller, ...larger] : [...larger, ...smaller];
}

/** Indices along every axis of the element `at` of a row-major array. */
function unravel(at: number, shape: readonly number[]): number[] {
  const index = new Array<number>(shape.length);
  let rest = at;
  for (let i = shape.length - 1; i >= 0; i--) {
    index[i] = rest % shape[i];
    rest = Math.floor(rest / shape[i]);
  }
  return index;
}

export const CONVOLUTIONS: Record<string, Handler> = { Conv: convolution };
