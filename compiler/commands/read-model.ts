import type { Command } from 'commander';
import { PinnEdgeError, type Problem } from '../diagnostics.js';
import { nodeFiles, readText } from '../host/node-files.js';
import { detectFormat, readModelBytes } from '../import/detect.js';
import { finishModel } from '../import/finish.js';
import { importModel } from '../import/import.js';
import {
  parseDerive,
  parseFix,
  parseInputs,
  parseKeep,
  parseOutputs,
  parseState,
  requireOnce,
} from '../import/options.js';
import type { DeriveFacts, ImportOptions, InputFacts, OutputFacts } from '../import/types.js';
import { conditionName } from '../model/conditions.js';
import { loadModel } from '../model/load.js';
import { checkPhysics } from '../model/physics.js';
import { allOutputs, type Model, type Physics, type PhysicsData } from '../model/types.js';
import { isGiven } from './options.js';
import { writeNote } from './output.js';

/** The model argument of the commands: a pinn-edge/1 file, or what a framework saved, with the facts that it lacks. */

export interface ModelOptions {
  spec?: string;
  input?: InputFacts[];
  output?: OutputFacts[];
  derive?: DeriveFacts[];
  residuals?: boolean;
  outputs?: string[];
  fix?: string[];
  state?: string[];
}

/** Kinds of files, for help texts. */
export const MODEL_ARGUMENT =
  'pinn-edge/1 .json, or .onnx, .pt, .pth, .pkl, .pickle, .pdparams, .h5, .hdf5, .keras, .safetensors, .npz, .npy, .msgpack';

const collect =
  <T>(parse: (text: string) => T) =>
  (text: string, list: T[] = []): T[] => [...list, parse(text)];

/** The same for things with names, each of which may be given once; one text may stand for several. */
const collectNamed =
  <T extends { name: string }>(option: string, parse: (text: string) => T | T[]) =>
  (text: string, list: T[] = []): T[] => {
    const all = [...list];
    for (const named of [parse(text)].flat() as T[]) {
      requireOnce(
        all.map(({ name }) => name),
        named.name,
        `${option} ${text}`,
      );
      all.push(named);
    }
    return all;
  };

export function withModelOptions(command: Command): Command {
  return command
    .option(
      '--spec <file>',
      'what the model file does not say: layers, ranges, transforms (see: pinn-edge import --init)',
    )
    .option(
      '--input <name=min:max[:unit]>',
      'an input with its range, in column order; repeatable; u[0:101]=-1:1 gives u0 to u100 one range',
      collectNamed('--input', parseInputs),
    )
    .option(
      '--output <name[:unit]>',
      'name of an output, in column order; repeatable',
      collectNamed('--output', parseOutputs),
    )
    .option(
      '--derive <name=expression>',
      'an output made of inputs, parameters, outputs and their derivatives, such as "v = -psi_x" or u_x,u_t; repeatable',
      collectNamed('--derive', parseDerive),
    )
    .option('--residuals', 'every residual of the physics block as an output')
    .option('--outputs <names>', 'send only these outputs, such as u,v', parseKeep)
    .option('--fix <name=value>', 'hold an input at a value; repeatable', collect(String))
    .option(
      '--state <input=output>',
      'of a step model: the output is the next value of the input, such as theta=theta_next; repeatable',
      collect(String),
    );
}

const MODEL_OPTIONS = ['spec', 'input', 'output', 'derive', 'residuals', 'outputs', 'fix', 'state'];

/** Refuses options about models, and others, beside a build, which has a model already. */
export function requireNoModelOptions(command: Command, build: string, others: readonly string[] = []): void {
  for (const name of [...others, ...MODEL_OPTIONS]) {
    if (!isGiven(command, name)) continue;
    throw new PinnEdgeError('PE3008', { option: `--${name}`, other: build, reason: 'it is a build already' });
  }
}

/** Reads and, where needed, imports a model; what was inferred goes to stderr as notes. */
export async function readModel(file: string, options: ModelOptions, quiet = false): Promise<Model> {
  const importOptions: ImportOptions = {
    inputs: options.input,
    outputs: options.output,
    derive: options.derive,
    residuals: options.residuals,
    keep: options.outputs,
    fix: parseFix(options.fix ?? []),
    state: parseState(options.state ?? []),
    spec: options.spec === undefined ? undefined : { file: options.spec, text: readText(options.spec) },
  };
  const isOwn = detectFormat(file, readModelBytes(file, nodeFiles)) === 'json';
  const { model, notes } = isOwn
    ? withAssumptions(adjust(file, loadModel(file, nodeFiles), importOptions))
    : await importModel(file, nodeFiles, importOptions);
  if (!quiet) for (const note of notes) writeNote(`note: ${note}`);
  return model;
}

