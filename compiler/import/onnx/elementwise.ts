import { FUNCTIONS, type FunctionName } from '../../model/functions.js';
import { broadcastShapes, broadcastTo, combine, mapArray, type NdArray } from './ndarray.js';
import {
  attribute,
  broadcastDims,
  type Condition,
  constant,
  floatAttribute,
  type Handler,
  intAttribute,
  type OpContext,
  pointShape,
  requireConstant,
  shapeOf,
  spreadConstant,
  spreadTo,
  stringAttribute,
  toVariable,
  type Value,
  type Variable,
} from './values.js';

/** Elementwise operations: functions of one value, arithmetic, comparisons and choices. */

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

type Arithmetic = 'add' | 'sub' | 'mul' | 'div' | 'min' | 'max';

const FOLD: Record<Arithmetic, (u: number, v: number) => number> = {
  add: (u, v) => u + v,
  sub: (u, v) => u - v,
  mul: (u, v) => u * v,
  div: (u, v) => u / v,
  min: Math.min,
  max: Math.max,
};

function fold(op: Arithmetic, a: NdArray, b: NdArray): NdArray {
  if (op === 'div' && a.integer && b.integer) return combine(a, b, (u, v) => Math.trunc(u / v));
  return combine(a, b, FOLD[op]);
}

/** a op b with NumPy's broadcasting. */
export function arithmetic(context: OpContext, op: Arithmetic, a: Value, b: Value): Value {
  if (a.kind === 'constant' && b.kind === 'constant') return constant(fold(op, a.array, b.array));
  const shape = broadcastDims(context, [shapeOf(a), shapeOf(b)]);
  const operand = (value: Value): string => {
    if (value.kind === 'constant')
      return context.builder.constant(spreadConstant(context, value.array, shape), 'constant');
    return spreadTo(context, toVariable(context, value, 'cast'), shape);
  };
  const name = context.builder.binary(op, operand(a), operand(b), context.node.output[0] || op);
  return { kind: 'variable', name, shape };
}

const binary =
  (op: Arithmetic): Handler =>
  (context, [a, b]) => {
    if (!a || !b) throw context.refuse(': it has fewer than two inputs');
    return [arithmetic(context, op, a, b)];
  };

/** Sum, Min, Max and Mean of any number of operands. */
const variadic =
  (op: Arithmetic, mean = false): Handler =>
  (context, inputs) => {
    const [first, ...others] = inputs.filter((v): v is Value => v !== undefined);
    if (!first) throw context.refuse(': it has no input');
    const sum = others.reduce((value, other) => arithmetic(context, op, value, other), first);
    const count = constant({ shape: [], data: Float64Array.of(others.length + 1), integer: false });
    return [mean ? arithmetic(context, 'div', sum, count) : sum];
  };

const pow: Handler = (context, [base, exponent]) => {
  if (!base || !exponent) throw context.refuse(': it has fewer than two inputs');
  const { builder, node } = context;
  const hint = node.output[0];
  if (base.kind === 'constant' && exponent.kind === 'constant') {
    return [constant({ ...combine(base.array, exponent.array, (u, v) => u ** v), integer: base.array.integer })];
  }
  if (exponent.kind === 'constant') {
    const x = toVariable(context, base, hint);
    const shape = broadcastDims(context, [x.shape, exponent.array.shape]);
    const powers = spreadConstant(context, exponent.array, shape);
    if (powers.length !== 1) throw context.refuse(': its exponents differ from each other');
    return [{ kind: 'variable', shape, name: constantPower(context, spreadTo(context, x, shape), powers[0]) }];
  }
  // a^b = exp(b log a).
  const logarithm: Value =
    base.kind === 'constant'
      ? constant(mapArray(base.array, Math.log, false))
      : { ...toVariable(context, base, hint), name: builder.unary('log', toVariable(context, base, hint).name, hint) };
  const product = toVariable(context, arithmetic(context, 'mul', logarithm, exponent), hint);
  return [{ ...product, name: builder.unary('exp', product.name, hint) }];
};

