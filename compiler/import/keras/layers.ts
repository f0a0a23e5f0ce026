import type { PinnEdgeError } from '../../diagnostics.js';
import type { Tensor } from '../../model/types.js';
import { type ActivationName, applyActivation } from '../activations.js';
import type { GraphBuilder } from '../builder.js';
import type { KerasLayer } from './config.js';

/** Keras layers as nodes. Weights come in the order in which the layer made them. */

export interface LayerContext {
  file: string;
  builder: GraphBuilder;
  layer: KerasLayer;
  /** The layer's weights in order. */
  weights: readonly Tensor[];
  refuse(reason: string): PinnEdgeError;
}

type Handler = (context: LayerContext, inputs: readonly string[]) => string;

const ACTIVATIONS: Record<string, ActivationName> = {
  linear: 'none',
  tanh: 'tanh',
  sigmoid: 'sigmoid',
  relu: 'relu',
  elu: 'elu',
  selu: 'selu',
  softplus: 'softplus',
  silu: 'silu',
  swish: 'silu',
  gelu: 'gelu',
  mish: 'mish',
  exponential: 'exp',
  hard_sigmoid: 'hard_sigmoid',
  leaky_relu: 'leaky_relu',
  sin: 'sin',
  cos: 'cos',
};

function activate(context: LayerContext, value: unknown, x: string): string {
  const spelled = typeof value === 'string' ? value : (value as { config?: unknown } | null)?.config;
  if (value === undefined || value === null) return x;
  const name = typeof spelled === 'string' && Object.hasOwn(ACTIVATIONS, spelled) ? ACTIVATIONS[spelled] : undefined;
  if (!name) throw context.refuse(` with the activation ${JSON.stringify(value).slice(0, 60)}`);
  const isKeras3Sigmoid = name === 'hard_sigmoid' && context.layer.config.module === 'keras.layers';
  if (isKeras3Sigmoid) return context.builder.unary('hard_sigmoid', x, 'hard_sigmoid', { alpha: 1 / 6, beta: 0.5 });
  return applyActivation(context.builder, name, x, `${context.layer.name}.${name}`);
}

const dense: Handler = (context, [x]) => {
  const [kernel, bias] = context.weights;
  const { builder, layer } = context;
  if (kernel?.shape.length !== 2) throw context.refuse(', whose kernel is missing from the file');
  const [cols, rows] = kernel.shape;
  if (cols !== builder.width(x) || (bias && bias.data.length !== rows)) {
    throw context.refuse(` with a kernel of shape [${kernel.shape.join(', ')}] and ${builder.width(x)} inputs`);
  }
  const data = new Float64Array(rows * cols);
  for (let c = 0; c < cols; c++) for (let r = 0; r < rows; r++) data[r * cols + c] = kernel.data[c * rows + r];
  const shift = bias && { shape: [rows], data: bias.data };
  return activate(context, layer.config.activation, builder.dense(x, { shape: [rows, cols], data }, shift, layer.name));
};

const fold =
  (op: 'add' | 'sub' | 'mul' | 'min' | 'max'): Handler =>
  ({ builder, layer }, inputs) =>
    inputs.reduce((a, b) => builder.binary(op, a, b, layer.name));

const normalization: Handler = (context, [x]) => {
  const [mean, variance] = context.weights;
  if (!mean || !variance) throw context.refuse(', whose statistics are missing from the file');
  const scale = variance.data.map((v) => 1 / Math.max(Math.sqrt(v), 1e-7));
  return context.builder.scale(
    x,
    scale,
    scale.map((s, i) => -mean.data[i] * s),
    context.layer.name,
  );
};

const batchNormalization: Handler = (context, [x]) => {
  const { config } = context.layer;
  const weights = [...context.weights];
  const gamma = config.scale === false ? undefined : weights.shift();
  const beta = config.center === false ? undefined : weights.shift();
  const [mean, variance] = weights;
  if (!mean || !variance) throw context.refuse(', whose statistics are missing from the file');
  const epsilon = Number(config.epsilon ?? 1e-3);
  const scale = variance.data.map((v, i) => (gamma?.data[i] ?? 1) / Math.sqrt(v + epsilon));
  return context.builder.scale(
    x,
    scale,
    scale.map((s, i) => (beta?.data[i] ?? 0) - mean.data[i] * s),
    context.layer.name,
  );
};

