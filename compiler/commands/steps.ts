import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import type { LoadedBuild } from '../deliver/package/store.js';
import { PinnEdgeError } from '../diagnostics.js';
import { cannotRead } from '../host/file-reader.js';
import { statePlaces } from '../model/state.js';
import type { Model, ModelInput } from '../model/types.js';
import { loadBoard } from '../run/boards/boards.js';
import { type BoardSteps, stepOnBoard } from '../run/boards/step-board.js';
import { readCsvPoints } from '../run/points-io.js';
import type { SimulationEngine } from '../run/simulate.js';
import { drivePlaces, requireSteps, STEP } from '../run/steps/rollout.js';
import { simulateSteps, type Trajectory } from '../run/steps/trajectory.js';
import { countOption } from './options.js';
import { count, writeNote } from './output.js';

/** Trajectories of step models: the options --steps, --initial, --hold and --drive of simulate. */

export interface StepOptions {
  steps?: number;
  initial: Record<string, number>;
  hold: Record<string, number>;
  drive?: string;
}

const MAX_STEPS = 1_000_000;

export function withStepOptions(command: Command): Command {
  return command
    .option('--steps <n>', 'steps of a step model, from --initial on', countOption('--steps', 1, MAX_STEPS))
    .option(
      '--initial <input=value>',
      'a state before the first step; repeatable, or a=1,b=0',
      valuesOption('--initial'),
      {},
    )
    .option('--hold <input=value>', 'an input that has one value in all steps; repeatable', valuesOption('--hold'), {})
    .option(
      '--drive <file>',
      'a .csv with a column for each other input and a row for each step (--steps: the first n)',
    );
}

const bad = (option: string, reason: string) => new PinnEdgeError('PE3005', { option, reason });

export function valuesOption(option: string) {
  return (text: string, before: Record<string, number>): Record<string, number> => {
    const all = { ...before };
    for (const part of text.split(',')) {
      const [name, value, ...more] = part.split('=').map((side) => side.trim());
      const number = Number(value);
      if (more.length || !name || !value || !Number.isFinite(number))
        throw bad(`${option} ${text}`, 'expected input=value');
      if (Object.hasOwn(all, name)) throw bad(option, `${name} is given twice`);
      all[name] = number;
    }
    return all;
  };
}

/** Whether the options ask for a trajectory rather than for points. */
export function asksForSteps(
  { steps, initial, hold, drive }: StepOptions,
  points: { points?: string; grid?: string },
): boolean {
  const given = steps !== undefined || drive !== undefined;
  const named = [
    ['--initial', Object.keys(initial).length > 0],
    ['--hold', Object.keys(hold).length > 0],
  ].find(([, isThere]) => isThere);
  if (!given && named) throw bad(String(named[0]), 'is for trajectories: say how many --steps, or give a --drive file');
  if (given && (points.points !== undefined || points.grid !== undefined)) {
    throw bad(
      steps === undefined ? '--drive' : '--steps',
      'is for trajectories, and --points and --grid are for points',
    );
  }
  return given;
}

/**
 * The trajectory that the options ask for, as a table: one row before every step, and the last state. `on`: on that board as
 * well, whose words must be the same.
 */
export async function runSteps(
  build: LoadedBuild,
  options: StepOptions & { engine?: SimulationEngine; on?: string },
): Promise<{ table: StepTable; board?: BoardSteps }> {
  requireSteps(build);
  if (options.on !== undefined && options.engine !== undefined)
    throw bad('--on and --engine', 'give one of them, not both');
  const target = options.on === undefined ? undefined : loadBoard(options.on);
  const { initial, drives, steps } = readJob(build, options);
  const trajectory = await simulateSteps(build, initial, drives, steps, { engine: options.engine });
  const table = tableOf(build, trajectory, drives);
  sayRemarks(build, trajectory);
  if (!target) return { table };
  writeNote(`compiling firmware for ${target.name} and running the steps there`);
  return { table, board: stepOnBoard(target, build, trajectory.words) };
}

/** What the steps took on a board. */
export function boardStepsNote({
  board,
  steps,
  counts,
  instructions,
  evaluationInstructions,
  stackBytes,
}: BoardSteps): string {
  const ratio = (instructions / evaluationInstructions).toFixed(3);
  return `  ${board}, emulated: every word as on the host (${count(steps)} steps); ${count(Math.round(instructions))} ${counts} per step, ${ratio} times an evaluation, ${count(stackBytes)} B of stack`;
}

