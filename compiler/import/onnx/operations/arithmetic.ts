import { combine, mapArray, type NdArray } from '../ndarray.js';
import {
  broadcastDims,
  constant,
  type Handler,
  type OpContext,
  shapeOf,
  spreadConstant,
  spreadTo,
  toVariable,
  type Value,
} from '../values.js';

/** Sums, products, quotients, extrema and powers of values, element by element, with broadcasting. */

type Arithmetic = 'add' | 'sub' | 'mul' | 'div' | 'min' | 'max';

export const FOLD: Record<Arithmetic, (u: number, v: number) => number> = {
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
    const spread = spreadTo(context, x, shape);
    return [{ kind: 'variable', shape, name: constantPowers(context, spread, powers) }];
  }
  // a^b = exp(b log a).
  const logarithm: Value =
    base.kind === 'constant'
      ? constant(mapArray(base.array, Math.log, false))
      : { ...toVariable(context, base, hint), name: builder.unary('log', toVariable(context, base, hint).name, hint) };
  const product = toVariable(context, arithmetic(context, 'mul', logarithm, exponent), hint);
  return [{ ...product, name: builder.unary('exp', product.name, hint) }];
};

/** Every component to the power of its own: one node per exponent. */
function constantPowers(context: OpContext, x: string, powers: Float64Array): string {
  const { builder } = context;
  if (powers.length === 1) return constantPower(context, x, powers[0]);
  const wide = builder.width(x) === powers.length ? x : builder.gather(x, new Array<number>(powers.length).fill(0));
  const places: number[] = [];
  const parts = [...new Set(powers)].map((exponent) => {
    const own = Array.from(powers.keys()).filter((i) => powers[i] === exponent);
    for (const i of own) places[i] = places.filter((at) => at !== undefined).length;
    return constantPower(context, builder.gather(wide, own), exponent);
  });
  return builder.gather(builder.concat(parts), places);
}

function constantPower({ builder, node, refuse }: OpContext, x: string, exponent: number): string {
  const hint = node.output[0];
  if (exponent === 0.5) return builder.unary('sqrt', x, hint);
  if (exponent === 1) return x;
  if (exponent === 0) return builder.constant(new Array<number>(builder.width(x)).fill(1), hint);
  if (exponent === -1) return builder.unary('reciprocal', x, hint);
  if (Math.abs(exponent) > 16) throw refuse(`: the exponent ${exponent} is beyond 16`);
  return builder.unary('pow', x, hint, { exponent });
}

export const ARITHMETIC: Record<string, Handler> = {
  Add: binary('add'),
  Sub: binary('sub'),
  Mul: binary('mul'),
  Div: binary('div'),
  Sum: variadic('add'),
  Mean: variadic('add', true),
  Min: variadic('min'),
  Max: variadic('max'),
  Pow: pow,
};
