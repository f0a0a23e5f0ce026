import { type JumpName, JUMPS as ROUNDED } from '../../../model/functions.js';
import { combine, mapArray } from '../ndarray.js';
import {
  constant,
  floatAttribute,
  type Handler,
  intAttribute,
  type OpContext,
  requireConstant,
  toVariable,
  type Value,
} from '../values.js';
import { arithmetic } from './arithmetic.js';

/** Functions that jump: roundings, remainders, signs, thresholds. */

function rounded(context: OpContext, op: JumpName, x: Value): Value {
  if (x.kind === 'constant') return constant(mapArray(x.array, ROUNDED[op], x.array.integer));
  const variable = toVariable(context, x, 'cast');
  return { ...variable, name: context.builder.unary(op, variable.name, context.node.output[0]) };
}

const rounding =
  (op: JumpName): Handler =>
  (context, [x]) => {
    if (!x) throw context.refuse(': it has no input');
    return [rounded(context, op, x)];
  };

/** Towards 0. */
export function truncated(context: OpContext, x: Value): Value {
  if (x.kind === 'constant') return constant(mapArray(x.array, Math.trunc, true));
  const { builder } = context;
  const variable = toVariable(context, x, 'cast');
  const above = builder.unary('floor', builder.unary('relu', variable.name));
  const below = builder.unary('floor', builder.unary('relu', builder.unary('neg', variable.name)));
  return { ...variable, name: builder.binary('sub', above, below, context.node.output[0]) };
}

/** a - b floor(a / b), with the sign of b; with fmod, a - b trunc(a / b), with the sign of a. */
const mod: Handler = (context, [a, b]) => {
  if (!a || !b) throw context.refuse(': it has fewer than two inputs');
  const fmod = intAttribute(context.node, 'fmod', 0) === 1;
  if (a.kind === 'constant' && b.kind === 'constant') {
    return [constant(combine(a.array, b.array, (u, v) => (fmod ? u % v : u - Math.floor(u / v) * v)))];
  }
  const divisor = requireConstant(context, b, 'divisor');
  if (divisor.data.includes(0)) throw context.refuse(': it divides by 0');
  const ratio = arithmetic(context, 'div', a, b);
  const whole = fmod ? truncated(context, ratio) : rounded(context, 'floor', ratio);
  return [arithmetic(context, 'sub', a, arithmetic(context, 'mul', whole, b))];
};

/** A function of one value by choices. */
const chosen =
  (fold: (v: number, context: OpContext) => number, emit: (context: OpContext, x: string) => string): Handler =>
  (context, [x]) => {
    if (!x) throw context.refuse(': it has no input');
    if (x.kind === 'constant') return [constant(mapArray(x.array, (v) => fold(v, context)))];
    const variable = toVariable(context, x, 'cast');
    return [{ ...variable, name: emit(context, variable.name) }];
  };

const sign = chosen(Math.sign, ({ builder: b }, x) =>
  b.select(x, b.constant([1]), b.select(b.unary('neg', x), b.constant([-1]), b.constant([0]))),
);

const threshold = (context: OpContext) => floatAttribute(context.node, 'alpha', 1);

const thresholdedRelu = chosen(
  (v, context) => (v > threshold(context) ? v : 0),
  (context, x) => {
    const { builder: b } = context;
    const alpha = threshold(context);
    if (alpha === 0) return b.unary('relu', x);
    return b.select(b.scale(x, undefined, [-alpha]), x, b.constant([0]));
  },
);

/** x - bias above lambd, x + bias below -lambd, 0 between; without a jump where bias is lambd. */
const shrink: Handler = (context, inputs) => {
  const lambd = floatAttribute(context.node, 'lambd', 0.5);
  const bias = floatAttribute(context.node, 'bias', 0);
  const fold = (v: number) => (v > lambd ? v - bias : v < -lambd ? v + bias : 0);
  return chosen(fold, ({ builder: b }, x) => {
    const opposite = b.unary('neg', x);
    const above = b.scale(x, undefined, [-lambd]);
    const below = b.scale(opposite, undefined, [-lambd]);
    if (bias === lambd) return b.binary('sub', b.unary('relu', above), b.unary('relu', below));
    const otherwise = b.select(below, b.scale(x, undefined, [bias]), b.constant([0]));
    return b.select(above, b.scale(x, undefined, [-bias]), otherwise);
  })(context, inputs);
};

export const JUMPS: Record<string, Handler> = {
  Floor: rounding('floor'),
  Ceil: rounding('ceil'),
  Round: rounding('round'),
  Mod: mod,
  Sign: sign,
  ThresholdedRelu: thresholdedRelu,
  Shrink: shrink,
};
