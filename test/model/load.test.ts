import { describe, expect, it } from 'vitest';
import { PinnEdgeError } from '../../compiler/diagnostics.js';
import { loadModel } from '../../compiler/model/load.js';
import { readSafetensors, writeSafetensors } from '../../compiler/model/safetensors.js';
import { modelFrom, perceptron } from '../helpers/models.js';

// biome-ignore lint/suspicious/noExplicitAny: tests break the file in every way a user might
type Json = Record<string, any>;

function base(): Json {
  return perceptron([2, 3, 1]) as Json;
}

/** The message of the error that loading `json` ends in. */
function refusal(json: unknown, files: Record<string, Uint8Array> = {}): string {
  try {
    modelFrom(json as Json, files);
  } catch (error) {
    expect(error).toBeInstanceOf(PinnEdgeError);
    expect((error as PinnEdgeError).exitCode).toBe(2);
    return (error as PinnEdgeError).message;
  }
  throw new Error('was accepted');
}

function loadBytes(bytes: Uint8Array | undefined): string {
  try {
    loadModel('m.json', { read: () => bytes, beside: (_f, n) => n });
  } catch (error) {
    expect(error).toBeInstanceOf(PinnEdgeError);
    return (error as PinnEdgeError).message;
  }
  throw new Error('was accepted');
}

describe('a model file', () => {
  it('loads with shapes and an execution order', () => {
    const json = base();
    json.nodes.reverse();
    const model = modelFrom(json);
    expect(model.nodes.map((n) => n.name)).toEqual(['v0', 'z1', 'h1', 'z2']);
    expect(model.widths.get('h1')).toBe(3);
  });

  it('that is missing, empty, truncated or not JSON is named', () => {
    expect(loadBytes(undefined)).toContain('there is no such file');
    expect(loadBytes(new Uint8Array())).toContain('is empty');
    const text = new TextEncoder().encode(JSON.stringify(base()));
    for (const length of [1, 20, text.length >> 1, text.length - 1]) {
      expect(loadBytes(text.subarray(0, length))).toContain('m.json is not JSON');
    }
    expect(loadBytes(Uint8Array.of(0xff, 0xfe, 0x00))).toContain('is not JSON');
  });

  it.each<[string, (json: Json) => void, string[]]>([
    ['unknown field', (m) => (m.colour = 'red'), ['colour', 'an unknown field']],
    ['unknown field of a node', (m) => (m.nodes[1].gain = 2), ['nodes[1].gain', 'an unknown field']],
    ['unknown operation', (m) => (m.nodes[2].op = 'tahn'), ['nodes[2].op', '"tahn"', 'tanh']],
    ['missing operation', (m) => delete m.nodes[2].op, ['nodes[2]']],
    [
      'wrong weight shape',
      (m) => (m.tensors.w1 = { shape: [3, 5], data: Array(15).fill(0) }),
      ['nodes[1].weight', '[3, 5]', '[out, 2]'],
    ],
    ['wrong bias shape', (m) => (m.tensors.b1 = { shape: [2], data: [0, 0] }), ['nodes[1].bias', '[2]', '[3]']],
    ['data of another length', (m) => m.tensors.b1.data.pop(), ['tensors.b1.data', '2 numbers', '3 for shape [3]']],
    ['cycle', (m) => (m.nodes[1].inputs = ['h1']), ['a cycle']],
    ['self-loop', (m) => (m.nodes[2].inputs = ['h1']), ['a cycle: h1 -> h1']],
    ['name used twice', (m) => (m.nodes[2].name = 'z1'), ['"z1" a second time']],
    ['unknown reference', (m) => (m.nodes[3].inputs = ['h2']), ['nodes[3].inputs[0]', '"h2"', 'h1']],
    ['unknown tensor', (m) => (m.nodes[1].weight = 'w9'), ['nodes[1].weight', '"w9"']],
    ['min above max', (m) => (m.inputs[0].min = 2), ['inputs[0]', 'min 2 and max 1', 'min < max']],
    ['min equal to max', (m) => (m.inputs[0].min = 1), ['min 1 and max 1']],
    ['tolerance of zero', (m) => (m.tolerance = 0), ['tolerance', '0']],
    ['negative tolerance', (m) => (m.tolerance = -1e-3), ['tolerance', '-0.001']],
    ['output index', (m) => (m.outputs[0].index = 1), ['outputs[0].index', 'less than 1']],
    ['output of nothing', (m) => (m.outputs[0].value = 'z9'), ['outputs[0].value', '"z9"']],
    ['zero output scale', (m) => (m.outputs[0].scale = 0), ['outputs[0].scale']],
    [
      'slice out of range',
      (m) => m.nodes.push({ name: 's', op: 'slice', inputs: ['h1'], start: 1, stop: 4 }),
      ['stop 4', '<= 3'],
    ],
    [
      'widths that do not match',
      (m) => m.nodes.push({ name: 's', op: 'add', inputs: ['h1', 'v0'] }),
      ['widths 3 and 2'],
    ],
    [
      'residual with an unknown name',
      (m) => (m.physics = { residuals: [{ name: 'r', expression: 'y0_x0 - foo' }] }),
      ['physics.residuals[0].expression', 'unknown name "foo"'],
    ],
    ['exact solution of no output', (m) => (m.physics = { exact: { w: 'x0' } }), ['physics.exact.w']],
    ['exact solution that calls code', (m) => (m.physics = { exact: { y0: 'process.exit(1)' } }), ['physics.exact.y0']],
  ])('with %s is refused with its place', (_name, change, expected) => {
    const json = base();
    change(json);
    const message = refusal(json);
    for (const part of expected) expect(message).toContain(part);
  });

  it('reports all problems at once', () => {
    const json = base();
    json.inputs[0].min = 5;
    json.tensors.b1.data[1] = null;
    json.nodes[3].inputs = ['nowhere'];
    json.nodes[2].op = 'thna';
    json.flavour = 1;
    const message = loadBytes(new TextEncoder().encode(JSON.stringify(json).replace('null', '1e999')));
    expect(message).toContain('5 problems');
    for (const part of ['flavour', '"thna"', 'min 5 and max 1', '"nowhere"']) expect(message).toContain(part);
    expect(message).toContain('tensors.b1.data[1]: found Infinity, expected a finite number');
  });

  it('accepts derivative names in residuals', () => {
    const json = base();
    json.physics = {
      parameters: { nu: 0.01 },
      residuals: [{ name: 'burgers', expression: 'y0_x1 + y0*y0_x0 - nu*y0_x0x0' }],
      exact: { y0: '-x0^2 + 2^-1*sin(pi*x1)' },
    };
    expect(modelFrom(json).physics?.residuals).toHaveLength(1);
  });
});

