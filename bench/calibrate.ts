import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Goal } from '../compiler/code/cost/goal.js';
import { countFeatures, FEATURES, type Feature, interpreterPrices } from '../compiler/code/cost/instructions.js';
import { packageBuild } from '../compiler/deliver/package/build-files.js';
import { builtInMemory } from '../compiler/deliver/package/store.js';
import type { Precision } from '../compiler/formats/plan.js';
import { PACKAGE_ROOT } from '../compiler/host/package-root.js';
import { loadModel } from '../compiler/model/load.js';
import type { Model } from '../compiler/model/types.js';
import { compile } from '../compiler/pipeline/compile.js';
import type { CompiledModel } from '../compiler/pipeline/compiled-model.js';
import { createBoardEngine } from '../compiler/run/boards/board-engine.js';
import { type Board, loadBoard } from '../compiler/run/boards/boards.js';
import { type KernelLimits, LARGEST_KERNELS, SHALLOW_KERNELS } from '../compiler/table/layout/interpreter.js';
import { fitPrices, type Sample } from './fit-prices.js';
import { measureNativePrices } from './native-prices.js';
import { randoms } from './random.js';

/**
 * `npm run calibrate [-- <board, engine or splines> ...]`: measures what the cost models need to know of each instruction set and
 * writes it as data.
 *
 * compiler/code/cost/instructions.json: instructions of what records make wasm3 do, fitted to networks of many shapes that
 * run on the board. compiler/code/cost/native.json: the same of the kernels in C (native-prices.ts).
 */

/** Networks of many shapes, with weights of a fixed sequence: what they compute does not matter. */
const NETWORKS: [widths: number[], activation: string, tolerance: number][] = [
  [[2, 3, 1], 'tanh', 1e-3],
  [[2, 8, 8, 1], 'tanh', 1e-2],
  [[3, 24, 24, 2], 'tanh', 1e-3],
  [[2, 48, 1], 'sin', 1e-3],
  [[2, 40, 24, 1], 'sin', 1e-2],
  [[2, 64, 32, 3], 'tanh', 3e-4],
  [[4, 16, 64, 1], 'sigmoid', 1e-3],
  [[2, 20, 20, 1], 'tanh', 1e-4],
];
const WAYS: [Goal, KernelLimits, Precision][] = [
  ['size', LARGEST_KERNELS, 'auto'],
  ['speed', LARGEST_KERNELS, 'auto'],
  ['speed', SHALLOW_KERNELS, 'auto'],
  // Weights that do not bend to the lanes, whose sums are split.
  ['speed', LARGEST_KERNELS, '16'],
];
/** What weights and values of 16 bits keep with any of the networks. */
const PLAIN_TOLERANCE = 3e-2;

function network(widths: readonly number[], activation: string): Model {
  const next = randoms(1);
  const values = (count: number, scale: number) => Array.from({ length: count }, () => scale * next());
  const inputs = Array.from({ length: widths[0] }, (_, i) => ({ name: `x${i}`, min: -1, max: 1 }));
  const nodes: object[] = [{ name: 'h0', op: 'concat', inputs: inputs.map(({ name }) => name) }];
  const tensors: Record<string, object> = {};
  for (let l = 1; l < widths.length; l++) {
    const [rows, cols] = [widths[l], widths[l - 1]];
    tensors[`w${l}`] = { shape: [rows, cols], data: values(rows * cols, 1.5 / Math.sqrt(cols)) };
    tensors[`b${l}`] = { shape: [rows], data: values(rows, 0.5) };
    nodes.push({ name: `z${l}`, op: 'dense', inputs: [`h${l - 1}`], weight: `w${l}`, bias: `b${l}` });
    if (l < widths.length - 1) nodes.push({ name: `h${l}`, op: activation, inputs: [`z${l}`] });
  }
  const value = `z${widths.length - 1}`;
  const outputs = Array.from({ length: widths[widths.length - 1] }, (_, index) => ({
    name: `y${index}`,
    value,
    index,
  }));
  const json = JSON.stringify({ format: 'pinn-edge/1', name: `n${widths.join('-')}`, inputs, outputs, tensors, nodes });
  return loadModel('model.json', { read: () => new TextEncoder().encode(json), beside: (_, name) => name });
}

/** Splines by degree, segments along each axis, and outputs. */
const SPLINES: [degree: number, segments: number[], outputs: number][] = [
  [1, [20], 1],
  [3, [20], 1],
  [3, [20], 8],
  [3, [9, 7], 1],
  [3, [9, 7], 4],
  [5, [9, 7], 2],
  [2, [4, 5, 4], 1],
  [3, [4, 5, 4], 1],
];

