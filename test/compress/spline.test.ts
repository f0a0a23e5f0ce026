import { describe, expect, it, test } from 'vitest';
import { compressModel } from '../../compiler/compress/compress.js';
import { type CompressOptions, DEFAULT_COMPRESS } from '../../compiler/compress/compress-options.js';
import {
  axisBasis,
  everyOther,
  fitAll,
  fitAlong,
  type Tensor,
  valuesAlong,
  valuesOf,
} from '../../compiler/compress/splines/coefficient-tensor.js';
import {
  GRADINGS,
  gradingOf,
  placesOf,
  segmentDensity,
  segmentsOver,
  withEnds,
} from '../../compiler/compress/splines/grading.js';
import { leastSquares, polish } from '../../compiler/compress/splines/polish.js';
import { withRoundedWeight } from '../../compiler/compress/splines/rounded.js';
import { sampleCounts } from '../../compiler/compress/splines/samples.js';
import type { Teacher } from '../../compiler/compress/teacher/teacher.js';
import { packageBuild } from '../../compiler/deliver/package/build-files.js';
import { loadTarget } from '../../compiler/deliver/package/targets.js';
import { buildIr } from '../../compiler/ir/from-model.js';
import { foldGraph } from '../../compiler/ir/simplify.js';
import { coveringPoints, interiorPoints } from '../../compiler/judge/points/cover.js';
import { evaluateReference } from '../../compiler/judge/reference/evaluate.js';
import { inputBox } from '../../compiler/model/box.js';
import { evaluateSpline } from '../../compiler/model/spline.js';
import type { Model } from '../../compiler/model/types.js';
import { compile } from '../../compiler/pipeline/compile.js';
import { KIND } from '../../compiler/table/specification.js';
import { AXIS_BYTES } from '../../compiler/table/spline.js';
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

/** tanh of a front of width 1/60 at a place of 0 .. 1, fading along the second axis. */
const front = (x: number, y: number) => 300 * (1.2 - 0.4 * y) * Math.tanh(60 * (x - 0.3 - 0.02 * y));

