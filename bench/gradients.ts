import { analyze } from '../compiler/formats/search/analysis.js';
import { Fitting } from '../compiler/formats/search/fitting.js';
import { withDerived } from '../compiler/import/select-outputs.js';
import { sentGraph } from '../compiler/ir/derive/derived-outputs.js';
import { buildIr } from '../compiler/ir/from-model.js';
import { foldGraph } from '../compiler/ir/simplify.js';
import { Judge } from '../compiler/judge/measure.js';
import { interiorPoints } from '../compiler/judge/points/cover.js';
import { congruential } from '../compiler/judge/points/random.js';
import { requirementOf } from '../compiler/judge/requirement.js';
import { inputBox } from '../compiler/model/box.js';
import { type Gradients, gradientsOf } from '../compiler/model/derivatives.js';
import { loadModel } from '../compiler/model/load.js';
import type { Model } from '../compiler/model/types.js';
import { layOutFor } from '../compiler/pipeline/code-stage.js';
import { settingsOf } from '../compiler/pipeline/compile-options.js';
import { loadBoard } from '../compiler/run/boards/boards.js';
import { runTableOnBoard } from '../compiler/run/boards/run-table.js';
import { exampleModel } from './product.js';

/** Gradients in forward and in reverse mode on a Cortex-M4, in the formats that the noise model proposes. */

export interface GradientRow {
  network: string;
  output: string;
  inputs: number;
  instructions: { alone: number; forward: number; reverse: number };
  tableBytes: { alone: number; forward: number; reverse: number };
}

const BOARD = 'cortex-m4';
const VALUE_TOLERANCE = 1e-3;
const DERIVATIVE_TOLERANCE = 2e-3;
/** Share of the tolerances that the noise model plans with. */
const BUDGET = 0.4;
const RUNS = 8;

/** What is measured: examples with three inputs or more that are no steps, and a network of nine inputs and random weights. */
export const GRADIENTS: readonly { network: string; output: string; model: () => Model }[] = [
  { network: 'heat-rod', output: 'T', model: () => exampleModel('heat-rod') },
  { network: 'battery-health', output: 'V', model: () => exampleModel('battery-health') },
  { network: 'tanh 9-24-24-1', output: 'y', model: () => randomNetwork([9, 24, 24, 1]) },
];

export function measureGradient({ network, output, model: load }: (typeof GRADIENTS)[number]): GradientRow {
  const plain = load();
  const names = plain.inputs.map(({ name }) => `${output}_${name}`);
  const model = { ...plain, ...withDerived(plain, { derive: names.map((name) => ({ name, expression: name })) }) };
  const [alone, forward, reverse] = [costOf(plain, []), costOf(model, names), costOf(model, names, gradientsOf(model))];
  return {
    network,
    output,
    inputs: plain.inputs.length,
    instructions: { alone: alone.instructions, forward: forward.instructions, reverse: reverse.instructions },
    tableBytes: { alone: alone.bytes, forward: forward.bytes, reverse: reverse.bytes },
  };
}

/** Every answer is compared with the oracle's. */
function costOf(model: Model, derivatives: readonly string[], gradients?: Gradients) {
  const board = loadBoard(BOARD);
  const outputs = Object.fromEntries(derivatives.map((name) => [name, { relative: DERIVATIVE_TOLERANCE }]));
  const tolerance = requirementOf(model, { all: { relative: VALUE_TOLERANCE }, outputs });
  const settings = settingsOf(model, { engine: 'c', goal: 'speed', isa: board.isa });
  const graph = sentGraph(model, foldGraph(buildIr(model)), gradients);
  const analysis = analyze(model, graph, model.name, tolerance);
  const attempt = new Fitting(model, new Judge(model), analysis, 'auto', settings.prefer).planned(BUDGET);
  const { lowered, table } = layOutFor(settings, attempt);
  const words = interiorPoints(inputBox(model.inputs), RUNS).map((v, i) => {
    return v * 2 ** lowered.table.inputs[i % model.inputs.length].exponent;
  });
  const { instructions } = runTableOnBoard(board, lowered.table, Int32Array.from(words, Math.round));
  return { instructions: Math.round(instructions), bytes: table.length };
}

/** Inputs in [-1, 1], weights that keep values of about that size. */
function randomNetwork(widths: readonly number[]): Model {
  const random = congruential(1);
  const numbers = (count: number, scale: number) => Array.from({ length: count }, () => scale * (2 * random() - 1));
  const inputs = Array.from({ length: widths[0] }, (_, i) => ({ name: `x${i}`, min: -1, max: 1 }));
  const nodes: object[] = [{ name: 'h0', op: 'concat', inputs: inputs.map(({ name }) => name) }];
  const tensors: Record<string, object> = {};
  const last = widths.length - 1;
  for (let l = 1; l <= last; l++) {
    const [rows, cols] = [widths[l], widths[l - 1]];
    tensors[`w${l}`] = { shape: [rows, cols], data: numbers(rows * cols, 1.5 / Math.sqrt(cols)) };
    tensors[`b${l}`] = { shape: [rows], data: numbers(rows, 0.5) };
    nodes.push({ name: `z${l}`, op: 'dense', inputs: [`h${l - 1}`], weight: `w${l}`, bias: `b${l}` });
    if (l < last) nodes.push({ name: `h${l}`, op: 'tanh', inputs: [`z${l}`] });
  }
  const outputs = [{ name: 'y', value: `z${last}` }];
  const json = { format: 'pinn-edge/1', name: 'random', inputs, outputs, tensors, nodes };
  const text = new TextEncoder().encode(JSON.stringify(json));
  return loadModel('random.json', { read: () => text, beside: (_file, name) => name });
}
