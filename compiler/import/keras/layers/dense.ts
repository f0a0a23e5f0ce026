import { plural } from '../../../diagnostics.js';
import type { Tensor } from '../../../model/types.js';
import { outIn } from '../../dense-layout.js';
import { activate } from '../activations.js';
import { wrappedLayer } from '../config.js';
import { type LayerContext, type LayerKind, requireUnderstood } from '../context.js';
import { offset, positions, sizeOf, type Value } from '../values.js';

/** Layers with a matrix. `layers` is every kind of layer, for activations and layers within layers. */
export function denseLayers(layers: Readonly<Record<string, LayerKind>>): Record<string, LayerKind> {
  const withActivation = (context: LayerContext, x: Value) =>
    activate(context, context.layer.config.activation, x, layers);
  return {
    Dense: {
      reads: ['units', 'activation', 'use_bias'],
      apply: (context, [x]) => withActivation(context, dense(context, x)),
    },
    EinsumDense: {
      reads: ['equation', 'output_shape', 'activation', 'bias_axes'],
      apply: (context, [x]) => withActivation(context, einsumDense(context, x)),
    },
    SpectralNormalization: { reads: ['layer', 'power_iterations'], apply: (context, x) => wrapped(context, x, layers) },
  };
}

/** Kernels as [out, in], one for all calls of a layer, so that they are stored once. */
const kernels = new WeakMap<Tensor, Tensor>();

function outInOf(kernel: Tensor): Tensor {
  const known = kernels.get(kernel) ?? outIn(kernel, 'in,out');
  kernels.set(kernel, known);
  return known;
}

/** W x + b along the last axis. */
function dense(context: LayerContext, x: Value): Value {
  const { builder, layer } = context;
  const [kernel, bias] = context.weights(layer.config.use_bias === false ? ['kernel'] : ['kernel', 'bias']);
  const cols = x.shape[x.shape.length - 1];
  if (kernel.shape.length !== 2 || kernel.shape[0] !== cols || (bias && bias.data.length !== kernel.shape[1]))
    throw context.refuse(` with a kernel of shape [${kernel.shape.join(', ')}] and ${plural(cols ?? 1, 'input')}`);
  const rows = kernel.shape[1];
  const weight = outInOf(kernel);
  const outer = x.shape.slice(0, -1);
  const places = sizeOf(outer);
  const products = Array.from({ length: places }, (_, i) =>
    builder.dense(builder.slice(x.name, i * cols, (i + 1) * cols), weight, bias, layer.name),
  );
  return { name: builder.concat(products), shape: [...outer, rows] };
}

/** The equation written out as one matrix from all elements in to all elements out. */
function einsumDense(context: LayerContext, x: Value): Value {
  const { builder, layer } = context;
  const { equation, bias_axes: biasAxes } = layer.config;
  const [kernel, bias] = context.weights(biasAxes ? ['kernel', 'bias'] : ['kernel']);
  const { input, weights, output } = parseEquation(context, String(equation), x.shape.length + 1);
  const dims = new Map<string, number>();
  const bind = (labels: string, shape: readonly number[]) =>
    [...labels].forEach((label, i) => {
      if (labels.length !== shape.length || (dims.get(label) ?? shape[i]) !== shape[i])
        throw context.refuse(`, whose equation ${String(equation).slice(0, 40)} does not fit its kernel and input`);
      dims.set(label, shape[i]);
    });
  bind(input, x.shape);
  bind(weights, kernel.shape);
  const shapeOf = (labels: string) => [...labels].map((label) => dims.get(label) ?? 0);
  const shape = shapeOf(output);
  const [rows, cols] = [sizeOf(shape), sizeOf(x.shape)];
  if (!(rows * cols <= 2 ** 24)) throw context.refuse(` of ${rows} by ${cols} elements`);
  const data = new Float64Array(rows * cols);
  const labels = [...new Set(input + weights + output)].join('');
  for (const position of positions(shapeOf(labels))) {
    const at = (part: string) =>
      offset(
        [...part].map((label) => position[labels.indexOf(label)]),
        shapeOf(part),
      );
    data[at(output) * cols + at(input)] += kernel.data[at(weights)];
  }
  const shift = bias && { shape: [rows], data: spreadBias(context, bias, String(biasAxes), output, shape) };
  return { name: builder.dense(x.name, { shape: [rows, cols], data }, shift, layer.name), shape };
}

/** Labels without the batch's; `...` becomes labels of its own. */
function parseEquation(context: LayerContext, equation: string, rank: number) {
  const match = /^(\.{3})?([a-zA-Z]*)(\.{3})?,([a-zA-Z]+)->(\.{3})?([a-zA-Z]*)(\.{3})?$/.exec(equation);
  const refuse = () => context.refuse(` with the equation ${equation.slice(0, 40)}`);
  if (!match) throw refuse();
  const [, before, left, after, weights, outBefore, right, outAfter] = match;
  if (before !== outBefore || after !== outAfter || (before && after)) throw refuse();
  const rest = '0123456789'.slice(0, Math.max(0, rank - left.length));
  const input = (before ? rest : '') + left + (after ? rest : '');
  const output = (before ? rest : '') + right + (after ? rest : '');
  const [batch] = input;
  const isPlain = input.length === rank && output[0] === batch && !weights.includes(batch);
  if (!isPlain || [input, output, weights].some((labels) => new Set(labels).size !== labels.length)) throw refuse();
  return { input: input.slice(1), weights, output: output.slice(1) };
}

/** The bias has the dimensions named by `axes`, and 1 after the first of them for the others. */
function spreadBias(
  context: LayerContext,
  bias: Tensor,
  axes: string,
  output: string,
  shape: readonly number[],
): Float64Array {
  const own = [...output].map((label, i) => (axes.includes(label) ? shape[i] : 1));
  if (sizeOf(own) !== bias.data.length)
    throw context.refuse(` with a bias of shape [${bias.shape.join(', ')}] along ${axes.slice(0, 20)}`);
  return Float64Array.from(positions(shape), (position) => bias.data[offset(position, own)]);
}

/** Spectral normalisation has changed the kernel in training; what is stored is what is used. */
function wrapped(
  context: LayerContext,
  inputs: readonly Value[],
  layers: Readonly<Record<string, LayerKind>>,
): Value | readonly Value[] {
  const inner = wrappedLayer(context.layer.config.layer);
  const kind = Object.hasOwn(layers, inner.className) ? layers[inner.className] : undefined;
  const within = context.within(inner, 'layer');
  if (!kind) throw within.refuse('');
  requireUnderstood(within, kind);
  return kind.apply(within, inputs);
}
