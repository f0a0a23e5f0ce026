import { parseArgs } from 'node:util';
import { distances } from '../compiler/compress/physics/distances.js';
import { type TrainSettings, trainModel } from '../compiler/compress/physics/train.js';
import { nodeFiles } from '../compiler/host/node-files.js';
import { loadModel } from '../compiler/model/load.js';
import { compressOnly } from '../compiler/pipeline/compress-only.js';
import { fileOf, withReference, withWidths } from './physics-problems.js';
import { markdown, short } from './tables.js';

/** The figures of docs/training.md: small networks trained from fresh weights, and the physics as a teacher of compression. */

const USAGE = `The physics as a teacher: npm run bench:physics, with

  --only poisson,front   rows: poisson, burgers (trained), front, heat-rod, kovasznay, poisson-wide (compressed); default: all
  --help                 this
`;

interface Training {
  example: string;
  widths: number[];
  settings: Partial<TrainSettings>;
}

const TRAININGS: Record<string, Training> = {
  poisson: { example: 'poisson-wide', widths: [2, 16, 16, 1], settings: {} },
  burgers: {
    example: 'burgers',
    widths: [2, 20, 20, 20, 1],
    settings: { from: { nu: 0.05 }, steps: 500, points: 1400 },
  },
};

interface Compression {
  tolerance: number;
  method: 'auto' | 'prune';
}

/** Tolerances of some times the errors that the networks have themselves. */
const COMPRESSIONS: Record<string, Compression> = {
  front: { tolerance: 2e-5, method: 'auto' },
  'heat-rod': { tolerance: 1e-3, method: 'auto' },
  kovasznay: { tolerance: 4e-3, method: 'prune' },
  'poisson-wide': { tolerance: 5e-5, method: 'prune' },
};

async function trainingRow([name, { example, widths, settings }]: [string, Training]): Promise<string[]> {
  const model = withReference(withWidths(example, widths), example);
  const cpu = process.cpuUsage();
  const defaults: TrainSettings = { method: 'lm', init: true, seed: 0, from: {}, frozen: [] };
  const { model: trained, weights, steps } = await trainModel(model, example, { ...defaults, ...settings });
  const seconds = process.cpuUsage(cpu).user / 1e6;
  const [{ relativeL2 }] = distances(trained);
  return [name, widths.join('-'), String(weights), String(steps), short(relativeL2), seconds.toFixed(0)];
}

async function compressionRow([name, { tolerance, method }]: [string, Compression]): Promise<string[]> {
  const file = fileOf(name);
  const model = loadModel(file, nodeFiles);
  const compress = { share: 1, maxWork: 150e9, teacher: 'both', method } as const;
  const { model: small, bytes } = await compressOnly(model, { tolerance: { relative: tolerance }, file, compress });
  const [given, after] = [distances(model), distances(small ?? model)];
  const column = (list: typeof given) => list.map(({ name: output, relativeL2 }) => `${output} ${short(relativeL2)}`);
  const times = given.map(({ relativeL2 }, k) => (after[k].relativeL2 / relativeL2).toFixed(2));
  const sizes = [`${bytes.before} B`, `${bytes.after} B`];
  return [name, short(tolerance), ...sizes, column(given).join(', '), column(after).join(', '), times.join(', ')];
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { only: { type: 'string' }, help: { type: 'boolean' } } });
  if (values.help) {
    process.stdout.write(USAGE);
    return;
  }
  const only = values.only?.split(',');
  const chosen = <T>(all: Record<string, T>) => Object.entries(all).filter(([name]) => !only || only.includes(name));
  const trained: string[][] = [];
  for (const entry of chosen(TRAININGS)) trained.push(await trainingRow(entry));
  if (trained.length) {
    const head = ['problem', 'network', 'weights', 'steps', 'relative L2 error', 'seconds on one core'];
    process.stdout.write(`${markdown(head, trained)}\n\n`);
  }
  const compressed: string[][] = [];
  for (const entry of chosen(COMPRESSIONS)) compressed.push(await compressionRow(entry));
  if (!compressed.length) return;
  const errors = ['relative L2 error, given', 'compressed', 'times as far'];
  const head = ['example', 'tolerance', 'float32', 'compressed to', ...errors];
  process.stdout.write(`${markdown(head, compressed)}\n`);
}

await main();
