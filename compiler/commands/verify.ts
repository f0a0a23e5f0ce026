import { existsSync, statSync } from 'node:fs';
import { extname } from 'node:path';
import { Command } from 'commander';
import type { CertifiedOutput } from '../certify/certificate.js';
import { ENGINE_NAMES, type EngineName } from '../code/engines/engine.js';
import { BUILD_DEFAULTS } from '../deliver/build.js';
import { provedBounds } from '../deliver/package/certificate-file.js';
import type { Report } from '../deliver/package/report.js';
import { readReport } from '../deliver/package/report-file.js';
import { builtInMemory, type LoadedBuild, loadBuild } from '../deliver/package/store.js';
import { loadTarget } from '../deliver/package/targets.js';
import { EXIT, PinnEdgeError } from '../diagnostics.js';
import { readBytes } from '../host/file-reader.js';
import { nodeFiles } from '../host/node-files.js';
import { requireWritable, writeFileWhole } from '../host/write-file.js';
import { requireNoForeignFolder } from '../import/detect.js';
import { describeRequirement, keepsTolerance, toleranceOf } from '../judge/requirement.js';
import { compareReports, figureText, type Growth, growthPercent, verifySummary } from '../run/baseline.js';
import { junitReport } from '../run/junit.js';
import { requireSteps } from '../run/steps/rollout.js';
import { type StepsWish, TRAJECTORIES } from '../run/steps/verify-steps.js';
import { type VerifyResult, verify } from '../run/verify.js';
import { boardFor, boardNote, ON_HELP } from './board.js';
import { buildModel } from './build-model.js';
import {
  absoluteToleranceOption,
  choiceOption,
  countOption,
  percentOption,
  requestedTolerance,
  shareOption,
  type ToleranceOption,
  toleranceOption,
} from './options.js';
import { columns, count, error, jumpLines, place, writeNote, writeOut } from './output.js';
import { physicsLines } from './physics-text.js';
import { MODEL_ARGUMENT, type ModelOptions, readModel, requireNoModelOptions, withModelOptions } from './read-model.js';
import { requireDrives, valuesOption } from './steps.js';
import { stepsText } from './steps-text.js';

interface VerifyCommandOptions extends ModelOptions {
  target: string;
  tol?: ToleranceOption;
  tolAbs?: ToleranceOption;
  samples?: number;
  engine?: EngineName;
  on?: string;
  physics?: boolean;
  steps?: number;
  tolSteps?: number;
  trajectories?: number;
  hold: Record<string, number>;
  junit?: string;
  baseline?: string;
  growth: number;
  summary?: string;
  json?: boolean;
}

export function verifyCommand(): Command {
  const command = new Command('verify')
    .description('measure the error of a build against the float reference; exit code 1 when it exceeds the tolerance')
    .argument(
      '<build|model>',
      `folder that pinn-edge build wrote, or a model, which is built as pinn-edge build does by default, compression included, and not written: ${MODEL_ARGUMENT}`,
    )
    .option(
      '--tol <relative>',
      "tolerance to hold it to, and to build a model for (default: the build's or model's)",
      toleranceOption,
    )
    .option('--tol-abs <value>', "tolerance in the outputs' unit", absoluteToleranceOption)
    .option(
      '--samples <n>',
      'Sobol points; corners, faces and searches for the worst point come on top and grow with them (default: 2,048 to 16,384, by the size of the network)',
      countOption('--samples', 16, 10_000_000),
    )
    .option('--engine <name>', `${ENGINE_NAMES.join(', ')} (default: wasm3)`, choiceOption('--engine', ENGINE_NAMES))
    .option('--on <board>', ON_HELP)
    .option('--target <name>', 'target of a model that is built first', BUILD_DEFAULTS.target)
    .option(
      '--physics',
      'residuals, conditions and data of the physics block, and distances from the exact solution: of the float network, the compressed one and the module',
    )
    .option(
      '--steps <n>',
      'trajectories of a step model as well, from many initial states, against the float64 network',
      countOption('--steps', 1, 1_000_000),
    )
    .option(
      '--tol-steps <share>',
      'how far 99 % of them may be off, as a share of the range of each state',
      shareOption,
    )
    .option('--trajectories <n>', `how many (default: ${TRAJECTORIES})`, countOption('--trajectories', 1, 100_000))
    .option(
      '--hold <input=value>',
      'of --steps: an input that has one value in all steps; repeatable',
      valuesOption('--hold'),
      {},
    )
    .option('--junit <file>', 'write a JUnit report for CI')
    .option(
      '--baseline <file>',
      'report.json of an earlier build: fails where error, bytes, RAM, stack or instructions grew',
    )
    .option('--growth <percent>', 'how much each of them may grow before that', percentOption, 0)
    .option('--summary <file>', 'write the result and the comparison as Markdown, for job summaries')
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      `
Examples:
  $ pinn-edge verify build/esp32
  $ pinn-edge verify build/esp32 --tol 5e-4 --samples 100000 --junit verify.xml
  $ pinn-edge verify build/esp32 --on cortex-m4
  $ pinn-edge verify build/esp32 --baseline baseline.json --growth 2 --summary summary.md
  $ pinn-edge verify build/esp32 --physics
  $ pinn-edge verify build/esp32 --steps 1000 --tol-steps 1e-2 --hold t=1
  $ pinn-edge verify model.json --target rp2040 --tol 1e-3`,
    )
    .action(run);
  return withModelOptions(command);
}

