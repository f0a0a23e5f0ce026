import { Command } from 'commander';
import { ENGINE_NAMES } from '../code/engines/engine.js';
import { loadBuild } from '../deliver/package/store.js';
import { requireWritable, writeFileWhole } from '../host/write-file.js';
import { writeCsv, writeJson } from '../run/points-io.js';
import { type SimulationEngine, simulate } from '../run/simulate.js';
import { boardFor, boardNote, ON_HELP } from './board.js';
import { choiceOption } from './options.js';
import { writeNote, writeOut } from './output.js';
import { clampNote, type PointOptions, readPoints, withPointOptions } from './points.js';

interface SimulateOptions extends PointOptions {
  engine?: SimulationEngine;
  on?: string;
  out?: string;
  json?: boolean;
}

const ENGINES: readonly SimulationEngine[] = [...ENGINE_NAMES, 'reference'];

export function simulateCommand(): Command {
  return withPointOptions(new Command('simulate'))
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
  $ echo 'x,t
    0.1,0.5' | pinn-edge simulate build/esp32`,
    )
    .action(run);
}

async function run(directory: string, options: SimulateOptions): Promise<void> {
  if (options.out) requireWritable(options.out);
  const build = loadBuild(directory);
  const inputs = build.model.inputs.map((input) => input.name);
  const sent = build.model.outputs.map((output) => output.name);
  // Tangents are for fits.
  const outputs = build.report.fit?.outputs ?? sent;
  const points = readPoints(options, inputs, outputs);
  const board = boardFor(build, options);
  const result = await simulate(build, points, { engine: board ?? options.engine });
  if (result.clamped.length) writeNote(clampNote(result.clamped, inputs, points));
  const asJson = options.out ? options.out.endsWith('.json') : options.json;
  const write = asJson ? writeJson : writeCsv;
  const shown = result.outputs.filter((_, i) => i % sent.length < outputs.length);
  let text = write([...inputs, ...outputs], points, shown, inputs.length);
  if (board && !asJson) writeNote(boardNote(board.figures()));
  if (board && asJson) text = `${JSON.stringify({ points: JSON.parse(text), board: board.figures() }, null, 2)}\n`;
  if (options.out) writeFileWhole(options.out, text);
  else writeOut(text);
}
