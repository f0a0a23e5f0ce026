import { broadcastShapes, broadcastTo, combine, mapArray, type NdArray, sizeOf } from '../ndarray.js';
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
import { arithmetic } from './arithmetic.js';
import { buildAtan2, matchAtan2 } from './atan2.js';

/** Comparisons, truth values and choices, element by element. */

/** a > b, or, negated, a <= b. */
function greater(context: OpContext, a: Value, b: Value, negated: boolean): Value {
  if (a.kind === 'constant' && b.kind === 'constant') {
    return constant(combine(a.array, b.array, (u, v) => (u > v !== negated ? 1 : 0)));
  }
  const [left, right] = [endsOf(context, a), endsOf(context, b)];
  const difference = toVariable(context, arithmetic(context, 'sub', left, right), 'condition');
  return { kind: 'condition', name: difference.name, shape: difference.shape, negated };
}

/**
 * A constant that is the float32 of an end of some input range is that end: the file holds 0.1 as 0.10000000149, and the
 * boundary is where the range ends.
 */
function endsOf({ ends }: OpContext, value: Value): Value {
  if (value.kind !== 'constant') return value;
  return constant(mapArray(value.array, (v) => ends.find((end) => Math.fround(end) === v) ?? v));
}

const comparison =
  (swap: boolean, negated: boolean): Handler =>
  (context, [a, b]) => {
    if (!a || !b) throw context.refuse(': it has fewer than two inputs');
    return [swap ? greater(context, b, a, negated) : greater(context, a, b, negated)];
  };

/** a = b: not |a - b| > 0, the magnitude as a maximum, which is exact in integers. */
const equal: Handler = (context, [a, b]) => {
  if (!a || !b) throw context.refuse(': it has fewer than two inputs');
  if (a.kind === 'constant' && b.kind === 'constant')
    return [constant(combine(a.array, b.array, (u, v) => (u === v ? 1 : 0)))];
  if (a.kind === 'condition' || b.kind === 'condition') return [negation(exclusive(context, a, b))];
  const difference = toVariable(
    context,
    arithmetic(context, 'sub', endsOf(context, a), endsOf(context, b)),
    'difference',
  );
  return [{ ...nonZero(context, difference), negated: true }];
};

/** True where x is not 0. */
export function nonZero({ builder }: OpContext, x: Variable): Condition {
  const name = builder.binary('max', x.name, builder.unary('neg', x.name), 'magnitude');
  return { kind: 'condition', name, shape: x.shape, negated: false };
}

function negation(value: Value): Value {
  if (value.kind === 'constant') return constant(mapArray(value.array, (v) => (v ? 0 : 1)));
  return { ...(value as Condition), negated: !(value as Condition).negated };
}

const not: Handler = (context, [x]) => [negation(x?.kind === 'constant' ? x : toCondition(context, x))];

/** Any value as a truth value: numbers that come from truth values are 0 or 1. */
function toCondition(context: OpContext, value: Value | undefined): Condition {
  if (value?.kind === 'condition') return value;
  if (value?.kind === 'variable') {
    const name = context.builder.scale(value.name, undefined, [-0.5], 'condition');
    return { kind: 'condition', name, shape: value.shape, negated: false };
  }
  if (value?.kind === 'constant') {
    const signs = value.array.data.map((v) => (v ? 1 : -1));
    return {
      kind: 'condition',
      name: context.builder.constant(signs, 'condition'),
      shape: value.array.shape,
      negated: false,
    };
  }
  throw context.refuse(': it has too few inputs');
}

/** 1 where the condition holds, else -1; the other way round where `flipped`. */
function signOf({ builder }: OpContext, { name, negated }: Condition, flipped = false): string {
  const [one, other] = [builder.constant([1]), builder.constant([-1])];
  return negated === flipped ? builder.select(name, one, other) : builder.select(name, other, one);
}

/**
 * And, or of two conditions, each of which says by itself on which side its zero lies. Alike, they are the minimum or the
 * maximum (not p and not q is not (p or q)); otherwise one chooses whether the other counts.
 */
