import { describe, expect, it } from 'vitest';
import { buildIr } from '../../compiler/ir/from-model.js';
import { foldGraph, toTurns } from '../../compiler/ir/simplify.js';
import { summarizeErrors } from '../../compiler/judge/errors.js';
import { featurePoints } from '../../compiler/judge/features.js';
import { Judge, type PointFunction } from '../../compiler/judge/measure.js';
import { cornerPoints, edgePoints } from '../../compiler/judge/points/cover.js';
import { evaluateReference } from '../../compiler/judge/reference/evaluate.js';
import { keepsTolerance, roundUpTolerance, shareOfAllowance } from '../../compiler/judge/requirement.js';
import { searchWorst } from '../../compiler/judge/worst-point.js';
import { inputBox } from '../../compiler/model/box.js';
import { modelFrom } from '../helpers/models.js';

type Json = Record<string, unknown>;

const unit = (...names: string[]) => names.map((name) => ({ name, min: 0, max: 1 }));

/** u = 0.5 t + a hat of the given half-width with its peak of height 1 at (x, t). */
function hat(x: number, t: number, halfWidth: number): Json {
  return {
    format: 'pinn-edge/1',
    name: 'hat',
    inputs: unit('x', 't'),
    outputs: [{ name: 'u', value: 'u' }],
    nodes: [
      { name: 'dx', op: 'scale', inputs: ['x'], scale: [1 / halfWidth], shift: [-x / halfWidth] },
      { name: 'ax', op: 'abs', inputs: ['dx'] },
      { name: 'dt', op: 'scale', inputs: ['t'], scale: [1 / halfWidth], shift: [-t / halfWidth] },
      { name: 'at', op: 'abs', inputs: ['dt'] },
      { name: 'sum', op: 'add', inputs: ['ax', 'at'] },
      { name: 'inside', op: 'scale', inputs: ['sum'], scale: [-1], shift: [1] },
      { name: 'hat', op: 'relu', inputs: ['inside'] },
      { name: 'plane', op: 'scale', inputs: ['t'], scale: [0.5] },
      { name: 'u', op: 'add', inputs: ['hat', 'plane'] },
    ],
  };
}

/** u = sigmoid(slope (the sum of the inputs - threshold)), by a matrix. */
function cornerGate(d: number, slope: number, threshold: number): Json {
  const names = Array.from({ length: d }, (_, i) => `x${i}`);
  return {
    format: 'pinn-edge/1',
    name: 'corner',
    inputs: unit(...names),
    outputs: [{ name: 'u', value: 'u' }],
    tensors: {
      w: { shape: [1, d], data: Array(d).fill(slope) },
      b: { shape: [1], data: [-slope * threshold] },
    },
    nodes: [
      { name: 'all', op: 'concat', inputs: names },
      { name: 'z', op: 'dense', inputs: ['all'], weight: 'w', bias: 'b' },
      { name: 'u', op: 'sigmoid', inputs: ['z'] },
    ],
  };
}

describe('points over the box', () => {
  it('has every corner of up to ten inputs, and as many different ones of more', () => {
    for (const d of [1, 2, 6, 10]) {
      const corners = cornerPoints(inputBox(Array(d).fill({ min: -1, max: 2 })));
      expect(corners.every((x) => x === -1 || x === 2)).toBe(true);
      expect(new Set(rows(corners, d)).size).toBe(2 ** d);
    }
    for (const d of [11, 20]) {
      const corners = rows(cornerPoints(inputBox(Array(d).fill({ min: 0, max: 1 }))), d);
      expect(corners.length).toBe(1024);
      expect(new Set(corners).size).toBeGreaterThan(900);
    }
  });

  it.each([2, 3, 4, 5, 6, 8])('visits every face of one and of two pinned coordinates of %d inputs', (d) => {
    const points = edgePoints(inputBox(Array(d).fill({ min: 0, max: 1 })), 2048);
    const faces = rows(points, d).map((row) =>
      row.split(',').flatMap((x, k) => (x === '0' || x === '1' ? [`${k}${x === '1' ? '+' : '-'}`] : [])),
    );
    const of = (pinned: number) => new Set(faces.filter((face) => face.length === pinned).map((face) => face.join()));
    expect(of(1).size).toBe(2 * d);
    if (d > 2) expect(of(2).size).toBe(2 * d * (d - 1));
    // Corners are points of their own.
    expect(faces.every((face) => face.length > 0 && face.length < d)).toBe(true);
  });
});

