import { plural } from '../diagnostics.js';
import {
  applyFunction,
  applyOperator,
  type BinaryOperator,
  type ExpressionAlgebra,
  interpretExpression,
  namedConstant,
} from '../model/expression.js';
import type { GraphBuilder } from './builder.js';

/**
 * Expressions of a spec as nodes of the graph: transforms of inputs and outputs, such as
 * `0.5 - 0.5*tanh((x+0.4)/(4*nu)) + t*(1-x^2)*N`. Values are vectors; one of width 1 goes with any other.
 */

export type ExpressionValue = { constant: readonly number[] } | { value: string };

/** Names that an expression may use: inputs, networks, constants and tensors. */
export type Scope = (name: string) => ExpressionValue | undefined;

/** Throws `Error` with the reason. */
export function buildExpression(source: string, builder: GraphBuilder, scope: Scope, hint: string): ExpressionValue {
  return interpretExpression(source, nodes(builder, scope, hint));
}

/** An expression's value as a node, constants included. */
export function valueName(builder: GraphBuilder, value: ExpressionValue, hint: string): string {
  return 'value' in value ? value.value : builder.constant(value.constant, hint);
}

function widthOf(builder: GraphBuilder, value: ExpressionValue): number {
  return 'value' in value ? builder.width(value.value) : value.constant.length;
}

function nodes(builder: GraphBuilder, scope: Scope, hint: string): ExpressionAlgebra<ExpressionValue> {
  const name = (value: ExpressionValue) => valueName(builder, value, hint);
  const apply = (op: 'add' | 'sub' | 'mul' | 'div' | 'min' | 'max', a: ExpressionValue, b: ExpressionValue) => {
    const [u, v] = [widthOf(builder, a), widthOf(builder, b)];
    if (u !== v && u !== 1 && v !== 1) throw new Error(`widths ${u} and ${v} do not go together`);
    return { value: builder.binary(op, name(a), name(b), hint) };
  };
  return {
    literal: (value) => ({ constant: [value] }),
    name: (identifier) => {
      const known = scope(identifier);
      if (known) return known;
      const value = namedConstant(identifier);
      if (value === undefined) throw new Error(`unknown name "${identifier}"`);
      return { constant: [value] };
    },
    negate: (a) =>
      'constant' in a ? { constant: a.constant.map((v) => -v) } : { value: builder.unary('neg', a.value, hint) },
    binary: (operator, a, b) => {
      if ('constant' in a && 'constant' in b) return foldConstants(operator, a.constant, b.constant);
      if (operator === '^') return power(builder, a, b, hint);
      return apply(OPERATORS[operator], a, b);
    },
    call: (functionName, args) => {
      if (args.length === 1 && 'constant' in args[0] && !NEVER_FOLDED.has(functionName)) {
        return { constant: args[0].constant.map((v) => applyFunction(functionName, [v])) };
      }
      if (functionName === 'min' || functionName === 'max') {
        requireCount(functionName, args, 2);
        return apply(functionName, args[0], args[1]);
      }
      const emit = FUNCTIONS[functionName];
      if (!emit || !Object.hasOwn(FUNCTIONS, functionName)) throw new Error(`unknown function "${functionName}"`);
      requireCount(functionName, args, emit.count);
      return { value: emit.build(builder, args.map(name), hint) };
    },
    index: (a, index) => {
      const width = widthOf(builder, a);
      if (!Number.isInteger(index) || index < 0 || index >= width)
        throw new Error(`index ${index} of a value of width ${width}`);
      return 'constant' in a
        ? { constant: [a.constant[index]] }
        : { value: builder.slice(a.value, index, index + 1, hint) };
    },
  };
}

const OPERATORS = { '+': 'add', '-': 'sub', '*': 'mul', '/': 'div' } as const;

function requireCount(name: string, args: readonly unknown[], count: number | undefined): void {
  if (count === undefined || args.length === count) return;
  throw new Error(`${name} takes ${plural(count, 'argument')}`);
}

