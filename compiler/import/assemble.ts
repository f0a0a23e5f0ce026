import { PinnEdgeError, plural } from '../diagnostics.js';
import type { Model } from '../model/types.js';
import { GraphBuilder } from './builder.js';
import { buildExpression, type ExpressionValue, type Scope, valueName } from './expression-nodes.js';
import { defined, named, refuseUnknown, shorten } from './facts.js';
import { finishModel } from './finish.js';
import type { ImportSpec } from './network-spec.js';
import { dotProducts, mergeOutputs } from './outputs.js';
import type { Imported, NetworkOutput, NetworkSource } from './source.js';
import { derivativeAmong, normalisedInput, requireUse } from './spec-use.js';
import type { Draft, ImportOptions, InputFacts } from './types.js';

/**
 * Puts a model together: inputs, their normalisation, the file's networks, output expressions.
 *
 *   inputs -> network inputs (expressions or normalised) -> networks -> outputs (expressions or columns)
 */
export function assemble(
  file: string,
  imported: Imported,
  spec: ImportSpec,
  options: ImportOptions,
  notes: string[],
): Model {
  const builder = new GraphBuilder();
  const inputs = mergeInputs(file, imported, spec, options);
  for (const { name } of inputs) builder.input(name);
  const scope = new Map<string, ExpressionValue>(inputs.map(({ name }) => [name, { value: name }]));
  addConstants(file, imported, spec, options, scope);
  const asked = new Set<string>();
  const lookUp: Scope = (name) => {
    asked.add(name);
    const numbers = scope.get(name) ?? imported.numbers?.(name);
    return Array.isArray(numbers) ? { constant: numbers } : (numbers as ExpressionValue | undefined);
  };
  const place = options.spec?.file ?? file;
  const evaluate = (source: string, where: string, hint: string): ExpressionValue => {
    try {
      return buildExpression(source, builder, lookUp, hint);
    } catch (error) {
      const derivative = derivativeAmong(source, imported, inputs);
      throw new PinnEdgeError('PE2004', {
        file: place,
        expression: shorten(source),
        place: where,
        reason: derivative ?? (error as Error).message,
      });
    }
  };
  const normalisedInputs = new Set<string>();
  const results: NetworkOutput[] = [];
  let column = 0;
  for (const [name, network] of imported.networks) {
    const first = imported.join ? column : 0;
    const columns = networkColumns(file, builder, name, network, spec, inputs, first, evaluate, (input) =>
      normalisedInput(file, place, builder, imported, spec, inputs, input, normalisedInputs),
    );
    column += network.columns.length;
    const outputs = network.build(builder, columns);
    scope.set(name, {
      value: builder.concat(
        outputs.map(({ value }) => value),
        name,
      ),
    });
    results.push(...outputs);
  }
  const joined = imported.join ? dotProducts(file, builder, imported, scope, imported.join.biases) : results;
  const outputs = mergeOutputs(file, builder, joined, spec, options, evaluate);
  requireUse(place, imported, spec, asked, normalisedInputs);
  imported.account?.();
  const { tolerance } = spec;
  const draft: Draft = { inputs, outputs, tolerance, description: spec.description ?? imported.description };
  return finishModel(file, builder, draft, { ...options, name: options.name ?? spec.name }, notes);
}

/** Inputs of the model: the spec's, else the file's columns; `--input` names them or adds ranges. */
function mergeInputs(file: string, imported: Imported, spec: ImportSpec, options: ImportOptions): InputFacts[] {
  const given = options.inputs ?? [];
  if (spec.inputs) {
    const inputs = spec.inputs.map(({ normalize: _, group: __, ...facts }): InputFacts => ({ ...facts }));
    for (const facts of given) Object.assign(named(file, 'input', inputs, facts.name), defined(facts));
    requireUnique(file, inputs);
    return inputs;
  }
  const columns = defaultColumns(imported);
  const byExpression =
    spec.networkInputs !== undefined || Object.values(spec.networks ?? {}).some(({ inputs }) => inputs);
  if (byExpression && given.length) return given;
  const isDeclared = columns.every((name) => name !== undefined);
  if (isDeclared && given.every(({ name }) => columns.includes(name))) {
    return columns.map(
      (name) => ({ name: name!, ...defined(given.find((facts) => facts.name === name) ?? {}) }) as InputFacts,
    );
  }
  if (isDeclared && columns.length) refuseUnknown(file, 'input', given, columns as string[]);
  const misplaced = given.findIndex(({ name }, i) => columns[i] !== undefined && columns[i] !== name);
  if (misplaced >= 0 && given.length === columns.length) {
    throw new PinnEdgeError('PE7006', {
      file,
      found: `the input columns ${columns.map((name) => name ?? '?').join(', ')}`,
      given: `--input ${given[misplaced].name} was given in place of ${columns[misplaced]}`,
      advice: 'give one per column, in order',
    });
  }
  if (given.length && given.length !== columns.length) {
    throw new PinnEdgeError('PE7006', {
      file,
      found: `${plural(columns.length, 'input column')}${isDeclared ? ` (${columns.join(', ')})` : ''}`,
      given: `${given.length} --input ${given.length === 1 ? 'was' : 'were'} given`,
      advice: 'give one per column, in order',
    });
  }
  const inputs = columns.map((name, i): InputFacts => given[i] ?? { name: name ?? `x${i}` });
  requireUnique(file, inputs);
  return inputs;
}

