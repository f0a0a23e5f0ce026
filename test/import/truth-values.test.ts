import { describe, expect, test, vi } from 'vitest';
import { createEngine } from '../../compiler/code/engines/create.js';
import {
  ENGINE_NAMES,
  fromWords,
  inputWordFormats,
  outputWordFormats,
  toWords,
} from '../../compiler/code/engines/engine.js';
import { parseInput } from '../../compiler/import/options.js';
import { evaluateReference } from '../../compiler/judge/reference/evaluate.js';
import type { Model } from '../../compiler/model/types.js';
import { compile } from '../../compiler/pipeline/compile.js';
import { decodeTable } from '../../compiler/table/table.js';
import { importGraph, type OnnxGraph } from '../helpers/onnx-graph.js';

/** Comparisons and connectives where their operands are equal: at initial and boundary conditions. */

vi.setConfig({ testTimeout: 900_000 });

type Truth = (x: number, t: number) => boolean;

const COMPARISONS: Record<string, (a: number, b: number) => boolean> = {
  Greater: (a, b) => a > b,
  GreaterOrEqual: (a, b) => a >= b,
  Less: (a, b) => a < b,
  LessOrEqual: (a, b) => a <= b,
  Equal: (a, b) => a === b,
};
/** One for every way in which a comparison is made: as it is, swapped, negated, by a magnitude. */
const { Less: _, ...SIDES } = COMPARISONS;
const CONNECTIVES: Record<string, (p: boolean, q: boolean) => boolean> = {
  And: (p, q) => p && q,
  Or: (p, q) => p || q,
  Xor: (p, q) => p !== q,
};

/** Every output is 1 where its truth value holds, else 0. */
class Graph {
  readonly nodes: OnnxGraph['nodes'] = [
    ['Slice', 'xt zero one one', 'x'],
    ['Slice', 'xt one two one', 't'],
  ];
  readonly constants: NonNullable<OnnxGraph['constants']> = {
    zero: { shape: [1], data: [0], type: 'int64' },
    one: { shape: [1], data: [1], type: 'int64' },
    two: { shape: [1], data: [2], type: 'int64' },
  };
  readonly truths: { name: string; truth: Truth }[] = [];

  number(name: string, value: number): string {
    this.constants[name] = { shape: [], data: [value] };
    return name;
  }

  /** A truth value that others are made of. */
  part(name: string, op: string, inputs: string): string {
    this.nodes.push([op, inputs, name]);
    return name;
  }

  /** A truth value that is an output. */
  add(name: string, op: string, inputs: string, truth: Truth): string {
    this.truths.push({ name, truth });
    return this.part(name, op, inputs);
  }

  async model(...ranges: string[]): Promise<Model> {
    const outputs = this.truths.map(({ name }) => `${name}_out`);
    const casts = this.truths.map(({ name }): OnnxGraph['nodes'][number] => ['Cast', name, `${name}_out`, { to: 1 }]);
    const { constants, nodes } = this;
    const graph = { inputs: { xt: [2] }, constants, nodes: [...nodes, ...casts], outputs };
    return importGraph(graph, { inputs: ranges.map(parseInput) });
  }
}

/** Compares the reference and every engine with the truth values at every pair of coordinates. */
async function checkEverywhere(graph: Graph, ranges: string[], xs: number[], ts: number[]): Promise<void> {
  const model = await graph.model(...ranges);
  const points = xs.flatMap((x) => ts.map((t) => [x, t]));
  const flat = Float64Array.from(points.flat());
  const count = graph.truths.length;
  const compare = (engine: string, found: ArrayLike<number>, tolerance: number) => {
    const wrong: string[] = [];
    points.forEach(([x, t], p) => {
      graph.truths.forEach(({ name, truth }, k) => {
        const off = Math.abs(found[p * count + k] - (truth(x, t) ? 1 : 0));
        if (!(off <= tolerance)) wrong.push(`${name} at x = ${x}, t = ${t}: ${found[p * count + k]}`);
      });
    });
    expect(wrong, engine).toEqual([]);
  };
  compare('reference', evaluateReference(model, flat), 0);
  // Within an input word of a jump, integers are on either side: a tolerance that no jump exceeds.
  const compiled = await compile(model, { tolerance: { absolute: 1.5 } });
  const table = decodeTable(compiled.table);
  const runnable = {
    wasm: compiled.wasm,
    table: compiled.table,
    memoryBytes: 65536,
    inputCount: 2,
    outputCount: count,
    wasm3: { stackBytes: 16384, tailCalls: true },
  };
  const words = toWords(flat, inputWordFormats(table));
  for (const name of ENGINE_NAMES) {
    const engine = await createEngine(name, runnable);
    const { outputs } = engine.run(words);
    compare(name, fromWords(outputs, outputWordFormats(table, model.outputs)), 1e-3);
    engine.dispose?.();
  }
}

