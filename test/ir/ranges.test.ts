import { describe, expect, test } from 'vitest';
import { evaluateIr } from '../../compiler/ir/evaluate.js';
import { buildIr } from '../../compiler/ir/from-model.js';
import { analyzeRanges, intervalBounds, type Range } from '../../compiler/ir/ranges.js';
import type { IrNode } from '../../compiler/ir/types.js';
import { coveringPoints } from '../../compiler/judge/points/cover.js';
import { evaluateReference } from '../../compiler/judge/reference/evaluate.js';
import { inputBox } from '../../compiler/model/box.js';
import type { Model } from '../../compiler/model/types.js';
import { modelFrom, randoms } from '../helpers/models.js';

/** Interval bounds against dense sampling: they hold everywhere, and a single operation's are its image. */

const DENSE = 20_001;

function operation(op: string, box: [number, number][], fields: object = {}): Model {
  const inputs = box.map(([min, max], i) => ({ name: `x${i}`, min, max }));
  const nodes = [{ name: 'y', op, inputs: inputs.map(({ name }) => name), ...fields }];
  return modelFrom({ format: 'pinn-edge/1', name: 'm', inputs, outputs: [{ name: 'out', value: 'y' }], nodes });
}

/** Bounds of the output as the graph is written. */
function boundsOf(model: Model): Range {
  const graph = buildIr(model);
  return intervalBounds(graph, inputBox(model.inputs)).get(graph.output)![0];
}

/** Least and largest value over an even grid, ends included. */
function imageOf(model: Model): Range {
  const [{ min, max }] = model.inputs;
  const points = Float64Array.from({ length: DENSE }, (_, i) => min + ((max - min) * i) / (DENSE - 1));
  const values = evaluateReference(model, points);
  return { min: values.reduce((a, b) => Math.min(a, b)), max: values.reduce((a, b) => Math.max(a, b)) };
}

const BOXES: [number, number][] = [
  [-3, 4],
  [-4, 2.5],
  [-6, -2],
  [-1.5, -0.2],
  [-1.3, -1.1],
  [-0.9, -0.6],
  [-0.4, 0.7],
  [0.1, 0.9],
  [0.5, 5],
  [1.25, 2.75],
  [2, 3],
];

interface Case {
  fields?: object;
  /** Where the function exists; boxes beyond it are left out. */
  within?: [number, number];
  /** The bounds are those of the whole line. */
  loose?: boolean;
}

const FUNCTIONS: Record<string, Case> = {
  tanh: {},
  sin: { loose: true },
  cos: { loose: true },
  sigmoid: {},
  silu: {},
  softplus: {},
  relu: {},
  exp: {},
  atan: {},
  tan: { within: [-1.55, 1.55] },
  asin: { within: [-1, 1], loose: true },
  acos: { within: [-1, 1], loose: true },
  atanh: { within: [-0.999, 0.999], loose: true },
  sinh: {},
  cosh: {},
  asinh: {},
  acosh: { within: [1, 9] },
  reciprocal: { within: [0.05, 9] },
  sqrt: { within: [0, 9] },
  log: { within: [0.05, 9] },
  abs: {},
  erf: {},
  mish: {},
  selu: {},
  gelu: {},
  neg: {},
  floor: { loose: true },
  ceil: { loose: true },
  round: { loose: true },
  elu: { fields: { alpha: 0.7 } },
  leaky_relu: { fields: { slope: -0.3 } },
  hard_sigmoid: { fields: { alpha: 0.3, beta: 0.4 }, loose: true },
  clip: { fields: { min: -0.5, max: 1.2 }, loose: true },
  lookup: { fields: { points: [-1, 0, 1], values: [0.5, -0.25, 2] }, loose: true },
};
const POWERS = [2, 3, -1, -2, 0, 1.5, -0.5].map((exponent): [string, string, Case] => [
  `pow ${exponent}`,
  'pow',
  { fields: { exponent }, ...(exponent < 0 || !Number.isInteger(exponent) ? { within: [0.05, 9] } : {}) },
]);
const CASES: [string, string, Case][] = [
  ...Object.entries(FUNCTIONS).map(([op, facts]): [string, string, Case] => [op, op, facts]),
  ['gelu by tanh', 'gelu', { fields: { approximate: 'tanh' } }],
  ['leaky_relu rising', 'leaky_relu', { fields: { slope: 0.2 } }],
  ...POWERS,
];

describe('functions of one variable', () => {
  test.each(CASES)('%s', (_, op, { fields, within = [-10, 10], loose }) => {
    const boxes = BOXES.filter(([min, max]) => min >= within[0] && max <= within[1]);
    if (within[0] > -10) boxes.push(within);
    expect(boxes.length).toBeGreaterThan(0);
    for (const box of boxes) {
      const model = operation(op, [box], fields);
      const [bound, image] = [boundsOf(model), imageOf(model)];
      const span = Math.max(image.max - image.min, 1e-3);
      const place = `${op} over ${box}`;
      expect(bound.min, place).toBeLessThanOrEqual(image.min + 1e-12);
      expect(bound.max, place).toBeGreaterThanOrEqual(image.max - 1e-12);
      if (loose) continue;
      expect(bound.min, place).toBeGreaterThanOrEqual(image.min - 1e-4 * span);
      expect(bound.max, place).toBeLessThanOrEqual(image.max + 1e-4 * span);
    }
  });

  test('a function whose pole may lie in its argument has no bounds', () => {
    for (const [op, box, fields] of [
      ['reciprocal', [-1, 2], {}],
      ['tan', [1, 2], {}],
      ['pow', [-1, 2], { exponent: -2 }],
    ] as [string, [number, number], object][]) {
      const model = operation(op, [box], fields);
      expect(boundsOf(model)).toEqual({ min: Number.NEGATIVE_INFINITY, max: Number.POSITIVE_INFINITY });
    }
  });
});

