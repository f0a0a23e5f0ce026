import { setImmediate } from 'node:timers/promises';
import { Command } from 'commander';
import { type Distance, distances } from '../compress/physics/distances.js';
import {
  requireTrainable,
  TRAIN_METHODS,
  type Trained,
  type TrainMethod,
  type TrainProgress,
  trainModel,
} from '../compress/physics/train.js';
import { PinnEdgeError } from '../diagnostics.js';
import { modelHash } from '../model/hash.js';
import type { Model } from '../model/types.js';
import { writeModel } from '../model/write.js';
import { Interrupt } from './interrupt.js';
import { requireModelPlace } from './model-place.js';
import { choiceOption, countOption } from './options.js';
import { columns, count, error, writeOut } from './output.js';
import { ProgressLine } from './progress-line.js';
import { MODEL_ARGUMENT, type ModelOptions, readModel, withModelOptions } from './read-model.js';
import { adaptationText, type BlockOptions, blockSettings, withBlockOptions } from './train-blocks.js';
import { forgetRun, runOptions, runToContinue, type TrainRun, writeRun } from './train-run.js';

interface TrainCommandOptions extends ModelOptions, BlockOptions {
  out?: string;
  init?: number;
  seed: number;
  method: TrainMethod;
  steps?: number;
  seconds?: number;
  points?: number;
  causal?: string;
  from: Record<string, number>;
  freeze: string[];
  continue?: boolean;
  json?: boolean;
}

export function trainCommand(): Command {
  const command = new Command('train')
    .description(
      "train a network's weights on its physics: residuals, conditions and data of the model file; the result is a model again",
    )
    .argument('<model>', MODEL_ARGUMENT)
    .option('-o, --out <file>', 'where to write the model (default: <model>.trained.json)')
    .option(
      '--init <seed>',
      'begin with fresh weights of this seed, not with those given',
      countOption('--init', 0, 2 ** 31),
    )
    .option('--seed <n>', 'seed of the points; equal seeds give equal results', countOption('--seed', 0, 2 ** 31), 0)
    .option(
      '--method <name>',
      'lm (Levenberg-Marquardt, up to 3,500 weights), adam, lbfgs, or auto: lm, for larger networks adam and then lbfgs',
      choiceOption('--method', TRAIN_METHODS),
      'auto',
    )
    .option('--steps <n>', 'steps at most (default: lm 300, adam 6,000, lbfgs 2,000)', countOption('--steps', 1, 1e9))
    .option('--seconds <n>', 'stop after so many seconds, with the best so far', countOption('--seconds', 1, 1e7))
    .option(
      '--points <n>',
      'points of the residuals, drawn anew every few steps where residuals are large (default: by the weights)',
      countOption('--points', 16, 1e6),
    )
    .option(
      '--from <parameter=value>',
      'begin with this value of a parameter of the physics and go to its own step by step; repeatable',
      parameterOption,
      {},
    )
    .option('--causal <input>', 'the input that is time: residuals count once those before them are small')
    .option(
      '--freeze <tensor>',
      'weights that stay as they are; repeatable',
      (text, list: string[]) => [...list, text],
      [],
    )
    .option('--continue', 'go on with the interrupted run that --out is of; all other options as it was begun with')
    .option('--json', 'print progress and the result as JSON, one object per line')
    .addHelpText(
      'after',
      `
The best weights so far are written every 30 seconds, at the end, and at Ctrl-C. <out>.run beside them says how an interrupted
run was begun, for --continue.

Examples:
  $ pinn-edge train model.json -o trained.json
  $ pinn-edge train model.json -o trained.json --init 0 --steps 200
  $ pinn-edge train examples/burgers/model.json -o burgers.json --init 1 --from nu=0.1
  $ pinn-edge train model.json -o trained.json --init 2 --causal t --seconds 60
  $ pinn-edge train model.json -o trained.json --init 2 --causal t --continue
  $ pinn-edge train model.json -o blocks.json --init 0 --blocks 1e-3 --every 40`,
    )
    .action(run);
  return withModelOptions(withBlockOptions(command));
}

function parameterOption(text: string, before: Record<string, number>): Record<string, number> {
  const [name, value, ...more] = text.split('=').map((side) => side.trim());
  if (more.length || !name || !value || !Number.isFinite(Number(value))) {
    throw new PinnEdgeError('PE3005', { option: `--from ${text}`, reason: 'expected parameter=value, such as nu=0.1' });
  }
  return { ...before, [name]: Number(value) };
}

const CHECKPOINT_SECONDS = 30;

