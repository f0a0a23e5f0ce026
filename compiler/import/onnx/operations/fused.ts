import { mapArray, type NdArray, ndArray, resolveAxis, transpose } from '../ndarray.js';
import {
  attribute,
  constant,
  floatAttribute,
  type Handler,
  intAttribute,
  type OpContext,
  requireConstant,
  shapeOf,
  stringAttribute,
  toVariable,
  type Value,
} from '../values.js';
import { arithmetic } from './arithmetic.js';
import { moveComponents } from './components.js';
import { FUNCTION_OPERATIONS } from './functions.js';
import { JOINING } from './joining.js';
import { PRODUCTS } from './products.js';

/** Operations beside ONNX's own: what onnxruntime fuses (com.microsoft), scikit-learn's (ai.onnx.ml), stored integers. */

const number = (value: number) => constant(ndArray([], [value]));

/** The last two axes swapped. */
function swapped(context: OpContext, x: Value): Value {
  const rank = shapeOf(x).length;
  if (rank < 2) return x;
  const order = Array.from({ length: rank }, (_, i) => (i === rank - 1 ? rank - 2 : i === rank - 2 ? rank - 1 : i));
  return moveComponents(
    context,
    x,
    (array) => transpose(array, order),
    (b) => order.indexOf(b),
  );
}

const fusedMatMul: Handler = (context, [a, b]) => {
  const { node } = context;
  if (!a || !b) throw context.refuse(': it has fewer than two inputs');
  if (intAttribute(node, 'transBatchA', 0) || intAttribute(node, 'transBatchB', 0))
    throw context.refuse(' with transBatch');
  const left = intAttribute(node, 'transA', 0) ? swapped(context, a) : a;
  const right = intAttribute(node, 'transB', 0) ? swapped(context, b) : b;
  const [product] = PRODUCTS.MatMul(context, [left, right]);
  const alpha = floatAttribute(node, 'alpha', 1);
  return [alpha === 1 ? product : arithmetic(context, 'mul', product, number(alpha))];
};

/** An activation that an attribute names, with its parameters under names of their own. */
function activated(context: OpContext, name: string | undefined, x: Value, renamed: Record<string, string>): Value {
  if (!name) return x;
  const handler = Object.hasOwn(FUNCTION_OPERATIONS, name) ? FUNCTION_OPERATIONS[name] : undefined;
  if (!handler) throw context.refuse(` with activation "${name}"`, 'export before optimising');
  const parameters = Object.entries(renamed).flatMap(([from, to]) => {
    const found = attribute(context.node, from);
    return found ? [{ ...found, name: to }] : [];
  });
  return handler({ ...context, node: { ...context.node, opType: name, attribute: parameters } }, [x])[0];
}

const fusedGemm: Handler = (context, inputs) => {
  const [product] = PRODUCTS.Gemm(context, inputs);
  const renamed = { activation_alpha: 'alpha', activation_beta: 'beta', activation_gamma: 'gamma' };
  return [activated(context, stringAttribute(context.node, 'activation'), product, renamed)];
};

/** gelu(x + b), or by its tanh approximation. */
const biasedGelu =
  (approximate: 'none' | 'tanh'): Handler =>
  (context, [x, bias]) => {
    if (!x) throw context.refuse(': it has no input');
    const sum = toVariable(context, bias ? arithmetic(context, 'add', x, bias) : x, 'sum');
    const fields = approximate === 'tanh' ? { approximate } : {};
    return [{ ...sum, name: context.builder.unary('gelu', sum.name, context.node.output[0], fields) }];
  };

/** x sigmoid(alpha x) = silu(alpha x) / alpha. */
const quickGelu: Handler = (context, [x]) => {
  if (!x) throw context.refuse(': it has no input');
  const { builder } = context;
  const alpha = floatAttribute(context.node, 'alpha', 1.702);
  const variable = toVariable(context, x, 'cast');
  const silu = builder.unary('silu', builder.scale(variable.name, [alpha], undefined));
  return [{ ...variable, name: builder.scale(silu, [1 / alpha], undefined) }];
};

/** scale (x - zero), both per tensor or per slice of `axis`; only of constants: weights that were stored as integers. */
const dequantize: Handler = (context, [x, scale, zero]) => {
  if (x?.kind !== 'constant') {
    throw context.refuse(' of values that depend on the inputs', 'export the float model, before quantising');
  }
  const { shape } = x.array;
  const factors = requireConstant(context, scale, 'scale');
  const zeros = zero ? requireConstant(context, zero, 'zero point') : mapArray(factors, () => 0);
  const spread = (array: NdArray) => slices(context, array, shape);
  const [s, z] = [spread(factors), spread(zeros)];
  const data = x.array.data.map((v, i) => (v - z(i)) * s(i));
  return [constant(ndArray(shape, data))];
};

/** The number of each element: one for all, one per slice of the axis, or one per block of elements along it. */
function slices(context: OpContext, array: NdArray, shape: readonly number[]): (i: number) => number {
  if (array.data.length === 1) return () => array.data[0];
  const axis = resolveAxis(intAttribute(context.node, 'axis', 1), shape.length);
  const stride = shape.slice(axis + 1).reduce((n, d) => n * d, 1);
  const along = (i: number) => Math.floor(i / stride) % shape[axis];
  const block = intAttribute(context.node, 'block_size', 0);
  if (block === 0) {
    if (array.data.length !== shape[axis]) throw context.refuse(': its scale does not fit its axis');
    return (i) => array.data[along(i)];
  }
  const blocks = Math.ceil(shape[axis] / block);
  return (i) => {
    const before = Math.floor(i / (stride * shape[axis]));
    return array.data[(before * blocks + Math.floor(along(i) / block)) * stride + (i % stride)];
  };
}

const floats = (context: OpContext, name: string) => {
  const found = attribute(context.node, name)?.floats;
  return found?.length ? constant(ndArray([found.length], found)) : undefined;
};

/** (x - offset) scale, per column: StandardScaler and its kin. */
const scaler: Handler = (context, [x]) => {
  if (!x) throw context.refuse(': it has no input');
  const [offset, scale] = [floats(context, 'offset'), floats(context, 'scale')];
  const shifted = offset ? arithmetic(context, 'sub', x, offset) : x;
  return [scale ? arithmetic(context, 'mul', shifted, scale) : shifted];
};

/** x W^T + b, the coefficients target by target. */
const linearRegressor: Handler = (context, [x]) => {
  if (!x) throw context.refuse(': it has no input');
  const transform = stringAttribute(context.node, 'post_transform') ?? 'NONE';
  if (transform !== 'NONE') throw context.refuse(` with post_transform "${transform}"`);
  const coefficients = floats(context, 'coefficients');
  const targets = intAttribute(context.node, 'targets', 1);
  if (!coefficients) throw context.refuse(': it has no coefficients');
  const { data } = coefficients.array;
  const weight = transpose(ndArray([targets, data.length / targets], data), [1, 0]);
  const [product] = PRODUCTS.MatMul(context, [x, constant(weight)]);
  const intercepts = floats(context, 'intercepts');
  return [intercepts ? arithmetic(context, 'add', product, intercepts) : product];
};

export const FUSED: Record<string, Handler> = {
  FusedMatMul: fusedMatMul,
  FusedGemm: fusedGemm,
  BiasGelu: biasedGelu('none'),
  FastGelu: biasedGelu('tanh'),
  QuickGelu: quickGelu,
  DequantizeLinear: dequantize,
  Scaler: scaler,
  LinearRegressor: linearRegressor,
  FeatureVectorizer: (context, inputs) => JOINING.Concat(context, inputs),
};
