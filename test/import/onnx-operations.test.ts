import { describe, expect, test, vi } from 'vitest';
import { importModel } from '../../compiler/import/import.js';
import { parseInput, parseOutput } from '../../compiler/import/options.js';
import { evaluateReference } from '../../compiler/judge/reference/evaluate.js';
import { compile } from '../../compiler/pipeline/compile.js';
import { importGraph, type OnnxGraph, onnxBytes } from '../helpers/onnx-graph.js';
import { memoryFiles } from './helpers.js';

/** Operations of ONNX graphs that onnx's reference evaluator does not have, patterns of exporters, and what is refused. */

vi.setConfig({ testTimeout: 120_000 });

const BOX = ['x=-1:1', 't=-1:1'].map(parseInput);
const POINTS = [
  [-1, -1],
  [-1, 0.25],
  [-0.3, 1],
  [0.4, -0.7],
  [0.5, 0.5],
  [1, 0.9],
];

type Graph = Omit<OnnxGraph, 'inputs' | 'outputs'>;

/** Values of the output y at POINTS, row by row; the input is v [n, 2]. */
async function valuesOf(graph: Graph, points = POINTS): Promise<number[][]> {
  const model = await importGraph({ inputs: { v: [2] }, outputs: ['y'], ...graph }, { inputs: BOX });
  const values = evaluateReference(model, Float64Array.from(points.flat()));
  const width = values.length / points.length;
  return points.map((_, p) => Array.from(values.subarray(p * width, (p + 1) * width)));
}

async function expectValues(graph: Graph, formula: (x: number, t: number) => number[]): Promise<void> {
  const found = await valuesOf(graph);
  POINTS.forEach(([x, t], p) => {
    formula(x, t).forEach((wanted, i) => {
      expect(found[p][i], `y[${i}] at ${x}, ${t}`).toBeCloseTo(wanted, 6);
    });
    expect(found[p].length).toBe(formula(x, t).length);
  });
}

const refused = (graph: Graph) =>
  valuesOf(graph).then(
    () => 'imported',
    (error: Error) => error.message,
  );

/** Column i of v as a value of width 1. */
const COLUMNS: OnnxGraph['nodes'] = [
  ['Slice', 'v at0 at1 at1', 'x'],
  ['Slice', 'v at1 at2 at1', 't'],
];
const PLACES = {
  at0: { shape: [1], data: [0], type: 'int64' as const },
  at1: { shape: [1], data: [1], type: 'int64' as const },
  at2: { shape: [1], data: [2], type: 'int64' as const },
};
const W = { shape: [2, 2], data: [0.5, -1, 2, 0.25] };

