import { describe, expect, it, test } from 'vitest';
import { compressModel } from '../../compiler/compress/compress.js';
import { type CompressOptions, DEFAULT_COMPRESS } from '../../compiler/compress/compress-options.js';
import {
  axisBasis,
  everyOther,
  fitAll,
  type Tensor,
  valuesOf,
} from '../../compiler/compress/splines/coefficient-tensor.js';
import { leastSquares, polish } from '../../compiler/compress/splines/polish.js';
import { buildIr } from '../../compiler/ir/from-model.js';
import { foldGraph } from '../../compiler/ir/simplify.js';
import { coveringPoints, interiorPoints } from '../../compiler/judge/points/cover.js';
import { evaluateReference } from '../../compiler/judge/reference/evaluate.js';
import { inputBox } from '../../compiler/model/box.js';
import type { Model } from '../../compiler/model/types.js';
import { compile } from '../../compiler/pipeline/compile.js';
import { modelFrom, perceptron, randoms } from '../helpers/models.js';

/** Networks as splines: fits, what the search promises, and where it stays out. */

const places = (count: number) => Float64Array.from({ length: count }, (_, i) => i / (count - 1));

function sampled(f: (x: number, y: number) => number, count: number): Tensor {
  const xs = places(count);
  const data = Float64Array.from({ length: count * count }, (_, i) => f(xs[Math.floor(i / count)], xs[i % count]));
  return { dims: [1, count, count], data };
}

describe('fits', () => {
  it.each([3, 4, 5])('of degree %i give back the coefficients that values are made of', (degree) => {
    const bases = [7, 5].map((segments) => axisBasis(places(60), segments, degree));
    const next = randoms(degree);
    const dims = [2, 7 + degree, 5 + degree];
    const data = Float64Array.from({ length: 2 * dims[1] * dims[2] }, () => next());
    const again = fitAll(valuesOf({ dims, data }, bases), bases);
    const values = valuesOf({ dims, data }, bases);
    valuesOf(again, bases).data.forEach((v, i) => {
      expect(Math.abs(v - values.data[i])).toBeLessThan(1e-3);
    });
  });

  it('are polished to a smaller largest error', () => {
    const values = sampled((x, y) => Math.sin(9 * x + 4 * y) / (1.1 - x * y), 80);
    const bases = [9, 8].map((segments) => axisBasis(places(80), segments, 3));
    const wanted = { values, rmsLimits: [Number.POSITIVE_INFINITY] };
    const start = leastSquares(wanted, bases);
    const better = polish(wanted, bases, start, 0.8 * start.error)!;
    expect(better.error).toBeLessThanOrEqual(0.8 * start.error);
    const got = valuesOf(better.coefficients, bases);
    const worst = got.data.reduce((m, v, i) => Math.max(m, Math.abs(v - values.data[i])), 0);
    expect(worst).toBeCloseTo(better.error, 12);
    expect(polish(wanted, bases, start, 0.01 * start.error)).toBeUndefined();
    // Not at the price of the root mean square.
    const tight = { values, rmsLimits: [1e-6] };
    expect(polish(tight, bases, start, 0.8 * start.error)).toBeUndefined();
  });

  it('see every other sample', () => {
    const { dims, data } = everyOther(sampled((x, y) => x + 10 * y, 5));
    expect(dims).toEqual([1, 3, 3]);
    expect(Array.from(data)).toEqual([0, 5, 10, 0.5, 5.5, 10.5, 1, 6, 11]);
  });
});

function compressed(model: Model, tolerance: number, options: Partial<CompressOptions>) {
  const points = coveringPoints(inputBox(model.inputs), 2048);
  const width = model.outputs.length;
  const largest = new Float64Array(width);
  evaluateReference(model, points).forEach((v, i) => {
    largest[i % width] = Math.max(largest[i % width], Math.abs(v));
  });
  const allowances = Array.from(largest, (v) => v * tolerance);
  return compressModel(model, foldGraph(buildIr(model)), allowances, { ...DEFAULT_COMPRESS, ...options });
}

/** A network of waves: for its size there is little that it could do without. */
const waves = () => modelFrom(perceptron([2, 24, 24, 2], 'sin', 5, 4));

describe('compress --method spline', () => {
  test('keeps the tolerance at points that it has not seen, and builds to what it says', async () => {
    const model = waves();
    const tolerance = 1e-2;
    const found = await compressed(model, tolerance, { method: 'spline', share: 1, round: true });
    const small = found.model!;
    expect(small.nodes.filter(({ op }) => op === 'spline').length).toBe(1);
    const points = interiorPoints(inputBox(model.inputs), 3000, 99);
    const [wanted, got] = [model, small].map((m) => evaluateReference(m, points));
    const width = model.outputs.length;
    for (let k = 0; k < width; k++) {
      const pick = (values: Float64Array) => values.filter((_, i) => i % width === k);
      const most = pick(wanted).reduce((m, v) => Math.max(m, Math.abs(v)), 0);
      const worst = pick(got).reduce((m, v, i) => Math.max(m, Math.abs(v - pick(wanted)[i])), 0);
      expect(worst / most).toBeLessThan(1.02 * tolerance);
    }
    const { lowered } = await compile(small, { tolerance: 2e-3 });
    expect(lowered.table.pool.length).toBeLessThanOrEqual(found.bytes.after + 8);
  }, 120_000);

  test('leaves networks of more than three inputs as they are', async () => {
    const { model, attempts } = await compressed(modelFrom(perceptron([4, 6, 1])), 1e-2, { method: 'spline' });
    expect(model).toBeUndefined();
    expect(attempts).toEqual([]);
  });

  test('gives the same for the same seed', async () => {
    const model = modelFrom(perceptron([1, 12, 12, 1], 'tanh', 3, 3));
    const once = () => compressed(model, 1e-3, { method: 'spline', round: true });
    const [a, b] = [await once(), await once()];
    expect(a.model!.tensors).toEqual(b.model!.tensors);
  });
});
