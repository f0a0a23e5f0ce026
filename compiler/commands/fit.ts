import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { ENGINE_NAMES, type EngineName } from '../code/engines/engine.js';
import { type LoadedBuild, loadBuild } from '../deliver/package/store.js';
import { EXIT, PinnEdgeError } from '../diagnostics.js';
import { cannotRead } from '../host/file-reader.js';
import { loadBoard } from '../run/boards/boards.js';
import { type BoardFit, fitOnBoard } from '../run/boards/fit-board.js';
import { type BuildFit, fitBuild, residuals } from '../run/fit/fit.js';
import { halfWidthFactor } from '../run/fit/interval.js';
import { FIT_RESULTS, type FitAnswer, type FitSettings, jobNumbers, type Measurement } from '../run/fit/job.js';
import { readMeasurements } from '../run/fit/measurements.js';
import { ON_HELP } from './board.js';
import { choiceOption, countOption } from './options.js';
import { columns, count, writeNote, writeOut } from './output.js';

interface FitOptions {
  data: string;
  free: string[];
  known: Record<string, number | undefined>;
  start: Record<string, number>;
  sigma?: { all?: number; outputs: Record<string, number> };
  maxSteps?: number;
  maxCondition?: number;
  filter?: boolean;
  prior: Record<string, number>;
  process: Record<string, number>;
  engine?: EngineName;
  on?: string;
  json?: boolean;
}

export function fitCommand(): Command {
  return new Command('fit')
    .description(
      "find the values of a model's inputs, parameters or initial states, that explain measurements of its outputs; exit code 1 where they cannot be found",
    )
    .argument('<build>', 'folder that pinn-edge build --fit <inputs> wrote')
    .requiredOption('--data <file>', 'measurements as .csv with a header: columns of known inputs and measured outputs')
    .requiredOption('--free <input>', 'an input to fit; repeatable', collectNames, [])
    .option(
      '--known <input[=value]>',
      'an input that is a column of the data, or has this value; repeatable',
      known,
      {},
    )
    .option('--sigma <value>', 'standard deviation of the measurements, of all or per output: 0.2, or T=0.2,q=5', sigma)
    .option(
      '--start <input=value>',
      'where to begin (default: the middle of the range); repeatable',
      named('--start'),
      {},
    )
    .option('--max-steps <n>', 'steps that may be tried (default: 20)', countOption('--max-steps', 1, 1000))
    .option('--max-condition <value>', 'above it parameters cannot be told apart (default: 1000)', condition)
    .option('--filter', 'take one measurement at a time, as pe_filter_update does on a device')
    .option(
      '--prior <input=value>',
      'of --filter: standard deviation before (default: half the range)',
      named('--prior'),
      {},
    )
    .option(
      '--process <input=value>',
      'of --filter: standard deviation of its change between two measurements (default: 0)',
      named('--process'),
      {},
    )
    .option('--engine <name>', ENGINE_NAMES.join(', '), choiceOption('--engine', ENGINE_NAMES))
    .option('--on <board>', ON_HELP)
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      `
Examples:
  $ pinn-edge build examples/heat-rod/model.json --fit alpha --outputs T --target cortex-m4 --engine c
  $ pinn-edge fit build/cortex-m4 --data temperatures.csv --free alpha --sigma 0.2
  $ pinn-edge fit build/cortex-m4 --data temperatures.csv --free alpha --known x=30 --on cortex-m4`,
    )
    .action(run);
}

const bad = (option: string, reason: string) => new PinnEdgeError('PE3005', { option, reason });

function collectNames(text: string, list: string[]): string[] {
  const names = text.split(',').map((name) => name.trim());
  return [...list, ...names];
}

function known(text: string, before: FitOptions['known']): FitOptions['known'] {
  const [name, value, ...more] = text.split('=');
  const number = value === undefined ? undefined : Number(value);
  if (more.length || value === '' || (number !== undefined && !Number.isFinite(number))) {
    throw bad(`--known ${text}`, 'expected an input, or input=value');
  }
  return { ...before, [name]: number };
}

function named(option: string) {
  return (text: string, before: Record<string, number>): Record<string, number> => {
    const [name, value, ...more] = text.split('=');
    if (more.length || !value || !Number.isFinite(Number(value)))
      throw bad(`${option} ${text}`, 'expected input=value');
    return { ...before, [name]: Number(value) };
  };
}

