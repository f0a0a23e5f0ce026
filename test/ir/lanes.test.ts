import { describe, expect, test } from 'vitest';
import { evaluateOutputs } from '../../compiler/compress/teacher/teacher.js';
import { sentGraph } from '../../compiler/ir/derive/derived-outputs.js';
import { evaluateIr } from '../../compiler/ir/evaluate.js';
import { buildIr } from '../../compiler/ir/from-model.js';
import { forEachJacobianBlock } from '../../compiler/ir/jacobian.js';
import { laneEquations, laneOutputs } from '../../compiler/ir/lanes/jobs.js';
import { programOf } from '../../compiler/ir/lanes/lanes-program.js';
import { Threads } from '../../compiler/ir/lanes/threads.js';
import { GRAM_BLOCK } from '../../compiler/ir/linear-algebra/gram.js';
import { functionOf, type MapStep } from '../../compiler/ir/map-function.js';
import { parameterLayout } from '../../compiler/ir/parameters.js';
import { foldGraph } from '../../compiler/ir/simplify.js';
import { graphOf, type IrGraph, type IrNode } from '../../compiler/ir/types.js';
import { gatedNetwork } from '../compress/helpers.js';
import { modelFrom, perceptron, randoms } from '../helpers/models.js';

const one = new Threads(1);
const three = new Threads(3, 0);

/** Distance in units of the last place of what is wanted, or of 2^-20 for sine and cosine. */
function ulps(got: number, wanted: number, least = Number.MIN_VALUE): number {
  if (Object.is(got, wanted) || got === wanted) return 0;
  const unit = Math.max(2 ** (Math.floor(Math.log2(Math.max(Math.abs(wanted), least))) - 52), Number.MIN_VALUE);
  return Math.abs(got - wanted) / unit;
}

describe('functions of lanes', () => {
  const between = (low: number, high: number, count = 40_000) => {
    const next = randoms(7);
    return Float64Array.from({ length: count }, () => low + ((high - low) * (next() + 1)) / 2);
  };

  test.each([
    ['tanh', 0, 0, Math.tanh, [1e-8, 0.1, 0.7, 3, 25], 4, undefined],
    ['sin', 1, 0, Math.sin, [1, 10, 1e3, 1e6], 2, 2 ** -20],
    ['cos', 1, 1, Math.cos, [1, 10, 1e3, 1e6], 2, 2 ** -20],
    ['exp', 2, 0, Math.exp, [1, 700, 745], 2, undefined],
  ] as const)('%s is as accurate as it says', (_name, fn, order, f, reaches, limit, least) => {
    for (const reach of reaches) {
      const x = between(-reach, reach);
      const worst = one.mapRows(x, fn, order).reduce((most, y, i) => Math.max(most, ulps(y, f(x[i]), least)), 0);
      expect(worst).toBeLessThanOrEqual(limit);
    }
  });

  test('at the ends of the numbers', () => {
    const x = Float64Array.of(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e22, -3e6, 800, -740, 0);
    expect([...one.mapRows(x, 0, 0)]).toEqual([...x].map(Math.tanh));
    expect([...one.mapRows(x, 1, 0)].slice(0, 5)).toEqual([...x].slice(0, 5).map(Math.sin));
    expect([...one.mapRows(x, 1, 1)].slice(0, 5)).toEqual([...x].slice(0, 5).map(Math.cos));
    expect([...one.mapRows(x, 2, 0)].map((y) => y)).toEqual([...x].map(Math.exp));
  });

  test.each([
    ['tanh', 0, 4],
    ['sin', 1, 5],
    ['exp', 2, 4],
    ['reciprocal', 3, 4],
    ['sqrt', 4, 4],
  ] as const)('derivatives of %s are those of the order below', (_name, fn, most) => {
    const x = between(0.3, 2, 64);
    const h = 1e-5;
    for (let order = 1; order <= most; order++) {
      const [up, down] = [h, -h].map((d) =>
        one.mapRows(
          x.map((v) => v + d),
          fn,
          order - 1,
        ),
      );
      one.mapRows(x, fn, order).forEach((slope, i) => {
        const difference = (up[i] - down[i]) / (2 * h);
        expect(Math.abs(slope - difference)).toBeLessThan(1e-5 * (1 + Math.abs(slope)));
      });
    }
  });
});

