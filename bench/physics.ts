import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { distances } from '../compiler/compress/physics/distances.js';
import { type TrainSettings, trainModel } from '../compiler/compress/physics/train.js';
import { nodeFiles } from '../compiler/host/node-files.js';
import { PACKAGE_ROOT } from '../compiler/host/package-root.js';
import { loadModel } from '../compiler/model/load.js';
import type { Model } from '../compiler/model/types.js';
import { compressOnly } from '../compiler/pipeline/compress-only.js';
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
    settings: { causal: 't', steps: 417, points: 700 },
  },
};

/** Tolerances near the errors that the networks have themselves. */
const COMPRESSIONS: Record<string, number> = { front: 2e-5, 'heat-rod': 2e-4, kovasznay: 5e-4, 'poisson-wide': 2e-5 };

const fileOf = (example: string, name = 'model.json') => join(PACKAGE_ROOT, 'examples', example, name);

/** The model of an example with fewer and narrower layers in the place of its own. */
export function withWidths(example: string, widths: readonly number[]): Model {
  const { weights: _, ...json } = JSON.parse(readFileSync(fileOf(example), 'utf8'));
  const isLayer = ({ name }: { name: string }) => /^([zh]\d+|net)$/.test(name);
  const at = json.nodes.findIndex(isLayer);
  const tensors: Record<string, object> = {};
  const zeros = (...shape: number[]) => ({ shape, data: new Array(shape.reduce((n, d) => n * d, 1)).fill(0) });
  let [from] = json.nodes[at].inputs;
  const layers = widths.slice(1).flatMap((width, k) => {
    const isLast = k === widths.length - 2;
    const [weight, bias, name] = [`l${k}.weight`, `l${k}.bias`, isLast ? 'net' : `z${k}`];
    Object.assign(tensors, { [weight]: zeros(width, widths[k]), [bias]: zeros(width) });
    const dense = { name, op: 'dense', inputs: [from], weight, bias };
    from = `h${k}`;
    return isLast ? [dense] : [dense, { name: from, op: 'tanh', inputs: [name] }];
  });
  const rest = json.nodes.filter((node: { name: string }) => !isLayer(node));
  const nodes = [...rest.slice(0, at), ...layers, ...rest.slice(at)];
  const bytes = new TextEncoder().encode(JSON.stringify({ ...json, nodes, tensors }));
  return loadModel(example, { read: () => bytes, beside: (_file, name) => name });
}

/** With the points of the example's reference file, where it has one, as data to measure against. */
function withReference(model: Model, example: string): Model {
  if (example !== 'burgers') return model;
  const { points, outputs } = JSON.parse(readFileSync(fileOf(example, 'reference.json'), 'utf8'));
  const rows = points.map((point: number[], p: number) => [...point, outputs.u[p]]);
  const data = [{ name: 'reference', columns: ['x', 't', 'u'], rows, weight: 0 }];
  return { ...model, physics: { ...model.physics, data } };
}

async function trainingRow([name, { example, widths, settings }]: [string, Training]): Promise<string[]> {
  const model = withReference(withWidths(example, widths), example);
  const cpu = process.cpuUsage();
  const defaults: TrainSettings = { method: 'lm', init: true, seed: 0, from: {}, frozen: [] };
  const { model: trained, weights, steps } = await trainModel(model, example, { ...defaults, ...settings });
  const seconds = process.cpuUsage(cpu).user / 1e6;
  const [{ relativeL2 }] = distances(trained);
  return [name, widths.join('-'), String(weights), String(steps), short(relativeL2), seconds.toFixed(0)];
}

async function compressionRow([name, tolerance]: [string, number]): Promise<string[]> {
  const file = fileOf(name);
  const model = loadModel(file, nodeFiles);
  const compress = { share: 1, maxWork: 150e9, teacher: 'both', method: name === 'front' ? 'auto' : 'prune' } as const;
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
