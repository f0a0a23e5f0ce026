import { Command } from 'commander';
import { fromWords, inputWordFormats, outputWordFormats, toWords } from '../code/engines/engine.js';
import { requireRunning, runningModel } from '../deliver/device/session.js';
import { loadBuild } from '../deliver/package/store.js';
import { PinnEdgeError, plural } from '../diagnostics.js';
import { evaluateReference } from '../judge/reference/evaluate.js';
import { writeCsv, writeJson } from '../run/points-io.js';
import { requireValidTable } from '../table/check.js';
import { type PortOptions, withDevice, withPortOptions } from './device-options.js';
import { error, writeNote, writeOut } from './output.js';
import { clampNote, type PointOptions, readPoints, withPointOptions } from './points.js';

export function monitorCommand(): Command {
  return withPointOptions(withPortOptions(new Command('monitor')))
    .description('evaluate points on a connected device and print them beside the reference')
    .argument('<build>', 'folder that pinn-edge build wrote, of the model that the device runs')
    .option('--json', 'print JSON instead of CSV')
    .addHelpText(
      'after',
      `
The columns are the inputs, and for each output the device's value, the float64 reference's, and their difference.

Examples:
  $ pinn-edge monitor build/esp32 --port /dev/ttyUSB0 --grid x=-1:1:9,t=0.5
  $ pinn-edge monitor build/esp32 --port tcp:localhost:3333 --points measured.csv`,
    )
    .action(run);
}

async function run(directory: string, options: PortOptions & PointOptions & { json?: boolean }): Promise<void> {
  const build = loadBuild(directory);
  const { inputs, outputs } = build.model;
  const names = inputs.map(({ name }) => name);
  const points = readPoints(
    options,
    names,
    outputs.map(({ name }) => name),
  );
  const table = requireValidTable(build.runnable.table);
  const words = toWords(points, inputWordFormats(table));
  const answer = await withDevice(options, async (client) => {
    const info = await client.hello();
    requireRunning(info, build, options.port ?? '');
    writeNote(`${options.port}: ${runningModel(info)}`);
    const { outputs, results } = await client.evaluate(info, words);
    const failed = results.findIndex((result) => result < 0);
    if (failed >= 0) throw new PinnEdgeError('PE9025', { point: failed, result: results[failed] });
    return { outputs, clamped: [...results.keys()].filter((p) => results[p] === 1) };
  });
  const values = fromWords(answer.outputs, outputWordFormats(table, outputs));
  // The reference at the same points: those outside the box at its edge, as the device evaluates them.
  const held = points.map((value, i) => {
    const { min, max } = inputs[i % inputs.length];
    return Math.min(max, Math.max(min, value));
  });
  const reference = evaluateReference(build.model, held);
  if (answer.clamped.length) writeNote(clampNote(answer.clamped, names, points));
  const columns = outputs.flatMap(({ name }) => [name, `${name}_reference`, `${name}_difference`]);
  const rows = new Float64Array(3 * values.length);
  values.forEach((value, i) => {
    rows.set([value, reference[i], value - reference[i]], 3 * i);
  });
  const write = options.json ? writeJson : writeCsv;
  writeOut(write([...names, ...columns], points, rows, names.length));
  const worst = outputs.map(({ name }, o) => {
    const differences = values
      .filter((_, i) => i % outputs.length === o)
      .map((v, p) => Math.abs(v - reference[p * outputs.length + o]));
    return `${name} ${error(differences.reduce((largest, d) => Math.max(largest, d), 0))}`;
  });
  writeNote(`largest difference over ${plural(points.length / names.length, 'point')}: ${worst.join(', ')}`);
}
