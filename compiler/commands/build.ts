import { join } from 'node:path';
import { Command } from 'commander';
import { GOALS } from '../code/cost/goal.js';
import type { TimeEstimate } from '../code/cost/time.js';
import { BUILD_ENGINES } from '../code/engines/build-engine.js';
import { requirePrefix } from '../code/names.js';
import { EFFORT_LEVELS, EFFORTS, METHODS } from '../compress/compress-options.js';
import { BUILD_DEFAULTS } from '../deliver/build.js';
import type { PartReport, Report } from '../deliver/package/report.js';
import { requireBuildFolder, writeBuild } from '../deliver/package/store.js';
import { loadTarget } from '../deliver/package/targets.js';
import { PinnEdgeError } from '../diagnostics.js';
import { type FitOutputs, withTangents } from '../import/fit-tangents.js';
import { expandNames, shortenNames } from '../import/name-ranges.js';
import { describeTolerance, toleranceOf } from '../judge/requirement.js';
import type { Model } from '../model/types.js';
import { type BuildOptions, buildModel } from './build-model.js';
import { buildWithin, type Rollout, requireState, rolloutOption } from './build-steps.js';
import {
  absoluteToleranceOption,
  choiceOption,
  countOption,
  precisionOption,
  requestedTolerance,
  toleranceOption,
} from './options.js';
import { bytes, count, error, jumpLines, place, writeOut } from './output.js';
import { MODEL_ARGUMENT, type ModelOptions, readModel, withModelOptions } from './read-model.js';

interface BuildCommandOptions extends ModelOptions, Omit<BuildOptions, 'fit'> {
  fit?: string[];
  tolSteps?: Rollout;
  once?: string[];
  target: string;
  out?: string;
  json?: boolean;
}

export function buildCommand(): Command {
  const command = new Command('build')
    .description('compile a model into a WebAssembly module and a firmware project, within a stated error')
    .argument('<model>', MODEL_ARGUMENT)
    .option('--target <name>', 'target to build for (see: pinn-edge targets)', BUILD_DEFAULTS.target)
    .option(
      '--engine <name>',
      'wasm3: a module for the interpreter; wasm3+native: a module whose kernels the firmware brings; c: C sources (default: wasm3, or c where the target has no room for it)',
      choiceOption('--engine', BUILD_ENGINES),
    )
    .option(
      '--tol <relative>',
      "largest error over the box / largest output, or one per output: u=1e-3,u_x=2e-3 (default: the model's, else 1e-3)",
      toleranceOption,
    )
    .option('--tol-abs <value>', "largest error in the outputs' unit, instead of --tol", absoluteToleranceOption)
    .option(
      '--precision <bits>',
      'auto, 8, 16 or 32: widths of weights and values',
      precisionOption,
      BUILD_DEFAULTS.precision,
    )
    .option(
      '--compress <method>',
      `how to make the network smaller within its share of the tolerance: none, or one of ${METHODS.join(', ')}`,
      choiceOption('--compress', ['none', ...METHODS] as const),
      BUILD_DEFAULTS.compress,
    )
    .option(
      '--effort <level>',
      `how long compression may look: ${Object.keys(EFFORTS).join(', ')}`,
      choiceOption('--effort', EFFORT_LEVELS),
      BUILD_DEFAULTS.effort,
    )
    .option(
      '--for <goal>',
      'what to prefer: speed (of networks, too), size or memory (default: a small network, for speed where that fits the target, else for size)',
      choiceOption('--for', GOALS),
    )
    .option(
      '--model-version <n>',
      'version of the model in its image; devices refuse a lower one than they run (default: 1)',
      countOption('--model-version', 0, 2 ** 32 - 1),
    )
    .option(
      '--name <prefix>',
      "what the model's names in C begin with, for programs of several models (default: made of the model's name)",
      requirePrefix,
    )
    .option(
      '--certify',
      'prove that the tolerance holds at every point of the input box, with finer formats where that takes them; fails where it is not proved',
    )
    .option(
      '--fit <inputs>',
      'add what fitting these inputs to measurements needs, such as D,c0: the derivatives of the outputs by them (see: pinn-edge fit)',
      (text: string) => text.split(',').map((name) => name.trim()),
    )
    .option(
      '--once <inputs>',
      "inputs that stay the same for many points, such as a DeepONet's sensors u[0:101]: what they decide alone is computed once for them, by an entry point of its own",
      collectNames,
      [],
    )
    .option(
      '--tol-steps <share@steps>',
      'of a step model: how far 99 % of its trajectories may be off within so many steps, as a share of the range of each state, such as 1e-2@100',
      rolloutOption,
    )
    .option('--no-cache', 'compress again, even if this was done before')
    .option('-o, --out <dir>', 'where to write the build (default: build/<target>)')
    .option('--json', 'print the report as JSON')
    .addHelpText(
      'after',
      `
Examples:
  $ pinn-edge build model.json --target esp32
  $ pinn-edge build model.json --target esp32 --tol 1e-4 -o build/fine
  $ pinn-edge build model.json --compress none
  $ pinn-edge build model.json --effort thorough
  $ pinn-edge build model.json --target cortex-m4 --engine c
  $ pinn-edge build net.onnx --input x=-1:1:m --input t=0:1:s --output u:m/s --target esp32
  $ pinn-edge build model.json --fix nu=0.01 --outputs u --target host --json
  $ pinn-edge build model.json --fit D,c0 --target cortex-m4 --engine c
  $ pinn-edge build deeponet.json --once u[0:101] --target esp32
  $ pinn-edge build model.json --state theta=theta_next --tol-steps 1e-2@100
  $ pinn-edge build model.json --derive u_x --derive "flux = -k*u_x" --tol u=1e-3,u_x=2e-3`,
    )
    .action(run);
  return withModelOptions(command);
}

