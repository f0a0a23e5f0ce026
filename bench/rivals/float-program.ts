import {
  isDerived,
  type Model,
  type ModelNode,
  networkOutputs,
  nodeInputs,
  type UnaryOp,
} from '../../compiler/model/types.js';
import { align, planArena } from '../../compiler/table/lower/arena.js';

/**
 * The float32 program that converters from ONNX to C write for a model: one loop nest per node of the graph, weights as
 * constants, the math library's functions, intermediate values in static buffers that share memory by their lifetimes.
 * The same program is written in C and in AssemblyScript.
 */
export interface Dialect {
  /** A constant array; `name` is then its array in the other methods. */
  constants(name: string, values: ArrayLike<number>): string;
  /** The static memory of `floats` floats that buffers lie in. */
  arena(floats: number): string;
  /** A function of no arguments with these statements. */
  procedure(name: string, body: readonly string[]): string;
  call(name: string): string;
  /** Statements for i = 0 .. count - 1; `i` may be used in the body. */
  loop(count: number, body: readonly string[]): string[];
  let(name: string, value: string): string;
  read(place: Place, index: Index): string;
  write(place: Place, index: Index, value: string): string;
  number(value: number): string;
  fn(name: MathFunction, ...args: string[]): string;
  /** out[r] = bias[r] + sum_c weight[r, c] x[c]. */
  dense(weight: string, bias: string | undefined, x: Place, out: Place, rows: number, cols: number): string[];
}

/** A constant array, an argument of the program, or a buffer at an offset in the arena, in floats. */
export interface Place {
  array: string;
  offset: number;
}
/** `i` of the loop around, or a fixed element. */
export type Index = 'i' | number;

export type MathFunction =
  | 'tanh'
  | 'sin'
  | 'cos'
  | 'exp'
  | 'expm1'
  | 'log'
  | 'log1p'
  | 'sqrt'
  | 'atan'
  | 'abs'
  | 'pow'
  | 'min'
  | 'max';

export const ARENA = 'arena';
export const INPUT = 'inputs';
export const OUTPUT = 'outputs';

export interface FloatProgram {
  /** Constants, the arena, and one procedure per node. */
  declarations: string[];
  /** Statements that read the place `inputs` and write the place `outputs`, engineering units. */
  body: string[];
}

/** @returns undefined when an operation of the model has no float32 function in the math library, or for derived outputs */
export function writeFloatProgram(model: Model, dialect: Dialect): FloatProgram | undefined {
  if (isDerived(model)) return undefined;
  const places = placeValues(model);
  const declarations: string[] = [dialect.arena(places.floats)];
  const body: string[] = [];
  model.inputs.forEach(({ name }, k) => {
    body.push(dialect.write(places.of(name), 0, dialect.read({ array: INPUT, offset: 0 }, k)));
  });
  for (const [n, node] of model.nodes.entries()) {
    const statements = writeNode(model, node, n, places.of, dialect, declarations);
    if (!statements) return undefined;
    declarations.push(dialect.procedure(`node${n}`, statements));
    body.push(dialect.call(`node${n}`));
  }
  networkOutputs(model).forEach(({ value, index = 0, scale = 1, offset = 0 }, k) => {
    const read = dialect.read(places.of(value), index);
    const scaled =
      scale === 1 && offset === 0 ? read : `${dialect.number(scale)} * ${read} + ${dialect.number(offset)}`;
    body.push(dialect.write({ array: OUTPUT, offset: 0 }, k, scaled));
  });
  return { declarations, body };
}

const FLOAT_BYTES = 4;

function placeValues(model: Model): { of: (name: string) => Place; floats: number } {
  const last = new Map<string, number>();
  model.nodes.forEach((node, n) => {
    for (const name of nodeInputs(node)) last.set(name, n);
  });
  for (const { value } of networkOutputs(model)) last.set(value, model.nodes.length);
  const names = [...model.inputs.map(({ name }) => name), ...model.nodes.map(({ name }) => name)];
  const lives = names.map((name, i) => {
    const first = i - model.inputs.length;
    const bytes = align(FLOAT_BYTES * model.widths.get(name)!);
    return { bytes, first, last: Math.max(first, last.get(name) ?? first) };
  });
  const plan = planArena(lives, 0);
  const places = new Map(names.map((name, i) => [name, { array: ARENA, offset: plan.offsets[i] / FLOAT_BYTES }]));
  return { of: (name) => places.get(name)!, floats: plan.bytes / FLOAT_BYTES };
}