/** What imports seldom make: a scale of one component, a phase, a slice, leaves of a matrix, one matrix that two steps have. */
function seldom(): IrGraph {
  const next = randoms(12);
  const some = (length: number) => Float64Array.from({ length }, next);
  const x: IrNode = { kind: 'input', name: 'x', width: 1, index: 0 };
  const wide: IrNode = { kind: 'scale', name: 'wide', width: 5, x, scale: some(5), shift: some(5) };
  const sin: MapStep[] = [
    { op: 'affine', scale: 2 * Math.PI, shift: 0 },
    { op: 'function', name: 'sin' },
  ];
  const wave: IrNode = { kind: 'map', name: 'wave', width: 5, x: wide, fn: { steps: sin, periodic: true, phase: 0.3 } };
  const cut: IrNode = { kind: 'slice', name: 'cut', width: 3, x: wave, start: 2 };
  const leaves = [
    { row: 0, rows: 2, x: cut, weight: some(6) },
    { row: 2, rows: 3, x: wide, weight: some(15) },
  ];
  const blocks: IrNode = { kind: 'blocks', name: 'blocks', width: 5, leaves, bias: some(5) };
  const [weight, bias] = [some(25), some(5)];
  const once: IrNode = { kind: 'affine', name: 'once', width: 5, x: blocks, weight, bias };
  const tanh: IrNode = {
    kind: 'map',
    name: 'tanh',
    width: 5,
    x: once,
    fn: functionOf({ op: 'function', name: 'tanh' }),
  };
  const again: IrNode = { kind: 'affine', name: 'again', width: 5, x: tanh, weight, bias };
  return graphOf({ kind: 'concat', name: 'outputs', width: 5, parts: [again] });
}

/** A network of all functions that have lanes, with sums, products and a value that is broadcast. */
function mixed(): IrGraph {
  const next = randoms(11);
  const dense = (name: string, input: string, rows: number, cols: number) => {
    tensors[`${name}.w`] = { shape: [rows, cols], data: Array.from({ length: rows * cols }, next) };
    tensors[`${name}.b`] = { shape: [rows], data: Array.from({ length: rows }, next) };
    return { name, op: 'dense', inputs: [input], weight: `${name}.w`, bias: `${name}.b` };
  };
  const tensors: Record<string, unknown> = {};
  const functions = ['tanh', 'sin', 'cos', 'exp', 'sigmoid', 'silu', 'relu'];
  const nodes = [
    { name: 'xt', op: 'concat', inputs: ['x', 't'] },
    dense('z', 'xt', 5, 2),
    ...functions.map((op) => ({ name: op, op, inputs: ['z'] })),
    { name: 'all', op: 'concat', inputs: functions },
    dense('y', 'all', 5, 35),
    { name: 'gate', op: 'mul', inputs: ['y', 'sin'] },
    { name: 'skip', op: 'sub', inputs: ['gate', 'tanh'] },
    { name: 'wide', op: 'mul', inputs: ['skip', 't'] },
    dense('u', 'wide', 2, 5),
  ];
  return foldGraph(
    buildIr(
      modelFrom({
        format: 'pinn-edge/1',
        name: 'mixed',
        inputs: [
          { name: 'x', min: -1, max: 1 },
          { name: 't', min: 0, max: 2 },
        ],
        outputs: [{ name: 'u', value: 'u' }],
        nodes,
        tensors,
      }),
    ),
  );
}

const networks: [string, IrGraph, number][] = [
  ['every function, gates and a broadcast', mixed(), 2],
  ['gates, skips and two heads', foldGraph(buildIr(modelFrom(gatedNetwork(6)))), 2],
  ['what imports seldom make', seldom(), 1],
  ['a sine network of odd widths', foldGraph(buildIr(modelFrom(perceptron([3, 7, 5, 1], 'sin')))), 3],
];
const derived = modelFrom({
  ...perceptron([2, 6, 6, 1]),
  outputs: [
    { name: 'u', value: 'z3' },
    { name: 'v', expression: 'u_x0x0' },
  ],
});
networks.push(['a second derivative', sentGraph(derived, foldGraph(buildIr(derived))), 2]);

function pointsOf(inputs: number, count: number): Float64Array {
  const next = randoms(3);
  return Float64Array.from({ length: inputs * count }, next);
}