describe("onnxruntime's operations", () => {
  test('FusedMatMul with transposition and a factor', async () => {
    const attributes = { transB: 1, alpha: { float: 0.5 } };
    await expectValues(
      { constants: { w: W }, nodes: [['FusedMatMul', 'v w', 'y', attributes, 'com.microsoft']] },
      (x, t) => [0.5 * (0.5 * x - t), 0.5 * (2 * x + 0.25 * t)],
    );
  });

  test('FusedGemm with an activation and its parameter', async () => {
    const attributes = { activation: 'LeakyRelu', activation_alpha: { float: 0.25 }, transB: 1 };
    const leaky = (v: number) => (v > 0 ? v : 0.25 * v);
    await expectValues(
      {
        constants: { w: W, b: { shape: [2], data: [0.5, -0.5] } },
        nodes: [['FusedGemm', 'v w b', 'y', attributes, 'com.microsoft']],
      },
      (x, t) => [leaky(0.5 * x - t + 0.5), leaky(2 * x + 0.25 * t - 0.5)],
    );
    const unknown = { activation: 'ScaledTanh' };
    expect(
      await refused({ constants: { w: W }, nodes: [['FusedGemm', 'v w', 'y', unknown, 'com.microsoft']] }),
    ).toContain('activation "ScaledTanh"');
  });

  test('variants of gelu', async () => {
    const approximate = (v: number) => 0.5 * v * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v ** 3)));
    const b = { shape: [2], data: [0.5, -0.5] };
    await expectValues({ constants: { b }, nodes: [['FastGelu', 'v b', 'y', {}, 'com.microsoft']] }, (x, t) => [
      approximate(x + 0.5),
      approximate(t - 0.5),
    ]);
    await expectValues({ nodes: [['QuickGelu', 'v', 'y', {}, 'com.microsoft']] }, (x, t) =>
      [x, t].map((v) => v / (1 + Math.exp(-1.702 * v))),
    );
  });

  test.each([
    ['QuantizeLinear', '', 'export the float model, before quantising'],
    ['MatMulInteger', '', 'export the float model, before quantising'],
    ['QLinearMatMul', '', 'export the float model, before quantising'],
    ['MatMulNBits', 'com.microsoft', 'export the float model, before quantising'],
    ['DequantizeLinear', '', 'export the float model, before quantising'],
    ['SkipLayerNormalization', 'com.microsoft', 'export before optimising'],
    ['ReorderInput', 'com.microsoft.nchwc', 'export before optimising'],
    ['TreeEnsembleRegressor', 'ai.onnx.ml', 'networks, not trees'],
  ])('%s is refused with its step', async (op, domain, step) => {
    const message = await refused({ constants: { w: W }, nodes: [[op, 'v w', 'y', {}, domain]] });
    expect(message).toContain(`operation ${op} of node "y" is not supported`);
    expect(message).toContain(step);
  });
});

describe("scikit-learn's operations", () => {
  test('Scaler and LinearRegressor', async () => {
    await expectValues(
      {
        nodes: [
          ['Scaler', 'v', 's', { offset: { floats: [0.5, -1] }, scale: { floats: [2, 4] } }, 'ai.onnx.ml'],
          [
            'LinearRegressor',
            's',
            'y',
            { coefficients: { floats: [1, 2, 3, 4] }, intercepts: { floats: [0.5, 0.25] }, targets: 2 },
            'ai.onnx.ml',
          ],
        ],
      },
      (x, t) => {
        const [a, b] = [2 * (x - 0.5), 4 * (t + 1)];
        return [a + 2 * b + 0.5, 3 * a + 4 * b + 0.25];
      },
    );
  });
});