function writeNode(
  model: Model,
  node: ModelNode,
  n: number,
  placeOf: (name: string) => Place,
  dialect: Dialect,
  declarations: string[],
): string[] | undefined {
  const out = placeOf(node.name);
  const width = model.widths.get(node.name)!;
  const inputs = nodeInputs(node);
  /** Element i of an input; one of width 1 is broadcast. */
  const read = (k: number) =>
    dialect.read(placeOf(inputs[k]), model.widths.get(inputs[k]) === 1 && width > 1 ? 0 : 'i');
  const constants = (suffix: string, values: ArrayLike<number>) => {
    declarations.push(dialect.constants(`${suffix}${n}`, values));
    return `${suffix}${n}`;
  };
  const each = (value: string, before: string[] = []) =>
    dialect.loop(width, [...before, dialect.write(out, 'i', value)]);
  const { number } = dialect;
  switch (node.op) {
    case 'dense': {
      const weight = constants('weight', model.tensors.get(node.weight)!.data);
      const bias = node.bias === undefined ? undefined : constants('bias', model.tensors.get(node.bias)!.data);
      return dialect.dense(weight, bias, placeOf(inputs[0]), out, width, model.widths.get(inputs[0])!);
    }
    case 'add':
      return each(`${read(0)} + ${read(1)}`);
    case 'sub':
      return each(`${read(0)} - ${read(1)}`);
    case 'mul':
      return each(`${read(0)} * ${read(1)}`);
    case 'div':
      return each(`${read(0)} / ${read(1)}`);
    case 'min':
    case 'max':
      return each(dialect.fn(node.op, read(0), read(1)));
    case 'select':
      return each(`${read(0)} > ${number(0)} ? ${read(1)} : ${read(2)}`);
    case 'sum':
    case 'mean': {
      const terms = Array.from({ length: model.widths.get(inputs[0])! }, (_, i) => dialect.read(placeOf(inputs[0]), i));
      const sum = terms.join(' + ');
      return [dialect.write(out, 0, node.op === 'sum' ? sum : `(${sum}) / ${number(terms.length)}`)];
    }
    case 'concat': {
      let at = 0;
      return inputs.flatMap((name) => {
        const part = { array: out.array, offset: out.offset + at };
        at += model.widths.get(name)!;
        return dialect.loop(model.widths.get(name)!, [dialect.write(part, 'i', dialect.read(placeOf(name), 'i'))]);
      });
    }
    case 'slice': {
      const from = placeOf(inputs[0]);
      const source = { array: from.array, offset: from.offset + node.start };
      return dialect.loop(width, [dialect.write(out, 'i', dialect.read(source, 'i'))]);
    }
    case 'scale': {
      const vector = (values: readonly number[], name: string) =>
        values.length === 1 ? number(values[0]) : dialect.read({ array: constants(name, values), offset: 0 }, 'i');
      const scaled = node.scale ? `${vector(node.scale, 'scale')} * ${read(0)}` : read(0);
      return each(node.shift ? `${scaled} + ${vector(node.shift, 'shift')}` : scaled);
    }
    case 'constant':
      return each(dialect.read({ array: constants('value', node.value), offset: 0 }, 'i'));
    default: {
      const value = unary(node, dialect);
      return value === undefined ? undefined : each(value, [dialect.let('v', read(0))]);
    }
  }
}

/** The expression of a function of `v`; undefined when there is none in single precision in every dialect. */
function unary(node: ModelNode, { fn, number }: Dialect): string | undefined {
  const one = number(1);
  const zero = number(0);
  const expNegative = fn('exp', '-v');
  switch (node.op) {
    case 'neg':
      return '-v';
    case 'reciprocal':
      return `${one} / v`;
    case 'relu':
      return fn('max', 'v', zero);
    case 'sigmoid':
      return `${one} / (${one} + ${expNegative})`;
    case 'silu':
      return `v / (${one} + ${expNegative})`;
    case 'softplus':
      return `${fn('max', 'v', zero)} + ${fn('log1p', fn('exp', `-${fn('abs', 'v')}`))}`;
    case 'mish':
      return `v * ${fn('tanh', fn('log1p', fn('exp', 'v')))}`;
    case 'pow':
      return node.exponent === 2 ? 'v * v' : fn('pow', 'v', number(node.exponent));
    case 'elu':
      return `v > ${zero} ? v : ${number(node.alpha ?? 1)} * ${fn('expm1', 'v')}`;
    case 'leaky_relu':
      return `v > ${zero} ? v : ${number(node.slope ?? 0.01)} * v`;
    case 'clip':
      return fn('min', fn('max', 'v', number(node.min ?? -3.4e38)), number(node.max ?? 3.4e38));
    case 'tanh':
    case 'sin':
    case 'cos':
    case 'exp':
    case 'log':
    case 'sqrt':
    case 'atan':
    case 'abs':
      return fn(node.op satisfies UnaryOp, 'v');
    default:
      return undefined;
  }
}
