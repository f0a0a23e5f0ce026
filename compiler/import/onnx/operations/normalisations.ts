import { ndArray, resolveAxis, sizeOf } from '../ndarray.js';
import {
  constant,
  floatAttribute,
  type Handler,
  intAttribute,
  pointShape,
  requireConstant,
  shapeOf,
  toVariable,
  type Value,
} from '../values.js';
import { arithmetic } from './arithmetic.js';

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

const layerNormalization: Handler = (context, [x, scale, shift]) => {
  const { builder, node } = context;
  if (!x) throw context.refuse(': it has no input');
  const variable = toVariable(context, x, 'cast');
  const rank = variable.shape.length;
  const axis = resolveAxis(intAttribute(node, 'axis', -1), rank);
  const width = builder.width(variable.name);
  if (sizeOf(pointShape(variable.shape).slice(axis)) !== width)
    throw context.refuse(': it normalises groups of its input');
  const mean = builder.add({ op: 'mean', inputs: [variable.name] }, 1, 'mean');
  const centred = builder.binary('sub', variable.name, mean, 'centred');
  const squares = builder.unary('pow', centred, 'square', { exponent: 2 });
  const variance = builder.add({ op: 'mean', inputs: [squares] }, 1, 'variance');
  const shifted = builder.scale(variance, undefined, [floatAttribute(node, 'epsilon', 1e-5)]);
  const normal = builder.binary(
    'mul',
    centred,
    builder.unary('reciprocal', builder.unary('sqrt', shifted)),
    'normalised',
  );
  let result: Value = { ...variable, name: normal };
  if (scale) result = arithmetic(context, 'mul', result, scale);
  return [shift ? arithmetic(context, 'add', result, shift) : result];
};

export const NORMALISATIONS: Record<string, Handler> = {
  BatchNormalization: batchNormalization,
  LayerNormalization: layerNormalization,
};