describe('patterns of exporters', () => {
  /** atan2(t, x) as torch.onnx writes it; newer exporters guard it against NaN. */
  const atan2 = (guarded: boolean): Graph => ({
    constants: {
      ...PLACES,
      zero: { shape: [], data: [0] },
      pi: { shape: [], data: [Math.PI] },
    },
    nodes: [
      ...COLUMNS,
      ['Div', 't x', 'slope'],
      ['Atan', 'slope', 'a'],
      ['Greater', 't zero', 'up'],
      ['Add', 'a pi', 'second'],
      ['Sub', 'a pi', 'third'],
      ['Where', 'up second third', 'left'],
      ['Less', 'x zero', 'behind'],
      ['Where', 'behind left a', guarded ? 'angle' : 'y'],
      ...(guarded
        ? ([
            ['IsNaN', 'angle', 'nan'],
            ['Where', 'nan zero angle', 'y'],
          ] as OnnxGraph['nodes'])
        : []),
    ],
  });

  test.each([true, false])('atan2 has its value where the first coordinate is 0 (guarded: %s)', async (guarded) => {
    const points = [0, 0.1, -0.1, 1, -1].flatMap((x) => [0.5, 1, -0.5, -1].map((t) => [x, t]));
    const found = await valuesOf(atan2(guarded), [...points, [-1, 0], [1, 0]]);
    [...points, [-1, 0], [1, 0]].forEach(([x, t], p) => {
      expect(found[p][0], `at ${x}, ${t}`).toBeCloseTo(Math.atan2(t, x), 12);
    });
  });

  test('atan2 is built over a box that its pole line passes through', async () => {
    const box = ['x=-1:1', 't=0.25:1'].map(parseInput);
    const model = await importGraph({ inputs: { v: [2] }, outputs: ['y'], ...atan2(true) }, { inputs: box });
    expect((await compile(model, { tolerance: 1e-4 })).table.length).toBeLessThan(4000);
  });

  test('slice assignment by the numbers of all points', async () => {
    // u[:, 1:2] = t * t, with a row of indices per point.
    await expectValues(
      {
        constants: {
          ...PLACES,
          start: { shape: [], data: [0], type: 'int64' },
          step: { shape: [], data: [1], type: 'int64' },
          column: { shape: [1, 1, 1], data: [1], type: 'int64' },
          axes: { shape: [2], data: [1, 2], type: 'int64' },
          end: { shape: [1], data: [-1], type: 'int64' },
          last: { shape: [1], data: [2], type: 'int64' },
        },
        nodes: [
          ...COLUMNS,
          ['Shape', 'v', 'shape', { start: 0, end: 1 }],
          ['Squeeze', 'shape', 'n'],
          ['Range', 'start n step', 'rows'],
          ['Unsqueeze', 'rows axes', 'row'],
          ['Shape', 'row', 'rowShape'],
          ['Expand', 'column rowShape', 'columns'],
          ['Concat', 'row columns', 'indices', { axis: 2 }],
          ['Mul', 't t', 'square'],
          ['ScatterND', 'v indices square', 'y'],
        ],
      },
      (x, t) => [x, t * t],
    );
  });

  test('parts as a list', async () => {
    const zero = { shape: [], data: [0], type: 'int64' as const };
    const one = { shape: [], data: [1], type: 'int64' as const };
    const graph = (keepdims: number): Graph => ({
      constants: { ...PLACES, zero, one },
      nodes: [
        ['SplitToSequence', keepdims ? 'v one' : 'v', 'list', { axis: 1, keepdims }],
        ['SequenceAt', 'list zero', 'first'],
        ['SequenceAt', 'list one', 'second'],
        ...(keepdims
          ? ([['Sub', 'first second', 'y']] as OnnxGraph['nodes'])
          : ([
              ['Sub', 'first second', 'd'],
              ['Unsqueeze', 'd at1', 'y'],
            ] as OnnxGraph['nodes'])),
      ],
    });
    await expectValues(graph(1), (x, t) => [x - t]);
    await expectValues(graph(0), (x, t) => [x - t]);
  });

  test('a shape for a single point', async () => {
    const single = { shape: [2], data: [1, 2], type: 'int64' as const };
    await expectValues(
      {
        constants: { single },
        nodes: [
          ['Reshape', 'v single', 'r'],
          ['Neg', 'r', 'y'],
        ],
      },
      (x, t) => [-x, -t],
    );
  });

  test('the numbers of the points are no values', async () => {
    const constants = {
      start: { shape: [], data: [0], type: 'int64' as const },
      step: { shape: [], data: [1], type: 'int64' as const },
      axes: { shape: [1], data: [1], type: 'int64' as const },
    };
    const nodes: OnnxGraph['nodes'] = [
      ['Shape', 'v', 'shape', { start: 0, end: 1 }],
      ['Squeeze', 'shape', 'n'],
      ['Range', 'start n step', 'rows'],
      ['Unsqueeze', 'rows axes', 'row'],
      ['Cast', 'row', 'numbers', { to: 1 }],
      ['Add', 'v numbers', 'y'],
    ];
    expect(await refused({ constants, nodes })).toMatch(
      /operation Add of node "y".*more than answer every point by itself/,
    );
  });

  test('what is cast to 16 bits is rounded where it is constant, and said to be where it is not', async () => {
    const constants = { w: { shape: [2], data: [0.1, 3.00390625] } };
    for (const [to, name, [first, second]] of [
      [10, 'float16', [0.0999755859375, 3.00390625]],
      [16, 'bfloat16', [0.10009765625, 3]],
    ] as const) {
      const nodes: OnnxGraph['nodes'] = [
        ['Cast', 'w', 'h', { to }],
        ['Cast', 'v', 'u', { to }],
        ['Mul', 'u h', 'y'],
      ];
      await expectValues({ constants, nodes }, (x, t) => [first * x, second * t]);
      const bytes = onnxBytes({ inputs: { v: [2] }, outputs: ['y'], constants, nodes });
      const { notes } = await importModel('net.onnx', memoryFiles({ 'net.onnx': bytes }), { inputs: BOX });
      expect(notes.filter((note) => note.startsWith('assumed'))).toEqual([
        `assumed: values need not be rounded to ${name}, as Cast nodes of the graph do`,
      ]);
    }
    expect(await refused({ nodes: [['Cast', 'v', 'y', { to: 17 }]] })).toMatch(
      /Cast of node "y".*with to = 17; export/,
    );
  });

  test('CastLike has the type of what it names: integers truncate, comparisons ask for zero', async () => {
    const constants = {
      three: { shape: [], data: [3] },
      whole: { shape: [], data: [1], type: 'int64' as const },
      zero: { shape: [], data: [0] },
    };
    const nodes: OnnxGraph['nodes'] = [
      ['Mul', 'v three', 'w'],
      ['CastLike', 'w whole', 'i'],
      ['Greater', 'v zero', 'm'],
      ['CastLike', 'v m', 'b'],
      ['Where', 'b i zero', 'c'],
      ['CastLike', 'w three', 'f'],
      ['Concat', 'c f', 'y', { axis: 1 }],
    ];
    await expectValues({ constants, nodes }, (x, t) => [Math.trunc(3 * x), Math.trunc(3 * t), 3 * x, 3 * t]);
  });

  test('ScatterElements at constant places of every point', async () => {
    const indices = { shape: [1, 1], data: [1], type: 'int64' as const };
    const graph = (attributes: Record<string, number | string>, name = 'every'): Graph => ({
      constants: { ...PLACES, indices },
      nodes: [
        ...COLUMNS,
        ['Neg', 'x', 'minus'],
        ['Shape', 'x', 'shape'],
        ['Expand', 'indices shape', 'every'],
        ['ScatterElements', `v ${name} minus`, 'y', { axis: 1, ...attributes }],
      ],
    });
    await expectValues(graph({}), (x) => [x, -x]);
    expect(await refused(graph({ reduction: 'add' }))).toContain('with reduction "add"');
    expect(await refused(graph({}, 'indices'))).toContain('its indices are those of 1 point, not of every one');
  });

  test('normalisations of groups of components', async () => {
    const cube = { shape: [3], data: [-1, 2, 2], type: 'int64' as const };
    const flat = { shape: [2], data: [-1, 4], type: 'int64' as const };
    const [g, b] = [
      { shape: [2], data: [1.5, 0.5] },
      { shape: [2], data: [0.25, -0.5] },
    ];
    const normal = (values: number[], centre: boolean) => {
      const mean = centre ? values.reduce((s, v) => s + v) / values.length : 0;
      const variance = values.reduce((s, v) => s + (v - mean) ** 2, 0) / values.length;
      return values.map((v) => (v - mean) / Math.sqrt(variance + 1e-5));
    };
    const graph = (op: string, inputs: string): Graph => ({
      constants: { cube, flat, g, b, two: { shape: [], data: [2] } },
      nodes: [
        ['Mul', 'v two', 'v2'],
        ['Concat', 'v v2', 'four', { axis: 1 }],
        ['Reshape', 'four cube', 'c'],
        [op, inputs, 'n'],
        ['Reshape', 'n flat', 'y'],
      ],
    });
    const groups = (x: number, t: number) => [
      [x, t],
      [2 * x, 2 * t],
    ];
    const byColumn = (values: number[], shifted: boolean) =>
      values.map((v, i) => v * g.data[i] + (shifted ? b.data[i] : 0));
    await expectValues(graph('LayerNormalization', 'c g b'), (x, t) =>
      groups(x, t).flatMap((group) => byColumn(normal(group, true), true)),
    );
    await expectValues(graph('RMSNormalization', 'c g'), (x, t) =>
      groups(x, t).flatMap((group) => byColumn(normal(group, false), false)),
    );
    await expectValues(graph('InstanceNormalization', 'c g b'), (x, t) =>
      groups(x, t).flatMap((group, channel) => normal(group, true).map((v) => v * g.data[channel] + b.data[channel])),
    );
    await expectValues(graph('LpNormalization', 'c'), (x, t) =>
      groups(x, t).flatMap((group) => group.map((v) => v / Math.hypot(...group))),
    );
  });

  test('softmax before opset 13 runs over all axes from its own on', async () => {
    const cube = { shape: [3], data: [-1, 2, 1], type: 'int64' as const };
    const softmax = (x: number, t: number) => [x, t].map((v) => Math.exp(v) / (Math.exp(x) + Math.exp(t)));
    const flat = { shape: [2], data: [-1, 2], type: 'int64' as const };
    const nodes: OnnxGraph['nodes'] = [
      ['Reshape', 'v cube', 'c'],
      ['Softmax', 'c', 's'],
      ['Reshape', 's flat', 'y'],
    ];
    await expectValues({ constants: { cube, flat }, nodes, opset: 11 }, softmax);
    await expectValues({ constants: { cube, flat }, nodes, opset: 13 }, () => [1, 1]);
    expect(await refused({ nodes: [['Softmax', 'v', 'y', { axis: 0 }]] })).toContain('compares points of the batch');
  });

  test('a convolution of width 1 along the batch is a layer of every point; a wider one is refused', async () => {
    const graph = (taps: number): Graph => ({
      constants: {
        front: { shape: [1], data: [0], type: 'int64' },
        kernel: { shape: [2, 2, taps], data: Array.from({ length: 4 * taps }, (_, i) => W.data[Math.floor(i / taps)]) },
      },
      nodes: [
        ['Transpose', 'v', 'columns', { perm: [1, 0] }],
        ['Unsqueeze', 'columns front', 'one'],
        ['Conv', 'one kernel', 'c'],
        ['Squeeze', 'c front', 's'],
        ['Transpose', 's', 'y', { perm: [1, 0] }],
      ],
    });
    await expectValues(graph(1), (x, t) => [0.5 * x - t, 2 * x + 0.25 * t]);
    expect(await refused(graph(3))).toContain('it runs along the batch');
  });

  test('truth values of numbers and of choices', async () => {
    await expectValues(
      {
        constants: { ...PLACES, half: { shape: [], data: [0.5] } },
        nodes: [
          ...COLUMNS,
          ['Sub', 'x half', 'd'],
          ['Cast', 'd', 'nonzero', { to: 9 }],
          ['Less', 't half', 'low'],
          ['Where', 'low nonzero low', 'both'],
          ['Cast', 'both', 'y', { to: 1 }],
        ],
      },
      (x, t) => [t < 0.5 && x !== 0.5 ? 1 : 0],
    );
  });
});