describe('a weight file', () => {
  const json = () => {
    const { tensors, ...rest } = base();
    const map = new Map(
      Object.entries(tensors as Record<string, { shape: number[]; data: number[] }>).map(([name, t]) => [
        name,
        { shape: t.shape, data: Float64Array.from(t.data) },
      ]),
    );
    return { model: { ...rest, weights: 'w.safetensors' }, map };
  };

  it('gives the tensors', () => {
    const { model, map } = json();
    const loaded = modelFrom(model, { 'w.safetensors': writeSafetensors(map) });
    expect(loaded.tensors.get('w1')!.data).toEqual(map.get('w1')!.data);
  });

  it('that is missing, truncated or holds NaN is refused', () => {
    const { model, map } = json();
    expect(refusal(model)).toContain('w.safetensors');
    const bytes = writeSafetensors(map);
    for (const length of [0, 4, 8, 40, bytes.length - 1]) {
      expect(refusal(model, { 'w.safetensors': bytes.subarray(0, length) })).toContain('is not a safetensors file');
    }
    map.get('w2')!.data[2] = Number.NaN;
    expect(refusal(model, { 'w.safetensors': writeSafetensors(map) })).toContain('w.safetensors: w2[2]: found NaN');
  });

  it('keeps float32 as float32 and float64 as float64', () => {
    const tensors = new Map([
      ['single', { shape: [2], data: Float64Array.of(0.5, Math.fround(0.1)) }],
      ['double', { shape: [1, 1], data: Float64Array.of(0.1) }],
    ]);
    const again = readSafetensors(writeSafetensors(tensors));
    expect([...again.get('single')!.data, ...again.get('double')!.data]).toEqual([0.5, Math.fround(0.1), 0.1]);
    expect(again.get('double')!.shape).toEqual([1, 1]);
  });
});
