import { join } from 'node:path';
import { Command } from 'commander';
import type { Goal } from '../code/cost/goal.js';
import { type CompressedModel, MARGIN } from '../compress/compress.js';
import { EFFORT_LEVELS, EFFORTS, type Effort, METHODS, type Method } from '../compress/compress-options.js';
import { TEACHERS, type TeacherKind } from '../compress/physics/teach.js';
import type { TangentKernelReport } from '../compress/refine/ntk.js';
import type { Attempt } from '../compress/search/one-method.js';
import { PinnEdgeError } from '../diagnostics.js';
import { requireWritable } from '../host/write-file.js';
import { optionOf, requirementOf, roundUpTolerance } from '../judge/requirement.js';
import type { Model } from '../model/types.js';
import { writeModel } from '../model/write.js';
import { compressOnly } from '../pipeline/compress-only.js';
import { attemptsText } from './attempts-text.js';
import { compressionSession, sizeText } from './compress-session.js';
import { requireModelPlace } from './model-place.js';
import {
  absoluteToleranceOption,
  choiceOption,
  countOption,
  isGiven,
  requestedTolerance,
  type ToleranceOption,
  toleranceOption,
} from './options.js';
import { error, writeNote, writeOut } from './output.js';
import { MODEL_ARGUMENT, type ModelOptions, readModel, withModelOptions } from './read-model.js';
import {
  layersText,
  type StructureOptions,
  structureSettings,
  withStructureOptions,
  writePictures,
} from './structure-options.js';
import { type Distances, distancesOf, requireTeachable, teacherText } from './teacher-text.js';

interface CompressCommandOptions extends ModelOptions, StructureOptions {
  out?: string;
  tol?: ToleranceOption;
  tolAbs?: ToleranceOption;
  method: Method;
  teacher: TeacherKind;
  for: Goal;
  maxBytes?: number;
  maxInstructions?: number;
  effort: Effort;
  seed: number;
  cache: boolean;
  json?: boolean;
}

export function compressCommand(): Command {
  const command = new Command('compress')
    .description('make a network smaller within a stated error; the result is a pinn-edge/1 model again')
    .argument('<model>', MODEL_ARGUMENT)
    .option('-o, --out <file>', 'where to write the model (default: <model>.small.json)')
    .option(
      '--tol <relative>',
      "largest error over the box / largest output (default: the model's, else 1e-3)",
      toleranceOption,
    )
    .option('--tol-abs <value>', "largest error in the outputs' unit, instead of --tol", absoluteToleranceOption)
    .option('--method <name>', `one of ${METHODS.join(', ')}`, choiceOption('--method', METHODS), 'auto')
    .option(
      '--teacher <name>',
      'what the weights are refined on in the end: the network, the physics of the model file, or both; with physics alone the tolerance holds before that only',
      choiceOption('--teacher', TEACHERS),
      'network',
    )
    .option('--for <goal>', 'what to make small: size or speed', choiceOption('--for', ['size', 'speed']), 'size')
    .option(
      '--max-bytes <n>',
      'the most accurate model whose weights take at most n bytes in 16 bits, instead of a tolerance',
      countOption('--max-bytes', 8, 1e9),
    )
    .option(
      '--max-instructions <n>',
      'the most accurate model that answers in at most about n instructions (Cortex-M4 under wasm3, 16-bit weights)',
      countOption('--max-instructions', 1000, 1e12),
    )
    .option(
      '--effort <level>',
      `how long to look: ${EFFORT_LEVELS.join(', ')}`,
      choiceOption('--effort', EFFORT_LEVELS),
      'normal',
    )
    .option('--seed <n>', 'equal seeds give equal results', countOption('--seed', 0, 2 ** 31), 0)
    .option('--no-cache', 'search again, even if this was done before')
    .option('--json', 'print every attempt and the result as JSON, one object per line')
    .addHelpText(
      'after',
      `
Examples:
  $ pinn-edge compress model.json -o small.json --tol 1e-3
  $ pinn-edge compress model.json -o small.json --max-bytes 2000
  $ pinn-edge compress model.json -o fast.json --max-instructions 50000
  $ pinn-edge compress net.onnx --input x=-1:1 --input t=0:1 -o small.json
  $ pinn-edge compress model.json -o small.json --tol 1e-3 --teacher both
  $ pinn-edge compress model.json -o h.json --method hmatrix --svg pictures
  $ pinn-edge compress model.json -o svd.json --method svd --tol 1e-2`,
    )
    .action(run);
  return withModelOptions(withStructureOptions(command));
}