const number = (value: unknown, otherwise: number) => (typeof value === 'number' ? value : otherwise);

const relu: Handler = (context, [x]) => {
  const { builder, layer } = context;
  const { config } = layer;
  if (number(config.threshold, 0) !== 0) throw context.refuse(' with a threshold');
  const slope = number(config.negative_slope, 0);
  const value = slope === 0 ? builder.unary('relu', x) : builder.unary('leaky_relu', x, layer.name, { slope });
  return typeof config.max_value === 'number'
    ? builder.unary('clip', value, layer.name, { max: config.max_value })
    : value;
};

const keepShape: Handler = (_, [x]) => x;

const dot: Handler = ({ builder, layer }, [a, b]) => {
  const product = builder.binary('mul', a, b, layer.name);
  return builder.width(product) === 1 ? product : builder.add({ op: 'sum', inputs: [product] }, 1, layer.name);
};

/** SciANN's locally adaptive activation: f(alpha x), f in the layer's own Python, so it must be named by the spec. */
const unknownCode: Handler = (context) => {
  throw context.refuse(', which is Python code of its own; import the weights alone with a spec');
};

export const LAYERS: Record<string, Handler> = {
  Dense: dense,
  Activation: (context, [x]) => activate(context, context.layer.config.activation, x),
  Concatenate: ({ builder, layer }, inputs) => builder.concat(inputs, layer.name),
  Add: fold('add'),
  Subtract: fold('sub'),
  Multiply: fold('mul'),
  Maximum: fold('max'),
  Minimum: fold('min'),
  Average: (context, inputs) => context.builder.scale(fold('add')(context, inputs), [1 / inputs.length], undefined),
  Dot: dot,
  Dropout: keepShape,
  GaussianNoise: keepShape,
  GaussianDropout: keepShape,
  ActivityRegularization: keepShape,
  Flatten: keepShape,
  Reshape: keepShape,
  Rescaling: ({ builder, layer }, [x]) =>
    builder.scale(x, [number(layer.config.scale, 1)], [number(layer.config.offset, 0)], layer.name),
  Normalization: normalization,
  BatchNormalization: batchNormalization,
  ReLU: relu,
  LeakyReLU: ({ builder, layer }, [x]) =>
    builder.unary('leaky_relu', x, layer.name, {
      slope: number(layer.config.negative_slope, number(layer.config.alpha, 0.3)),
    }),
  ELU: ({ builder, layer }, [x]) => builder.unary('elu', x, layer.name, { alpha: number(layer.config.alpha, 1) }),
  Lambda: unknownCode,
};

/** Functions of one value, as TensorFlow's (`math.sin`) and Keras 3's (`Sin`) operation layers name them. */
export const FUNCTIONS: Record<string, ActivationName | 'sqrt' | 'log' | 'neg' | 'reciprocal'> = {
  sin: 'sin',
  cos: 'cos',
  tanh: 'tanh',
  exp: 'exp',
  log: 'log',
  sqrt: 'sqrt',
  square: 'square',
  abs: 'abs',
  absolute: 'abs',
  sigmoid: 'sigmoid',
  softplus: 'softplus',
  silu: 'silu',
  relu: 'relu',
  atan: 'atan',
  arctan: 'atan',
  negative: 'neg',
  neg: 'neg',
  reciprocal: 'reciprocal',
  erf: 'erf',
};

export const ARITHMETIC: Record<string, 'add' | 'sub' | 'mul' | 'div' | 'max' | 'min'> = {
  add: 'add',
  addv2: 'add',
  subtract: 'sub',
  sub: 'sub',
  multiply: 'mul',
  mul: 'mul',
  truediv: 'div',
  true_divide: 'div',
  divide: 'div',
  maximum: 'max',
  minimum: 'min',
};
