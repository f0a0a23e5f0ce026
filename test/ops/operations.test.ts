import { describe, expect, test, vi } from 'vitest';
import { createEngine } from '../../compiler/code/engines/create.js';
import {
  ENGINE_NAMES,
  fromWords,
  inputWordFormats,
  outputWordFormats,
  toWords,
} from '../../compiler/code/engines/engine.js';
import { coveringPoints } from '../../compiler/judge/points/cover.js';
import { evaluateReference } from '../../compiler/judge/reference/evaluate.js';
import { inputBox } from '../../compiler/model/box.js';
import { loadModel } from '../../compiler/model/load.js';
import type { Model } from '../../compiler/model/types.js';
import { compile } from '../../compiler/pipeline/compile.js';
import { createOracle } from '../../compiler/table/oracle/oracle.js';
import { decodeTable } from '../../compiler/table/table.js';

/** Every operation from model file to module: reference against a plain formula, then oracle against V8 and tolerance. */

vi.setConfig({ testTimeout: 120_000 });

function modelOf(nodes: object[], box: Record<string, [number, number]> = { x: [-2, 3] }): Model {
  const file = {
    format: 'pinn-edge/1',
    name: 'op',
    inputs: Object.entries(box).map(([name, [min, max]]) => ({ name, min, max })),
    outputs: [{ name: 'out', value: 'y' }],
    nodes,
  };
  return loadModel('model.json', {
    read: (path) => (path === 'model.json' ? new TextEncoder().encode(JSON.stringify(file)) : undefined),
    beside: (_, name) => name,
  });
}

const unary = (op: string, fields: object = {}) => [{ name: 'y', op, inputs: ['x'], ...fields }];
const softplus = (x: number) => Math.log1p(Math.exp(x));

const UNARY: [string, object[], (x: number) => number, [number, number]?][] = [
  ['log', unary('log'), Math.log, [0.01, 4]],
  ['abs', unary('abs'), Math.abs],
  ['mish', unary('mish'), (x) => x * Math.tanh(softplus(x))],
  ['tan', unary('tan'), Math.tan, [-1.3, 1.2]],
  ['tan beyond its first pole', unary('tan'), Math.tan, [2, 4.5]],
  ['asin over all of its domain', unary('asin'), Math.asin, [-1, 1]],
  ['asin where it is smooth', unary('asin'), Math.asin, [-0.7, 0.5]],
  ['acos over all of its domain', unary('acos'), Math.acos, [-1, 1]],
  ['acos where it is smooth', unary('acos'), Math.acos, [-0.3, 0.7]],
  ['atanh close to its ends', unary('atanh'), Math.atanh, [-0.999, 0.99]],
  ['sinh', unary('sinh'), Math.sinh],
  ['cosh', unary('cosh'), Math.cosh],
  ['asinh', unary('asinh'), Math.asinh],
  ['acosh from its end', unary('acosh'), Math.acosh, [1, 4]],
  ['selu', unary('selu'), (x) => 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * (Math.exp(x) - 1))],
  ['elu', unary('elu', { alpha: 0.7 }), (x) => (x > 0 ? x : 0.7 * (Math.exp(x) - 1))],
  ['leaky_relu', unary('leaky_relu', { slope: 0.3 }), (x) => Math.max(x, 0.3 * x)],
  ['hard_sigmoid', unary('hard_sigmoid', { alpha: 0.7, beta: 0.3 }), (x) => Math.min(1, Math.max(0, 0.7 * x + 0.3))],
  ['clip', unary('clip', { min: -0.77, max: 1.3 }), (x) => Math.min(1.3, Math.max(-0.77, x))],
  ['clip below', unary('clip', { min: 0.123 }), (x) => Math.max(0.123, x)],
  ['clip above', unary('clip', { max: 0.123 }), (x) => Math.min(0.123, x)],
  ['pow 1.5', unary('pow', { exponent: 1.5 }), (x) => x ** 1.5, [0, 4]],
  [
    'lookup on an even grid',
    unary('lookup', { points: [-1, 0.25, 1.5], values: [2, -1, 0.5] }),
    (x) => (x < -1 ? 2 : x > 1.5 ? 0.5 : x < 0.25 ? 2 - (3 * (x + 1)) / 1.25 : -1 + (1.5 * (x - 0.25)) / 1.25),
  ],
  [
    'lookup at uneven points',
    unary('lookup', { points: [-1.1, Math.SQRT1_2, Math.E], values: [0, 1, 3] }),
    (x) => {
      if (x < -1.1) return 0;
      if (x > Math.E) return 3;
      const s = Math.SQRT1_2;
      return x < s ? (x + 1.1) / (s + 1.1) : 1 + (2 * (x - s)) / (Math.E - s);
    },
  ],
  [
    'relu of a shifted argument',
    [
      { name: 's', op: 'scale', inputs: ['x'], scale: [1.7], shift: [-0.3] },
      { name: 'y', op: 'relu', inputs: ['s'] },
    ],
    (x) => Math.max(0, 1.7 * x - 0.3),
  ],
];