describe('features of a network', () => {
  it.each([
    [0.31371, 0.61803, 1 / 300],
    [0.9, 0.05, 1 / 1000],
    [0.123, 0.877, 1 / 3000],
  ])('the peak of a hat at (%d, %d) of half-width %d is met', (x, t, halfWidth) => {
    const model = modelFrom(hat(x, t, halfWidth));
    const features = featurePoints(toTurns(foldGraph(buildIr(model))), inputBox(model.inputs));
    const largest = evaluateReference(model, features).reduce((m, v) => Math.max(m, v), 0);
    expect(largest).toBeGreaterThan(0.95 * (1 + 0.5 * t));
  });

  it.each([
    [3, 2.95],
    [10, 9.8],
    [20, 19.9],
  ])('the gate in a corner of %d inputs is met where it is steep', (d, threshold) => {
    const model = modelFrom(cornerGate(d, 100, threshold));
    const features = featurePoints(toTurns(foldGraph(buildIr(model))), inputBox(model.inputs));
    expect(evaluateReference(model, features).some((v) => v > 0.3 && v < 0.7)).toBe(true);
  });
});

it('the corner in which a value is largest is among the features, of a million corners', () => {
  const d = 20;
  const json = cornerGate(d, 1, 0);
  const weights = Array.from({ length: d }, (_, k) => (k % 3 === 0 ? -1 : 1) * (1 + k / 7));
  json.tensors = { w: { shape: [1, d], data: weights }, b: { shape: [1], data: [0] } };
  (json.outputs as { value: string }[])[0].value = 'z';
  const model = modelFrom(json);
  const features = featurePoints(toTurns(foldGraph(buildIr(model))), inputBox(model.inputs));
  const values = evaluateReference(model, features);
  const sum = (sign: number) => weights.reduce((total, w) => total + Math.max(0, sign * w), 0);
  expect(Math.max(...values)).toBeCloseTo(sum(1), 9);
  expect(Math.min(...values)).toBeCloseTo(-sum(-1), 9);
});