function sigma(text: string): FitOptions['sigma'] {
  const result: NonNullable<FitOptions['sigma']> = { outputs: {} };
  for (const part of text.split(',')) {
    const [left, right] = part.split('=');
    const value = Number(right ?? left);
    if (!(value > 0 && Number.isFinite(value))) throw bad(`--sigma ${text}`, 'expected a number above 0, or T=0.2,q=5');
    if (right === undefined) result.all = value;
    else result.outputs[left] = value;
  }
  return result;
}

function condition(text: string): number {
  const value = Number(text);
  if (value >= 1 && Number.isFinite(value)) return value;
  throw bad('--max-condition', `must be a number of at least 1, found ${text}`);
}

async function run(directory: string, options: FitOptions): Promise<void> {
  const build = loadBuild(directory);
  const { fit } = build.report;
  if (!fit) throw new PinnEdgeError('PE5101', { build: directory });
  requireNames(build, options);
  let text: string;
  try {
    text = readFileSync(options.data, 'utf8');
  } catch (error) {
    throw cannotRead(options.data, error);
  }
  const { measurements, isSigmaKnown } = readMeasurements(options.data, text, build.report, options);
  const settings: FitSettings = {
    free: options.free,
    start: present(options.start),
    maxIterations: options.maxSteps,
    maxCondition: options.maxCondition,
    filter: options.filter,
    prior: present(options.prior),
    process: present(options.process),
  };
  if (options.filter && !isSigmaKnown)
    throw bad('--filter', 'needs --sigma: a filter weighs measurements and what it knows');
  const result = await fitBuild(build, measurements, settings, options.engine);
  let board: BoardFit | undefined;
  if (options.on) {
    const target = loadBoard(options.on);
    writeNote(`compiling firmware for ${target.name} and running the fit there`);
    board = fitOnBoard(target, build, jobNumbers(build.report, measurements, settings), result.numbers);
  }
  requireEstimate(result, options, measurements.length);
  const factor = options.filter ? halfWidthFactor(true, 0, 1) : factorOf(result, measurements, isSigmaKnown);
  const table = await residuals(build, measurements, result);
  if (options.json) writeOut(`${JSON.stringify(toJson(build, result, measurements, table, factor, board), null, 2)}\n`);
  else writeOut(toText(build, result, measurements, table, factor, board));
}

const present = (values: Record<string, number>) => (Object.keys(values).length ? values : undefined);

function factorOf(
  { chiSquare, names }: FitAnswer,
  measurements: readonly Measurement[],
  isSigmaKnown: boolean,
): number {
  return halfWidthFactor(isSigmaKnown, chiSquare, measurements.length - names.length);
}

function requireNames(
  { report }: LoadedBuild,
  { free, known, start, prior, process, sigma, filter }: FitOptions,
): void {
  const inputs = report.inputs.map(({ name }) => name);
  const { parameters, outputs } = report.fit!;
  for (const [i, name] of free.entries()) {
    if (!parameters.includes(name))
      throw bad(`--free ${name}`, `this build can fit ${parameters.join(', ')}; build it with --fit for others`);
    if (free.indexOf(name) < i) throw bad(`--free ${name}`, 'is given twice');
    if (name in known) throw bad(`--known ${name}`, 'is fitted, as --free says');
  }
  for (const name of Object.keys(known))
    if (!inputs.includes(name)) throw bad(`--known ${name}`, `there is no such input; inputs are ${inputs.join(', ')}`);
  for (const name of Object.keys(sigma?.outputs ?? {}))
    if (!outputs.includes(name))
      throw bad('--sigma', `there is no output "${name}"; outputs are ${outputs.join(', ')}`);
  for (const [option, values] of Object.entries({ '--start': start, '--prior': prior, '--process': process })) {
    for (const [name, value] of Object.entries(values)) {
      if (!free.includes(name)) throw bad(`${option} ${name}`, 'is not fitted; --free says what is');
      const { min, max } = report.inputs.find((input) => input.name === name)!;
      if (option === '--start' && !(value >= min && value <= max))
        throw bad(`${option} ${name}=${value}`, `lies outside of the range ${min} to ${max}`);
      if (option === '--prior' && !(value > 0)) throw bad(`${option} ${name}`, 'must be above 0');
      if (option === '--process' && !(value >= 0)) throw bad(`${option} ${name}`, 'must not be below 0');
    }
    if (option !== '--start' && !filter && Object.keys(values).length) throw bad(option, 'is for --filter');
  }
}