function spline(degree: number, segments: readonly number[], width: number): Model {
  const next = randoms(1);
  const inputs = segments.map((_, i) => ({ name: `x${i}`, min: -1, max: 1 }));
  const shape = [width, ...segments.map((n) => n + degree)];
  const data = Array.from({ length: shape.reduce((n, m) => n * m, 1) }, () => next());
  const names = inputs.map(({ name }) => name);
  const ranges = segments.map(() => [-1, 1]);
  const nodes = [{ name: 's', op: 'spline', inputs: names, coefficients: 'c', degree, ranges }];
  const outputs = Array.from({ length: width }, (_, index) => ({ name: `y${index}`, value: 's', index }));
  const json = { format: 'pinn-edge/1', name: 's', inputs, outputs, nodes, tensors: { c: { shape, data } } };
  const text = new TextEncoder().encode(JSON.stringify(json));
  return loadModel('model.json', { read: () => text, beside: (_, name) => name });
}

async function compiledNetworks(): Promise<CompiledModel[]> {
  const list: CompiledModel[] = [];
  for (const [widths, activation, tolerance] of NETWORKS) {
    const model = network(widths, activation);
    for (const [goal, kernels, precision] of WAYS) {
      const kept = precision === 'auto' ? tolerance : PLAIN_TOLERANCE;
      list.push(await compile(model, { tolerance: kept, goal, kernels, precision }));
    }
    process.stderr.write(`${model.name} compiled\n`);
  }
  return list;
}

function samplesOn(board: Board, networks: readonly CompiledModel[]): Sample<Feature>[] {
  return networks.map((compiled) => {
    const engine = createBoardEngine(board, builtInMemory(compiled, packageBuild(compiled, board)));
    return { counts: countFeatures(compiled.lowered.table), instructions: engine.figures().instructions };
  });
}

function update(file: string, isas: object): void {
  const path = join(PACKAGE_ROOT, 'compiler/code/cost', file);
  const before = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')).isas : {};
  const json = { command: 'npm run calibrate', isas: { ...before, ...isas } };
  writeFileSync(path, `${JSON.stringify(json, null, 2)}\n`);
}

/** The prices of networks alone. */
function pick(prices: Record<Feature, number>): Partial<Record<Feature, number>> {
  return Object.fromEntries(NETWORK_FEATURES.map((f) => [f, prices[f]]));
}

const SPLINE_FEATURES = FEATURES.filter((f) => f.startsWith('spline.'));
const NETWORK_FEATURES = FEATURES.filter((f) => !f.startsWith('spline.'));

async function compiledSplines(): Promise<CompiledModel[]> {
  const list: CompiledModel[] = [];
  for (const [degree, segments, width] of SPLINES) {
    const model = spline(degree, segments, width);
    list.push(await compile(model, { tolerance: 1e-3, kernels: LARGEST_KERNELS }));
  }
  return list;
}

function reportErrors(name: string, samples: readonly Sample<Feature>[], prices: Record<Feature, number>): void {
  const errors = samples.map(({ counts, instructions }) => {
    const predicted = FEATURES.reduce((sum, f) => sum + (counts[f] ?? 0) * prices[f], 0);
    return Math.abs(predicted / instructions - 1);
  });
  process.stdout.write(
    `${name}: ${samples.length} models, largest error ${(100 * Math.max(...errors)).toFixed(1)} %\n`,
  );
}

/** One board for every instruction set. */
const BOARDS = ['cortex-m0', 'cortex-m3', 'cortex-m4', 'cortex-m33', 'rv32imc', 'xtensa', 'arduino-uno'];

const given = process.argv.slice(2);
const ENGINES: readonly string[] = ['wasm3', 'splines', 'c'];
const isOf = (engine: string) => given.includes(engine) || !given.some((word) => ENGINES.includes(word));
const chosen = given.filter((word) => !ENGINES.includes(word));
const interpreted = isOf('wasm3') ? await compiledNetworks() : undefined;
const splines = isOf('wasm3') || isOf('splines') ? await compiledSplines() : undefined;
for (const name of chosen.length ? chosen : BOARDS) {
  const board = loadBoard(name);
  const measured = interpreted && board.wasm3 && samplesOn(board, interpreted);
  if (measured) {
    const networks = fitPrices(NETWORK_FEATURES, measured);
    update('instructions.json', { [board.isa]: { ...interpreterPrices(board.isa), ...networks } });
    reportErrors(`${name} (${board.isa}), networks`, measured, interpreterPrices(board.isa));
  }
  if (splines && board.wasm3) {
    const samples = samplesOn(board, splines);
    const known = interpreterPrices(board.isa);
    update('instructions.json', { [board.isa]: { ...known, ...fitPrices(SPLINE_FEATURES, samples, pick(known)) } });
    reportErrors(`${name} (${board.isa}), splines`, samples, interpreterPrices(board.isa));
  }
  if (isOf('c')) {
    update('native.json', { [board.isa]: measureNativePrices(board) });
    process.stdout.write(`${name} (${board.isa}): kernels in C\n`);
  }
}