function requireUnique(file: string, inputs: readonly InputFacts[]): void {
  const twice = inputs.find(({ name }, i) => inputs.findIndex((other) => other.name === name) !== i);
  if (twice)
    throw new PinnEdgeError('PE7006', {
      file,
      found: `an input "${twice.name}"`,
      given: 'it is named twice',
      advice: 'give every input a name of its own',
    });
}

/** Names that exporters make up, such as onnx::Gemm_0, input.1, args_0 and keras_tensor_3, tell nothing. */
const MADE_UP = /^(onnx__|serving_default_|keras_tensor|(input|args?)_?\d)/;

/** The columns of a network by the names that somebody gave them. */
function columnsOf({ columns }: NetworkSource): (string | undefined)[] {
  return columns.map((name) => (name !== undefined && MADE_UP.test(name) ? undefined : name));
}

/** Columns of all networks: side by side where they are multiplied, else those of the widest, which all share. */
function defaultColumns(imported: Imported): (string | undefined)[] {
  const lists = [...imported.networks.values()].map(columnsOf);
  if (imported.join) return lists.flat();
  return lists.reduce((widest, list) => (list.length > widest.length ? list : widest));
}

function addConstants(
  file: string,
  imported: Imported,
  spec: ImportSpec,
  options: ImportOptions,
  scope: Map<string, ExpressionValue>,
): void {
  for (const [name, value] of Object.entries(spec.constants ?? {})) {
    const numbers = typeof value === 'string' ? imported.numbers?.(value) : [value].flat();
    if (!numbers) {
      throw new PinnEdgeError('PE2004', {
        file: options.spec?.file ?? file,
        expression: String(value),
        place: `constant "${name}"`,
        reason: 'the file has no tensor of that name',
      });
    }
    scope.set(name, { constant: numbers });
  }
}

type Evaluate = (source: string, where: string, hint: string) => ExpressionValue;

/** One value of width 1 per column of a network. */
function networkColumns(
  file: string,
  builder: GraphBuilder,
  name: string,
  network: NetworkSource,
  spec: ImportSpec,
  inputs: readonly InputFacts[],
  first: number,
  evaluate: Evaluate,
  normalised: (input: string) => string,
): string[] {
  const expressions = spec.networks?.[name]?.inputs ?? spec.network?.inputs ?? spec.networkInputs;
  if (expressions) {
    const columns = expressions.flatMap((source, i) => {
      const value = valueName(builder, evaluate(source, `network input ${i}`, 'network_input'), 'network_input');
      return Array.from({ length: builder.width(value) }, (_, k) => builder.slice(value, k, k + 1));
    });
    requireColumns(file, name, network, columns.length, `its network inputs are ${columns.length}`);
    return columns;
  }
  const own = ownInputs(file, network, spec, inputs, first);
  const count = first === 0 ? inputs.length : own.length;
  requireColumns(
    file,
    name,
    network,
    own.length === network.columns.length ? count : own.length,
    `there are ${plural(inputs.length, 'input')}`,
  );
  return own.map((input) => normalised(input.name));
}

/** The inputs that the columns of a network are: those of a spec by the names that the file gives, else by position. */
function ownInputs(
  file: string,
  network: NetworkSource,
  spec: ImportSpec,
  inputs: readonly InputFacts[],
  first: number,
): InputFacts[] {
  const columns = columnsOf(network);
  const names = columns.filter((name) => name !== undefined);
  if (!spec.inputs || names.length !== columns.length) return inputs.slice(first, first + columns.length);
  if (inputs.length === columns.length) refuseUnknown(file, 'input', inputs, names);
  return names.flatMap((name) => inputs.find((input) => input.name === name) ?? []);
}

function requireColumns(file: string, name: string, network: NetworkSource, count: number, given: string): void {
  if (count >= network.columns.length && (network.columns.length === count || name !== 'N')) return;
  throw new PinnEdgeError('PE7006', {
    file,
    found: `a network of ${plural(network.columns.length, 'input column')}`,
    given,
    advice: 'name one input per column, or say in the spec by networkInputs what each column reads',
  });
}
