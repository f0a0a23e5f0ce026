import { FUNCTIONS, type FunctionName } from '../../../model/functions.js';
import { combine, mapArray } from '../ndarray.js';
import { toBfloat16, toBinary16 } from '../rounding.js';
import {
  attribute,
  constant,
  floatAttribute,
  type Handler,
  intAttribute,
  type OpContext,
  requireConstant,
  stringAttribute,
  toVariable,
  type Value,
  type Variable,
} from '../values.js';
import { arithmetic } from './arithmetic.js';
import { truncated } from './floor.js';
import { nonZero } from './logic.js';

/** Functions of one value. */

type Unary = (context: OpContext, x: string) => string;

/** A function of one value: on constants by `fold`, on variables by `emit`. */
function unary(fold: (v: number) => number, emit: Unary): Handler {
  return (context, [x]) => {
    if (x === undefined) throw context.refuse(': it has no input');
    if (x.kind === 'constant') return [constant(mapArray(x.array, fold))];
    const variable = toVariable(context, x, 'cast');
    return [{ ...variable, name: emit(context, variable.name) }];
  };
}

const named = (op: FunctionName & Parameters<OpContext['builder']['unary']>[0]): Handler =>
  unary(FUNCTIONS[op].value, ({ builder, node }, x) => builder.unary(op, x, node.output[0]));

/** Composed of others, for operations that `pinn-edge/1` does not name. */
const composed = (fold: (v: number) => number, emit: (b: OpContext['builder'], x: string) => string): Handler =>
  unary(fold, ({ builder }, x) => emit(builder, x));

function parametrised(emit: (context: OpContext, x: string) => string): Handler {
  return (context, [x]) => {
    if (x === undefined) throw context.refuse(': it has no input');
    const variable = toVariable(context, x, 'constant');
    return [{ ...variable, name: emit(context, variable.name) }];
  };
}

const clip: Handler = (context, [x, min, max]) => {
  const { node, builder } = context;
  const bound = (value: Value | undefined, name: string): number | undefined => {
    if (value) return requireConstant(context, value, name).data[0];
    return attribute(node, name)?.f;
  };
  const [low, high] = [bound(min, 'min'), bound(max, 'max')];
  const held = (v: number) => Math.min(high ?? Number.POSITIVE_INFINITY, Math.max(low ?? Number.NEGATIVE_INFINITY, v));
  if (x?.kind === 'constant') return [constant(mapArray(x.array, held))];
  if (!x) throw context.refuse(': it has no input');
  const variable = toVariable(context, x, 'cast');
  // The largest float32 stands for "no bound" in old exports.
  const finite = (v: number | undefined) => (v !== undefined && Math.abs(v) < 3e38 ? v : undefined);
  const fields: { min?: number; max?: number } = {};
  if (finite(low) !== undefined) fields.min = low;
  if (finite(high) !== undefined) fields.max = high;
  return [{ ...variable, name: builder.unary('clip', variable.name, node.output[0], fields) }];
};

const gelu = parametrised(({ builder, node }, x) =>
  builder.unary(
    'gelu',
    x,
    node.output[0],
    stringAttribute(node, 'approximate') === 'tanh' ? { approximate: 'tanh' } : {},
  ),
);

/** x above 0, slope x below, the slopes broadcast to x. */
const prelu: Handler = (context, [x, slope]) => {
  if (!x || !slope) throw context.refuse(': it has fewer than two inputs');
  const slopes = requireConstant(context, slope, 'slope');
  const { builder, node } = context;
  if (x.kind === 'constant') return [constant(combine(x.array, slopes, (v, s) => (v > 0 ? v : s * v)))];
  const variable = toVariable(context, x, 'cast');
  if (slopes.data.every((v) => v === slopes.data[0])) {
    const name = builder.unary('leaky_relu', variable.name, node.output[0], { slope: slopes.data[0] });
    return [{ ...variable, name }];
  }
  // max(x, s x) where s <= 1, which integers keep exact; else s x + (1 - s) relu(x).
  const sloped = arithmetic(context, 'mul', variable, slope);
  if (slopes.data.every((s) => s <= 1)) return [arithmetic(context, 'max', variable, sloped)];
  const positive: Variable = { ...variable, name: builder.unary('relu', variable.name) };
  const rest = arithmetic(context, 'mul', positive, constant(mapArray(slopes, (s) => 1 - s, false)));
  return [arithmetic(context, 'add', sloped, rest)];
};

const INTEGER_TYPES = [2, 3, 4, 5, 6, 7, 12, 13];
const BOOL = 9;

/** By the numbers of TensorProto: float and double, and those that Cast rounds to. */
const FLOATS = [1, 11];
const SMALL_FLOATS = new Map([
  [10, { name: 'float16', round: toBinary16 }],
  [16, { name: 'bfloat16', round: toBfloat16 }],
]);