function readJob({ model }: LoadedBuild, options: StepOptions) {
  const states = statePlaces(model).map(({ input }) => model.inputs[input]);
  const driving = drivePlaces(model).map((i) => model.inputs[i]);
  requireKnown('--initial', options.initial, states, driving, 'drives the model: give it with --hold or --drive');
  requireDrives(model, options.hold);
  const missing = states.find(({ name }) => !Object.hasOwn(options.initial, name));
  if (missing)
    throw bad('--initial', `the state "${missing.name}" needs a first value: --initial ${missing.name}=<value>`);
  const columns = driving.filter(({ name }) => !Object.hasOwn(options.hold, name));
  if (columns.length && options.drive === undefined) {
    const names = columns.map(({ name }) => name);
    throw bad('--hold', `nothing is given for ${names.join(', ')}: --hold ${names[0]}=<value>, or a --drive file`);
  }
  const rows = options.drive === undefined ? undefined : readDrive(options.drive, columns);
  const rowCount = rows && rows.length / columns.length;
  const steps = options.steps ?? rowCount!;
  if (rowCount !== undefined && steps > rowCount) {
    throw new PinnEdgeError('PE5001', { source: options.drive!, reason: `has ${rowCount} rows, for ${steps} steps` });
  }
  if (steps > MAX_STEPS) throw bad('--drive', `has ${steps} rows, at most ${MAX_STEPS} are taken`);
  const drives = Float64Array.from({ length: steps * driving.length }, (_, i) => {
    const { name } = driving[i % driving.length];
    const column = columns.findIndex((input) => input.name === name);
    return column < 0 ? options.hold[name] : rows![Math.floor(i / driving.length) * columns.length + column];
  });
  return { initial: Float64Array.from(states, ({ name }) => options.initial[name]), drives, steps };
}

/** Refuses what is held and is no input that drives the model, or lies outside of its range. */
export function requireDrives(model: Model, hold: Record<string, number>): void {
  const states = statePlaces(model).map(({ input }) => model.inputs[input]);
  const driving = drivePlaces(model).map((i) => model.inputs[i]);
  requireKnown('--hold', hold, driving, states, 'is a state, and --initial is where states begin');
}

function requireKnown(
  option: string,
  given: Record<string, number>,
  known: readonly ModelInput[],
  others: readonly ModelInput[],
  advice: string,
): void {
  for (const [name, value] of Object.entries(given)) {
    if (others.some((input) => input.name === name)) throw bad(`${option} ${name}`, advice);
    const input = known.find((i) => i.name === name);
    const names = known.map((i) => i.name).join(', ') || 'none';
    if (!input) throw bad(`${option} ${name}`, `there is no such input; here it may be ${names}`);
    if (value >= input.min && value <= input.max) continue;
    throw bad(`${option} ${name}=${value}`, `lies outside of the range ${input.min} to ${input.max}`);
  }
}

function readDrive(file: string, columns: readonly ModelInput[]): Float64Array {
  if (!columns.length) throw bad(`--drive ${file}`, 'every input that is no state is held already');
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw cannotRead(file, error);
  }
  return readCsvPoints(
    file,
    text,
    columns.map(({ name }) => name),
    [],
  );
}

export interface StepTable {
  names: string[];
  rows: (number | string | undefined)[][];
}

/** `step`, inputs, outputs that are no next states, and what the step from there said; the last row has but the states. */
function tableOf(
  { model, report }: LoadedBuild,
  { states, outputs, statuses }: Trajectory,
  drives: Float64Array,
): StepTable {
  const places = statePlaces(model);
  const driving = drivePlaces(model);
  // Tangents are for fits.
  const shown = report.fit?.outputs ?? model.outputs.map(({ name }) => name);
  const others = model.outputs.flatMap(({ name }, i) =>
    shown.includes(name) && !places.some(({ output }) => output === i) ? [i] : [],
  );
  const steps = statuses.length;
  const rows = Array.from({ length: steps + 1 }, (_, k) => {
    const isLast = k === steps;
    const inputs = model.inputs.map((_, i) => {
      const state = places.findIndex(({ input }) => input === i);
      if (state >= 0) return states[k * places.length + state];
      return isLast ? undefined : drives[k * driving.length + driving.indexOf(i)];
    });
    const answers = others.map((i) => (isLast ? undefined : outputs[k * model.outputs.length + i]));
    return [k, ...inputs, ...answers, isLast ? undefined : STATUS_TEXT[statuses[k]]];
  });
  const names = [
    'step',
    ...model.inputs.map(({ name }) => name),
    ...others.map((i) => model.outputs[i].name),
    'status',
  ];
  return { names, rows };
}

const STATUS_TEXT: Record<number, string> = { [STEP.ok]: 'ok', [STEP.clamped]: 'clamped', [STEP.left]: 'left' };

/** What a device would say by the statuses of its steps. */
function sayRemarks({ model }: LoadedBuild, { statuses }: Trajectory): void {
  const remark = (status: number, text: string) => {
    const first = statuses.indexOf(status);
    if (first < 0) return;
    const times = statuses.filter((s) => s === status).length;
    writeNote(`warning: ${text} in step ${count(first + 1)}${times > 1 ? ` and in ${count(times - 1)} more` : ''}`);
  };
  const names = Object.keys(model.state ?? {}).join(', ');
  remark(STEP.left, `the state (${names}) leaves its range, at whose end it is held,`);
  remark(STEP.clamped, 'an input lies outside of its range and was moved to the end of it');
}

export function stepsCsv({ names, rows }: StepTable): string {
  return `${[names, ...rows].map((row) => row.map((cell) => cell ?? '').join(',')).join('\n')}\n`;
}

export function stepsJson({ names, rows }: StepTable): string {
  const objects = rows.map((row) => Object.fromEntries(names.map((name, i) => [name, row[i]])));
  return `${JSON.stringify(objects, null, 2)}\n`;
}
