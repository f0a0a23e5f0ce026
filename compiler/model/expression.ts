import jsep, { type Expression } from 'jsep';
import { JUMPS } from './functions.js';

/**
 * Expressions in model files: exact solutions and physics residuals. jsep parses; the tree is checked against the
 * allowed names and evaluated here, so no text from a file is ever executed.
 */

jsep.addBinaryOp('^', 15, true);

// jsep binds a sign tighter than any binary operator; in mathematics "-x^2" is -(x^2).
const MINUS = '-'.charCodeAt(0);
const CARET = '^'.charCodeAt(0);
interface Parser {
  code: number;
  index: number;
  gobbleSpaces(): void;
  gobbleToken(): Expression | false;
  throwError(message: string): never;
}
function gobblePower(parser: Parser): Expression {
  const base = parser.gobbleToken();
  if (!base) parser.throwError('expected an operand');
  parser.gobbleSpaces();
  if (parser.code !== CARET) return base;
  parser.index++;
  parser.gobbleSpaces();
  return { type: 'BinaryExpression', operator: '^', left: base, right: gobblePower(parser) } as Expression;
}
jsep.hooks.add('gobble-token', function (this: unknown, env: { node?: Expression | false }) {
  const parser = this as Parser;
  if (parser.code !== MINUS) return;
  parser.index++;
  parser.gobbleSpaces();
  env.node = { type: 'UnaryExpression', operator: '-', argument: gobblePower(parser), prefix: true } as Expression;
});

const FUNCTIONS: Record<string, (...args: number[]) => number> = {
  sin: Math.sin,
  cos: Math.cos,
  tan: Math.tan,
  asin: Math.asin,
  acos: Math.acos,
  atan: Math.atan,
  sinh: Math.sinh,
  cosh: Math.cosh,
  tanh: Math.tanh,
  asinh: Math.asinh,
  acosh: Math.acosh,
  atanh: Math.atanh,
  exp: Math.exp,
  log: Math.log,
  sqrt: Math.sqrt,
  abs: Math.abs,
  floor: JUMPS.floor,
  ceil: JUMPS.ceil,
  round: JUMPS.round,
  min: Math.min,
  max: Math.max,
};

const CONSTANTS: Record<string, number> = { pi: Math.PI, e: Math.E };

const BINARY: Record<string, (a: number, b: number) => number> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
  '^': (a, b) => a ** b,
};

const MAX_EXPRESSION_LENGTH = 10_000;

/** A parsed expression whose free names are all known. */
export interface CompiledExpression {
  readonly source: string;
  /** Value for the given names. */
  evaluate(scope: ReadonlyMap<string, number>): number;
}

/**
 * What the parts of an expression mean: as functions of a scope here, as nodes of a graph in import/expression-nodes.ts.
 * Every method may throw `Error` with the reason.
 */
export interface ExpressionAlgebra<T> {
  literal(value: number): T;
  name(name: string): T;
  negate(a: T): T;
  binary(operator: BinaryOperator, a: T, b: T): T;
  call(name: string, args: readonly T[]): T;
  /** `a[index]`; not allowed where left out. */
  index?(a: T, index: number): T;
}

export type BinaryOperator = '+' | '-' | '*' | '/' | '^';

/** Parses `source` and gives its meaning in `algebra`. Throws `Error` with the reason. */
export function interpretExpression<T>(source: string, algebra: ExpressionAlgebra<T>): T {
  if (source.length > MAX_EXPRESSION_LENGTH) throw new Error(`longer than ${MAX_EXPRESSION_LENGTH} characters`);
  try {
    return interpret(jsep(source), algebra);
  } catch (error) {
    if (error instanceof RangeError) throw new Error('too deeply nested');
    throw new Error((error as Error).message);
  }
}

/** Value of a name that every expression knows: `pi` and `e`. */
export function namedConstant(name: string): number | undefined {
  return Object.hasOwn(CONSTANTS, name) ? CONSTANTS[name] : undefined;
}

