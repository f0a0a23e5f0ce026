import { describe, expect, test } from 'vitest';
import { createEngine, type Runnable } from '../../compiler/code/engines/create.js';
import { inputWordFormats, toWords } from '../../compiler/code/engines/engine.js';
import { linearMemoryBytes } from '../../compiler/code/linear-memory.js';
import { modelFromIr } from '../../compiler/compress/result/ir-to-model.js';
import { evaluateOutputs } from '../../compiler/compress/teacher/teacher.js';
import { withoutBlocks } from '../../compiler/ir/blocks.js';
import { buildIr } from '../../compiler/ir/from-model.js';
import { forEachJacobianBlock } from '../../compiler/ir/jacobian.js';
import { GRAM_BLOCK } from '../../compiler/ir/linear-algebra/gram.js';
import { readParameters, trainableCount, withOwnWeights, writeParameters } from '../../compiler/ir/parameters.js';
import { foldGraph, toTurns } from '../../compiler/ir/simplify.js';
import { coveringPoints } from '../../compiler/judge/points/cover.js';
import { evaluateReference } from '../../compiler/judge/reference/evaluate.js';
import { inputBox } from '../../compiler/model/box.js';
import { loadModel, modelToJson } from '../../compiler/model/load.js';
import { writeSafetensors } from '../../compiler/model/safetensors.js';
import type { Model } from '../../compiler/model/types.js';
import { compile } from '../../compiler/pipeline/compile.js';
import type { CompiledModel } from '../../compiler/pipeline/compiled-model.js';
import { KIND } from '../../compiler/table/specification.js';
import { decodeTable } from '../../compiler/table/table.js';
import { modelFrom } from '../helpers/models.js';
import { structuredModel, structuredNetwork, unusedTensors } from './helpers.js';

const model = structuredModel();
const points = coveringPoints(inputBox(model.inputs), 200);

function expectEqual(got: Float64Array, wanted: Float64Array, digits = 10): void {
  got.forEach((v, i) => {
    expect(v).toBeCloseTo(wanted[i], digits);
  });
}

/** What the tests change of a node in JSON. */
interface Fields {
  name: string;
  leaves: Fields[];
  cols: number[];
  [field: string]: unknown;
}

/** Written to a file and read again. */
function stored(again: Model): Model {
  const text = new TextEncoder().encode(JSON.stringify(modelToJson(again, 'w.safetensors')));
  const weights = writeSafetensors(again.tensors);
  return loadModel('m.json', { read: (path) => (path === 'm.json' ? text : weights), beside: (_, name) => name });
}

