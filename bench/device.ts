import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { PACKAGE_ROOT } from '../compiler/host/package-root.js';
import { writeFileWhole } from '../compiler/host/write-file.js';
import { loadBoard } from '../compiler/run/boards/boards.js';
import { fitOnBoard } from '../compiler/run/boards/fit-board.js';
import { jobNumbers } from '../compiler/run/fit/job.js';
import {
  BATTERY,
  batteryTrials,
  fitBuildOf,
  fitTrials,
  HEAT_ROD,
  heatTrials,
  measuredModel,
  type Trial,
} from './device-fits.js';
import { deviceSection } from './device-section.js';
import { STEPS, stepFigures } from './device-steps.js';
import { floatFitProgram } from './rivals/float-fit.js';
import { runRival } from './rivals/rivals.js';
import { FITS_AND_STEPS, withSection } from './sections.js';
import { count, markdown, short } from './tables.js';

/** `npm run bench:device`: fits and steps of the examples, as devices make them. */

const HELP = `Fits and steps on this machine and on emulated boards: npm run bench:device -- [options]

  --trials <n>     fits of heat-rod (default: 100)
  --only <names>   of heat-rod, battery-health, tank-step (default: all of them)
  --write          write the section of docs/benchmarks.md; takes all of them
  --help           this
`;

const BOARD = 'cortex-m4';
/** Boards that make some of the fits and trajectories as well, every bit as on the host. */
const OTHERS: Readonly<Record<string, number>> = {
  'cortex-m0': 2,
  'cortex-m3': 2,
  'cortex-m7': 2,
  'cortex-m33': 2,
  rv32imc: 2,
};

type Row = readonly [what: string, figure: string];

const percent = (value: number) => `${(100 * value).toPrecision(2)} %`;

async function fitRows(task: typeof HEAT_ROD | typeof BATTERY, trials: readonly Trial[]): Promise<Row[]> {
  const { parameter, output, count: measurements, sigma } = task;
  const free = [parameter];
  const build = await fitBuildOf(task, BOARD);
  process.stderr.write(`${task.example} is built\n`);
  const boards = Object.entries({ [BOARD]: trials.length, ...OTHERS });
  let [instructions, ram] = [0, 0];
  const figures = await fitTrials(build, parameter, trials, (trial, fit) => {
    const k = trials.indexOf(trial);
    for (const [name, some] of boards) {
      if (k >= some) continue;
      const job = jobNumbers(build.report, trial.measured, { free });
      const there = fitOnBoard(loadBoard(name), build, job, fit.numbers);
      if (name !== BOARD) continue;
      instructions = Math.max(instructions, there.instructions);
      ram = Math.max(ram, there.memoryBytes + there.stackBytes);
    }
  });
  const rows: Row[] = [
    [`true ${parameter} within the 95 % interval, of ${figures.trials} trials`, `${figures.inside}`],
    ['farthest from float64 Gauss-Newton on the float network', percent(figures.fromFloat)],
    ['farthest from the true value', percent(figures.fromTruth)],
    ['one measurement at a time, farthest from all at once', percent(figures.filterFromBatch)],
    ['steps, on average and at most', `${figures.meanSteps.toFixed(1)}, ${figures.mostSteps}`],
    [`instructions of a fit, at most (${BOARD})`, count(instructions)],
    [`RAM beyond the model, at most (${BOARD})`, `${count(ram)} B`],
  ];
  const model = measuredModel(task);
  const program = floatFitProgram({ model, parameter, count: measurements, sigma });
  if (!program)
    return [...rows, ['float32 C with finite differences', `no float32 function for some node of ${output}`]];
  const jobs = trials.flatMap(({ measured }) => measured.flatMap(({ inputs, value }) => [...inputs, value]));
  const rival = runRival(loadBoard(BOARD), program, new Int32Array(Float32Array.from(jobs).buffer));
  const answers = new Float32Array(rival.rows.buffer);
  const apart = trials.map(({ truth }, k) => {
    const [value, error] = [answers[4 * k + 1], answers[4 * k + 2]];
    return { far: Math.abs(value / truth - 1), isInside: Math.abs(value - truth) <= 1.96 * error };
  });
  return [
    ...rows,
    ['float32 C with finite differences: instructions of a fit, on average', count(rival.figures.instructions)],
    ['the same: true value within the 95 % interval', `${apart.filter(({ isInside }) => isInside).length}`],
    ['the same: farthest from the true value', percent(Math.max(...apart.map(({ far }) => far)))],
  ];
}

async function stepRows(): Promise<Row[]> {
  const { verified, boards } = await stepFigures({ [BOARD]: 200, ...OTHERS });
  const { figures } = boards[0];
  return [
    ...verified.distances.map(
      ({ steps, largest, most }): Row => [
        `largest distance within ${count(steps)} steps, share of the range (99 % keep)`,
        `${short(largest)} (${short(most)})`,
      ],
    ),
    ['largest error of one step', short(verified.oneStep)],
    ['trajectories that leave the box', percent(verified.left)],
    ...boards.map(
      ({ figures: { board }, trajectories }): Row => [
        `trajectories whose every word is the host's, ${board}`,
        `${trajectories} of ${trajectories}`,
      ],
    ),
    [`instructions of pe_step (${BOARD})`, count(figures.instructions)],
    ['times those of an evaluation', (figures.instructions / figures.evaluationInstructions).toFixed(3)],
  ];
}

const { values } = parseArgs({
  options: {
    trials: { type: 'string', default: '100' },
    only: { type: 'string' },
    write: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

async function main(): Promise<void> {
  const trials = Number(values.trials);
  const only = values.only?.split(',');
  const wanted = (name: string) => !only || only.includes(name);
  const sections: string[] = [];
  const add = (title: string, rows: readonly Row[]) =>
    sections.push(`### ${title}\n\n${markdown(['what', 'figure'], rows)}`);
  if (wanted(HEAT_ROD.example)) {
    add(
      'heat-rod: its diffusivity from 20 temperatures with 0.2 degC of noise',
      await fitRows(HEAT_ROD, heatTrials(trials)),
    );
  }
  if (wanted(BATTERY.example)) {
    add(
      'battery-health: the capacity of a cell from 30 voltages of a discharge with 5 mV of noise',
      await fitRows(BATTERY, batteryTrials()),
    );
  }
  if (wanted('tank-step')) add(`tank-step: ${count(STEPS)} steps of 1 s from 200 initial states`, await stepRows());
  const text = sections.join('\n\n');
  process.stdout.write(`${text}\n`);
  if (!values.write || only) return;
  const file = join(PACKAGE_ROOT, 'docs', 'benchmarks.md');
  writeFileWhole(file, withSection(readFileSync(file, 'utf8'), FITS_AND_STEPS, deviceSection(text)));
}

if (values.help) process.stdout.write(HELP);
else await main();