function foldConstants(operator: BinaryOperator, a: readonly number[], b: readonly number[]): ExpressionValue {
  const width = Math.max(a.length, b.length);
  if (a.length !== width && a.length !== 1) throw new Error(`widths ${a.length} and ${b.length} do not go together`);
  if (b.length !== width && b.length !== 1) throw new Error(`widths ${a.length} and ${b.length} do not go together`);
  const at = (v: readonly number[], i: number) => v[v.length === 1 ? 0 : i];
  return { constant: Array.from({ length: width }, (_, i) => applyOperator(operator, at(a, i), at(b, i))) };
}

function power(builder: GraphBuilder, a: ExpressionValue, b: ExpressionValue, hint: string): ExpressionValue {
  if ('constant' in b && 'value' in a) {
    const [exponent] = b.constant;
    if (b.constant.length !== 1) throw new Error('an exponent must be one number');
    if (exponent === 1) return a;
    if (exponent === 0.5) return { value: builder.unary('sqrt', a.value, hint) };
    if (Math.abs(exponent) > 16) throw new Error(`the exponent ${exponent} is beyond 16`);
    return { value: builder.unary('pow', a.value, hint, { exponent }) };
  }
  // a^b = exp(b log a).
  const logarithm = 'constant' in a ? builder.constant(a.constant.map(Math.log)) : builder.unary('log', a.value, hint);
  return { value: builder.unary('exp', builder.binary('mul', valueName(builder, b, hint), logarithm, hint), hint) };
}

interface Emitter {
  /** Number of arguments; any number where left out. */
  count?: number;
  build(builder: GraphBuilder, args: string[], hint: string): string;
}

const simple = (op: Parameters<GraphBuilder['unary']>[0]): Emitter => ({
  count: 1,
  build: (builder, [x], hint) => builder.unary(op, x, hint),
});

/** Functions of one number that models have as operations and expressions do not evaluate themselves. */
const ACTIVATIONS = ['sigmoid', 'silu', 'softplus', 'relu', 'erf', 'gelu', 'mish', 'selu', 'elu'] as const;
/** Functions of one number that expressions evaluate themselves, too. */
const ELEMENTARY = [
  ...(['sin', 'cos', 'tan', 'asin', 'acos', 'atan', 'sinh', 'cosh', 'tanh', 'asinh', 'acosh', 'atanh'] as const),
  ...(['exp', 'log', 'sqrt', 'abs', 'floor', 'ceil', 'round'] as const),
] as const;

/** What is never computed here, constant argument or not: functions of whole vectors, and activations. */
const NEVER_FOLDED: ReadonlySet<string> = new Set(['sum', 'mean', 'dot', 'concat', ...ACTIVATIONS]);

const FUNCTIONS: Record<string, Emitter> = {
  ...Object.fromEntries([...ELEMENTARY, ...ACTIVATIONS].map((op) => [op, simple(op)])),
  /** where(c, a, b): a where c > 0, else b. */
  where: { count: 3, build: (builder, [c, a, b], hint) => builder.select(c, a, b, hint) },
  sum: { count: 1, build: (b, [x], hint) => (b.width(x) === 1 ? x : b.add({ op: 'sum', inputs: [x] }, 1, hint)) },
  mean: { count: 1, build: (b, [x], hint) => (b.width(x) === 1 ? x : b.add({ op: 'mean', inputs: [x] }, 1, hint)) },
  dot: {
    count: 2,
    build: (builder, [a, b], hint) => {
      if (builder.width(a) !== builder.width(b))
        throw new Error(`dot of widths ${builder.width(a)} and ${builder.width(b)}`);
      const product = builder.binary('mul', a, b, hint);
      return builder.width(product) === 1 ? product : builder.add({ op: 'sum', inputs: [product] }, 1, hint);
    },
  },
  concat: { build: (builder, parts, hint) => builder.concat(parts, hint) },
};

/** Every function that an expression of a spec may call; docs/import.md lists them. */
export const EXPRESSION_FUNCTIONS: readonly string[] = ['min', 'max', ...Object.keys(FUNCTIONS)];