const logical =
  (op: 'and' | 'or'): Handler =>
  (context, [a, b]) => {
    if (!a || !b) throw context.refuse(': it has fewer than two inputs');
    if (a.kind === 'constant' && b.kind === 'constant')
      return [constant(combine(a.array, b.array, (u, v) => ((op === 'and' ? u && v : u || v) ? 1 : 0)))];
    const [p, q] = [toCondition(context, a), toCondition(context, b)];
    if (p.negated === q.negated) {
      const extremum = (op === 'and') !== p.negated ? 'min' : 'max';
      const [u, v] = [p, q].map(({ name, shape }): Variable => ({ kind: 'variable', name, shape }));
      const both = toVariable(context, arithmetic(context, extremum, u, v), 'condition');
      return [{ kind: 'condition', name: both.name, shape: both.shape, negated: p.negated }];
    }
    const { builder } = context;
    const shape = broadcastDims(context, [p.shape, q.shape]);
    const chooser = spreadTo(context, p, shape);
    const other = spreadTo(context, { ...q, name: signOf(context, q) }, shape);
    const decided = builder.constant([op === 'and' ? -1 : 1]);
    const holds = op === 'and' ? other : decided;
    const fails = op === 'and' ? decided : other;
    const name = p.negated ? builder.select(chooser, fails, holds) : builder.select(chooser, holds, fails);
    return [{ kind: 'condition', name, shape, negated: false }];
  };

/** Either, but not both. */
function exclusive(context: OpContext, a: Value, b: Value): Value {
  if (a.kind === 'constant' && b.kind === 'constant')
    return constant(combine(a.array, b.array, (u, v) => (Boolean(u) !== Boolean(v) ? 1 : 0)));
  const [p, q] = [toCondition(context, a), toCondition(context, b)];
  const shape = broadcastDims(context, [p.shape, q.shape]);
  const spread = (name: string) => spreadTo(context, { ...q, name }, shape);
  const [same, flipped] = [spread(signOf(context, q)), spread(signOf(context, q, true))];
  const chooser = spreadTo(context, p, shape);
  const [holds, fails] = p.negated ? [same, flipped] : [flipped, same];
  return { kind: 'condition', name: context.builder.select(chooser, holds, fails), shape, negated: false };
}

const xor: Handler = (context, [a, b]) => {
  if (!a || !b) throw context.refuse(': it has fewer than two inputs');
  return [exclusive(context, a, b)];
};

/** Values over the input box are finite: one that is not is refused when the model is built. */
const never: Handler = (context, [x]) => {
  if (!x) throw context.refuse(': it has no input');
  if (x.kind === 'constant') {
    const test =
      context.node.opType === 'IsNaN' ? Number.isNaN : (v: number) => Math.abs(v) === Number.POSITIVE_INFINITY;
    return [constant(mapArray(x.array, (v) => (test(v) ? 1 : 0), true))];
  }
  const shape = pointShape(shapeOf(x));
  return [constant({ shape, data: new Float64Array(sizeOf(shape)), integer: true })];
};

const where: Handler = (context, [condition, a, b]) => {
  if (!condition || !a || !b) throw context.refuse(': it has fewer than three inputs');
  if (condition.kind === 'constant') return [chooseByConstant(context, condition.array, a, b)];
  const test = toCondition(context, condition);
  const softplus = torchSoftplus(context, test, a, b);
  if (softplus) return [softplus];
  const angle = angleOf(context, test, a, b);
  if (angle) return [angle];
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

function angleOf(context: OpContext, test: Condition, a: Value, b: Value): Value | undefined {
  if (test.negated || a.kind !== 'variable' || b.kind !== 'variable') return undefined;
  const angle = matchAtan2(context.builder, test.name, a.name, b.name);
  return angle && { ...b, name: buildAtan2(context.builder, angle, context.node.output[0]) };
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
  Equal: equal,
  Not: not,
  And: logical('and'),
  Or: logical('or'),
  Xor: xor,
  IsNaN: never,
  IsInf: never,
  Where: where,
};