/** Largest difference, relative to the largest number. */
function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [most, apart] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    most = Math.max(most, Math.abs(b[i]));
    apart = Math.max(apart, Math.abs(a[i] - b[i]));
  }
  return apart / most;
}

describe.each(networks)('lanes of a graph: %s', (_name, graph, inputs) => {
  const outputs = graph.output.width;

  test.each([1, 127, 128, 300])('the outputs of %d points are those of the evaluator', (count) => {
    const points = pointsOf(inputs, count);
    const wanted = evaluateIr(graph, points, inputs).get(graph.output)!;
    const got = laneOutputs(graph, points, inputs, one)!;
    expect(got.length).toBe(wanted.length);
    expect(distance(got, wanted)).toBeLessThan(1e-14);
  });

  test('the normal equations are sums of the Jacobian, and threads do not change a bit of them', () => {
    const count = 300;
    const points = pointsOf(inputs, count);
    const layout = parameterLayout(graph);
    const next = randoms(5);
    const [factors, errors] = [1, 2].map(() => Float64Array.from({ length: count * outputs }, () => 1.5 + next()));
    const wanted = new Float64Array(layout.size ** 2);
    const gradient = new Float64Array(layout.size);
    const jt = new Float64Array(layout.size * GRAM_BLOCK);
    forEachJacobianBlock(graph, points, inputs, jt, (start, size, component) => {
      for (let p = 0; p < size; p++) {
        const at = (start + p) * outputs + component;
        for (let i = 0; i < layout.size; i++) {
          const row = jt[i * GRAM_BLOCK + p] * factors[at];
          gradient[i] += row * errors[at];
          for (let j = 0; j <= i; j++) wanted[i * layout.size + j] += row * jt[j * GRAM_BLOCK + p] * factors[at];
        }
      }
    });
    const [alone, together] = [one, three].map((threads) => {
      const { sum, size, gradient: g } = laneEquations(graph, points, inputs, layout, factors, errors, threads)!;
      const lower = wanted.map((_, k) => {
        const [i, j] = [Math.floor(k / layout.size), k % layout.size];
        return j <= i ? sum[i * size + j] : 0;
      });
      return { sum: lower, gradient: g.slice(0, layout.size) };
    });
    expect(distance(alone.sum, wanted)).toBeLessThan(1e-12);
    expect(distance(alone.gradient, gradient)).toBeLessThan(1e-12);
    expect(together).toEqual(alone);
    expect(laneOutputs(graph, points, inputs, three)).toEqual(laneOutputs(graph, points, inputs, one));
  });
});

test('the normal equations of more points than are made at a time are the sum of those of fewer', () => {
  const graph = foldGraph(buildIr(modelFrom(perceptron([3, 15, 15, 1]))));
  const layout = parameterLayout(graph);
  const count = 12_000;
  const points = pointsOf(3, count);
  const errors = pointsOf(1, count);
  const factors = errors.map((e) => 1.5 + e);
  const equations = (from: number, to: number) => {
    const [f, e] = [factors, errors].map((values) => values.subarray(from, to));
    const { sum, gradient } = laneEquations(graph, points.subarray(3 * from, 3 * to), 3, layout, f, e, one)!;
    return [...sum, ...gradient];
  };
  const second = equations(count / 2, count);
  const halves = equations(0, count / 2).map((v, i) => v + second[i]);
  expect(distance(equations(0, count), halves)).toBeLessThan(1e-12);
});

test.each<[string, MapStep]>([
  ['erf', { op: 'function', name: 'erf' }],
  ['a cube', { op: 'power', exponent: 3 }],
  ['the slope of silu', { op: 'derivative', steps: [{ op: 'function', name: 'silu' }], order: 1 }],
])('a graph with an operation that has no lanes is evaluated without: %s', (name, step) => {
  const x: IrNode = { kind: 'input', name: 'x', width: 1, index: 0 };
  const graph = graphOf({
    kind: 'concat',
    name: 'outputs',
    width: 1,
    parts: [{ kind: 'map', name, width: 1, x, fn: functionOf(step) }],
  });
  expect(programOf(graph)).toBeUndefined();
  const points = pointsOf(1, 10);
  expect(evaluateOutputs(graph, points, 1)).toEqual(evaluateIr(graph, points, 1).get(graph.output));
});