describe('structured weights', () => {
  test('mean the matrices that they add up to', () => {
    const wanted = evaluateReference(model, points);
    const graph = buildIr(model);
    for (const same of [graph, foldGraph(graph), toTurns(foldGraph(graph)), withoutBlocks(foldGraph(graph))]) {
      expectEqual(evaluateOutputs(same, points, 2), wanted);
    }
    expect(withoutBlocks(graph).nodes.some((node) => node.kind === 'blocks')).toBe(false);
  });

  test('survive folding, writing and reading, with their structure and precision', () => {
    const again = stored(modelFromIr(model, foldGraph(buildIr(model))));
    expectEqual(evaluateReference(again, points), evaluateReference(model, points));
    const structured = (m: Model) =>
      m.nodes
        .filter(({ op }) => op !== 'tanh' && op !== 'concat')
        .map((node) => {
          return 'leaves' in node
            ? node.leaves.map(({ rows, cols, precision }) => ({ rows, cols, precision }))
            : node.op;
        });
    expect(structured(again)).toEqual(structured(model));
    expect(unusedTensors(again)).toEqual([]);
    expect(modelFromIr(again, foldGraph(buildIr(again))).nodes).toEqual(again.nodes);
  });

  test('that do not fit together are refused, each with its place', () => {
    const refused = (name: string, change: (node: Fields) => void, message: RegExp) => {
      const json = structuredNetwork() as { nodes: Fields[] };
      change(json.nodes.find((node) => node.name === name)!);
      expect(() => modelFrom(json)).toThrow(message);
    };
    const leaf = (k: number, fields: object) => (node: Fields) => Object.assign(node.leaves[k], fields);
    const set = (fields: object) => (node: Fields) => Object.assign(node, fields);
    refused('z2', leaf(1, { cols: [0, 13] }), /leaves\[1\]\.cols: found \[0, 13\]/);
    refused('z2', leaf(1, { cols: [0, 5] }), /leaves\[1\]\.weight: found shape \[3, 6\]/);
    refused('z2', leaf(0, { right: 'right' }), /leaves\[0\]\.right: found shape \[2, 12\]/);
    refused('z2', leaf(0, { weight: 'w1' }), /leaves\[0\]/);
    refused('z2', leaf(0, { left: 'lost' }), /leaves\[0\]\.left: found "lost"/);
    refused('z3', set({ inputCores: ['i0'] }), /a last rank of 2/);
    refused('z3', set({ outputCores: ['o1'] }), /outputCores\[0\]: found shape \[2, 4, 3\]/);
    refused('z4', set({ precision: 12 }), /precision/);
    refused('z4', set({ bias: 'b5' }), /\.bias: found shape \[1\]/);
  });

  test('have the right Jacobian, through blocks and factors', () => {
    const graph = withOwnWeights(foldGraph(buildIr(model)));
    const sample = points.slice(0, 8);
    const theta = readParameters(graph);
    expect(theta.length).toBe(trainableCount(graph));
    const jt = new Float64Array(theta.length * GRAM_BLOCK);
    forEachJacobianBlock(graph, sample, 2, jt, () => {});
    const h = 1e-6;
    const moved = (k: number, step: number) => {
      writeParameters(
        graph,
        theta.map((t, i) => (i === k ? t + step : t)),
      );
      return evaluateOutputs(graph, sample, 2);
    };
    for (let k = 0; k < theta.length; k += 2) {
      const [up, down] = [moved(k, h), moved(k, -h)];
      up.forEach((v, p) => {
        expect(jt[k * GRAM_BLOCK + p]).toBeCloseTo((v - down[p]) / (2 * h), 5);
      });
    }
  });
});

function runnableOf({ wasm, table, lowered, model: { inputs, outputs } }: CompiledModel): Runnable {
  const memoryBytes = linearMemoryBytes(table.length, lowered.table.arenaBytes);
  const wasm3 = { stackBytes: 2048, tailCalls: true };
  return { wasm, table, memoryBytes, inputCount: inputs.length, outputCount: outputs.length, wasm3 };
}

describe.each([
  ['auto', 'tanh', 1e-2],
  ['auto', 'tanh', 1e-5],
  ['auto', 'sin', 1e-3],
  ['8', 'tanh', 0.5],
  ['16', 'sin', 0.1],
  ['32', 'tanh', 1e-6],
] as const)('a build with --precision %s, %s, tolerance %d', (precision, activation, tolerance) => {
  test('keeps its tolerance and gives the same integers on every engine', async () => {
    const built = await compile(structuredModel(activation), { precision, tolerance });
    const leaves = built.lowered.table.records.filter((record) => record.kind === KIND.BLOCK);
    expect(leaves.length).toBeGreaterThan(5);
    expect(built.measured.outputs[0].maxRelative).toBeLessThan(tolerance);
    const runnable = runnableOf(built);
    const words = toWords(coveringPoints(inputBox(model.inputs), 1000), inputWordFormats(decodeTable(built.table)));
    words.set([2 ** 31 - 1, -(2 ** 31), -(2 ** 31), 2 ** 31 - 1]);
    const wanted = (await createEngine('oracle', runnable)).run(words).outputs;
    for (const name of ['v8', 'wasm3'] as const) {
      const engine = await createEngine(name, runnable);
      expect(engine.run(words).outputs).toEqual(wanted);
      engine.dispose?.();
    }
  });
});