async function run(file: string, options: TrainCommandOptions, command: Command): Promise<void> {
  const output = options.out ?? file.replace(/(\.\w+)?$/, '.trained.json');
  const blocks = blockSettings(command, options);
  requireModelPlace(output, file);
  const model = await readModel(file, options, options.json);
  requireTrainable(model);
  requireNames(model, options);
  const own: Omit<TrainRun, 'step' | 'of'> = { options: runOptions(options), model: modelHash(model) };
  const begun = options.continue ? runToContinue(output, own) : undefined;
  const start = begun ? await readModel(output, {}, options.json) : model;
  const taken = begun?.step ?? 0;
  const event = (kind: string, value: object) => writeOut(`${JSON.stringify({ event: kind, ...value })}\n`);
  const started = performance.now();
  const seconds = () => (performance.now() - started) / 1000;
  const progress = new ProgressLine('train');
  const interrupt = new Interrupt();
  let written = 0;
  let trained: Trained;
  let run: TrainRun = { ...own, step: taken, of: begun?.of ?? 0 };
  try {
    trained = await trainModel(
      start,
      begun ? output : file,
      {
        method: options.method,
        init: options.init !== undefined && !begun,
        // Other points than those before.
        seed: (options.init ?? options.seed) + taken,
        steps: begun ? Math.max(1, begun.of - taken) : options.steps,
        points: options.points,
        causal: options.causal,
        from: options.from,
        frozen: options.freeze,
        blocks,
      },
      {
        onProgress: (now) => {
          run = { ...own, step: taken + now.step, of: taken + now.of };
          if (options.json) event('step', now);
          else progress.show(progressText(now));
        },
        checkpoint: async (best) => {
          await setImmediate();
          if (seconds() - written > CHECKPOINT_SECONDS) {
            written = seconds();
            writeModel(output, best());
            writeRun(output, run);
          }
          return interrupt.requested || seconds() > (options.seconds ?? Number.POSITIVE_INFINITY);
        },
      },
    );
  } finally {
    interrupt.dispose();
    progress.clear();
  }
  writeModel(output, trained.model);
  if (trained.stopped === 'interrupted') writeRun(output, { ...run, step: taken + trained.steps });
  else forgetRun(output);
  const { model: result, ...facts } = trained;
  const exact = { before: distances(start), after: distances(result) };
  if (options.json) event('result', { ...facts, exact, seconds: seconds(), output });
  else writeOut(summary(model, trained, exact, options.init !== undefined && !begun, seconds(), output));
  if (trained.stopped === 'not a number') {
    const kept = `${output} has the best weights before that`;
    throw new PinnEdgeError('PE4303', { step: trained.steps, term: trained.fault ?? '', kept }, 1);
  }
}

/** Refuses names that stand for nothing. */
function requireNames({ inputs, physics, tensors }: Model, { causal, from, freeze }: TrainCommandOptions): void {
  const require = (option: string, name: string, known: Iterable<string>) => {
    const names = [...known];
    if (names.includes(name)) return;
    throw new PinnEdgeError('PE3005', {
      option,
      reason: `there is no "${name}"; known are ${names.join(', ') || 'none'}`,
    });
  };
  if (causal !== undefined) require(`--causal ${causal}`, causal, inputs.map(({ name }) => name));
  for (const name of Object.keys(from))
    require(`--from ${name}=${from[name]}`, name, Object.keys(physics?.parameters ?? {}));
  for (const name of freeze) require(`--freeze ${name}`, name, tensors.keys());
}

function progressText({ step, of, stage, method, loss, best }: TrainProgress): string {
  const where = stage && `, ${stage}`;
  return `${method} step ${step} of ${of}${where}: loss ${error(loss)}, best ${error(best)} at unseen points`;
}

function summary(
  model: Model,
  { weights, steps, stopped, terms, loss, adaptations = [] }: Trained,
  exact: { before: Distance[]; after: Distance[] },
  isFresh: boolean,
  seconds: number,
  output: string,
): string {
  const rows = [
    ['', isFresh ? 'fresh' : 'given', 'trained'],
    ...terms.map(({ name, before, after }) => [`${name} (L2)`, error(before), error(after)]),
    ['loss', error(loss.before), error(loss.after)],
    ...exact.after.map(({ name, relativeL2 }, k) => [
      `${name}, relative L2 error`,
      isFresh ? '-' : error(exact.before[k].relativeL2),
      error(relativeL2),
    ]),
  ];
  const head = `${model.name}: ${count(weights)} weights, ${count(steps)} steps in ${seconds.toFixed(0)} s (${stopped})\n\n`;
  const blocks = adaptations.length ? `\n${adaptationText(adaptations)}` : '';
  return `${head}${columns(rows)}${blocks}\n${output}\n`;
}