const cast: Handler = (context, [x]) => {
  const to = intAttribute(context.node, 'to', 1);
  const integer = INTEGER_TYPES.includes(to);
  const small = SMALL_FLOATS.get(to);
  if (!x) throw context.refuse(': it has no input');
  if (!integer && !small && to !== BOOL && !FLOATS.includes(to))
    throw context.refuse(` with to = ${to}`, 'export the float model, before quantising');
  if (x.kind === 'constant') {
    if (to === BOOL) return [constant(mapArray(x.array, (v) => (v ? 1 : 0), true))];
    return [constant(mapArray(x.array, integer ? Math.trunc : (small?.round ?? ((v) => v)), integer))];
  }
  if (x.kind !== 'variable') return [x];
  if (to === BOOL) return [nonZero(context, x)];
  if (small) context.note(`assumed: values need not be rounded to ${small.name}, as Cast nodes of the graph do`);
  return [integer ? truncated(context, x) : x];
};

/** The type of a value that depends on the inputs is float, unless it is a comparison. */
const castLike: Handler = (context, [x, like]) => {
  if (!x) throw context.refuse(': it has no input');
  const integer = like?.kind === 'constant' && like.array.integer;
  if (x.kind === 'constant') {
    if (like?.kind === 'condition') return [constant(mapArray(x.array, (v) => (v ? 1 : 0), true))];
    return [integer ? constant(mapArray(x.array, Math.trunc, true)) : x];
  }
  if (x.kind !== 'variable') return [x];
  if (like?.kind === 'condition') return [nonZero(context, x)];
  return [integer ? truncated(context, x) : x];
};

/** alpha elu(x / alpha), of slope 1 at 0 on either side. */
const celu = parametrised(({ builder, node }, x) => {
  const alpha = floatAttribute(node, 'alpha', 1);
  if (alpha === 1) return builder.unary('elu', x, node.output[0], { alpha });
  return builder.scale(builder.unary('elu', builder.scale(x, [1 / alpha], undefined)), [alpha], undefined);
});

/** x sigmoid(alpha x). */
const swish = parametrised(({ builder, node }, x) => {
  const alpha = floatAttribute(node, 'alpha', 1);
  if (alpha === 1) return builder.unary('silu', x, node.output[0]);
  if (alpha === 0) return builder.scale(x, [0.5], undefined, node.output[0]);
  return builder.scale(builder.unary('silu', builder.scale(x, [alpha], undefined)), [1 / alpha], undefined);
});

export const FUNCTION_OPERATIONS: Record<string, Handler> = {
  Tanh: named('tanh'),
  Sin: named('sin'),
  Cos: named('cos'),
  Atan: named('atan'),
  Sigmoid: named('sigmoid'),
  Softplus: named('softplus'),
  Relu: named('relu'),
  Exp: named('exp'),
  Log: named('log'),
  Sqrt: named('sqrt'),
  Abs: named('abs'),
  Erf: named('erf'),
  Mish: named('mish'),
  Reciprocal: named('reciprocal'),
  Neg: unary(
    (v) => -v,
    ({ builder, node }, x) => builder.unary('neg', x, node.output[0]),
  ),
  Tan: named('tan'),
  Asin: named('asin'),
  Acos: named('acos'),
  Sinh: named('sinh'),
  Cosh: named('cosh'),
  Asinh: named('asinh'),
  Acosh: named('acosh'),
  Atanh: named('atanh'),
  Softsign: composed(
    (v) => v / (1 + Math.abs(v)),
    (b, x) => b.binary('div', x, b.scale(b.unary('abs', x), undefined, [1])),
  ),
  Swish: swish,
  Celu: celu,
  HardSwish: composed(
    (v) => v * Math.min(1, Math.max(0, v / 6 + 0.5)),
    (b, x) => b.binary('mul', x, b.unary('hard_sigmoid', x, 'hard_sigmoid', { alpha: 1 / 6, beta: 0.5 })),
  ),
  Selu: parametrised((context, x) => {
    const alpha = floatAttribute(context.node, 'alpha', 1.6732632);
    const gamma = floatAttribute(context.node, 'gamma', 1.050701);
    if (Math.abs(alpha - 1.6732632) > 1e-5 || Math.abs(gamma - 1.050701) > 1e-5) {
      return context.builder.scale(context.builder.unary('elu', x, 'elu', { alpha }), [gamma], undefined);
    }
    return context.builder.unary('selu', x, context.node.output[0]);
  }),
  Elu: parametrised(({ builder, node }, x) =>
    builder.unary('elu', x, node.output[0], { alpha: floatAttribute(node, 'alpha', 1) }),
  ),
  LeakyRelu: parametrised(({ builder, node }, x) =>
    builder.unary('leaky_relu', x, node.output[0], { slope: floatAttribute(node, 'alpha', 0.01) }),
  ),
  PRelu: prelu,
  HardSigmoid: parametrised(({ builder, node }, x) =>
    builder.unary('hard_sigmoid', x, node.output[0], {
      alpha: floatAttribute(node, 'alpha', 0.2),
      beta: floatAttribute(node, 'beta', 0.5),
    }),
  ),
  Gelu: gelu,
  Clip: clip,
  Cast: cast,
  CastLike: castLike,
};