describe('at equality, on every engine', () => {
  test('comparisons of inputs with numbers and with each other, and their negations', async () => {
    const graph = new Graph();
    const half = graph.number('half', 0.5);
    for (const [op, compare] of Object.entries(COMPARISONS)) {
      const a = graph.add(`${op}_number`, op, `x ${half}`, (x) => compare(x, 0.5));
      graph.add(`${op}_swapped`, op, `${half} t`, (_, t) => compare(0.5, t));
      const b = graph.add(`${op}_both`, op, 'x t', compare);
      graph.add(`not_${a}`, 'Not', a, (x) => !compare(x, 0.5));
      graph.add(`not_${b}`, 'Not', b, (x, t) => !compare(x, t));
    }
    await checkEverywhere(graph, ['x=-1:1', 't=0:1'], [-1, 0, 0.25, 0.5, 1], [0, 0.25, 0.5, 1]);
  });

  test.each(Object.entries(CONNECTIVES))('%s of every pair of comparisons', async (connective, join) => {
    const graph = new Graph();
    const zero = graph.number('nought', 0);
    const half = graph.number('half', 0.5);
    for (const [left, p] of Object.entries(SIDES)) {
      const a = graph.part(`${left}_x`, left, `x ${half}`);
      for (const [right, q] of Object.entries(SIDES)) {
        const b = graph.part(`${left}_${right}_t`, right, `t ${zero}`);
        const both = graph.add(`${left}_${right}`, connective, `${a} ${b}`, (x, t) => join(p(x, 0.5), q(t, 0)));
        if (left === 'GreaterOrEqual') graph.add(`not_${both}`, 'Not', both, (x, t) => !join(p(x, 0.5), q(t, 0)));
      }
    }
    await checkEverywhere(graph, ['x=-1:1', 't=0:1'], [-1, 0.5, 1], [0, 0.5, 1]);
  });

  test('connectives of connectives, and equality of truth values', async () => {
    const graph = new Graph();
    const [zero, one, half] = [graph.number('nought', 0), graph.number('unit', 1), graph.number('half', 0.5)];
    const from = graph.add('from', 'GreaterOrEqual', `t ${zero}`, (_, t) => t >= 0);
    const to = graph.add('to', 'LessOrEqual', `t ${one}`, (_, t) => t <= 1);
    const inside = graph.add('inside', 'And', `${from} ${to}`, (_, t) => t >= 0 && t <= 1);
    const right = graph.add('right', 'Greater', `x ${half}`, (x) => x > 0.5);
    const corner = graph.add('corner', 'And', `${inside} ${right}`, (x, t) => t >= 0 && t <= 1 && x > 0.5);
    const outside = graph.add('outside', 'Not', corner, (x, t) => !(t >= 0 && t <= 1 && x > 0.5));
    const early = graph.add('early', 'Equal', `t ${zero}`, (_, t) => t === 0);
    graph.add('either', 'Or', `${outside} ${early}`, (x, t) => !(t >= 0 && t <= 1 && x > 0.5) || t === 0);
    graph.add('same', 'Equal', `${right} ${early}`, (x, t) => x > 0.5 === (t === 0));
    graph.add('differ', 'Xor', `${corner} ${early}`, (x, t) => (t >= 0 && t <= 1 && x > 0.5) !== (t === 0));
    await checkEverywhere(graph, ['x=-1:1', 't=-1:2'], [-1, 0.5, 0.75, 1], [-1, 0, 0.5, 1, 2]);
  });

  test('the ends of ranges that float32 does not hold', async () => {
    const graph = new Graph();
    for (const [name, value] of Object.entries({ tenth: 0.1, pi: Math.PI })) {
      graph.number(name, value);
      const variable = name === 'pi' ? 't' : 'x';
      for (const [op, compare] of Object.entries(COMPARISONS)) {
        graph.add(`${op}_${name}`, op, `${variable} ${name}`, (x, t) => compare(name === 'pi' ? t : x, value));
      }
    }
    await checkEverywhere(graph, ['x=0.1:1.1', `t=3:${Math.PI}`], [0.1, 0.2, 1.1], [3, 3.1, Math.PI]);
  });

  test('conditions of scaled and shifted inputs', async () => {
    const graph = new Graph();
    graph.number('seven', 7);
    graph.number('ten', 10);
    graph.nodes.push(['Mul', 'x seven', 'x7'], ['Sub', 'x7 seven', 'x7m'], ['Div', 't ten', 't10']);
    graph.number('nought', 0);
    graph.constants.tenth = { shape: [], data: [0.1], type: 'double' };
    for (const [op, compare] of Object.entries(COMPARISONS)) {
      graph.add(`${op}_scaled`, op, 'x7m nought', (x) => compare(7 * x - 7, 0));
      graph.add(`${op}_divided`, op, 't10 tenth', (_, t) => compare(t / 10, 0.1));
    }
    await checkEverywhere(graph, ['x=-1:1.5', 't=0.5:1.25'], [-1, 0.5, 1, 1.5], [0.5, 1, 1.25]);
  });
});