describe('operations of two values', () => {
  const SIGNS: [number, number][] = [
    [-3, -1],
    [-2, 0.5],
    [-0.5, 4],
    [1, 2],
  ];
  test.each(['add', 'sub', 'mul', 'div', 'min', 'max'])('%s of every pair of signs', (op) => {
    for (const a of SIGNS) {
      for (const b of SIGNS) {
        if (op === 'div' && b[0] < 0 && b[1] > 0) continue;
        const model = operation(op, [a, b]);
        // Each is monotone in either operand: its extremes lie at corners, or where one operand is an end.
        const corners = a.flatMap((u) => b.map((v) => [u, v]));
        const values = evaluateReference(model, Float64Array.from(corners.flat()));
        const bound = boundsOf(model);
        expect(bound.min, `${a} ${op} ${b}`).toBeCloseTo(Math.min(...values), 12);
        expect(bound.max, `${a} ${op} ${b}`).toBeCloseTo(Math.max(...values), 12);
      }
    }
  });
});

/** A random graph over many operations, broadcast and not. */
function randomModel(seed: number): Model {
  const next = randoms(seed);
  const pick = <T>(list: readonly T[]) => list[Math.floor(((next() + 1) / 2) * list.length) % list.length];
  const nodes: Record<string, unknown>[] = [{ name: 'v0', op: 'concat', inputs: ['a', 'b', 'c'] }];
  const tensors: Record<string, unknown> = {};
  for (let k = 1; k < 12; k++) {
    const from = `v${Math.max(0, k - 1 - Math.floor((next() + 1) * 1.5))}`;
    const name = `v${k}`;
    const kind = pick(['dense', 'map', 'two', 'scale', 'select', 'part']);
    if (kind === 'dense') {
      tensors[`w${k}`] = { shape: [3, 3], data: Array.from({ length: 9 }, () => next()) };
      nodes.push({ name, op: 'dense', inputs: [from], weight: `w${k}` });
    } else if (kind === 'map') {
      const op = pick([
        'tanh',
        'sin',
        'silu',
        'mish',
        'gelu',
        'abs',
        'relu',
        'softplus',
        'atan',
        'asinh',
        'erf',
        'selu',
      ]);
      nodes.push({ name, op, inputs: [from] });
    } else if (kind === 'two') {
      nodes.push({ name, op: pick(['add', 'sub', 'mul', 'min', 'max']), inputs: [from, `v${k - 1}`] });
    } else if (kind === 'scale') {
      nodes.push({ name, op: 'scale', inputs: [from], scale: [next(), next(), next()], shift: [next()] });
    } else if (kind === 'select') {
      nodes.push({ name, op: 'select', inputs: ['a', from, `v${k - 1}`] });
    } else {
      nodes.push({ name: `${name}p`, op: 'slice', inputs: [from], start: 1, stop: 3 });
      nodes.push({ name: `${name}s`, op: 'sum', inputs: [from] });
      nodes.push({ name, op: 'concat', inputs: [`${name}p`, `${name}s`] });
    }
  }
  const inputs = ['a', 'b', 'c'].map((name) => ({ name, min: -1.5 + next() / 2, max: 1.2 + next() / 2 }));
  const outputs = [0, 1, 2].map((index) => ({ name: `y${index}`, value: 'v11', index }));
  return modelFrom({ format: 'pinn-edge/1', name: 'm', inputs, outputs, tensors, nodes });
}

describe('graphs', () => {
  test.each(Array.from({ length: 25 }, (_, i) => i + 1))(
    'bounds and ranges of random graph %i hold its values',
    (seed) => {
      const model = randomModel(seed);
      const graph = buildIr(model);
      const box = inputBox(model.inputs);
      const points = coveringPoints(box, 2048);
      const values = evaluateIr(graph, points, 3);
      const bounds = intervalBounds(graph, box);
      const ranges = analyzeRanges(graph, values, box);
      for (const node of graph.nodes as readonly IrNode[]) {
        const data = values.get(node)!;
        for (let k = 0; k < data.length; k++) {
          const i = k % node.width;
          for (const { min, max } of [bounds.get(node)![i], ranges.get(node)![i]]) {
            if (data[k] < min - 1e-9 || data[k] > max + 1e-9) {
              expect.fail(`${node.kind} ${node.name}[${i}] is ${data[k]}, beyond ${min} .. ${max}`);
            }
          }
        }
      }
    },
  );

  test('a choice that no point takes counts', () => {
    const nodes = [
      { name: 'd', op: 'scale', inputs: ['x0'], shift: [-0.3] },
      { name: 'm', op: 'abs', inputs: ['d'] },
      { name: 'five', op: 'constant', value: [5] },
      { name: 'y', op: 'select', inputs: ['m', 'x0', 'five'] },
    ];
    const inputs = [{ name: 'x0', min: 0, max: 1 }];
    const model = modelFrom({ format: 'pinn-edge/1', name: 'm', inputs, outputs: [{ name: 'o', value: 'y' }], nodes });
    const graph = buildIr(model);
    const points = Float64Array.of(0, 0.25, 0.5, 1);
    const ranges = analyzeRanges(graph, evaluateIr(graph, points, 1), inputBox(model.inputs));
    const choice = graph.nodes.find(({ kind }) => kind === 'select')!;
    expect(ranges.get(choice)![0].max).toBeGreaterThanOrEqual(5);
  });
});
