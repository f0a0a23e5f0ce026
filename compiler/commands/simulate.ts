import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { PinnEdgeError } from '../diagnostics.js';
import { ENGINE_NAMES } from '../engines/types.js';
import { loadBuild } from '../package/store.js';
import { gridPoints, readCsvPoints, readJsonPoints, writeCsv, writeJson } from '../simulate/points-io.js';
import { type SimulationEngine, simulate } from '../simulate/simulate.js';
import { writeFileWhole } from '../write-file.js';
import { boardFor, boardNote, ON_HELP } from './board.js';
import { choiceOption } from './options.js';
import { count, writeNote, writeOut } from './output.js';

interface SimulateOptions {
  points?: string;
  grid?: string;
  engine?: SimulationEngine;
  on?: string;
  out?: string;
  json?: boolean;
}

const ENGINES: readonly SimulationEngine[] = [...ENGINE_NAMES, 'reference'];

export function simulateCommand(): Command {
  return new Command('simulate')
    .description('run the module of a build on this machine, engineering units in and out')
    .argument('<build>', 'folder that pinn-edge build wrote')
    .option('--points <file>', 'points as .csv with a header or .json; "-" or nothing reads CSV (or JSON) from stdin')
    .option('--grid <spec>', 'points on a grid: x=-1:1:41,t=0:1:41 (first:last:count), nu=0.05 holds an input')
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
  $ echo 'x,t
    0.1,0.5' | pinn-edge simulate build/esp32`,
    )
    .action(run);
}

async function run(directory: string, options: SimulateOptions): Promise<void> {
  const build = loadBuild(directory);
  const inputs = build.model.inputs.map((input) => input.name);
  const outputs = build.model.outputs.map((output) => output.name);
  const points = readPoints(options, inputs, outputs);
  const board = boardFor(build, options);
  const result = await simulate(build, points, { engine: board ?? options.engine });
  if (result.clamped.length) {
    const first = result.clamped[0];
    const at = inputs.map((name, i) => `${name} = ${points[first * inputs.length + i]}`).join(', ');
    writeNote(
      `warning: ${count(result.clamped.length)} points lie outside the input box and were clamped to it, the first at ${at}`,
    );
  }
  const asJson = options.out ? options.out.endsWith('.json') : options.json;
  const write = asJson ? writeJson : writeCsv;
  let text = write([...inputs, ...outputs], points, result.outputs, inputs.length);
  if (board && !asJson) writeNote(boardNote(board.figures()));
  if (board && asJson) text = `${JSON.stringify({ points: JSON.parse(text), board: board.figures() }, null, 2)}\n`;
  if (options.out) writeFileWhole(options.out, text);
  else writeOut(text);
}

function readPoints(options: SimulateOptions, inputs: readonly string[], outputs: readonly string[]): Float64Array {
  if (options.points !== undefined && options.grid !== undefined) {
    throw new PinnEdgeError('PE3005', { option: '--points and --grid', reason: 'give one of them, not both' });
  }
  if (options.grid !== undefined) return gridPoints(options.grid, inputs);
  const fromFile = options.points !== undefined && options.points !== '-';
  const source = fromFile ? options.points! : 'standard input';
  if (!fromFile && process.stdin.isTTY) {
    throw new PinnEdgeError('PE3005', { option: '--points or --grid', reason: 'is missing, and nothing is piped in' });
  }
  let text: string;
  try {
    text = readFileSync(fromFile ? source : 0, 'utf8');
  } catch (error) {
    throw new PinnEdgeError('PE1001', { file: source, reason: (error as Error).message });
  }
  const isJson = source.endsWith('.json') || /^\s*[[{]/.test(text);
  return isJson ? readJsonPoints(source, text, inputs) : readCsvPoints(source, text, inputs, outputs);
}