/** Value of a function of numbers; throws for an unknown function or a wrong number of arguments. */
export function applyFunction(name: string, args: readonly number[]): number {
  return functionOfNumbers(name, args.length)(...args);
}

function functionOfNumbers(name: string, count: number): (...args: number[]) => number {
  if (!Object.hasOwn(FUNCTIONS, name)) throw new Error(`unknown function "${name}"`);
  const wanted = name === 'min' || name === 'max' ? 2 : 1;
  if (count !== wanted) throw new Error(`${name} takes ${wanted} argument${wanted > 1 ? 's' : ''}`);
  return FUNCTIONS[name];
}

/** Value of an operator on numbers. */
export function applyOperator(operator: BinaryOperator, a: number, b: number): number {
  return BINARY[operator](a, b);
}

/**
 * Parses `source`. `isKnown` says which names are allowed besides functions, `pi` and `e`.
 * Throws `Error` with the reason.
 */
export function compileExpression(source: string, isKnown: (name: string) => boolean): CompiledExpression {
  return { source, evaluate: interpretExpression(source, evaluators(isKnown)) };
}

type Evaluator = (scope: ReadonlyMap<string, number>) => number;

function evaluators(isKnown: (name: string) => boolean): ExpressionAlgebra<Evaluator> {
  return {
    literal: (value) => () => value,
    name: (name) => {
      if (isKnown(name)) return (scope) => scope.get(name) ?? Number.NaN;
      const value = namedConstant(name);
      if (value === undefined) throw new Error(`unknown name "${name}"`);
      return () => value;
    },
    negate: (a) => (scope) => -a(scope),
    binary: (operator, a, b) => {
      const apply = BINARY[operator];
      return (scope) => apply(a(scope), b(scope));
    },
    call: (name, args) => {
      const apply = functionOfNumbers(name, args.length);
      return (scope) => apply(...args.map((f) => f(scope)));
    },
  };
}

function interpret<T>(node: Expression, algebra: ExpressionAlgebra<T>): T {
  switch (node.type) {
    case 'Literal': {
      const value = (node as { value?: unknown }).value;
      if (typeof value !== 'number') throw new Error(`${JSON.stringify(value)} is not a number`);
      return algebra.literal(value);
    }
    case 'Identifier':
      return algebra.name(String((node as { name?: unknown }).name));
    case 'UnaryExpression': {
      const { operator, argument } = node as unknown as { operator: string; argument: Expression };
      const inner = interpret(argument, algebra);
      if (operator === '-') return algebra.negate(inner);
      if (operator === '+') return inner;
      throw new Error(`operator "${operator}" is not allowed`);
    }
    case 'BinaryExpression': {
      const { operator, left, right } = node as unknown as { operator: string; left: Expression; right: Expression };
      if (!Object.hasOwn(BINARY, operator)) throw new Error(`operator "${operator}" is not allowed`);
      return algebra.binary(operator as BinaryOperator, interpret(left, algebra), interpret(right, algebra));
    }
    case 'CallExpression': {
      const { callee, arguments: args } = node as unknown as { callee: Expression; arguments: Expression[] };
      if (callee.type !== 'Identifier') throw new Error(`unknown function "${callee.type}"`);
      return algebra.call(
        String((callee as { name?: unknown }).name),
        args.map((arg) => interpret(arg, algebra)),
      );
    }
    case 'MemberExpression': {
      const { object, property, computed } = node as unknown as {
        object: Expression;
        property: Expression;
        computed: boolean;
      };
      const index = (property as { value?: unknown }).value;
      if (!algebra.index || !computed || property.type !== 'Literal' || typeof index !== 'number') {
        throw new Error(algebra.index ? 'an index must be a number, such as N[0]' : 'MemberExpression is not allowed');
      }
      return algebra.index(interpret(object, algebra), index);
    }
    case 'Compound':
      throw new Error('one expression is expected, not several');
    default:
      throw new Error(`${node.type} is not allowed`);
  }
}