/** What an earlier import took for granted is said again. */
function withAssumptions({ model, notes }: { model: Model; notes: string[] }): { model: Model; notes: string[] } {
  return { model, notes: [...notes, ...(model.assumed ?? []).map((assumption) => `assumed: ${assumption}`)] };
}

/** A pinn-edge/1 model with inputs narrowed or fixed and outputs dropped. */
function adjust(file: string, model: Model, options: ImportOptions): { model: Model; notes: string[] } {
  const notes: string[] = [];
  if (options.spec || options.outputs?.length) {
    const option = options.spec ? '--spec' : '--output';
    throw new PinnEdgeError('PE3005', {
      option,
      reason: 'is for files that are no pinn-edge/1 models; edit the file instead',
    });
  }
  const { derive, residuals, state } = options;
  const fixed = Object.keys(options.fix ?? {}).length > 0;
  if (!options.inputs?.length && !options.keep && !derive?.length && !residuals && !fixed && !state)
    return { model, notes };
  const inputs = model.inputs.map((input) => ({
    ...input,
    ...options.inputs?.find(({ name }) => name === input.name),
  }));
  for (const { name } of options.inputs ?? []) {
    if (model.inputs.some((input) => input.name === name)) continue;
    const known = model.inputs.map((input) => input.name).join(', ');
    throw new PinnEdgeError('PE3005', {
      option: `--input ${name}`,
      reason: `there is no such input; inputs are ${known}`,
    });
  }
  for (const { name, min, max } of model.inputs) {
    const given = inputs.find((input) => input.name === name)!;
    if (given.min >= min && given.max <= max) continue;
    notes.push(`input "${name}" reaches beyond the ${min} to ${max} of the file, which the network was trained on`);
  }
  const finished = finishModel(file, model, { ...model, inputs }, { ...options, name: model.name }, notes);
  return {
    model: { ...finished, assumed: model.assumed, physics: keepPhysics(model, finished, options.fix ?? {}, notes) },
    notes,
  };
}

/**
 * What of the physics block still makes sense: fixed inputs become parameters, dropped outputs take their part along, and
 * conditions and data that are no longer within the box are left out, which a note says.
 */
function keepPhysics(before: Model, after: Model, fix: Record<string, number>, notes: string[]): Physics | undefined {
  const { physics } = before;
  if (!physics) return after.physics;
  const parameters = { ...physics.parameters, ...fix };
  const kept = new Set(allOutputs(after).map(({ name }) => name));
  const exact = Object.fromEntries(Object.entries(physics.exact ?? {}).filter(([output]) => kept.has(output)));
  const isRight = (part: Physics) => {
    const problems: Problem[] = [];
    checkPhysics({ ...after, physics: { parameters, ...part } }, problems);
    return problems.length === 0;
  };
  const residuals = physics.residuals?.filter((residual) => isRight({ residuals: [residual] }));
  const conditions = physics.conditions?.filter((condition) => {
    const stays = isRight({ conditions: [condition] });
    if (!stays) notes.push(`the condition "${conditionName(condition)}" no longer applies and is left out`);
    return stays;
  });
  const data = physics.data?.flatMap((table) => {
    const rest = dataWithin(before, after, table);
    const left = table.rows.length - (rest?.rows.length ?? 0);
    if (left)
      notes.push(`${left} of the ${table.rows.length} rows of "${table.name}" no longer apply and are left out`);
    return rest ?? [];
  });
  // None that is left is not none that there is: an empty list would say that the graph satisfies all of them.
  const isEmptied = physics.conditions?.length && !conditions?.length;
  const listed = { ...(conditions && !isEmptied && { conditions }), ...(data?.length && { data }) };
  const conserved = physics.conserved && { conserved: physics.conserved };
  return { parameters, residuals, ...listed, exact, ...conserved };
}

/** The rows within the box, of the outputs that are left; undefined where an input is gone or nothing is left. */
function dataWithin(before: Model, model: Model, { columns, rows, ...facts }: PhysicsData): PhysicsData | undefined {
  const names = [...model.inputs, ...allOutputs(model)].map(({ name }) => name);
  const chosen = columns.flatMap((column, k) => (names.includes(column) ? [k] : []));
  const gone = before.inputs.some(({ name }) => !names.includes(name));
  const inside = rows.filter((row) =>
    model.inputs.every(({ name, min, max }) => row[columns.indexOf(name)] >= min && row[columns.indexOf(name)] <= max),
  );
  if (gone || chosen.length <= model.inputs.length || !inside.length) return undefined;
  return { ...facts, columns: chosen.map((k) => columns[k]), rows: inside.map((row) => chosen.map((k) => row[k])) };
}