describe('names of inputs and outputs', () => {
  const graph: OnnxGraph = {
    inputs: { x: [1], t: [1] },
    nodes: [
      ['Sub', 'x t', 'u'],
      ['Mul', 'x t', 'w'],
    ],
    outputs: ['u', 'w'],
  };
  const importWith = (inputs: string[], outputs: string[] = [], spec?: object, from = graph) =>
    importModel('net.onnx', memoryFiles({ 'net.onnx': onnxBytes(from) }), {
      inputs: inputs.map(parseInput),
      outputs: outputs.map(parseOutput),
      ...(spec ? { spec: { file: 'spec.json', text: JSON.stringify(spec) } } : {}),
    });
  const at = (model: Parameters<typeof evaluateReference>[0], ...point: number[]) =>
    Array.from(evaluateReference(model, Float64Array.from(point)));

  test("an input that the file does not have is refused, the file's listed", async () => {
    await expect(importWith(['t=0:1', 'pos=-1:1'])).rejects.toThrow('input "pos" is not there; there are x, t');
    await expect(importWith(['a=0:1', 'b=-1:1'])).rejects.toThrow('input "a" is not there; there are x, t');
    await expect(importWith(['x=0:1', 't=0:1', 'z=0:1'])).rejects.toThrow('input "z" is not there; there are x, t');
    const { model } = await importWith(['t=0:2', 'x=-1:1']);
    expect(model.inputs.map(({ name, max }) => [name, max])).toEqual([
      ['x', 1],
      ['t', 2],
    ]);
  });

  test('inputs of a spec are found by name, in any order', async () => {
    const facts = (...names: string[]) => ({ inputs: names.map((name) => ({ name, min: 0, max: 1 })) });
    const { model } = await importWith([], [], facts('t', 'x'));
    expect(model.inputs.map(({ name }) => name)).toEqual(['t', 'x']);
    expect(at(model, 0.25, 1)).toEqual([0.75, 0.25]);
    await expect(importWith([], [], facts('t', 'pos'))).rejects.toThrow('input "pos" is not there; there are x, t');
    const expressed = { ...facts('pos', 'time'), networkInputs: ['pos', '2*time'] };
    expect(at((await importWith([], [], expressed)).model, 1, 0.25)).toEqual([0.5, 0.5]);
  });

  test('names that exporters make up may be given anew, in order', async () => {
    const auto: OnnxGraph = { ...graph, inputs: { 'onnx::Sub_0': [1], 'input.1': [1] } };
    auto.nodes = [
      ['Sub', 'onnx::Sub_0 input.1', 'u'],
      ['Mul', 'onnx::Sub_0 input.1', 'w'],
    ];
    const { model } = await importWith(['x=0:1', 't=0:1'], [], undefined, auto);
    expect(at(model, 1, 0.25)).toEqual([0.75, 0.25]);
  });

  test('columns with and without names keep their places', async () => {
    const mixed: OnnxGraph = {
      inputs: { x: [1], k: [2] },
      nodes: [['Concat', 'x k', 'y', { axis: 1 }]],
      outputs: ['y'],
    };
    const { model } = await importWith(['x=0:1', 'a=0:1', 'b=0:1'], [], undefined, mixed);
    expect(model.inputs.map(({ name }) => name)).toEqual(['x', 'a', 'b']);
    await expect(importWith(['a=0:1', 'b=0:1', 'x=0:1'], [], undefined, mixed)).rejects.toThrow(
      'has the input columns x, ?, ?, but --input a was given in place of x; give one per column, in order',
    );
  });

  test('outputs are renamed in order, or named as in the file', async () => {
    const ranges = ['x=0:1', 't=0:1'];
    expect((await importWith(ranges, ['p', 'q:m'])).model.outputs.map(({ name }) => name)).toEqual(['p', 'q']);
    const { model } = await importWith(ranges, ['w:m', 'u']);
    expect(model.outputs.map(({ name, unit }) => [name, unit])).toEqual([
      ['u', undefined],
      ['w', 'm'],
    ]);
    await expect(importWith(ranges, ['w', 'q'])).rejects.toThrow('output "q" is not there; there are u, w');
  });

  test('layers in a spec for a file with its whole graph are refused', async () => {
    const inputs = [
      { name: 'x', min: 0, max: 1 },
      { name: 't', min: 0, max: 1 },
    ];
    await expect(importWith([], [], { inputs, network: { activation: 'tanh' } })).rejects.toThrow(
      'network.activation in the spec has no effect with net.onnx: the file has its whole graph',
    );
    await expect(importWith([], [], { inputs, networks: { N: { layers: ['a', 'b'] } } })).rejects.toThrow(
      'networks.N.layers in the spec has no effect',
    );
    const columns = { inputs, network: { inputs: ['t', 'x'] } };
    expect(at((await importWith([], [], columns)).model, 0.25, 1)).toEqual([0.75, 0.25]);
  });

  test('a file without outputs is refused', async () => {
    await expect(importWith(['x=0:1', 't=0:1'], [], undefined, { ...graph, outputs: [] })).rejects.toThrow(
      'its graph has no outputs; export it again with the outputs named',
    );
  });
});