async function run(file: string, options: BuildCommandOptions): Promise<void> {
  const target = loadTarget(options.target);
  const directory = options.out ?? join('build', target.name);
  requestedTolerance(options);
  requireBuildFolder(directory);
  const { fit: parameters, tolSteps, once = [], ...wishes } = options;
  const { model, fit } = withFit(givenOnce(await readModel(file, options, options.json), once), parameters);
  const say = options.json ? () => {} : writeOut;
  if (tolSteps) requireState(model);
  const make = (asked: BuildOptions) => buildModel(model, target, asked, file, say);
  const asked = fit ? forFits(wishes, fit) : wishes;
  const { compiled, files, report } = await (tolSteps ? buildWithin(tolSteps, asked, make, say) : make(asked));
  writeBuild(directory, files);
  if (options.json) writeOut(`${JSON.stringify(report, null, 2)}\n`);
  else writeOut(summary(report, compiled.measured.points, directory));
}

function withFit(model: Model, parameters: readonly string[] | undefined): { model: Model; fit?: FitOutputs } {
  return parameters ? withTangents(model, parameters) : { model };
}

/**
 * Of its largest value. Least squares with inexact tangents end where those with exact ones do but for the residuals'
 * share of the error, and intervals are wrong by it at most.
 */
const TANGENT_TOLERANCE = 5e-3;

/** Names separated by commas, each of which may be a range such as u[0:101]; the option may be there several times. */
function collectNames(text: string, before: string[]): string[] {
  return [...before, ...text.split(',').flatMap((name) => expandNames(name.trim(), '--once'))];
}

/** The model with these inputs marked as given once. @throws PE3005 for one that it does not have */
function givenOnce(model: Model, names: readonly string[]): Model {
  if (!names.length) return model;
  const known = model.inputs.map(({ name }) => name);
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    const reason = `there is no input "${unknown}"; inputs are ${shortenNames(known).join(', ')}`;
    throw new PinnEdgeError('PE3005', { option: '--once', reason });
  }
  return {
    ...model,
    inputs: model.inputs.map((input) => (names.includes(input.name) ? { ...input, once: true } : input)),
  };
}

/** Tangents that have no tolerance of their own have one that is enough for fits. */
function forFits({ tol, tolAbs, ...others }: BuildOptions, fit: FitOutputs): BuildOptions {
  const free = fit.tangents.filter(({ name }) => !Object.hasOwn(tolAbs?.outputs ?? {}, name));
  const outputs = { ...Object.fromEntries(free.map(({ name }) => [name, TANGENT_TOLERANCE])), ...tol?.outputs };
  return { ...others, tol: { ...tol, outputs }, tolAbs, fit };
}

