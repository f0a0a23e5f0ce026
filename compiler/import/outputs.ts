import { PinnEdgeError, plural } from '../diagnostics.js';
import { type GraphBuilder, legalIdentifier } from './builder.js';
import { type ExpressionValue, valueName } from './expression-nodes.js';
import { defined, named, refuseUnknown, shorten } from './facts.js';
import type { ImportSpec } from './network-spec.js';
import type { Imported, NetworkOutput } from './source.js';
import type { Draft, ImportOptions, OutputFacts } from './types.js';

/** The outputs of a model, from those of its networks. */

type Evaluate = (source: string, where: string, hint: string) => ExpressionValue;

/** DeepONet: the outputs of two networks multiplied and summed, a part of them per bias, plus that bias. */
export function dotProducts(
  file: string,
  builder: GraphBuilder,
  imported: Imported,
  scope: ReadonlyMap<string, ExpressionValue>,
  biases: readonly number[],
): NetworkOutput[] {
  const values = [...imported.networks.keys()].map((name) => (scope.get(name) as { value: string }).value);
  const count = Math.max(1, biases.length);
  const widths = values.map((value) => builder.width(value));
  const part = Math.min(...widths) / (widths[0] === widths[1] ? count : 1);
  const isSplit = widths.map((width) => width === part * count);
  if (!Number.isInteger(part) || widths.some((width, i) => !isSplit[i] && width !== part)) {
    throw new PinnEdgeError('PE7006', {
      file,
      found: `a branch of ${plural(widths[0], 'output')} and a trunk of ${widths[1]}`,
      given: `there ${count === 1 ? 'is one bias' : `are ${count} biases`}`,
      advice: 'give networks and outputs with --spec',
    });
  }
  return Array.from({ length: count }, (_, k) => {
    const [branch, trunk] = values.map((value, i) =>
      isSplit[i] ? builder.slice(value, k * part, (k + 1) * part) : value,
    );
    const product = builder.binary('mul', branch, trunk, 'product');
    const sum = builder.add({ op: 'sum', inputs: [product] }, 1, 'dot');
    const name = count === 1 ? 'u' : `u_${k}`;
    return { name, value: biases.length ? builder.scale(sum, undefined, [biases[k]], name) : sum };
  });
}

/** Outputs of the model: the spec's, else all components of all networks; `--output` renames them or adds units. */
export function mergeOutputs(
  file: string,
  builder: GraphBuilder,
  results: readonly NetworkOutput[],
  spec: ImportSpec,
  options: ImportOptions,
  evaluate: Evaluate,
): Draft['outputs'] {
  const columns = results.flatMap(({ name, value, components }) => {
    const width = builder.width(value);
    const base = legalIdentifier(name, 'out');
    return Array.from({ length: width }, (_, index) => ({
      name: components?.[index] ?? (width === 1 ? base : `${base}_${index}`),
      ...(width === 1 ? { value } : { value, index }),
    }));
  });
  const given = options.outputs ?? [];
  if (spec.outputs) {
    const plain = spec.outputs.every(({ expression }) => expression === undefined);
    if (plain) requireOutputs(file, columns.length, spec.outputs.length, 'outputs in the spec');
    const outputs = spec.outputs.map(({ expression, ...facts }, i) => {
      if (expression === undefined) {
        if (i >= columns.length) requireOutputs(file, columns.length, spec.outputs!.length, 'outputs in the spec');
        return { ...columns[i], ...facts };
      }
      const value = valueName(builder, evaluate(expression, `output "${facts.name}"`, facts.name), facts.name);
      const width = builder.width(value);
      if (width !== 1) {
        const reason = `its value has width ${width}; pick one component, such as N[0]`;
        throw new PinnEdgeError('PE2004', {
          file,
          expression: shorten(expression),
          place: `output "${facts.name}"`,
          reason,
        });
      }
      return { ...facts, value };
    });
    for (const facts of given) Object.assign(named(file, 'output', outputs, facts.name), defined(facts));
    return outputs;
  }
  const unique = uniqueNames(columns);
  if (!given.length) return unique;
  if (given.every(({ name }) => unique.some((output) => output.name === name))) {
    return unique.map(
      (output) =>
        ({ ...output, ...defined(given.find(({ name }) => name === output.name) ?? {}) }) as OutputFacts &
          typeof output,
    );
  }
  // New names are given in order; together with names of the file, what is not one of them is a slip.
  const names = unique.map(({ name }) => name);
  if (given.some(({ name }) => names.includes(name))) refuseUnknown(file, 'output', given, names);
  requireOutputs(file, columns.length, given.length, '--output');
  return unique.map((output, i) => ({ ...output, ...given[i] }));
}

function requireOutputs(file: string, found: number, given: number, what: string): void {
  if (found === given) return;
  throw new PinnEdgeError('PE7006', {
    file,
    found: plural(found, 'output'),
    given: `there are ${given} ${what}`,
    advice: 'name one per output of the network, in order; --outputs drops those that are not wanted',
  });
}

function uniqueNames<T extends { name: string }>(outputs: readonly T[]): T[] {
  const seen = new Set<string>();
  return outputs.map((output) => {
    let { name } = output;
    for (let n = 2; seen.has(name); n++) name = `${output.name}_${n}`;
    seen.add(name);
    return { ...output, name };
  });
}