/** Compiles, checks the tolerance (compile throws beyond it) and compares every engine word. */
async function compileAndCompare(model: Model, tolerance = 1e-4): Promise<number> {
  const compiled = await compile(model, { tolerance });
  const table = decodeTable(compiled.table);
  const words = toWords(coveringPoints(inputBox(model.inputs), 512), inputWordFormats(table));
  const expected = createOracle(table).run(words).outputs;
  const [inputCount, outputCount] = [table.inputs.length, table.outputs.length];
  const runnable = { wasm: compiled.wasm, table: compiled.table, memoryBytes: 65536, inputCount, outputCount };
  const engine = await createEngine('v8', { ...runnable, wasm3: { stackBytes: 8192, tailCalls: true } });
  expect(engine.run(words).outputs).toEqual(expected);
  return compiled.table.length;
}

describe('operations of one operand', () => {
  for (const [name, nodes, formula, range = [-2, 3]] of UNARY) {
    test(name, async () => {
      const model = modelOf(nodes, { x: range as [number, number] });
      const points = coveringPoints(inputBox(model.inputs), 200);
      evaluateReference(model, points).forEach((value, i) => {
        expect(value).toBeCloseTo(formula(points[i]), 12);
      });
      expect(await compileAndCompare(model)).toBeLessThan(2500);
    });
  }

  test('erf', async () => {
    const model = modelOf(unary('erf'));
    expect(evaluateReference(model, Float64Array.of(0.5))[0]).toBeCloseTo(0.5204998778130465, 14);
    await compileAndCompare(model);
  });
});

describe('operations of several operands', () => {
  const box: Record<string, [number, number]> = { x: [-1, 1], t: [-0.7, 2] };
  const wide = [
    { name: 'xt', op: 'concat', inputs: ['x', 't'] },
    { name: 'f', op: 'tanh', inputs: ['xt'] },
  ];
  const cases: [string, object[], (x: number, t: number) => number][] = [
    ['min', [{ name: 'y', op: 'min', inputs: ['x', 't'] }], Math.min],
    ['max', [{ name: 'y', op: 'max', inputs: ['x', 't'] }], Math.max],
    [
      'max with a constant, reduced',
      [
        ...wide,
        { name: 'c', op: 'constant', value: [0.1] },
        { name: 'm', op: 'max', inputs: ['f', 'c'] },
        { name: 'y', op: 'sum', inputs: ['m'] },
      ],
      (x, t) => Math.max(Math.tanh(x), 0.1) + Math.max(Math.tanh(t), 0.1),
    ],
    ['mean', [...wide, { name: 'y', op: 'mean', inputs: ['f'] }], (x, t) => (Math.tanh(x) + Math.tanh(t)) / 2],
    [
      'select, continuous where it switches',
      [
        { name: 'xx', op: 'mul', inputs: ['x', 'x'] },
        { name: 'y', op: 'select', inputs: ['t', 'xx', 'x2'] },
        { name: 'tt', op: 'scale', inputs: ['t'], scale: [0.5] },
        { name: 'x2', op: 'sub', inputs: ['xx', 'tt'] },
      ],
      (x, t) => (t > 0 ? x * x : x * x - 0.5 * t),
    ],
  ];
  for (const [name, nodes, formula] of cases) {
    test(name, async () => {
      const model = modelOf(nodes, box);
      const points = coveringPoints(inputBox(model.inputs), 200);
      evaluateReference(model, points).forEach((value, i) => {
        expect(value).toBeCloseTo(formula(points[2 * i], points[2 * i + 1]), 12);
      });
      await compileAndCompare(model);
    });
  }

  test('select with a broadcast condition over vectors', async () => {
    const model = modelOf(
      [
        ...wide,
        { name: 'c', op: 'scale', inputs: ['x'], shift: [-0.25] },
        { name: 'k', op: 'constant', value: [0] },
        { name: 's', op: 'select', inputs: ['c', 'f', 'k'] },
        { name: 'n', op: 'sum', inputs: ['s'] },
        { name: 'y', op: 'mul', inputs: ['n', 'r'] },
        { name: 'r', op: 'relu', inputs: ['c'] },
      ],
      box,
    );
    await compileAndCompare(model);
  });
});