async function run(path: string, options: VerifyCommandOptions, command: Command): Promise<void> {
  const tolerance = requestedTolerance(options);
  if (options.junit) requireWritable(options.junit);
  if (options.summary) requireWritable(options.summary);
  const baseline = options.baseline === undefined ? undefined : readBaseline(options.baseline);
  const build = await openBuild(path, options, command);
  const steps = stepsWish(build, options);
  const board = boardFor(build, options);
  const result = await verify(build, {
    tolerance,
    samples: options.samples,
    engine: board ?? options.engine,
    physics: options.physics,
    steps,
  });
  if (options.junit) writeFileWhole(options.junit, junitReport(build.report.name, result));
  const proved = provedBounds(build, writeNote);
  const growth = baseline && compareReports(baseline, build.report, options.growth / 100);
  if (options.summary) writeFileWhole(options.summary, verifySummary(build.report, result, growth));
  writeOut(
    options.json
      ? `${JSON.stringify({ ...toJson(result), proved, growth, board: board?.figures() }, null, 2)}\n`
      : text(build, result, proved),
  );
  if (result.steps && !options.json) writeOut(stepsText(result.steps, build.report));
  if (board && !options.json) writeOut(`\n${boardNote(board.figures())}\n`);
  if (growth && !options.json) writeOut(`\n${growthText(growth, options)}`);
  if (!result.pass || growth?.some(({ isTooMuch }) => isTooMuch)) process.exitCode = EXIT.checkFailed;
}

/** What trajectories are asked for, with a note every few seconds of how far they are. */
function stepsWish(build: LoadedBuild, options: VerifyCommandOptions): StepsWish | undefined {
  const { steps, tolSteps: tolerance, trajectories, hold, json, on } = options;
  const refuse = (option: string, reason: string) => new PinnEdgeError('PE3005', { option, reason });
  if (steps === undefined) {
    const others = { '--tol-steps': tolerance, '--trajectories': trajectories, '--hold': Object.keys(hold)[0] };
    const [alone] = Object.entries(others).find(([, value]) => value !== undefined) ?? [];
    if (alone) throw refuse(alone, 'is about trajectories: say how many --steps');
    return undefined;
  }
  if (on !== undefined)
    throw refuse('--steps', 'is made on this machine; simulate --steps --on makes one trajectory on a board');
  requireSteps(build);
  requireDrives(build.model, hold);
  let noted = performance.now();
  const onStep = (done: number) => {
    if (json || performance.now() - noted < 1000 * NOTE_SECONDS) return;
    noted = performance.now();
    writeNote(`  ${count(done)} of ${count(steps)} steps`);
  };
  return { steps, tolerance, trajectories, hold, onStep };
}

/** Between two notes on how far trajectories are. */
const NOTE_SECONDS = 5;

