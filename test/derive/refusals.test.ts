import { describe, expect, it } from 'vitest';
import { compile } from '../../compiler/pipeline/compile.js';
import { modelFrom, perceptron } from '../helpers/models.js';

/** Bad input about derived outputs: one sentence each, naming what and where. */

type Json = ReturnType<typeof perceptron> & { outputs: object[]; nodes: object[]; physics?: object };

function withOutputs(...outputs: object[]): Json {
  const json = perceptron([2, 4, 1]) as Json;
  json.outputs.push(...outputs);
  return json;
}

const expressed = (expression: string) => ({ name: 'd', expression });

describe('a derived output', () => {
  it.each<[string, object[], string]>([
    ['by an unknown input', [expressed('y0_z')], '"z" is not made of the inputs x0, x1'],
    ['of an unknown output', [expressed('v_x0')], 'unknown name "v_x0"'],
    ['of too high an order', [expressed('y0_x0x0x0x0x0')], 'order 5; orders up to 4 are known'],
    [
      'of too high an order in all',
      [{ name: 'a', expression: 'y0_x0x0x0' }, expressed('a_x1x1')],
      'order 5; orders up to 4 are known',
    ],
    ['that needs itself', [{ name: 'a', expression: 'd + 1' }, expressed('a_x0')], 'it needs itself: d -> a -> d'],
    ['with an unknown function', [expressed('gamma(y0)')], 'unknown function "gamma"'],
    ['that jumps', [expressed('floor(y0_x0)')], 'floor jumps; make it a node of the model, "op": "floor"'],
    ['that is several', [expressed('y0_x0, y0_x1')], 'one expression is expected, not several'],
    ['with a value as well', [{ ...expressed('y0'), value: 'z2' }], 'either a value or an expression'],
    ['with a scale', [{ ...expressed('y0'), scale: 2 }], 'in engineering units'],
    ['without either', [{ name: 'd' }], 'a value, or an expression'],
  ])('%s is refused with its place', (_name, outputs, reason) => {
    expect(() => modelFrom(withOutputs(...outputs))).toThrow(reason);
    expect(() => modelFrom(withOutputs(...outputs))).toThrow(/outputs\[\d\]/);
  });

  it('whose name can be read in two ways is refused', () => {
    const json = withOutputs(expressed('y0_xx'));
    const inputs = json.inputs as { name: string }[];
    inputs[0].name = 'x';
    inputs[1].name = 'xx';
    json.nodes[0] = { name: 'v0', op: 'concat', inputs: ['x', 'xx'] };
    expect(() => modelFrom(json)).toThrow('can be read as the derivative of');
  });

  it('is not the only kind: hidden outputs alone are refused', () => {
    const json = perceptron([2, 4, 1]) as Json;
    json.outputs = [{ name: 'y0', value: 'z2', hidden: true }];
    expect(() => modelFrom(json)).toThrow('an output that is sent');
  });

  it('that divides by what passes through zero is refused', async () => {
    const model = modelFrom(withOutputs(expressed('1 / x0')));
    await expect(compile(model)).rejects.toThrow(/node "d" \(reciprocal\).*through the pole at 0/);
  });

  it('that is not there has no tolerance of its own', async () => {
    const tolerance = { all: { relative: 1e-2 }, outputs: { y0_x1: { relative: 1e-2 } } };
    await expect(compile(modelFrom(withOutputs(expressed('y0_x0'))), { tolerance })).rejects.toThrow(
      'there is no output "y0_x1" to have a tolerance of its own; outputs are y0, d',
    );
  });

  it('that is zero everywhere wants an absolute tolerance', async () => {
    const model = modelFrom(withOutputs(expressed('y0_x1x1x1 * 0 + y0 - y0')));
    await expect(compile(model)).rejects.toThrow('output "d" is zero over the whole input box');
  });
});

describe('the derivative of a choice', () => {
  const choice = (b: string) => {
    const json = perceptron([2, 4, 1]) as Json;
    json.nodes.push(
      { name: 'c', op: 'scale', inputs: ['x0'], shift: [-0.25] },
      { name: 'low', op: 'mul', inputs: ['c', 'x1'] },
      { name: 'up', op: 'scale', inputs: ['low'], scale: [3] },
      { name: 'one', op: 'constant', value: [1] },
      { name: 's', op: 'select', inputs: ['c', 'up', b] },
    );
    json.outputs = [
      { name: 's', value: 's' },
      { name: 'd', expression: 's_x0' },
    ];
    return modelFrom(json);
  };

  it('is refused where it jumps, with a place', async () => {
    await expect(compile(choice('one'))).rejects.toThrow(/derivative is taken of node "s", which jumps at x0 = 0.25/);
  });

  it('is taken where it has a kink only', async () => {
    const { measured } = await compile(choice('low'));
    expect(measured.outputs[0].maxRelative).toBeLessThan(1e-3);
  });

  it('of a step function is refused', async () => {
    const json = perceptron([2, 4, 1]) as Json;
    json.nodes.push({ name: 'f', op: 'floor', inputs: ['z2'] });
    json.outputs = [
      { name: 'f', value: 'f' },
      { name: 'd', expression: 'f_x0' },
    ];
    await expect(compile(modelFrom(json))).rejects.toThrow('which jumps at');
  });
});
