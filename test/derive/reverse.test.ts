import { readFileSync } from 'node:fs';
import { describe, expect, it, test } from 'vitest';
import type { Goal } from '../../compiler/code/cost/goal.js';
import type { BuildEngine } from '../../compiler/code/engines/build-engine.js';
import { createEngine } from '../../compiler/code/engines/create.js';
import { fromWords, inputWordFormats, outputWordFormats, toWords } from '../../compiler/code/engines/engine.js';
import { linearMemoryBytes } from '../../compiler/code/linear-memory.js';
import { withDerived } from '../../compiler/import/select-outputs.js';
import { buildIr } from '../../compiler/ir/from-model.js';
import { foldGraph } from '../../compiler/ir/simplify.js';
import { interiorPoints } from '../../compiler/judge/points/cover.js';
import { evaluateReference } from '../../compiler/judge/reference/evaluate.js';
import { inputBox } from '../../compiler/model/box.js';
import { type Gradients, gradientsOf } from '../../compiler/model/derivatives.js';
import type { Model } from '../../compiler/model/types.js';
import { generateModule, layOutFor } from '../../compiler/pipeline/code-stage.js';
import { settingsOf } from '../../compiler/pipeline/compile-options.js';
import { cheapestGraph } from '../../compiler/pipeline/graph-stage.js';
import { runTableOnBoard } from '../../compiler/run/boards/run-table.js';
import { decodeTable } from '../../compiler/table/table.js';
import { BOARDS, exampleFile } from '../boards/setup.js';
import { modelFrom, perceptron } from '../helpers/models.js';
import { derivedGraph, graphError, planned, relativeErrors, structured } from './helpers.js';

/** Gradients in one sweep back through the graph, where that is cheaper than a sweep per input. */

const M4 = BOARDS.find(({ name }) => name === 'cortex-m4')!;
const POINTS = 400;
const BOARD_POINTS = 4;

/** The model with the first derivatives of every output by every input. */
function withGradients(json: object, files: Record<string, Uint8Array> = {}): Model {
  const model = modelFrom(json as never, files);
  const names = model.outputs.flatMap(({ name }) => model.inputs.map((input) => `${name}_${input.name}`));
  return { ...model, ...withDerived(model, { derive: names.map((name) => ({ name, expression: name })) }) };
}

/** Of inputs a, b, c in [0.3, 1.2] or others. */
function nodesModel(nodes: object[], tensors = {}, box = { min: 0.3, max: 1.2 }): Model {
  const inputs = ['a', 'b', 'c'].map((name) => ({ name, ...box }));
  const outputs = [{ name: 'u', value: 'u' }];
  return withGradients({ format: 'pinn-edge/1', name: 'm', inputs, nodes, outputs, tensors });
}

/** Errors of the outputs of the graph in reverse mode. */
function reverseErrors(model: Model): number[] {
  const gradients = gradientsOf(model);
  expect(gradients.size).toBe(model.outputs.filter(({ expression }) => expression === undefined).length);
  return graphError(model, derivedGraph(model, gradients));
}

const concat = { name: 'v', op: 'concat', inputs: ['a', 'b', 'c'] };
const MATRICES = {
  w: { shape: [4, 3], data: [0.5, -1, 0.25, 1, 0.75, -0.5, -0.25, 0.5, 1, 0.125, 1.5, -1.25] },
  o: { shape: [1, 4], data: [1, -0.5, 0.75, 0.25] },
  none: { shape: [4], data: [0.1, -0.2, 0.3, 0] },
  zero: { shape: [1], data: [0] },
};

describe('a gradient in reverse mode is the exact one', () => {
  it.each(['tanh', 'sin', 'sigmoid', 'gelu', 'softplus', 'silu', 'relu', 'elu', 'exp'])(
    'of a network of %s',
    (activation) => {
      for (const error of reverseErrors(withGradients(perceptron([4, 7, 6, 2], activation, 3, 1)))) {
        expect(error).toBeLessThan(1e-9);
      }
    },
  );

  it.each<[string, object[]]>([
    [
      'products and quotients',
      [
        { name: 'p', op: 'mul', inputs: ['a', 'b'] },
        { name: 'q', op: 'mul', inputs: ['p', 'p'] },
        { name: 'u', op: 'div', inputs: ['q', 'c'] },
      ],
    ],
    [
      'a product of a vector with one value, and its norm',
      [
        concat,
        { name: 'z', op: 'dense', inputs: ['v'], weight: 'w', bias: 'none' },
        { name: 's', op: 'mul', inputs: ['z', 'b'] },
        { name: 'd', op: 'sub', inputs: ['a', 's'] },
        { name: 'e', op: 'mul', inputs: ['d', 'd'] },
        { name: 'u', op: 'dense', inputs: ['e'], weight: 'o', bias: 'zero' },
      ],
    ],
    [
      'the smaller and the larger',
      [
        { name: 'p', op: 'min', inputs: ['a', 'b'] },
        { name: 'q', op: 'max', inputs: ['p', 'c'] },
        { name: 's', op: 'mul', inputs: ['q', 'a'] },
        { name: 'u', op: 'add', inputs: ['s', 'b'] },
      ],
    ],
    [
      'parts of a vector, read twice',
      [
        concat,
        { name: 'z', op: 'dense', inputs: ['v'], weight: 'w', bias: 'none' },
        { name: 'h', op: 'tanh', inputs: ['z'] },
        { name: 'p', op: 'slice', inputs: ['h'], start: 1, stop: 3 },
        { name: 'q', op: 'slice', inputs: ['h'], start: 0, stop: 2 },
        { name: 'r', op: 'mul', inputs: ['p', 'q'] },
        { name: 'all', op: 'concat', inputs: ['r', 'p'] },
        { name: 'u', op: 'dense', inputs: ['all'], weight: 'o', bias: 'zero' },
      ],
    ],
  ])('of %s', (_, nodes) => {
    for (const error of reverseErrors(nodesModel(nodes, MATRICES))) expect(error).toBeLessThan(1e-9);
  });

  it.each(['low_rank', 'hierarchical', 'tensor_train'] as const)('of a network with a %s layer', (kind) => {
    for (const error of reverseErrors(withGradients(structured(kind, 3)))) expect(error).toBeLessThan(1e-9);
  });

  // The first has splines, the second gates and two networks.
  it.each(['battery-health', 'heat-rod'])('of %s', (example) => {
    const json = JSON.parse(readFileSync(exampleFile(example), 'utf8'));
    const weights = readFileSync(exampleFile(example).replace('.json', '.safetensors'));
    for (const error of reverseErrors(withGradients(json, { 'model.safetensors': weights })))
      expect(error).toBeLessThan(1e-9);
  });
});

