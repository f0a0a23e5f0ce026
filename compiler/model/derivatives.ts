import { type ExpressionAlgebra, interpretExpression, namedConstant } from './expression.js';
import { JUMPS } from './functions.js';
import { allOutputs, type Model, type ModelOutput } from './types.js';

/** Names of derivatives in expressions, such as `u_xt`, and of what order an output's expression takes them. */

/** The highest order of a derivative of a network's output. */
export const MAX_ORDER = 4;

/** An output and the inputs that it is differentiated by, in the order of the name. */
export interface Derivative {
  output: string;
  by: readonly string[];
}

type Named = Pick<Model, 'inputs' | 'outputs' | 'hidden' | 'physics'>;

/**
 * The derivative that a name such as `u_xt` or `T_alpha` stands for; undefined for a name that is none.
 * @throws Error where the name can be read in more than one way, or as a derivative by something that is no input
 */
export function readDerivative(
  name: string,
  outputs: readonly string[],
  inputs: readonly string[],
): Derivative | undefined {
  const derived = outputs.filter((output) => name.startsWith(`${output}_`));
  const readings = derived.flatMap((output) =>
    splitsOf(name.slice(output.length + 1), inputs).map((by): Derivative => ({ output, by })),
  );
  if (readings.length > 1) {
    const meanings = readings.slice(0, 2).map(({ output, by }) => `"${output}" by ${by.join(', ')}`);
    throw new Error(`"${name}" can be read as the derivative of ${meanings.join(' and as that of ')}`);
  }
  if (!readings.length && derived.length) {
    const [output] = derived;
    const by = name.slice(output.length + 1);
    throw new Error(
      `"${name}" is no derivative of "${output}": "${by}" is not made of the inputs ${inputs.join(', ')}`,
    );
  }
  return readings[0];
}

function splitsOf(text: string, words: readonly string[], depth = 0): string[][] {
  if (text === '') return depth ? [[]] : [];
  return words
    .filter((word) => text.startsWith(word))
    .flatMap((word) => splitsOf(text.slice(word.length), words, depth + 1).map((rest) => [word, ...rest]));
}

/** What the names of an expression stand for. */
export type Meaning =
  | { kind: 'input'; index: number }
  | { kind: 'parameter'; value: number }
  /** Differentiated by the inputs of these indices, in increasing order: none for the output itself. */
  | { kind: 'output'; output: ModelOutput; by: readonly number[] };

/**
 * The meaning of a name in residuals and derived outputs.
 * @throws Error with the reason where it has none
 */
export function meaningOf(model: Named, name: string): Meaning {
  const index = model.inputs.findIndex((input) => input.name === name);
  if (index >= 0) return { kind: 'input', index };
  const outputs = allOutputs(model);
  // An output that is called what it is, such as u_x, is that derivative to all expressions, its own included.
  const output = outputs.find((o) => o.name === name && o.expression !== name);
  if (output) return { kind: 'output', output, by: [] };
  const parameters = model.physics?.parameters ?? {};
  if (Object.hasOwn(parameters, name)) return { kind: 'parameter', value: parameters[name] };
  const inputs = model.inputs.map((input) => input.name);
  const derivative = readDerivative(
    name,
    outputs.map((o) => o.name),
    inputs,
  );
  if (derivative) {
    const by = derivative.by.map((input) => inputs.indexOf(input)).sort((a, b) => a - b);
    return { kind: 'output', output: outputs.find((o) => o.name === derivative.output)!, by };
  }
  const value = namedConstant(name);
  if (value === undefined) throw new Error(`unknown name "${name}"`);
  return { kind: 'parameter', value };
}

/**
 * Calls back with the meaning of every name of an expression of outputs.
 * @throws Error with the reason where a name has none, and for functions that jump: the tolerance says nothing beside a jump
 */
export function forEachMeaning(model: Named, source: string, visit: (meaning: Meaning) => void): void {
  const algebra: ExpressionAlgebra<void> = {
    literal: () => {},
    name: (name) => visit(meaningOf(model, name)),
    negate: () => {},
    binary: () => {},
    call: (name) => {
      if (Object.hasOwn(JUMPS, name)) throw new Error(`${name} jumps; make it a node of the model, "op": "${name}"`);
    },
  };
  interpretExpression(source, algebra);
}

/**
 * The highest order of derivatives of network outputs in an expression, those inside other derived outputs included.
 * @throws Error with the reason: unknown names, outputs that need themselves
 */
export function orderOf(model: Named, source: string, within: readonly string[] = []): number {
  let order = 0;
  forEachMeaning(model, source, (meaning) => {
    if (meaning.kind !== 'output') return;
    const { output, by } = meaning;
    if (within.includes(output.name)) {
      throw new Error(`it needs itself: ${[...within.slice(within.indexOf(output.name)), output.name].join(' -> ')}`);
    }
    const inner = output.expression === undefined ? 0 : orderOf(model, output.expression, [...within, output.name]);
    order = Math.max(order, inner + by.length);
  });
  return order;
}

/** Throws `Error` where an output's expression takes derivatives of more than {@link MAX_ORDER}. */
export function requireKnownOrder(model: Named, source: string, within: readonly string[] = []): void {
  const order = orderOf(model, source, within);
  if (order > MAX_ORDER)
    throw new Error(`it takes a derivative of order ${order}; orders up to ${MAX_ORDER} are known`);
}

/** The highest order of derivatives that any output needs. */
export function highestOrder(model: Named): number {
  return Math.max(
    0,
    ...allOutputs(model).map(({ name, expression }) =>
      expression === undefined ? 0 : orderOf(model, expression, [name]),
    ),
  );
}

/** Outputs by name, with the inputs, in increasing order, that they are differentiated by, once. */
export type Gradients = ReadonlyMap<string, readonly number[]>;

/** Inputs from which on one sweep back can be less work than as many tangents, though it stores matrices of its own. */
const MIN_GRADIENT = 3;

/** Outputs that are differentiated by several inputs; none where anything has derivatives of higher order. */
export function gradientsOf(model: Named): Gradients {
  const asked = new Map<string, Set<number>>();
  if (highestOrder(model) !== 1) return new Map();
  for (const { expression } of allOutputs(model)) {
    forEachMeaning(model, expression ?? '0', (meaning) => {
      if (meaning.kind !== 'output' || !meaning.by.length) return;
      const { name } = meaning.output;
      asked.set(name, (asked.get(name) ?? new Set()).add(meaning.by[0]));
    });
  }
  const several = [...asked].filter(([, inputs]) => inputs.size >= MIN_GRADIENT);
  return new Map(several.map(([name, inputs]) => [name, [...inputs].sort((a, b) => a - b)]));
}

/** The model with one of its outputs alone, and what its expression needs hidden: as many derivatives as it takes. */
export function onlyOutput(model: Model, output: ModelOutput): Model {
  const needed = new Set<ModelOutput>();
  const visit = ({ expression }: ModelOutput) => {
    if (expression === undefined) return;
    forEachMeaning(model, expression, (meaning) => {
      if (meaning.kind !== 'output' || needed.has(meaning.output)) return;
      needed.add(meaning.output);
      visit(meaning.output);
    });
  };
  visit(output);
  return { ...model, outputs: [output], hidden: [...needed] };
}