async function run(file: string, options: CompressCommandOptions, command: Command): Promise<void> {
  requireSense(options, command);
  const output = options.out ?? file.replace(/(\.\w+)?$/, '.small.json');
  requireModelPlace(output, file);
  if (options.svg) requireWritable(join(options.svg, 'picture.svg'));
  const model = await readModel(file, options, options.json);
  const event = (kind: string, value: object) => writeOut(`${JSON.stringify({ event: kind, ...value })}\n`);
  const onAttempt = options.json
    ? (attempt: Attempt, best?: Attempt) => event('attempt', { ...attempt, best: best && bestOf(best) })
    : undefined;
  let cached = false;
  const onCached = () => {
    cached = true;
  };
  const result = await compressOnly(model, {
    tolerance: requestedTolerance(options),
    file,
    compress: {
      method: options.method,
      teacher: options.teacher,
      goal: options.for,
      seed: options.seed,
      // Nothing is kept back for formats and tables: the tolerance is that of the model written here.
      share: 1,
      maxBytes: options.maxBytes,
      ...structureSettings(options),
      maxInstructions: options.maxInstructions,
      maxWork: EFFORTS[options.effort],
    },
    compressWith: compressionSession({ cache: options.cache, onAttempt, onCached }),
  });
  requireKept(result, options, model);
  const small = result.model ?? model;
  writeModel(output, small);
  const drawn = options.svg ? writePictures(options.svg, result) : [];
  if (options.svg && !drawn.length && !options.json) writeNote('note: no matrix is structured, so there is no picture');
  const { model: _, attempts, ...facts } = result;
  const exact = distancesOf(model, result);
  if (options.json) event('result', { cached, ...facts, exact, output, pictures: options.svg && drawn });
  else writeOut(summary(model, result, exact, attempts, cached, [output, ...drawn]));
}

/** Refuses options that would be ignored beside others. */
function requireSense(options: CompressCommandOptions, command: Command): void {
  const { method } = options;
  requestedTolerance(options);
  requireTeachable({ teacher: options.teacher, method, refine: options.refine !== false });
  if (options.maxBytes !== undefined && options.maxInstructions !== undefined) throw new PinnEdgeError('PE4102', {});
  const budget = options.maxBytes !== undefined ? '--max-bytes' : '--max-instructions';
  const ignored = (names: Record<string, string>, other: string, reason: string) => {
    for (const [name, option] of Object.entries(names)) {
      if (isGiven(command, name)) throw new PinnEdgeError('PE3008', { option, other, reason });
    }
  };
  if (isGiven(command, 'maxBytes') || isGiven(command, 'maxInstructions')) {
    ignored({ tol: '--tol', tolAbs: '--tol-abs' }, budget, 'the most accurate network within a budget is looked for');
    const own = 'neurons are taken out and the rest is refined until that no longer helps';
    ignored(
      { method: '--method', for: '--for', effort: '--effort', refine: '--no-refine', ...TREE_OPTIONS },
      budget,
      own,
    );
  }
  if (method === 'auto') ignored({ refine: '--no-refine' }, '--method auto', 'it is for methods by themselves');
  else if (method !== 'hmatrix') ignored(TREE_OPTIONS, `--method ${method}`, 'it is about hierarchical matrices');
}

const TREE_OPTIONS = { tree: '--tree', leafSize: '--leaf-size', blockRank: '--block-rank' };

/** A method that was asked for by name and cannot keep the tolerance is an answer of its own: no model is written. */
function requireKept(result: CompressedModel, options: CompressCommandOptions, model: Model): void {
  if (result.model || options.method === 'auto' || options.method === 'prune') return;
  const reached = result.bestReached ?? Math.min(...result.attempts.map((attempt) => attempt.error));
  const { option, value: tolerance } = optionOf(requirementOf(model, requestedTolerance(options)).all);
  throw new PinnEdgeError(
    'PE4004',
    {
      method: options.method,
      tolerance,
      best: (reached * tolerance).toExponential(1),
      option,
      nearest: roundUpTolerance((reached * tolerance) / MARGIN),
    },
    1,
  );
}

/** What an event says of the best so far. */
const bestOf = ({ bytes, parameters, error, relativeError }: Attempt) => ({ bytes, parameters, error, relativeError });

function summary(
  model: Model,
  result: CompressedModel,
  exact: Distances | undefined,
  attempts: readonly Attempt[],
  cached: boolean,
  written: readonly string[],
): string {
  return [
    `${model.name}: ${result.detail}\n`,
    `  weights  ${sizeText(result)}\n`,
    `  error    ${error(result.relativeError)} of the largest output, on points that were not used\n`,
    result.tangentKernel ? kernelText(result.tangentKernel) : '',
    teacherText(result, exact),
    layersText(result),
    attemptsText(attempts, cached),
    `\n${written.join('\n')}\n`,
  ].join('');
}

function kernelText({ distance, shapeDistance, spectrum }: TangentKernelReport): string {
  const share = (values: readonly number[]) => values.map((v) => `${(100 * v).toPrecision(2)} %`).join(', ');
  return [
    `  tangent kernel  ${distance.toPrecision(2)} away, ${shapeDistance.toPrecision(2)} at equal trace\n`,
    `    spectrum before  ${share(spectrum.before)}\n`,
    `    spectrum after   ${share(spectrum.after)}\n`,
  ].join('');
}
