import jsep, { type Expression } from 'jsep';

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
  exp: Math.exp,
  log: Math.log,
  sqrt: Math.sqrt,
  abs: Math.abs,
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

export const MAX_EXPRESSION_LENGTH = 10_000;

/** A parsed expression whose free names are all known. */
export interface CompiledExpression {
  readonly source: string;
  /** Value for the given names. */
  evaluate(scope: ReadonlyMap<string, number>): number;
}

/**
 * Parses `source`. `isKnown` says which names are allowed besides functions, `pi` and `e`.
 * Throws `Error` with the reason.
 */
export function compileExpression(source: string, isKnown: (name: string) => boolean): CompiledExpression {
  if (source.length > MAX_EXPRESSION_LENGTH) throw new Error(`longer than ${MAX_EXPRESSION_LENGTH} characters`);
  let tree: Expression;
  try {
    tree = jsep(source);
  } catch (error) {
    throw new Error((error as Error).message);
  }
  const evaluate = build(tree, isKnown);
  return { source, evaluate };
}

type Evaluator = (scope: ReadonlyMap<string, number>) => number;

function build(node: Expression, isKnown: (name: string) => boolean): Evaluator {
  switch (node.type) {
    case 'Literal': {
      const value = (node as { value?: unknown }).value;
      if (typeof value !== 'number') throw new Error(`${JSON.stringify(value)} is not a number`);
      return () => value;
    }
    case 'Identifier': {
      const name = String((node as { name?: unknown }).name);
      if (isKnown(name)) return (scope) => scope.get(name) ?? Number.NaN;
      if (Object.hasOwn(CONSTANTS, name)) return () => CONSTANTS[name];
      throw new Error(`unknown name "${name}"`);
    }
    case 'UnaryExpression': {
      const { operator, argument } = node as unknown as { operator: string; argument: Expression };
      const inner = build(argument, isKnown);
      if (operator === '-') return (scope) => -inner(scope);
      if (operator === '+') return inner;
      throw new Error(`operator "${operator}" is not allowed`);
    }
    case 'BinaryExpression': {
      const { operator, left, right } = node as unknown as { operator: string; left: Expression; right: Expression };
      const apply = Object.hasOwn(BINARY, operator) ? BINARY[operator] : undefined;
      if (!apply) throw new Error(`operator "${operator}" is not allowed`);
      const a = build(left, isKnown);
      const b = build(right, isKnown);
      return (scope) => apply(a(scope), b(scope));
    }
    case 'CallExpression': {
      const { callee, arguments: args } = node as unknown as { callee: Expression; arguments: Expression[] };
      const name = callee.type === 'Identifier' ? String((callee as { name?: unknown }).name) : '';
      if (!Object.hasOwn(FUNCTIONS, name)) throw new Error(`unknown function "${name || callee.type}"`);
      const apply = FUNCTIONS[name];
      const inner = args.map((arg) => build(arg, isKnown));
      const wanted = name === 'min' || name === 'max' ? 2 : 1;
      if (inner.length !== wanted) throw new Error(`${name} takes ${wanted} argument${wanted > 1 ? 's' : ''}`);
      return (scope) => apply(...inner.map((f) => f(scope)));
    }
    default:
      throw new Error(`${node.type} is not allowed`);
  }
}

/** True for a derivative of an output with respect to inputs, such as `u_xt` or `T_x`; input names may be long (`u_alpha`). */
export function isDerivativeName(name: string, outputs: readonly string[], inputs: readonly string[]): boolean {
  return outputs.some((output) => name.startsWith(`${output}_`) && splitsInto(name.slice(output.length + 1), inputs));
}

function splitsInto(text: string, words: readonly string[]): boolean {
  if (text === '') return true;
  return words.some((word) => text.startsWith(word) && splitsInto(text.slice(word.length), words));
}