test('operands of very different scales are aligned without overflow', async () => {
  const scaled = (name: string, factor: number) => ({ name, op: 'scale', inputs: ['x'], scale: [factor] });
  const constant = { name: 'c', op: 'constant', value: [1e-7] };
  const tiny = [scaled('u', 1e-8), { name: 'f', op: 'tanh', inputs: ['u'] }];
  for (const op of ['min', 'max', 'add']) {
    await compileAndCompare(modelOf([scaled('s', 1e8), constant, { name: 'y', op, inputs: ['s', 'c'] }]));
    await compileAndCompare(modelOf([scaled('s', 1e8), ...tiny, { name: 'y', op, inputs: ['s', 'f'] }]));
  }
  await compileAndCompare(modelOf([scaled('s', 1e-6), constant, { name: 'y', op: 'min', inputs: ['s', 'c'] }]));
});

describe('functions that jump', () => {
  const even = (x: number) => {
    const low = Math.floor(x);
    if (x - low === 0.5) return low % 2 === 0 ? low : low + 1;
    return Math.round(x);
  };
  const JUMPS: Record<string, (x: number) => number> = { floor: Math.floor, ceil: Math.ceil, round: even };

  test.each(Object.entries(JUMPS))(
    '%s is exact at its jumps and between them, on every engine',
    async (op, formula) => {
      const box: Record<string, [number, number]> = { x: [-2.5, 3], t: [0.25, 0.75] };
      const model = modelOf(
        [
          { name: 'xt', op: 'concat', inputs: ['x', 't'] },
          { name: 'f', op, inputs: ['xt'] },
          { name: 'y', op: 'sum', inputs: ['f'] },
        ],
        box,
      );
      const xs = Array.from({ length: 45 }, (_, i) => -2.5 + i / 8);
      const points = Float64Array.from(xs.flatMap((x) => [x, 0.25, x, 0.5, x, 0.75]));
      const expected = Float64Array.from({ length: points.length / 2 }, (_, p) => {
        return formula(points[2 * p]) + formula(points[2 * p + 1]);
      });
      expect(evaluateReference(model, points).map((v) => v + 0)).toEqual(expected.map((v) => v + 0));
      const compiled = await compile(model, { tolerance: { absolute: 1.5 } });
      const table = decodeTable(compiled.table);
      const runnable = {
        wasm: compiled.wasm,
        table: compiled.table,
        memoryBytes: 65536,
        inputCount: 2,
        outputCount: 1,
      };
      for (const name of ENGINE_NAMES) {
        const engine = await createEngine(name, { ...runnable, wasm3: { stackBytes: 8192, tailCalls: true } });
        const { outputs } = engine.run(toWords(points, inputWordFormats(table)));
        fromWords(outputs, outputWordFormats(table, model.outputs)).forEach((value, p) => {
          expect(Math.abs(value - expected[p]), `${name} at ${points[2 * p]}, ${points[2 * p + 1]}`).toBeLessThan(1e-3);
        });
        engine.dispose?.();
      }
    },
  );

  test('no jump within the box is a constant; too many are refused with their place', async () => {
    const constant = modelOf(unary('floor'), { x: [0.25, 0.75] });
    expect(evaluateReference(constant, Float64Array.of(0.5))[0]).toBe(0);
    await expect(compile(modelOf(unary('round'), { x: [-500, 500] }))).rejects.toThrow(
      /"y" \(round\).*from -500.0 to 500.0, over more than 256 jumps/,
    );
  });
});

test('functions are refused where their argument leaves their domain', async () => {
  await expect(compile(modelOf(unary('tan'), { x: [1, 2] }))).rejects.toThrow(/tan.*through the pole at 1.57/);
  await expect(compile(modelOf(unary('tan'), { x: [-5, -4] }))).rejects.toThrow(/tan.*pole/);
  await expect(compile(modelOf(unary('acosh'), { x: [0.5, 2] }))).rejects.toThrow(/acosh.*below 1/);
  await expect(compile(modelOf(unary('asin'), { x: [0, 1.5] }))).rejects.toThrow(/"y".*below 0/);
  await expect(compile(modelOf(unary('atanh'), { x: [0, 1] }))).rejects.toThrow(/"y".*down to 0/);
});

test('log that reaches zero is refused', async () => {
  await expect(compile(modelOf(unary('log'), { x: [0, 1] }))).rejects.toThrow(/log.*down to 0/);
});

test('a lookup that is not increasing is refused with its place', () => {
  expect(() => modelOf(unary('lookup', { points: [0, 2, 1], values: [1, 2, 3] }))).toThrow(/points\[2\]/);
});
