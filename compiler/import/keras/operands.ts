import type { LayerContext } from './context.js';
import { binary, type Value } from './values.js';

/** What an operation is called with. */

/** Truth per element: whether `test` is above 0, or, negated, whether it is not. */
export interface Condition {
  test: string;
  isNegated: boolean;
  shape: readonly number[];
}

export type Operand =
  | Value
  | Condition
  | { list: readonly Operand[] }
  | { constant: unknown }
  | { slice: { start: number | null; stop: number | null; step: number | null } }
  | { ellipsis: true };

export function isValue(operand: Operand | undefined): operand is Value {
  return operand !== undefined && 'name' in operand;
}

export function requireValue(context: LayerContext, operand: Operand | undefined): Value {
  if (isValue(operand)) return operand;
  throw context.refuse(operand === undefined ? ', which reads nothing' : ' of something other than a value');
}

/** A value, or a constant as one. */
export function asValue(context: LayerContext, operand: Operand, like: readonly number[] = []): Value {
  return 'constant' in operand || 'list' in operand
    ? constantValue(context, operand, like)
    : requireValue(context, operand);
}

/** The JSON value of an operand without values in it. */
export function plainConstant(operand: Operand): unknown {
  if ('constant' in operand) return operand.constant;
  return 'list' in operand ? operand.list.map(plainConstant) : undefined;
}

/** Two operands, at least one of them a value, a constant under a shape that fits the other's. */
export function operands(
  context: LayerContext,
  a: Operand | undefined,
  b: Operand | undefined,
  shape?: readonly number[],
): [Value, Value] {
  if (!a || !b) throw context.refuse(' without a second value');
  const like = shape ?? (isValue(a) ? a.shape : isValue(b) ? b.shape : undefined);
  if (!like) throw context.refuse(' of constants');
  return [asValue(context, a, like), asValue(context, b, like)];
}

/** Numbers in nested lists, aligned at the last dimension as NumPy does. */
function constantValue(context: LayerContext, operand: Operand, like: readonly number[]): Value {
  const shape: number[] = [];
  let level = plainConstant(operand);
  for (let inner = level; Array.isArray(inner); [inner] = inner) shape.push(inner.length);
  while (shape.length > like.length && shape[0] === 1) shape.shift();
  while (shape.length < like.length) shape.unshift(1);
  level = [level].flat(16);
  const numbers = level as unknown[];
  const isWhole = numbers.length === shape.reduce((n, d) => n * d, 1) && shape.length === like.length;
  if (!isWhole || !numbers.every((n): n is number => typeof n === 'number' && Number.isFinite(n)))
    throw context.refuse(' with a constant that is no array of numbers for every point');
  return { name: context.builder.constant(numbers), shape };
}

/** a > b; reversed: b > a; negated: not that. */
export function compared(
  context: LayerContext,
  a: Value,
  b: Value,
  isReversed: boolean,
  isNegated: boolean,
): Condition {
  const [greater, lesser] = isReversed ? [b, a] : [a, b];
  const { name, shape } = binary(context.builder, 'sub', greater, lesser, context.layer.name);
  return { test: name, isNegated, shape };
}
