import { broadcastShapes, broadcastTo, combine, mapArray, type NdArray } from '../ndarray.js';
import {
  broadcastDims,
  type Condition,
  constant,
  type Handler,
  type OpContext,
  pointShape,
  shapeOf,
  spreadConstant,
  spreadTo,
  toVariable,
  type Value,
  type Variable,
} from '../values.js';
import { arithmetic, constantsOnly, FOLD } from './arithmetic.js';

/** Comparisons, truth values and choices, element by element. */

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

export const LOGIC: Record<string, Handler> = {
  Greater: comparison(false, false),
  Less: comparison(true, false),
  LessOrEqual: comparison(false, true),
  GreaterOrEqual: comparison(true, true),
  Equal: constantsOnly((u, v) => (u === v ? 1 : 0)),
  Not: not,
  And: logical('min'),
  Or: logical('max'),
  Where: where,
};