describe('the judge', () => {
  const flat = modelFrom({
    format: 'pinn-edge/1',
    name: 'two',
    inputs: unit('x', 't'),
    outputs: [
      { name: 'u', value: 'u' },
      { name: 'v', value: 'v' },
    ],
    nodes: [
      { name: 'u', op: 'scale', inputs: ['x'], scale: [1] },
      { name: 'v', op: 'scale', inputs: ['t'], scale: [100] },
    ],
  });
  const judge = new Judge(flat);
  const off =
    (error: (x: number, t: number) => readonly [number, number]): PointFunction =>
    (points) =>
      evaluateReference(flat, points).map((value, i) => {
        const p = i >> 1;
        return value + error(points[2 * p], points[2 * p + 1])[i & 1];
      });

  it('finds an error that one point in ten thousand has, and its place', () => {
    // 1e-2 wide in both inputs: the search is led there by its flanks.
    const peak = off((x, t) => [0.01 / (1 + ((x - 0.77) / 0.005) ** 2 + ((t - 0.21) / 0.005) ** 2), 0]);
    const [u] = judge.measure(peak, { samples: 4096, seed: 0 }).outputs;
    expect(u.maxAbsolute).toBeGreaterThan(0.00995);
    expect(u.worstAt[0]).toBeCloseTo(0.77, 2);
    expect(u.worstAt[1]).toBeCloseTo(0.21, 2);
  });

  it('searches: without it the same points show a fraction', () => {
    const peak = off((x, t) => [0.01 / (1 + ((x - 0.77) / 0.002) ** 2 + ((t - 0.21) / 0.002) ** 2), 0]);
    const [u] = judge.measure(peak, { samples: 2048, seed: 0 }).outputs;
    expect(u.maxAbsolute).toBeGreaterThan(0.0099);
  });

  it('looks at the last point as at the first, and counts what is not a number as infinite', () => {
    const points = Float64Array.of(0, 0, 0.5, 0.5, 1, 1);
    const wanted = evaluateReference(flat, points);
    const got = wanted.slice();
    got[4] += 0.25;
    expect(summarizeErrors(flat, points, wanted, got, 3)[0]).toMatchObject({ maxAbsolute: 0.25, worstAt: [1, 1] });
    got[5] = Number.NaN;
    expect(summarizeErrors(flat, points, wanted, got, 3)[1].maxAbsolute).toBe(Number.POSITIVE_INFINITY);
    const nan = judge.measure(
      off((x) => [x > 0.9 ? Number.NaN : 0, 0]),
      { samples: 256, seed: 0 },
    );
    expect(nan.outputs[0].maxAbsolute).toBe(Number.POSITIVE_INFINITY);
    expect(keepsTolerance({ all: { relative: 0.5 } }, nan.outputs[0])).toBe(false);
  });

  it('holds every output to its own largest value', () => {
    const { outputs } = judge.measure(
      off(() => [0.01, 0.01]),
      { samples: 256, seed: 0 },
    );
    expect(outputs.map(({ largestReference }) => largestReference)).toEqual([1, 100]);
    expect(outputs[0].maxRelative).toBeCloseTo(0.01, 12);
    expect(outputs[1].maxRelative).toBeCloseTo(0.0001, 12);
  });

  it('looks elsewhere with another seed, and harder with more samples', () => {
    const seen = (samples: number, seed: number) => {
      const points: string[] = [];
      const spy: PointFunction = (at) => {
        points.push(...rows(at, 2));
        return evaluateReference(flat, at);
      };
      judge.measure(spy, { samples, seed });
      return points;
    };
    const first = seen(512, 0);
    const second = new Set(seen(512, 1));
    // Corners are the same, and what stays at them.
    expect(first.filter((point) => second.has(point)).length).toBeLessThan(first.length / 20);
    expect(seen(65_536, 0).length).toBeGreaterThan(5 * first.length);
  });

  it('keeps a tolerance by the largest error and by a third of it on average', () => {
    const requirement = { all: { relative: 0.03 }, outputs: { v: { absolute: 2 } } };
    const error = { maxAbsolute: 0.02, maxRelative: 0.02, relativeL2: 0.009, worstAt: [], largestReference: 1 };
    expect(keepsTolerance(requirement, { ...error, name: 'u' })).toBe(true);
    expect(keepsTolerance(requirement, { ...error, name: 'u', relativeL2: 0.0101 })).toBe(false);
    expect(keepsTolerance(requirement, { ...error, name: 'u', maxAbsolute: 0.031 })).toBe(false);
    expect(keepsTolerance(requirement, { ...error, name: 'v', maxAbsolute: 1.99 })).toBe(true);
    expect(keepsTolerance(requirement, { ...error, name: 'v', maxAbsolute: 2.01 })).toBe(false);
    expect(shareOfAllowance({ maxAbsolute: 1, relativeL2: 0 }, 4, 100)).toBe(0.25);
    // Of a residual, which is smaller than what it may be off by.
    expect(shareOfAllowance({ maxAbsolute: 1, relativeL2: 50 }, 4, 3)).toBe(0.25);
    expect(roundUpTolerance(0.00101)).toBe('0.0011');
    expect(roundUpTolerance(0.5)).toBe('0.50');
  });
});

describe('the search for the worst point', () => {
  it('climbs a ridge that is narrow across and long', () => {
    const box = inputBox(unit('x', 't'));
    const ridge = (points: Float64Array) =>
      Float64Array.from({ length: points.length / 2 }, (_, p) => {
        const [x, t] = [points[2 * p], points[2 * p + 1]];
        return t / (1 + ((x - 0.4 - 0.2 * t) / 1e-3) ** 2);
      });
    const starts = Float64Array.from({ length: 200 }, (_, i) => ((i * 0.6180339887) % 1) as number);
    const found = searchWorst(starts, ridge(starts), box, ridge, { climbers: 64, seed: 3 });
    expect(found.error).toBeGreaterThan(0.98);
    expect(found.tried).toBeGreaterThan(5000);
  });

  it('stays in the box', () => {
    const box = inputBox([
      { min: -3, max: -2 },
      { min: 5, max: 9 },
    ]);
    const outwards = (points: Float64Array) =>
      Float64Array.from({ length: points.length / 2 }, (_, p) => {
        expect(points[2 * p]).toBeGreaterThanOrEqual(-3);
        expect(points[2 * p + 1]).toBeLessThanOrEqual(9);
        return points[2 * p + 1] - points[2 * p];
      });
    const starts = Float64Array.of(-2.5, 6, -2.2, 7);
    const found = searchWorst(starts, outwards(starts), box, outwards, { climbers: 8, seed: 0 });
    expect(found).toMatchObject({ error: 12, at: [-3, 9] });
  });
});

function rows(points: Float64Array, d: number): string[] {
  return Array.from({ length: points.length / d }, (_, p) => points.subarray(p * d, (p + 1) * d).join());
}