/** @throws PE1001 when it cannot be read, PE3005 when it is no report of a build */
function readBaseline(file: string): Report {
  return readReport(readBytes(file, nodeFiles), (reason) => {
    throw new PinnEdgeError('PE3005', {
      option: `--baseline ${file}`,
      reason: `not the report.json of a build: ${reason}`,
    });
  });
}

function growthText(growth: readonly Growth[], { baseline = '', growth: allowed }: VerifyCommandOptions): string {
  const rows = growth.map(({ figure, before, now, growth: grown, isTooMuch }) => [
    figure,
    figureText(before),
    figureText(now),
    `${growthPercent(grown)}${isTooMuch ? '   TOO MUCH' : ''}`,
  ]);
  const grown = growth.filter(({ isTooMuch }) => isTooMuch).map(({ figure }) => figure);
  const verdict = grown.length
    ? `FAIL: ${grown.join(', ')} grew by more than ${allowed} %`
    : `PASS: nothing grew by more than ${allowed} %`;
  return `${columns(rows)}\n  ${verdict} (${baseline})\n`;
}

/** A build on disk, or one made of a model file here and now, as `build` makes it unless it is asked for something else. */
async function openBuild(path: string, options: VerifyCommandOptions, command: Command): Promise<LoadedBuild> {
  // What is not there is taken for what its name looks like.
  const isFolder = existsSync(path) ? statSync(path).isDirectory() : extname(path) === '';
  if (isFolder) {
    requireNoForeignFolder(path, nodeFiles);
    requireNoModelOptions(command, path, ['target']);
    return loadBuild(path);
  }
  const target = loadTarget(options.target);
  const model = await readModel(path, options, options.json);
  const settings = { ...BUILD_DEFAULTS, tol: options.tol, tolAbs: options.tolAbs };
  const say = options.json ? () => {} : writeOut;
  const built = await buildModel(model, target, settings, path, say);
  say('\n');
  return builtInMemory(built.compiled, built);
}

function toJson({ pass, tolerance, engine, samples, outputs, jumps, exact, physics, steps }: VerifyResult) {
  return { pass, tolerance, engine, samples, outputs, jumps, exact, physics, steps };
}

function text(build: LoadedBuild, result: VerifyResult, proved: CertifiedOutput[] | undefined): string {
  const { report } = build;
  const names = report.inputs.map((input) => input.name);
  const lines = [`${report.name} on ${report.target}, engine ${result.engine}, ${count(result.samples)} points`, ''];
  for (const output of result.outputs) {
    const unit = report.outputs.find((o) => o.name === output.name)?.unit;
    lines.push(
      `  ${output.name}   largest error ${output.maxAbsolute.toExponential(2)}${unit ? ` ${unit}` : ''}, relative ${error(output.maxRelative)}, at ${place(names, output.worstAt)}; relative L2 ${error(output.relativeL2)}`,
    );
  }
  for (const { name, unit, bound } of proved ?? []) {
    lines.push(`  ${name}   proved at every point: <= ${bound.toExponential(2)}${unit ? ` ${unit}` : ''}`);
  }
  for (const line of jumpLines(result.jumps, names)) lines.push(`  ${line}`);
  for (const { module, network } of result.exact) {
    lines.push(
      `  ${module.name}   against the exact solution: relative ${error(module.maxRelative)}, L2 ${error(module.relativeL2)} (the float network: ${error(network.maxRelative)}, L2 ${error(network.relativeL2)})`,
    );
  }
  if (result.physics) lines.push('', ...physicsLines(result.physics));
  lines.push(
    '',
    `  ${result.pass ? 'PASS' : 'FAIL'}: tolerance ${describeRequirement(result.tolerance)}${result.pass ? '' : failure(result)}`,
  );
  return `${lines.join('\n')}\n`;
}

/** Which outputs exceed their tolerance, and by what. */
function failure({ tolerance, outputs }: VerifyResult): string {
  const faults = outputs
    .filter((output) => !keepsTolerance(tolerance, output))
    .map(({ name, maxRelative, relativeL2 }) => {
      const held = toleranceOf(tolerance, name);
      const onlyL2 = 'relative' in held && maxRelative <= held.relative;
      return onlyL2 ? `${name} by its relative L2 error ${error(relativeL2)}, which may be a third of it` : name;
    });
  return `, exceeded by ${faults.join(', ')}`;
}
