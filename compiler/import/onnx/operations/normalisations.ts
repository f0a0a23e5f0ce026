import { ndArray, resolveAxis } from '../ndarray.js';
import {
  constant,
  floatAttribute,
  type Handler,
  intAttribute,
  type OpContext,
  requireConstant,
  shapeOf,
  toVariable,
  type Value,
} from '../values.js';
import { arithmetic } from './arithmetic.js';
import { reduceValue } from './reductions.js';

/** Normalisations of trained networks. */

/** Inference: a scaling per channel, axis 1. */
const batchNormalization: Handler = (context, [x, scale, shift, mean, variance]) => {
  if (!x) throw context.refuse(': it has no input');
  if (intAttribute(context.node, 'training_mode', 0))
    throw context.refuse(' in training mode', 'export with model.eval()');
  const [s, b, m, v] = [scale, shift, mean, variance].map(
    (value) => requireConstant(context, value, 'statistics').data,
  );
  const epsilon = floatAttribute(context.node, 'epsilon', 1e-5);
  const factor = Float64Array.from(s, (value, i) => value / Math.sqrt(v[i] + epsilon));
  const offset = Float64Array.from(b, (value, i) => value - m[i] * factor[i]);
  const channels = [factor.length, ...new Array<number>(Math.max(0, shapeOf(x).length - 2)).fill(1)];
  const scaled = arithmetic(context, 'mul', x, constant(ndArray(channels, factor)));
  return [arithmetic(context, 'add', scaled, constant(ndArray(channels, offset)))];
};

/** x less its mean, divided by its deviation, along `axes`; without the mean, by the root of its mean square. */
function standardised(context: OpContext, x: Value, axes: readonly number[], centre: boolean, epsilon: number): Value {
  const centred = centre ? arithmetic(context, 'sub', x, reduceValue(context, x, axes, true, 'mean')) : x;
  const { builder } = context;
  const value = toVariable(context, centred, 'centred');
  const squares: Value = { ...value, name: builder.unary('pow', value.name, 'square', { exponent: 2 }) };
  const variance = toVariable(context, reduceValue(context, squares, axes, true, 'mean'), 'variance');
  const deviation = builder.unary('sqrt', builder.scale(variance.name, undefined, [epsilon]));
  return arithmetic(context, 'mul', value, { ...variance, name: builder.unary('reciprocal', deviation) });
}

function scaled(context: OpContext, x: Value, scale: Value | undefined, shift: Value | undefined): Value {
  const product = scale ? arithmetic(context, 'mul', x, scale) : x;
  return shift ? arithmetic(context, 'add', product, shift) : product;
}

/** Over the axes from `axis` on; LayerNormalization and, without the mean, RMSNormalization. */
const layerNormalization =
  (centre: boolean): Handler =>
  (context, [x, scale, shift]) => {
    if (!x) throw context.refuse(': it has no input');
    const rank = shapeOf(x).length;
    const axis = resolveAxis(intAttribute(context.node, 'axis', -1), rank);
    const axes = Array.from({ length: rank - axis }, (_, i) => axis + i);
    const normal = standardised(context, x, axes, centre, floatAttribute(context.node, 'epsilon', 1e-5));
    return [scaled(context, normal, scale, shift)];
  };

/** Per channel, axis 1, over the axes after it. */
const instanceNormalization: Handler = (context, [x, scale, shift]) => {
  if (!x) throw context.refuse(': it has no input');
  const rank = shapeOf(x).length;
  const axes = Array.from({ length: rank - 2 }, (_, i) => i + 2);
  const normal = standardised(context, x, axes, true, floatAttribute(context.node, 'epsilon', 1e-5));
  const perChannel = (value: Value | undefined) => {
    if (!value) return undefined;
    const { data } = requireConstant(context, value, 'statistics');
    return constant(ndArray([data.length, ...axes.map(() => 1)], data));
  };
  return [scaled(context, normal, perChannel(scale), perChannel(shift))];
};

/** x divided by its norm along an axis. */
const lpNormalization: Handler = (context, [x]) => {
  if (!x) throw context.refuse(': it has no input');
  const axis = resolveAxis(intAttribute(context.node, 'axis', -1), shapeOf(x).length);
  const kind = intAttribute(context.node, 'p', 2) === 1 ? 'magnitudes' : 'norm';
  return [arithmetic(context, 'div', x, reduceValue(context, x, [axis], true, kind))];
};

/** The mean of every channel, axis 1. */
const globalAveragePool: Handler = (context, [x]) => {
  if (!x) throw context.refuse(': it has no input');
  const axes = Array.from({ length: Math.max(0, shapeOf(x).length - 2) }, (_, i) => i + 2);
  return [axes.length ? reduceValue(context, x, axes, true, 'mean') : x];
};

export const NORMALISATIONS: Record<string, Handler> = {
  BatchNormalization: batchNormalization,
  LayerNormalization: layerNormalization(true),
  RMSNormalization: layerNormalization(false),
  InstanceNormalization: instanceNormalization,
  LpNormalization: lpNormalization,
  GlobalAveragePool: globalAveragePool,
};
