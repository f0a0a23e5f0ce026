import { formatProblems, PinnEdgeError, type Problem } from '../diagnostics.js';
import { checkGraph } from '../model/graph.js';
import { nonFiniteProblem } from '../model/safetensors.js';
import { checkState } from '../model/state.js';
import {
  isDerived,
  type Model,
  type ModelInput,
  type ModelNode,
  type NetworkOutput,
  networkOutputs,
  nodeInputs,
  nodeTensors,
  type Physics,
} from '../model/types.js';
import type { GraphBuilder } from './builder.js';
import { foldConstants } from './fold.js';
import { expandNames, shortenNames } from './name-ranges.js';
import { missingName, selectOutputs, withDerived } from './select-outputs.js';
import type { Draft, ImportOptions, InputFacts } from './types.js';

/**
 * From an imported network to a model: outputs dropped, inputs fixed and folded, what nothing needs removed, ranges
 * demanded, and the graph checked as any model file is.
 */
export function finishModel(
  file: string,
  builder: Pick<GraphBuilder, 'nodes' | 'tensors'>,
  draft: Draft,
  options: ImportOptions,
  notes: string[],
): Model {
  if (draft.outputs.length === 0) {
    throw new PinnEdgeError('PE7006', {
      file,
      found: 'no outputs',
      given: 'a model answers with at least one',
      advice: 'save the network with its outputs, or name them in the spec',
    });
  }
  const state = draft.state || options.state ? { ...draft.state, ...options.state } : undefined;
  requireWholeState(state, options);
  const fixed = fixedInputs(file, draft, options.fix ?? {});
  const inputs = draft.inputs.filter(({ name }) => !fixed.has(name));
  const ranged = requireRanges(file, inputs);
  const physics = physicsOf(draft, options.fix ?? {});
  const derived = withDerived({ ...draft, inputs: ranged, physics }, options);
  const selected = selectOutputs(file, { ...derived, inputs: ranged, physics }, options.keep, notes);
  const outputs = networkOutputs(selected);
  const constants = [...fixed].map(([name, value]): ModelNode => ({ name, op: 'constant', value: [value] }));
  const nodes = foldConstants(neededNodes([...constants, ...builder.nodes], outputs), builder.tensors);
  for (const { name, value } of draft.inputs.map(({ name }) => ({ name, value: fixed.get(name) }))) {
    if (value !== undefined) notes.push(`input "${name}" is held at ${value}`);
  }
  noteUnused(inputs, nodes, outputs, notes);
  const used = neededNodes(nodes, outputs);
  const tensors = usedTensors(builder, used);
  const problems: Problem[] = [];
  for (const [name, tensor] of tensors) {
    const problem = nonFiniteProblem(`tensor ${name}`, tensor);
    if (problem) problems.push(problem);
  }
  const { order, widths } = checkGraph({ inputs: ranged, outputs, nodes: used }, tensors, problems);
  checkState({ inputs: ranged, ...selected, state }, problems);
  if (problems.length) {
    const s = problems.length === 1 ? '' : 's';
    throw new PinnEdgeError('PE2001', {
      file,
      count: problems.length,
      s,
      problems: formatProblems(problems.slice(0, 20)),
    });
  }
  const { description, tolerance } = draft;
  const kept = { physics: isDerived(selected) ? physics : draft.physics, ...(state && { state }) };
  const name = options.name ?? modelName(file);
  return { name, description, inputs: ranged, ...selected, tolerance, nodes: order, tensors, ...kept, widths };
}

/** The state of a step model is neither held at a value nor left without its next one. */
function requireWholeState(state: Record<string, string> = {}, { fix = {}, keep }: ImportOptions): void {
  for (const [input, output] of Object.entries(state)) {
    if (Object.hasOwn(fix, input)) {
      const reason = `is a state of the model, whose next value is "${output}"`;
      throw new PinnEdgeError('PE3005', { option: `--fix ${input}=${fix[input]}`, reason });
    }
    if (!keep || keep.includes(output)) continue;
    const reason = `leaves out "${output}", the next value of the state "${input}"; keep it`;
    throw new PinnEdgeError('PE3005', { option: `--outputs ${keep.join(',')}`, reason });
  }
}

