import { describe, expect, it } from 'vitest';
import { createEngine, type Runnable } from '../../compiler/code/engines/create.js';
import type { EngineName } from '../../compiler/code/engines/engine.js';
import { linearMemoryBytes } from '../../compiler/code/linear-memory.js';
import { compile } from '../../compiler/pipeline/compile.js';
import type { CompiledModel } from '../../compiler/pipeline/compiled-model.js';
import { modelFrom, perceptron } from '../helpers/models.js';
import { tableRandom } from '../helpers/random-table.js';

type Json = Record<string, unknown>;

/** Every operation of the model file from the graph to the module: within the tolerance, and the same integers. */

function model(nodes: Json[], tensors: Json = {}): Json {
  const inputs = [
    { name: 'a', min: 0.05, max: 2 },
    { name: 'b', min: -3, max: 1 },
  ];
  return { format: 'pinn-edge/1', name: 'ops', inputs, outputs: [{ name: 'y', value: 'y' }], tensors, nodes };
}

async function expectSound(json: Json, tolerance: number): Promise<CompiledModel> {
  const compiled = await compile(modelFrom(json), { tolerance });
  for (const output of compiled.measured.outputs) expect(output.maxRelative).toBeLessThanOrEqual(tolerance);
  const runnable: Runnable = {
    wasm: compiled.wasm,
    table: compiled.table,
    memoryBytes: linearMemoryBytes(compiled.table.length, compiled.lowered.table.arenaBytes),
    inputCount: compiled.model.inputs.length,
    outputCount: compiled.model.outputs.length,
    wasm3: { stackBytes: 2048, tailCalls: true },
  };
  const random = tableRandom(9);
  const words = Int32Array.from(
    { length: 500 * runnable.inputCount },
    () => random.int(-(2 ** 31), 2 ** 31 - 1) >> random.int(0, 6),
  );
  const wanted = (await createEngine('oracle', runnable)).run(words);
  for (const name of ['v8', 'wasm3'] as EngineName[]) {
    const engine = await createEngine(name, runnable);
    expect(engine.run(words).outputs).toEqual(wanted.outputs);
    engine.dispose?.();
  }
  return compiled;
}

const UNARY: [string, Json][] = [
  ['tanh', {}],
  ['sin', {}],
  ['cos', {}],
  ['sigmoid', {}],
  ['silu', {}],
  ['softplus', {}],
  ['relu', {}],
  ['gelu', {}],
  ['gelu', { approximate: 'tanh' }],
  ['exp', {}],
  ['atan', {}],
  ['neg', {}],
  ['pow', { exponent: 2 }],
  ['pow', { exponent: 5 }],
  ['scale', { scale: [3], shift: [-0.7] }],
];

