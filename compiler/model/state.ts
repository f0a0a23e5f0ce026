import type { Problem } from '../diagnostics.js';
import type { Model } from './types.js';

/** Step models: some outputs are the next values of some inputs, which are the state. Other inputs drive it. */

type StateOwner = Pick<Model, 'inputs' | 'outputs' | 'hidden' | 'state'>;

/** A state by its places in the model. */
export interface StatePlace {
  input: number;
  /** The output that is its next value. */
  output: number;
}

/** The states of a step model, in the order of its inputs; none of another model. */
export function statePlaces({ inputs, outputs, state = {} }: StateOwner): StatePlace[] {
  return inputs.flatMap(({ name }, input) =>
    Object.hasOwn(state, name) ? [{ input, output: outputs.findIndex((o) => o.name === state[name]) }] : [],
  );
}

/** Adds to `problems` what is wrong with the names and units of a state. Its ranges take the network: judge/state-ranges.ts. */
export function checkState({ inputs, outputs, hidden = [], state }: StateOwner, problems: Problem[]): void {
  if (!state) return;
  const taken = new Map<string, string>();
  const names = (items: readonly { name: string }[]) => items.map(({ name }) => name).join(', ');
  for (const [name, next] of Object.entries(state)) {
    const problem = (found: string, expected: string) => problems.push({ path: `state.${name}`, found, expected });
    const input = inputs.find((i) => i.name === name);
    const output = outputs.find((o) => o.name === next);
    const before = taken.get(next);
    taken.set(next, name);
    if (!input) problem(`a state "${name}" that is no input`, `one of ${names(inputs)}`);
    if (hidden.some((o) => o.name === next)) problem(`"${next}", which is hidden`, 'an output that is sent');
    else if (!output) problem(`"${next}", which is no output`, `one of ${names(outputs)}`);
    if (before !== undefined) problem(`"${next}", the next value of "${before}"`, 'an output of its own');
    if (!input || !output || (input.unit ?? '') === (output.unit ?? '')) continue;
    problem(
      `"${next}" in ${unitText(output.unit)} and "${name}" in ${unitText(input.unit)}`,
      'one unit; scale and offset of the output convert it',
    );
  }
}

function unitText(unit: string | undefined): string {
  return unit ? `"${unit}"` : 'no unit';
}

/**
 * The model with the scale and offset of next states as nodes of its graph, so that a word of the next state is one of the
 * state but for its exponent. The reference gives the same values.
 */
export function withScaledState(model: Model): Model {
  const places = statePlaces(model).map(({ output }) => output);
  const nodes = [...model.nodes];
  const widths = new Map(model.widths);
  const outputs = model.outputs.map((output, i) => {
    if (!places.includes(i) || output.expression !== undefined) return output;
    const { scale = 1, offset = 0, index = 0, ...rest } = output;
    if (scale === 1 && offset === 0) return output;
    const add = (
      name: string,
      node: { op: 'slice'; start: number; stop: number } | { op: 'scale'; scale: number[]; shift: number[] },
      x: string,
    ) => {
      let unique = name;
      for (let n = 2; widths.has(unique); n++) unique = `${name}_${n}`;
      nodes.push({ name: unique, inputs: [x], ...node });
      widths.set(unique, 1);
      return unique;
    };
    const isVector = model.widths.get(output.value)! > 1;
    const part = isVector
      ? add(`${output.name}_part`, { op: 'slice', start: index, stop: index + 1 }, output.value)
      : output.value;
    return { ...rest, value: add(`${output.name}_scaled`, { op: 'scale', scale: [scale], shift: [offset] }, part) };
  });
  return { ...model, nodes, widths, outputs };
}