/** Inputs that are held at a value go on as parameters of expressions. */
function physicsOf({ physics }: Draft, fix: Record<string, number>): Physics | undefined {
  if (!physics && !Object.keys(fix).length) return undefined;
  return { ...physics, parameters: { ...physics?.parameters, ...fix } };
}

/** A legal model name from a path: its file name without folders and extensions. */
export function modelName(file: string): string {
  const base = file.split(/[\\/]/).at(-1) ?? '';
  const name = base
    .replace(
      /\.(onnx|pth?|pkl|pickle|h5|hdf5|keras|safetensors|np[zy]|msgpack|pdparams|ckpt|bin|weights|json)\b.*$/i,
      '',
    )
    .replace(/[^A-Za-z0-9_-]/g, '-')
    .replace(/^[^A-Za-z]+/, '')
    .slice(0, 64);
  return name || 'model';
}

function fixedInputs(file: string, draft: Draft, fix: Record<string, number>): Map<string, number> {
  const known = draft.inputs.map(({ name }) => name);
  for (const name of Object.keys(fix)) if (!known.includes(name)) throw missingName(file, 'input', name, known);
  if (known.length > 0 && known.every((name) => Object.hasOwn(fix, name))) {
    throw new PinnEdgeError('PE3005', { option: '--fix', reason: 'at least one input must stay free' });
  }
  for (const { name, min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } of draft.inputs) {
    if (!Object.hasOwn(fix, name) || (fix[name] >= min && fix[name] <= max)) continue;
    const reason = `lies outside the range of the input, ${min} to ${max}, which the network was trained on`;
    throw new PinnEdgeError('PE3005', { option: `--fix ${name}=${fix[name]}`, reason });
  }
  return new Map(Object.entries(fix));
}

/** Every input with its range; PE7005 shows the flags for those that have none. */
function requireRanges(file: string, inputs: readonly InputFacts[]): ModelInput[] {
  const missing = inputs.filter(({ min, max }) => min === undefined || max === undefined);
  if (missing.length) {
    const names = shortenNames(missing.map(({ name }) => name));
    // In the order of the columns.
    const flags = shortenNames(inputs.map(({ name }) => name)).flatMap((name) => {
      if (names.includes(name)) return `--input ${name}=min:max`;
      return inputs.filter((input) => expandNames(name, '').includes(input.name)).map(flagOf);
    });
    throw new PinnEdgeError('PE7005', {
      file,
      s: missing.length > 1 ? 's' : '',
      names: names.map((name) => `"${name}"`).join(', '),
      flags: flags.join(' '),
    });
  }
  return inputs.map(({ name, min, max, unit, description }) => {
    const input: ModelInput = { name, min: min!, max: max! };
    if (unit) input.unit = unit;
    if (description) input.description = description;
    return input;
  });
}

const flagOf = ({ name, min = Number.NaN, max = Number.NaN }: InputFacts) =>
  `--input ${name}=${Number.isNaN(min) ? 'min' : min}:${Number.isNaN(max) ? 'max' : max}`;

function noteUnused(
  inputs: readonly InputFacts[],
  nodes: readonly ModelNode[],
  outputs: readonly NetworkOutput[],
  notes: string[],
): void {
  const read = new Set([...nodes.flatMap((node) => nodeInputs(node)), ...outputs.map(({ value }) => value)]);
  for (const { name } of inputs) if (!read.has(name)) notes.push(`input "${name}" has no effect on the outputs`);
}

/** Nodes that some output needs, in their order. */
function neededNodes(nodes: readonly ModelNode[], outputs: readonly NetworkOutput[]): ModelNode[] {
  const byName = new Map(nodes.map((node) => [node.name, node]));
  const needed = new Set<string>();
  const stack = outputs.map(({ value }) => value);
  while (stack.length) {
    const name = stack.pop()!;
    if (needed.has(name)) continue;
    needed.add(name);
    const node = byName.get(name);
    if (node) stack.push(...nodeInputs(node));
  }
  return nodes.filter(({ name }) => needed.has(name));
}

function usedTensors(builder: Pick<GraphBuilder, 'tensors'>, nodes: readonly ModelNode[]): Model['tensors'] {
  const used = new Set(nodes.flatMap((node) => nodeTensors(node).map(({ name }) => name)));
  return new Map([...builder.tensors].filter(([name]) => used.has(name)));
}