/** @throws PE5102 to PE5105, those about the measurements themselves with exit code 1 */
function requireEstimate(result: BuildFit, options: FitOptions, measured: number): void {
  const { names } = result;
  switch (result.result) {
    case FIT_RESULTS.ok:
    case FIT_RESULTS.atEdge:
      return;
    case FIT_RESULTS.few:
      throw new PinnEdgeError('PE5102', { source: options.data, count: measured, parameters: names.length });
    case FIT_RESULTS.noEffect:
      throw new PinnEdgeError('PE5103', { parameter: names[result.at] }, EXIT.checkFailed);
    case FIT_RESULTS.alike: {
      const limit = options.maxCondition ?? 1000;
      const values = { parameters: names.join(', '), condition: Number(result.condition.toPrecision(3)), limit };
      throw new PinnEdgeError('PE5104', values, EXIT.checkFailed);
    }
    case FIT_RESULTS.steps:
      throw new PinnEdgeError('PE5105', { steps: options.maxSteps ?? 20 }, EXIT.checkFailed);
    default:
      throw new Error(`pe_fit answered ${result.result} at ${result.at}`);
  }
}

const digits = (value: number, n = 5) => Number(value.toPrecision(n));

type Residuals = Awaited<ReturnType<typeof residuals>>;

function estimates({ report }: LoadedBuild, result: FitAnswer, factor: number) {
  return result.names.map((name, i) => {
    const standardError = Math.sqrt(result.covariance[i][i]);
    const halfWidth = factor * standardError;
    const { unit } = report.inputs.find((input) => input.name === name)!;
    const value = result.values[i];
    return { name, unit, value, low: value - halfWidth, high: value + halfWidth, halfWidth };
  });
}

function toJson(
  build: LoadedBuild,
  result: BuildFit,
  measurements: readonly Measurement[],
  table: Residuals,
  factor: number,
  board: BoardFit | undefined,
) {
  const { numbers: _, reference, values, names, ...others } = result;
  return {
    ...others,
    estimates: estimates(build, result, factor),
    reference: Object.fromEntries(reference.names.map((name, i) => [name, reference.values[i]])),
    measurements: measurements.map((measurement, k) => ({ ...measurement, ...table[k] })),
    board,
  };
}

function toText(
  build: LoadedBuild,
  result: BuildFit,
  measurements: readonly Measurement[],
  table: Residuals,
  factor: number,
  board: BoardFit | undefined,
): string {
  const { report } = build;
  const unitOf = (unit?: string) => (unit ? ` ${unit}` : '');
  const lines = [
    `${report.name} on ${report.target}, engine ${result.engine}, ${count(measurements.length)} measurements`,
    '',
  ];
  for (const [i, { name, unit, value, low, high, halfWidth }] of estimates(build, result, factor).entries()) {
    const interval = Number.isFinite(halfWidth)
      ? `95 % from ${digits(low)} to ${digits(high)}`
      : 'no interval: as many parameters as measurements';
    const float = result.reference.values[i];
    const beside = float === undefined ? 'the float64 network gives no estimate' : `float64 ${digits(float, 7)}`;
    lines.push(`  ${name} = ${digits(value, 7)}${unitOf(unit)}   ${interval}   (${beside})`);
  }
  for (const name of result.atEdge) {
    lines.push(`  ${name} is at the edge of its range: its true value may lie outside, and the interval does not hold`);
  }
  if (result.iterations || result.condition) {
    const freedom = measurements.length - result.names.length;
    lines.push(
      '',
      `  ${result.iterations} steps, chi-square ${digits(result.chiSquare)} for ${freedom} degrees of freedom; effects: smallest singular value ${digits(result.smallestSingularValue, 3)}, condition ${digits(result.condition, 3)}`,
    );
  }
  const shown = report.inputs.filter(({ name }) => !result.names.includes(name));
  const place = (inputs: readonly number[]) =>
    shown.map(({ name }) => digits(inputs[report.inputs.findIndex((i) => i.name === name)]));
  const rows = measurements.map(({ inputs, output, value, sigma }, k) => [
    ...place(inputs),
    output,
    digits(value),
    digits(table[k].answer),
    digits(table[k].residual, 3),
    digits(table[k].residual / sigma, 3),
  ]);
  lines.push(
    '',
    columns([
      [...shown.map(({ name }) => name), 'output', 'measured', 'fitted', 'residual', 'by sigma'],
      ...rows,
    ]).trimEnd(),
  );
  if (board) {
    lines.push(
      '',
      `  ${board.board}, emulated: every bit as on the host; ${count(board.instructions)} instructions, ${count(board.stackBytes)} B of stack, ${count(board.memoryBytes)} B of memory`,
    );
  }
  return `${lines.join('\n')}\n`;
}