function summary(report: Report, points: number, directory: string): string {
  const names = report.inputs.map((input) => input.name);
  const errors = report.outputs.map((output) => {
    const tolerance = toleranceOf(report.tolerance, output.name);
    const reached = 'relative' in tolerance ? output.maxRelative : output.maxAbsolute;
    const spent = `${error(reached)} of ${describeTolerance(tolerance, output.unit)}`;
    return `${output.name} ${spent}, relative L2 ${error(output.relativeL2)}, worst at ${place(names, output.worstAt)}`;
  });
  const lines = [
    ['error', `${errors.join('\n            ')}  (${count(points)} points)`],
    ...(report.state ? [['state', stateLine(report.state)]] : []),
    ...(report.parts ? [['parts', partsLine(report.parts)]] : []),
    ...(report.jumps ? [['jumps', jumpLines(report.jumps, names).join('\n            ')]] : []),
    ...(report.engine === 'c' ? needsOfC(report) : needsOfWasm3(report)),
    ['work', work(report)],
    ...(report.time ? [['time', time(report.time)]] : []),
    ...(report.engines ? [['engines', enginesLine(report.engines)]] : []),
  ];
  const body = lines.map(([name, text]) => `  ${name.padEnd(10)}${text}\n`).join('');
  const model = report.engine === 'c' ? 'c/' : 'model.wasm';
  return `\n${body}\n  ${directory}/   ${model}  model.img  pinn_model.h  firmware/  golden.json  report.json  report.html\n  next: pinn-edge verify ${directory}    pinn-edge simulate ${directory} --grid ...    pinn-edge flash ${directory} --port ...\n`;
}

/** Which outputs are next values, and how much of the box a step leaves. */
function stateLine(state: NonNullable<Report['state']>): string {
  const pairs = state.map(({ input, output, leaves }) => {
    const share = leaves ? ` (${Number((100 * leaves).toPrecision(2))} % of the steps leave its range)` : '';
    return `${input} <- ${output}${share}`;
  });
  return pairs.join(', ');
}

/** What is computed once for many points, and what each of them takes. */
function partsLine({ once, each }: NonNullable<Report['parts']>): string {
  const cost = ({ macs, instructions }: PartReport) =>
    `${count(macs)} multiply-accumulates${instructions === undefined ? '' : `, about ${count(instructions)} instructions`}`;
  return `once for many points: ${cost(once)}; each point: ${cost(each)}`;
}

/** At one instruction per cycle, which the text says. */
function time({ seconds, instructions, isa, clockHz }: TimeEstimate): string {
  const significant = (value: number) => Number(value.toPrecision(2));
  const each = seconds < 1e-3 ? `${significant(seconds * 1e6)} us` : `${significant(seconds * 1e3)} ms`;
  return `about ${each} per answer at ${clockHz / 1e6} MHz, an estimate: ${count(instructions)} instructions (${isa}), one per cycle, no waiting for memory`;
}

/** What an answer would take elsewhere. */
function enginesLine(engines: NonNullable<Report['engines']>): string {
  if (!engines.length) return 'this target runs no other';
  const counts = [...new Set(engines.map(({ instructions }) => instructions))];
  const each = counts.map((instructions) => {
    const names = engines.filter((other) => other.instructions === instructions).map(({ engine }) => engine);
    return `--engine ${names.join(' or ')} about ${count(instructions)}`;
  });
  return `${each.join(', ')} instructions per answer in these formats, an estimate`;
}

function work(report: Report): string {
  const products = `${count(report.macs)} multiply-accumulates per answer`;
  if (report.engine !== 'wasm3' || report.instructions === undefined) return products;
  return `${products}, about ${count(report.instructions)} instructions; built for ${report.options.goal}`;
}

function needsOfC(report: Report): string[][] {
  return [
    ['flash', `${weights(report)}; kernels: see verify --on <board>`],
    ['RAM', `${bytes(report.arenaBytes)} of buffers, input and output words included`],
  ];
}

function needsOfWasm3(report: Report): string[][] {
  return [
    ['flash', `${bytes(report.wasmBytes)} module, of it ${weights(report)}`],
    [
      'RAM',
      `${bytes(report.memoryBytes)} module memory, ${bytes(report.wasm3HeapBytes)} wasm3 heap (estimated from this host)`,
    ],
    [
      'stack',
      `${bytes(report.nativeStackBytes)} native at most${report.tailCalls ? '' : `: ${count(report.nestedOperations)} operations nest without tail calls`}`,
    ],
  ];
}

function weights(report: Report): string {
  return `${bytes(report.modelBytes)} weights and tables (${bytes(report.float32Bytes)} as float32)`;
}