function constantPower({ builder, node, refuse }: OpContext, x: string, exponent: number): string {
  const hint = node.output[0];
  if (exponent === 0.5) return builder.unary('sqrt', x, hint);
  if (exponent === 1) return x;
  if (exponent === -1) return builder.unary('reciprocal', x, hint);
  if (Math.abs(exponent) > 16) throw refuse(`: the exponent ${exponent} is beyond 16`);
  return builder.unary('pow', x, hint, { exponent });
}

/** True where a - b > 0. */
function greater(context: OpContext, a: Value, b: Value, negated: boolean): Value {
  const difference = arithmetic(context, 'sub', a, b);
  if (difference.kind === 'constant') {
    return constant(mapArray(difference.array, (v) => (v > 0 !== negated ? 1 : 0), true));
  }
  return {
    kind: 'condition',
    name: toVariable(context, difference, 'condition').name,
    shape: shapeOf(difference),
    negated,
  };
}

const comparison =
  (swap: boolean, negated: boolean): Handler =>
  (context, [a, b]) => {
    if (!a || !b) throw context.refuse(': it has fewer than two inputs');
    return [swap ? greater(context, b, a, negated) : greater(context, a, b, negated)];
  };

const constantsOnly =
  (f: (u: number, v: number) => number): Handler =>
  (context, [a, b]) => [
    constant(combine(requireConstant(context, a, 'operand'), requireConstant(context, b, 'operand'), f)),
  ];

const not: Handler = (context, [x]) => {
  if (x?.kind === 'constant') return [constant(mapArray(x.array, (v) => (v ? 0 : 1)))];
  return [{ ...toCondition(context, x), negated: !toCondition(context, x).negated }];
};

/** Any value as a truth value: numbers that come from truth values are 0 or 1. */
function toCondition(context: OpContext, value: Value | undefined): Condition {
  if (value?.kind === 'condition') return value;
  if (value?.kind === 'variable') {
    const name = context.builder.scale(value.name, undefined, [-0.5], 'condition');
    return { kind: 'condition', name, shape: value.shape, negated: false };
  }
  throw context.refuse(': its condition is a constant');
}

/** The logarithmic-free forms of and (min) and or (max); a negated operand counts by its sign, its zero aside. */
const logical =
  (op: 'min' | 'max'): Handler =>
  (context, [a, b]) => {
    if (a?.kind === 'constant' && b?.kind === 'constant') return [constant(combine(a.array, b.array, FOLD[op]))];
    const [u, v] = [a, b].map((value): Variable => {
      const { name, shape, negated } = toCondition(context, value);
      return { kind: 'variable', shape, name: negated ? context.builder.unary('neg', name) : name };
    });
    const both = toVariable(context, arithmetic(context, op, u, v), 'condition');
    return [{ kind: 'condition', name: both.name, shape: both.shape, negated: false }];
  };

const where: Handler = (context, [condition, a, b]) => {
  if (!condition || !a || !b) throw context.refuse(': it has fewer than three inputs');
  if (condition.kind === 'constant') return [chooseByConstant(context, condition.array, a, b)];
  const test = toCondition(context, condition);
  const softplus = torchSoftplus(context, test, a, b);
  if (softplus) return [softplus];
  const shape = broadcastDims(context, [test.shape, shapeOf(a), shapeOf(b)]);
  const operand = (value: Value): string => {
    if (value.kind === 'constant') return context.builder.constant(spreadConstant(context, value.array, shape));
    return spreadTo(context, toVariable(context, value, 'cast'), shape);
  };
  const [yes, no] = test.negated ? [b, a] : [a, b];
  const name = context.builder.select(
    spreadTo(context, test, shape),
    operand(yes),
    operand(no),
    context.node.output[0],
  );
  return [{ kind: 'variable', name, shape }];
};