describe('reverse mode', () => {
  const modeOf = (widths: number[], names: readonly string[], goal: Goal) => {
    const model = modelFrom(perceptron(widths));
    const derive = names.map((name) => ({ name, expression: name }));
    const derived = { ...model, ...withDerived(model, { derive }) };
    return [...cheapestGraph(derived, foldGraph(buildIr(derived)), goal).gradients.entries()];
  };

  it.each<[string, number[], string[], Goal, unknown[]]>([
    ['is taken from three inputs on', [4, 20, 20, 1], ['y0_x0', 'y0_x1', 'y0_x3'], 'speed', [['y0', [0, 1, 3]]]],
    ['is not taken for two inputs', [4, 20, 20, 1], ['y0_x0', 'y0_x1'], 'speed', []],
    [
      'is not taken where tangents are needed for a second derivative',
      [3, 20, 20, 1],
      ['y0_x0', 'y0_x1', 'y0_x2', 'y0_x0x0'],
      'speed',
      [],
    ],
    [
      'is not taken for size where its matrices take more than records',
      [3, 40, 40, 1],
      ['y0_x0', 'y0_x1', 'y0_x2'],
      'size',
      [],
    ],
    [
      'is taken for size where they take less',
      [9, 8, 8, 1],
      Array.from({ length: 9 }, (_, i) => `y0_x${i}`),
      'size',
      [['y0', [0, 1, 2, 3, 4, 5, 6, 7, 8]]],
    ],
  ])('%s', (_, widths, names, goal, gradients) => {
    expect(modeOf(widths, names, goal)).toEqual(gradients);
  });
});

describe('a build with a gradient in reverse mode', () => {
  const model = withGradients(perceptron([6, 10, 10, 1], 'tanh', 2, 1));
  const tolerance = 2e-3;
  const points = interiorPoints(inputBox(model.inputs), POINTS, 3);
  const tableOf = (engine: BuildEngine, goal: Goal, gradients?: Gradients) => {
    const settings = settingsOf(model, { tolerance, engine, goal, isa: M4.board.isa });
    const { attempt } = planned(model, tolerance, { gradients, prefer: settings.prefer });
    return { settings, ...layOutFor(settings, attempt) };
  };

  it('keeps the tolerance, by the same integers on every engine', async () => {
    const { settings, lowered, table } = tableOf('wasm3', 'size', gradientsOf(model));
    const { wasm } = await generateModule(settings, model, lowered, table);
    const [inputCount, outputCount] = [model.inputs.length, model.outputs.length];
    const memoryBytes = linearMemoryBytes(table.length, lowered.table.arenaBytes);
    const wasm3 = { stackBytes: 64 * 1024, tailCalls: true };
    const runnable = { wasm, table, memoryBytes, inputCount, outputCount, wasm3 };
    const words = toWords(points, inputWordFormats(lowered.table));
    const oracle = (await createEngine('oracle', runnable)).run(words).outputs;
    const answers = fromWords(oracle, outputWordFormats(lowered.table, model.outputs));
    for (const error of relativeErrors(answers, evaluateReference(model, points), outputCount)) {
      expect(error).toBeLessThan(tolerance);
    }
    for (const name of ['v8', 'wasm3', 'c'] as const) {
      const engine = await createEngine(name, runnable);
      expect(
        engine.run(words).outputs.findIndex((word, i) => word !== oracle[i]),
        name,
      ).toBe(-1);
      engine.dispose?.();
    }
  });

  // The board compares every word with the oracle's.
  test.skipIf(M4.isSkipped)('takes less than half the instructions of six tangents on a Cortex-M4', () => {
    const instructions = (gradients?: Gradients) => {
      const { lowered, table } = tableOf('c', 'speed', gradients);
      const words = toWords(points.subarray(0, BOARD_POINTS * model.inputs.length), inputWordFormats(lowered.table));
      return runTableOnBoard(M4.board, decodeTable(table), words).instructions;
    };
    expect(instructions(gradientsOf(model))).toBeLessThan(0.5 * instructions());
  });
});
