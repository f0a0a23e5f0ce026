import { FUNCTIONS, type FunctionName } from '../../../model/functions.js';
import { mapArray } from '../ndarray.js';
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
} from '../values.js';

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

const prelu: Handler = (context, [x, slope]) => {
  if (!x || !slope) throw context.refuse(': it has fewer than two inputs');
  const slopes = requireConstant(context, slope, 'slope');
  if (!slopes.data.every((v) => v === slopes.data[0])) throw context.refuse(': its slopes differ from each other');
  const variable = toVariable(context, x, 'cast');
  const name = context.builder.unary('leaky_relu', variable.name, context.node.output[0], { slope: slopes.data[0] });
  return [{ ...variable, name }];
};

const INTEGER_TYPES = [2, 3, 4, 5, 6, 7, 9, 12, 13];

const cast: Handler = (context, [x]) => {
  const integer = INTEGER_TYPES.includes(intAttribute(context.node, 'to', 1));
  if (x?.kind === 'constant') return [constant(mapArray(x.array, integer ? Math.trunc : (v) => v, integer))];
  if (!x) throw context.refuse(': it has no input');
  if (x.kind === 'variable' && integer) throw context.refuse(' to integers of a value that depends on the inputs');
  return [x];
};

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
  Sinh: composed(Math.sinh, (b, x) =>
    b.scale(b.binary('sub', b.unary('exp', x), b.unary('exp', b.unary('neg', x))), [0.5], undefined),
  ),
  Cosh: composed(Math.cosh, (b, x) =>
    b.scale(b.binary('add', b.unary('exp', x), b.unary('exp', b.unary('neg', x))), [0.5], undefined),
  ),
  Tan: composed(Math.tan, (b, x) => b.binary('div', b.unary('sin', x), b.unary('cos', x))),
  Softsign: composed(
    (v) => v / (1 + Math.abs(v)),
    (b, x) => b.binary('div', x, b.scale(b.unary('abs', x), undefined, [1])),
  ),
  Sign: composed(Math.sign, (b, x) =>
    b.select(x, b.constant([1]), b.select(b.unary('neg', x), b.constant([-1]), b.constant([0]))),
  ),
  Swish: named('silu'),
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
  Floor: (context, [x]) => [constant(mapArray(requireConstant(context, x, 'operand'), Math.floor))],
  Ceil: (context, [x]) => [constant(mapArray(requireConstant(context, x, 'operand'), Math.ceil))],
  Cast: cast,
  CastLike: (context, [x]) => {
    if (!x) throw context.refuse(': it has no input');
    return [x];
  },
};
