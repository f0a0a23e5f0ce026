import { plural } from '../../../diagnostics.js';
import { layerNorm } from '../../nodes.js';
import type { LayerContext, LayerKind } from '../context.js';
import { byRootMeanSquare, normalised } from '../functions.js';
import { mapAlong, ownAxis, spread, type Value } from '../values.js';
import { numberOf } from './activation.js';

/** Layers that shift and scale: by numbers of the configuration, by statistics of the training, or by their own input. */
export const NORMALIZATION_LAYERS: Record<string, LayerKind> = {
  Rescaling: { reads: ['scale', 'offset'], apply: rescaling },
  Normalization: { reads: ['axis', 'mean', 'variance', 'invert'], apply: normalization },
  BatchNormalization: {
    reads: ['axis', 'epsilon', 'center', 'scale', 'momentum', 'synchronized', 'fused', 'virtual_batch_size'],
    only: { renorm: false, renorm_clipping: {}, renorm_momentum: 0.99 },
    apply: batchNormalization,
  },
  LayerNormalization: {
    reads: ['axis', 'epsilon', 'center', 'scale'],
    only: { rms_scaling: false },
    apply: layerNormalization,
  },
  RMSNormalization: { reads: ['axis', 'epsilon'], apply: rmsNormalization },
  UnitNormalization: {
    reads: ['axis'],
    apply: (context, [x]) =>
      mapAlong(context.builder, x, axesOf(context, x), (vector) =>
        // Keras 2 limits the square, Keras 3 the norm.
        normalised(context.builder, vector, context.major === 2 ? 1e-6 : 1e-12, context.layer.name),
      ),
  },
};

/** The layer's axes, the batch's left out, in order. */
function axesOf({ layer }: LayerContext, x: Value, otherwise: unknown = -1): number[] {
  const axes = [layer.config.axis === undefined ? otherwise : (layer.config.axis ?? [])].flat();
  return axes.map((axis) => ownAxis(axis, x.shape.length)).sort((a, b) => a - b);
}

/** Numbers of a configuration, as they are or in lists. */
function numbersOf(context: LayerContext, key: string, otherwise?: number): number[] {
  let value: unknown = context.layer.config[key] ?? otherwise;
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    value = (value as { config?: { value?: unknown } }).config?.value;
  const list = [value].flat(8) as unknown[];
  const numbers = list.map((v) => (typeof v === 'string' ? Number(v) : v));
  if (!numbers.every((v): v is number => typeof v === 'number' && Number.isFinite(v)))
    throw context.refuse(` with ${key} = ${JSON.stringify(context.layer.config[key]).slice(0, 60)}`);
  return numbers;
}

/** Numbers along `axes`, one for every element of x. */
function along(context: LayerContext, what: string, numbers: ArrayLike<number>, axes: readonly number[], x: Value) {
  const all = spread(numbers, axes, x.shape);
  if (all) return all;
  throw context.refuse(
    ` with ${plural(numbers.length, 'number')} as its ${what} for a value of shape [${x.shape.join(', ')}]`,
  );
}

function rescaling(context: LayerContext, [x]: readonly Value[]): Value {
  const last = [x.shape.length - 1];
  const [scale, shift] = [numbersOf(context, 'scale', 1), numbersOf(context, 'offset', 0)].map((numbers, i) =>
    numbers.length === 1 ? numbers : along(context, i ? 'offset' : 'scale', numbers, last, x),
  );
  return { name: context.builder.scale(x.name, scale, shift, context.layer.name), shape: x.shape };
}

/** (x - mean) / max(sqrt(variance), 1e-7), or its inverse. */
function normalization(context: LayerContext, [x]: readonly Value[]): Value {
  const { builder, layer } = context;
  const { config } = layer;
  const axes = axesOf(context, x);
  const isConstant = config.mean !== undefined && config.mean !== null;
  const [means, variances] = isConstant
    ? [numbersOf(context, 'mean'), numbersOf(context, 'variance')]
    : context.weights(['mean', 'variance', 'count']).map(({ data }) => data);
  const mean = along(context, 'mean', means, axes, x);
  const deviation = along(context, 'variance', variances, axes, x).map((v) => Math.max(Math.sqrt(v), 1e-7));
  const [scale, shift] =
    config.invert === true ? [deviation, mean] : [deviation.map((d) => 1 / d), mean.map((m, i) => -m / deviation[i])];
  return { name: builder.scale(x.name, scale, shift, layer.name), shape: x.shape };
}

/** `gamma` and `beta`, of which a layer has those that its configuration asks for. */
function gains(config: LayerContext['layer']['config']): string[] {
  return [...(config.scale === false ? [] : ['gamma']), ...(config.center === false ? [] : ['beta'])];
}

function batchNormalization(context: LayerContext, [x]: readonly Value[]): Value {
  const { builder, layer } = context;
  const roles = [...gains(layer.config), 'moving_mean', 'moving_variance'];
  const axes = axesOf(context, x);
  const values = new Map(
    context.weights(roles).map((tensor, i) => [roles[i], along(context, roles[i], tensor.data, axes, x)]),
  );
  const epsilon = numberOf(layer.config.epsilon, 1e-3);
  const scale = values.get('moving_variance')!.map((v, i) => (values.get('gamma')?.[i] ?? 1) / Math.sqrt(v + epsilon));
  const mean = values.get('moving_mean')!;
  const shift = scale.map((s, i) => (values.get('beta')?.[i] ?? 0) - mean[i] * s);
  return { name: builder.scale(x.name, scale, shift, layer.name), shape: x.shape };
}

function layerNormalization(context: LayerContext, [x]: readonly Value[]): Value {
  const { builder, layer } = context;
  const axes = axesOf(context, x);
  const epsilon = numberOf(layer.config.epsilon, 1e-3);
  const value = mapAlong(builder, x, axes, (vector) => layerNorm(builder, vector, epsilon));
  const roles = gains(layer.config);
  if (!roles.length) return value;
  const values = new Map(
    context.weights(roles).map((tensor, i) => [roles[i], along(context, roles[i], tensor.data, axes, x)]),
  );
  return {
    name: builder.scale(value.name, values.get('gamma'), values.get('beta'), layer.name),
    shape: x.shape,
  };
}

function rmsNormalization(context: LayerContext, [x]: readonly Value[]): Value {
  const { builder, layer } = context;
  const axes = axesOf(context, x);
  const epsilon = numberOf(layer.config.epsilon, 1e-6);
  const value = mapAlong(builder, x, axes, (vector) => byRootMeanSquare(builder, vector, epsilon, layer.name));
  const [scale] = context.weights(['scale']);
  return {
    name: builder.scale(value.name, along(context, 'scale', scale.data, axes, x), undefined, layer.name),
    shape: x.shape,
  };
}