function chooseByConstant(context: OpContext, condition: NdArray, a: Value, b: Value): Value {
  if (a.kind === 'constant' && b.kind === 'constant') {
    const common = broadcastShapes(broadcastShapes(condition.shape, a.array.shape), b.array.shape);
    const [c, u, v] = [condition, a.array, b.array].map((array) => broadcastTo(array, common).data);
    return constant({
      shape: common,
      data: u.map((x, i) => (c[i] ? x : v[i])),
      integer: a.array.integer && b.array.integer,
    });
  }
  const only = condition.data.every((v) => v !== 0) ? a : condition.data.every((v) => v === 0) ? b : undefined;
  if (only?.kind === 'variable' && pointShape(only.shape).length >= condition.shape.length) return only;
  const shape = broadcastDims(context, [condition.shape, shapeOf(a), shapeOf(b)]);
  const test = context.builder.constant(spreadConstant(context, condition, shape));
  const operand = (value: Value) => spreadTo(context, toVariable(context, value, 'constant'), shape);
  return {
    kind: 'variable',
    shape,
    name: context.builder.select(test, operand(a), operand(b), context.node.output[0]),
  };
}

/** PyTorch exports softplus as "x where x > 20, else Softplus(x)"; the two differ by less than 2.1e-9 there. */
function torchSoftplus({ builder }: OpContext, test: Condition, a: Value, b: Value): Value | undefined {
  if (test.negated || a.kind !== 'variable' || b.kind !== 'variable') return undefined;
  const soft = builder.nodeOf(b.name);
  const difference = builder.nodeOf(test.name);
  const isPattern =
    soft?.op === 'softplus' &&
    soft.inputs[0] === a.name &&
    difference?.op === 'scale' &&
    difference.inputs[0] === a.name &&
    difference.scale === undefined &&
    difference.shift?.length === 1 &&
    difference.shift[0] <= -20;
  return isPattern ? b : undefined;
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

const INTEGER_TYPES = [2, 3, 4, 5, 6, 7, 9, 12, 13];

const cast: Handler = (context, [x]) => {
  const integer = INTEGER_TYPES.includes(intAttribute(context.node, 'to', 1));
  if (x?.kind === 'constant') return [constant(mapArray(x.array, integer ? Math.trunc : (v) => v, integer))];
  if (!x) throw context.refuse(': it has no input');
  if (x.kind === 'variable' && integer) throw context.refuse(' to integers of a value that depends on the inputs');
  return [x];
};

const prelu: Handler = (context, [x, slope]) => {
  if (!x || !slope) throw context.refuse(': it has fewer than two inputs');
  const slopes = requireConstant(context, slope, 'slope');
  if (!slopes.data.every((v) => v === slopes.data[0])) throw context.refuse(': its slopes differ from each other');
  const variable = toVariable(context, x, 'cast');
  const name = context.builder.unary('leaky_relu', variable.name, context.node.output[0], { slope: slopes.data[0] });
  return [{ ...variable, name }];
};

export const ELEMENTWISE: Record<string, Handler> = {
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
  Add: binary('add'),
  Sub: binary('sub'),
  Mul: binary('mul'),
  Div: binary('div'),
  Sum: variadic('add'),
  Mean: variadic('add', true),
  Min: variadic('min'),
  Max: variadic('max'),
  Pow: pow,
  Greater: comparison(false, false),
  Less: comparison(true, false),
  LessOrEqual: comparison(false, true),
  GreaterOrEqual: comparison(true, true),
  Equal: constantsOnly((u, v) => (u === v ? 1 : 0)),
  Mod: constantsOnly((u, v) => u - Math.floor(u / v) * v),
  Floor: (context, [x]) => [constant(mapArray(requireConstant(context, x, 'operand'), Math.floor))],
  Ceil: (context, [x]) => [constant(mapArray(requireConstant(context, x, 'operand'), Math.ceil))],
  Not: not,
  And: logical('min'),
  Or: logical('max'),
  Where: where,
  Cast: cast,
  CastLike: (context, [x]) => {
    if (!x) throw context.refuse(': it has no input');
    return [x];
  },
};
