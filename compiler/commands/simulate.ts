import { Command } from 'commander';
import { ENGINE_NAMES } from '../code/engines/engine.js';
import { type LoadedBuild, loadBuild } from '../deliver/package/store.js';
import { requireWritable, writeFileWhole } from '../host/write-file.js';
import { writeCsv, writeJson } from '../run/points-io.js';
import { type SimulationEngine, simulate } from '../run/simulate.js';
import { boardFor, boardNote, ON_HELP } from './board.js';
import { choiceOption } from './options.js';
import { writeNote, writeOut } from './output.js';
import { clampNote, type PointOptions, readPoints, withPointOptions } from './points.js';
import {
  asksForSteps,
  boardStepsNote,
  runSteps,
  type StepOptions,
  stepsCsv,
  stepsJson,
  withStepOptions,
} from './steps.js';

interface SimulateOptions extends PointOptions, StepOptions {
  engine?: SimulationEngine;
  on?: string;
  out?: string;
  json?: boolean;
}

const ENGINES: readonly SimulationEngine[] = [...ENGINE_NAMES, 'reference'];

export function simulateCommand(): Command {
  return withStepOptions(withPointOptions(new Command('simulate')))
    .description('run the module of a build on this machine, engineering units in and out')
    .argument('<build>', 'folder that pinn-edge build wrote')
    .option('--engine <name>', `${ENGINES.join(', ')} (default: wasm3)`, choiceOption('--engine', ENGINES))
    .option('--on <board>', ON_HELP)
    .option('-o, --out <file>', 'write .csv or .json instead of printing CSV')
    .option('--json', 'print JSON instead of CSV')
    .addHelpText(
      'after',
      `
Examples:
  $ pinn-edge simulate build/esp32 --grid x=-1:1:41,t=0:1:41 -o u.csv
  $ pinn-edge simulate build/esp32 --points measured.csv --engine reference
  $ pinn-edge simulate build/esp32 --points measured.csv --on cortex-m4
  $ pinn-edge simulate build/esp32 --steps 1000 --initial theta=1,omega=0 --hold u=0 -o trajectory.csv
  $ pinn-edge simulate build/esp32 --initial level=0.2 --drive inflow.csv --on cortex-m4
  $ echo 'x,t
    0.1,0.5' | pinn-edge simulate build/esp32`,
    )
    .action(run);
}

async function run(directory: string, options: SimulateOptions): Promise<void> {
  if (options.out) requireWritable(options.out);
  const build = loadBuild(directory);
  if (asksForSteps(options, options)) return writeTrajectory(build, options);
  const inputs = build.model.inputs.map((input) => input.name);
  const sent = build.model.outputs.map((output) => output.name);
  // Tangents are for fits.
  const outputs = build.report.fit?.outputs ?? sent;
  const points = readPoints(options, inputs, outputs);
  const board = boardFor(build, options);
  const result = await simulate(build, points, { engine: board ?? options.engine });
  if (result.clamped.length) writeNote(clampNote(result.clamped, inputs, points));
  const asJson = isJson(options);
  const print = asJson ? writeJson : writeCsv;
  const shown = result.outputs.filter((_, i) => i % sent.length < outputs.length);
  let text = print([...inputs, ...outputs], points, shown, inputs.length);
  if (board && !asJson) writeNote(boardNote(board.figures()));
  if (board && asJson) text = `${JSON.stringify({ points: JSON.parse(text), board: board.figures() }, null, 2)}\n`;
  write(options, text);
}

async function writeTrajectory(build: LoadedBuild, options: SimulateOptions): Promise<void> {
  const { table, board } = await runSteps(build, options);
  if (board) writeNote(boardStepsNote(board));
  write(options, isJson(options) ? stepsJson(table) : stepsCsv(table));
}

function isJson({ out, json }: SimulateOptions): boolean {
  return out ? out.endsWith('.json') : json === true;
}

function write({ out }: SimulateOptions, text: string): void {
  if (out) writeFileWhole(out, text);
  else writeOut(text);
}
