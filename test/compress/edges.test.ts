import { describe, expect, test } from 'vitest';
import { compressModel } from '../../compiler/compress/compress.js';
import { DEFAULT_COMPRESS, METHODS } from '../../compiler/compress/compress-options.js';
import { interiorPoints } from '../../compiler/judge/points/cover.js';
import { evaluateReference } from '../../compiler/judge/reference/evaluate.js';
import { inputBox } from '../../compiler/model/box.js';
import type { Model } from '../../compiler/model/types.js';
import { compile } from '../../compiler/pipeline/compile.js';
import { modelFrom, perceptron } from '../helpers/models.js';
import { teacherOf } from './helpers.js';

/** Networks at the edge of what compression is made for, by every method. */

type Tensors = Record<string, { data: number[] }>;

function edited(widths: number[], edit: (tensors: Tensors) => void): Model {
  const json = perceptron(widths) as { tensors: Tensors };
  edit(json.tensors);
  return modelFrom(json);
}

const NETWORKS: Record<string, Model> = {
  'all weights zero': edited([2, 6, 6, 1], (tensors) => {
    for (const tensor of Object.values(tensors)) tensor.data.fill(0);
  }),
  'a constant output': edited([2, 6, 6, 1], ({ w3, b3 }) => {
    w3.data.fill(0);
    b3.data[0] = 2.5;
  }),
  'a constant output beside another': edited([2, 6, 6, 2], ({ w3 }) => {
    w3.data.fill(0, 6);
  }),
  'dead neurons': edited([2, 6, 6, 1], ({ w1, w2 }) => {
    w1.data.fill(0, 0, 6);
    for (let r = 0; r < 6; r++) w2.data[r * 6 + 5] = 0;
  }),
  'layers of width 1': modelFrom(perceptron([2, 1, 6, 1, 1])),
};

const settings = { ...DEFAULT_COMPRESS, maxWork: 1e8, share: 1, round: true };

function compressed(model: Model, tolerance: number, options: Partial<typeof settings>) {
  const { graph, allowances } = teacherOf(model, tolerance);
  return compressModel(model, graph, [...allowances], { ...settings, ...options });
}

/** Largest error at points that compression never uses, each output by its largest value. */
function freshErrors(model: Model, small: Model): number[] {
  const points = interiorPoints(inputBox(model.inputs), 1024, 1);
  const [wanted, got] = [evaluateReference(model, points), evaluateReference(small, points)];
  const width = model.outputs.length;
  return model.outputs.map((_, k) => {
    const at = (values: Float64Array) => Array.from(values).filter((_, i) => i % width === k);
    const most = Math.max(...at(wanted).map(Math.abs));
    return Math.max(...at(got).map((v, i) => Math.abs(v - at(wanted)[i]))) / (most || 1);
  });
}

describe.each(Object.entries(NETWORKS))('%s', (name, model) => {
  test.each(METHODS)('%s keeps the tolerance or leaves the network as it is', async (method) => {
    const { model: small, error } = await compressed(model, 1e-2, { method });
    expect(error).toBeLessThanOrEqual(1);
    if (small) for (const relative of freshErrors(model, small)) expect(relative).toBeLessThanOrEqual(1e-2);
  });

  test('builds', async () => {
    // What is zero throughout has no relative error.
    const within = name === 'all weights zero' ? { tolerance: { absolute: 1e-2 } } : { tolerance: 1e-2 };
    const { measured } = await compile(model, { ...within, compress: { maxWork: 1e8 } });
    for (const { maxRelative, maxAbsolute } of measured.outputs)
      expect(name === 'all weights zero' ? maxAbsolute : maxRelative).toBeLessThanOrEqual(1e-2);
  });
});

test('what is constant takes one segment of a cubic spline', async () => {
  const { parameters } = await compressed(NETWORKS['a constant output'], 1e-2, {});
  expect(parameters.after).toBeLessThanOrEqual(4 ** 2);
});

describe('a tolerance that nothing keeps', () => {
  const network = modelFrom(perceptron([2, 8, 8, 1]));

  test('auto says the best that it reached, and with what tolerance it would be kept', async () => {
    const { model, bestReached, detail } = await compressed(network, 1e-13, {});
    expect(model).toBeUndefined();
    expect(bestReached).toBeGreaterThan(1);
    const offered = Number(/--tol ([\d.e-]+) would/.exec(detail)![1]);
    const again = await compressed(network, offered, {});
    expect(again.model).toBeDefined();
  });

  test.each(['int8', 'int16'] as const)('%s has no model to give', async (method) => {
    const { model, attempts } = await compressed(network, 1e-9, { method });
    expect(model).toBeUndefined();
    expect(attempts[0].error).toBeGreaterThan(1);
  });
});

test('a network that is smaller than any structure of it is left, and that is said', async () => {
  const { model, detail, bytes } = await compressed(modelFrom(perceptron([2, 2, 1])), 1e-4, {});
  expect(model).toBeUndefined();
  expect(detail).toMatch(/^left as it is/);
  expect(bytes.after).toBeLessThanOrEqual(bytes.before);
});