describe('gradings', () => {
  const first = Float64Array.from({ length: 240 }, (_, i) => i / 239);
  const sampledAt = (xs: Float64Array): Tensor => {
    const ys = places(30);
    const data = Float64Array.from({ length: 30 * xs.length }, (_, i) => front(xs[Math.floor(i / 30)], ys[i % 30]));
    return { dims: [1, xs.length, 30], data };
  };
  const density = segmentDensity(sampledAt(first), 0, first, 4);

  it.each(GRADINGS)('of %i segments rise, and their places are where their values say', (segments) => {
    const grading = withEnds(gradingOf(first, density, segments, 3));
    const { weight } = grading.spline;
    for (let i = 1; i < weight.length; i++) expect(weight[i]).toBeGreaterThan(weight[i - 1]);
    // As integers of 16 bits hold them.
    expect(withRoundedWeight(grading.spline, 16).weight).toEqual(weight);
    const parts = places(17);
    const at = placesOf(grading, parts);
    const values = new Float64Array(17);
    evaluateSpline(grading.spline, at, values, 17);
    const [low, high] = grading.ends;
    values.forEach((v, i) => {
      expect(v).toBeCloseTo(low + parts[i] * (high - low), 9);
    });
  });

  it('take a front on a third of the segments that it needs without, as they say themselves', () => {
    const fewest = (tensor: Tensor, xs: Float64Array) => {
      for (let n = 4; ; n = Math.ceil(1.1 * n)) {
        const basis = axisBasis(xs, n, 3);
        const got = valuesAlong(fitAlong(tensor, 1, basis), 1, basis);
        if (got.data.every((v, i) => Math.abs(v - tensor.data[i]) < 1)) return n;
      }
    };
    const plain = fewest(sampledAt(first), first);
    const spline = gradingOf(first, density, 64, 3);
    const parts = places(240);
    const graded = fewest(sampledAt(placesOf(withEnds(spline), parts)), parts);
    expect(graded).toBeLessThan(plain / 3);
    const estimated = segmentsOver(spline, first, density);
    expect(graded).toBeGreaterThan(0.4 * estimated);
    expect(graded).toBeLessThan(1.4 * estimated);
  });

  it('grow by no more than they may beside a place that needs short segments', () => {
    const lengths = density.map((d) => 1 / d);
    for (let i = 1; i < lengths.length; i++) {
      expect(Math.abs(lengths[i] - lengths[i - 1])).toBeLessThan(0.6 * (first[i] - first[i - 1]));
    }
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
    const compiled = await compile(small, { tolerance: 2e-3 });
    const bytes = compiled.lowered.table.pool.length;
    expect(bytes).toBeLessThanOrEqual(found.bytes.after + 8);
    // The rest are two axes.
    const { report } = packageBuild(compiled, loadTarget('host'));
    expect(bytes - report.weightBytes).toBeGreaterThanOrEqual(2 * AXIS_BYTES);
    expect(bytes - report.weightBytes).toBeLessThan(2 * AXIS_BYTES + 4);
  }, 120_000);

  /** A network of a front that stands still, and of a bend. */
  const standing = () =>
    modelFrom({
      format: 'pinn-edge/1',
      name: 'standing',
      inputs: ['x', 't'].map((name) => ({ name, min: -1, max: 1 })),
      nodes: [
        { name: 'v', op: 'concat', inputs: ['x', 't'] },
        { name: 'z', op: 'dense', inputs: ['v'], weight: 'w', bias: 'b' },
        { name: 'h', op: 'tanh', inputs: ['z'] },
        { name: 'y', op: 'dense', inputs: ['h'], weight: 'o' },
      ],
      outputs: [{ name: 'u', value: 'y' }],
      tensors: {
        w: { shape: [3, 2], data: [90, 4, 1.2, -0.7, 0.4, 1.5] },
        b: { shape: [3], data: [20, 0.2, -0.5] },
        o: { shape: [1, 3], data: [1, 0.6, -0.8] },
      },
    });

  test.each(['size', 'speed'] as const)('grades the axis of a front for %s, and keeps the tolerance', async (goal) => {
    const model = standing();
    const { model: small, attempts } = await compressed(model, 1e-2, { method: 'spline', goal, share: 1, round: true });
    const { nodes } = small!;
    expect(nodes.map(({ name }) => name)).toContain('x_graded');
    expect(attempts.at(-1)!.what).toMatch(/^degree [2-5], \d+ \(graded by \d+\) x /);
    const points = interiorPoints(inputBox(model.inputs), 4000, 99);
    const [wanted, got] = [model, small!].map((m) => evaluateReference(m, points));
    const most = wanted.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
    wanted.forEach((v, i) => {
      expect(Math.abs(got[i] - v)).toBeLessThan(1.02 * 1e-2 * most);
    });
    const spline = nodes.filter(({ op }) => op === 'spline').at(-1)!;
    expect(spline).toMatchObject(goal === 'speed' ? { degree: 2 } : {});
    // Without a grading, a front of width 1/90 takes more than 200 segments.
    expect(small!.tensors.get((spline as { coefficients?: string }).coefficients!)!.shape[1]).toBeLessThan(80);
    const { lowered } = await compile(small!, { tolerance: 2e-3 });
    expect(lowered.table.records.filter(({ kind }) => kind === KIND.SPLINE).length).toBeGreaterThan(1);
  });

  test('looks at large networks closely enough for a dozen crests, too', () => {
    const graph = foldGraph(buildIr(modelFrom(perceptron([2, 900, 900, 1]))));
    const { counts } = sampleCounts({ graph } as Teacher, [undefined, undefined]);
    expect(Math.min(...counts)).toBeGreaterThan(12 * 12);
    expect(sampleCounts({ graph } as Teacher, [40, 40]).counts).toEqual([320, 320]);
  });

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