describe('an operation in the module', () => {
  it.each(UNARY)('%s %o keeps 1e-4', async (op, fields) => {
    await expectSound(model([{ name: 'y', op, inputs: ['b'], ...fields }]), 1e-4);
  });

  it.each<[string, Json]>([
    ['reciprocal', {}],
    ['sqrt', {}],
    ['pow', { exponent: -2 }],
  ])('%s %o keeps 1e-4', async (op, fields) => {
    await expectSound(model([{ name: 'y', op, inputs: ['a'], ...fields }]), 1e-4);
  });

  it('reads an input most of whose range its table has no need of', async () => {
    const json = model([{ name: 'y', op: 'relu', inputs: ['b'] }]);
    (json.inputs as { min: number }[])[1].min = -40;
    await expectSound(json, 1e-4);
  });

  it.each(['add', 'sub', 'mul', 'div'])('%s keeps 1e-5', async (op) => {
    await expectSound(model([{ name: 'y', op, inputs: ['b', 'a'] }]), 1e-5);
  });

  it('parts of vectors, constants, broadcasting and values used twice', async () => {
    const tensors = {
      w: { shape: [2, 5], data: [0.5, -1, 2, 0.1, 1, 1, 1, -1, 0.3, 0.2] },
      b: { shape: [2], data: [0.1, -3] },
    };
    const nodes = [
      { name: 'k', op: 'constant', value: [0.5, -2] },
      { name: 'ab', op: 'concat', inputs: ['b', 'a'] },
      { name: 't', op: 'tanh', inputs: ['ab'] },
      { name: 'all', op: 'concat', inputs: ['t', 'k', 'a'] },
      { name: 'd', op: 'dense', inputs: ['all'], weight: 'w', bias: 'b' },
      { name: 'again', op: 'concat', inputs: ['d', 't'] },
      { name: 's', op: 'slice', inputs: ['again'], start: 1, stop: 3 },
      { name: 'm', op: 'mul', inputs: ['s', 'a'] },
      { name: 'n', op: 'sub', inputs: ['m', 'ab'] },
      { name: 'first', op: 'slice', inputs: ['n'], start: 0, stop: 1 },
      { name: 'second', op: 'slice', inputs: ['n'], start: 1, stop: 2 },
      { name: 'y', op: 'mul', inputs: ['first', 'second'] },
    ];
    await expectSound(model(nodes, tensors), 1e-4);
  });

  it('angles of tens of turns (Fourier features) are reduced without loss', async () => {
    const json = perceptron([2, 12, 8, 1], 'sin', 3, 60);
    const compiled = await expectSound(json, 1e-4);
    expect(
      Math.max(...compiled.quantized.graph.nodes.filter((n) => n.kind === 'affine' && n.wraps).map((n) => n.width)),
    ).toBe(12);
  });

  it('inputs of very different ranges, and inputs that nothing reads', async () => {
    const json = perceptron([3, 10, 1]) as { inputs: Json[]; nodes: Json[] };
    json.inputs = [
      { name: 'x0', min: -0.02, max: 0.021 },
      { name: 'x1', min: 0.9, max: 1.4 },
      { name: 'x2', min: -200, max: 2000 },
      { name: 'unused', min: 0, max: 1 },
    ];
    json.nodes.splice(1, 0, { name: 'v1', op: 'scale', inputs: ['v0'], scale: [40, 3, 0.001], shift: [0, -3, -0.4] });
    (json.nodes[2] as { inputs: string[] }).inputs = ['v1'];
    await expectSound(json as Json, 1e-4);
  });

  it('several outputs with scales and offsets, one of them an input, one constant', async () => {
    const json = model([
      { name: 'y', op: 'tanh', inputs: ['b'] },
      { name: 'k', op: 'constant', value: [4.25] },
    ]);
    json.outputs = [
      { name: 'y', value: 'y', scale: -1500, offset: 20, unit: 'kPa' },
      { name: 'same', value: 'a' },
      { name: 'k', value: 'k' },
      { name: 'twice', value: 'y' },
    ];
    const compiled = await expectSound(json, 1e-4);
    expect(compiled.measured.outputs[2].maxAbsolute).toBeLessThan(1e-6);
  });

  it('out of its domain is refused with the node and its range', async () => {
    const through = model([{ name: 'y', op: 'reciprocal', inputs: ['b'] }]);
    await expect(compile(modelFrom(through))).rejects.toThrow(/node "y" \(reciprocal\).*-3.*through the pole at 0/);
    const below = model([{ name: 'y', op: 'sqrt', inputs: ['b'] }]);
    await expect(compile(modelFrom(below))).rejects.toThrow(/node "y" \(sqrt\).*below 0/);
    const huge = model([
      { name: 's', op: 'scale', inputs: ['a'], scale: [1000] },
      { name: 'y', op: 'exp', inputs: ['s'] },
    ]);
    await expect(compile(modelFrom(huge))).rejects.toThrow(/not finite/);
    // A weight of a matrix: a mere scaling would become part of the function.
    const outlier = model(
      [
        { name: 'd', op: 'dense', inputs: ['a'], weight: 'w' },
        { name: 'y', op: 'tanh', inputs: ['d'] },
      ],
      { w: { shape: [1, 1], data: [1e30] } },
    );
    await expect(compile(modelFrom(outlier))).rejects.toThrow(/node "y" \(tanh\).*too large for fixed point/);
  });

  it('an output of zero needs an absolute tolerance', async () => {
    const zero = model([{ name: 'y', op: 'scale', inputs: ['a'], scale: [0] }]);
    await expect(compile(modelFrom(zero))).rejects.toThrow('--tol-abs');
    expect((await compile(modelFrom(zero), { tolerance: { absolute: 1e-3 } })).measured.outputs[0].maxAbsolute).toBe(0);
  });
});
