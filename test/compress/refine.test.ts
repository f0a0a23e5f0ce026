import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { analyzeChannels, pruneTo } from '../../compiler/compress/neurons/prune.js';
import { refineLarge } from '../../compiler/compress/refine/lbfgs.js';
import { refine } from '../../compiler/compress/refine/refine.js';
import { PEAK, refineWithin } from '../../compiler/compress/refine/refine-within.js';
import {
  evaluateOutputs,
  largest,
  makePool,
  moreSamples,
  residuals,
  type Samples,
  selectSamples,
  shareOf,
  trainingPoints,
  unseenSamples,
} from '../../compiler/compress/teacher/teacher.js';
import { climb } from '../../compiler/compress/teacher/worst-points.js';
import { forEachJacobianBlock } from '../../compiler/ir/jacobian.js';
import { createGram, GRAM_BLOCK } from '../../compiler/ir/linear-algebra/gram.js';
import { readParameters, trainableCount, withOwnWeights, writeParameters } from '../../compiler/ir/parameters.js';
import { generatedFile, generatedModule, SIMD_MODULES } from '../../tools/simd-modules.js';
import { modelFrom, perceptron, randoms } from '../helpers/models.js';
import { gatedNetwork, teacherOf } from './helpers.js';

describe('normal equations', () => {
  test.each(SIMD_MODULES)('the SIMD kernels of $source are those that it compiles to', async (entry) => {
    expect(readFileSync(generatedFile(entry.source), 'utf8')).toBe(await generatedModule(entry));
  });

  test('solve J^T J x = b for sizes around the tile and the panel', () => {
    for (const n of [1, 2, 3, 47, 48, 64, 65, 131]) {
      const next = randoms(n);
      const block = createGram(n);
      const { size, jt, sum: gram } = block;
      for (let b = 0; b < 2; b++) {
        for (let i = 0; i < n * GRAM_BLOCK; i++) jt[i] = next();
        block.addBlock();
      }
      const wanted = Float64Array.from({ length: n }, next);
      const right = Float64Array.from({ length: n }, (_, i) =>
        wanted.reduce((sum, x, j) => sum + gram[Math.max(i, j) * size + Math.min(i, j)] * x, 0),
      );
      expect(block.factorize(new Float64Array(n))).toBe(true);
      block.solve(right);
      right.forEach((x, i) => {
        expect(x).toBeCloseTo(wanted[i], 8);
      });
    }
  });
});

describe('jacobian', () => {
  test('agrees with differences through gates, skips and heads', () => {
    const teacher = teacherOf(modelFrom(gatedNetwork(4)), 1e-2);
    const graph = withOwnWeights(teacher.graph);
    const points = trainingPoints(teacher, 8);
    const theta = readParameters(graph);
    const h = 1e-6;
    const output = (k: number, step: number) => {
      writeParameters(
        graph,
        theta.map((t, i) => (i === k ? t + step : t)),
      );
      return evaluateOutputs(graph, points, 2);
    };
    const rows = new Map<number, Float64Array>();
    const jt = new Float64Array(trainableCount(graph) * GRAM_BLOCK);
    forEachJacobianBlock(graph, points, 2, jt, (_start, _size, component) => rows.set(component, jt.slice()));
    for (let k = 0; k < trainableCount(graph); k += 3) {
      const [up, down] = [output(k, h), output(k, -h)];
      for (let component = 0; component < 2; component++) {
        for (let p = 0; p < points.length / 2; p++) {
          const difference = (up[p * 2 + component] - down[p * 2 + component]) / (2 * h);
          expect(rows.get(component)![k * GRAM_BLOCK + p]).toBeCloseTo(difference, 6);
        }
      }
    }
  });
});

describe('refine', () => {
  const teacher = teacherOf(modelFrom(perceptron([2, 24, 24, 1], 'tanh', 5, 1)), 1e-3);
  const pruned = pruneTo(teacher, analyzeChannels(teacher, teacher.graph), [8, 8]);
  const pool = makePool(teacher);

  test('brings the largest error down on points that it did not see', async () => {
    const samples = unseenSamples(teacher);
    const before = largest(residuals(teacher, pruned, samples));
    const { graph, error } = await refine(teacher, pruned, pool, { target: 0.2, maxSteps: 60 });
    const after = largest(residuals(teacher, graph, samples));
    expect(after).toBeLessThan(before / 20);
    expect(after).toBeLessThan(1.5 * error);
  });

  test('is judged by climbing from the worst points, too: a peak between all points is found', () => {
    const samples = unseenSamples(teacher);
    const few = selectSamples(
      samples,
      Array.from({ length: 400 }, (_, k) => k),
      teacher.inputCount,
    );
    const seen = largest(residuals(teacher, pruned, few));
    const climbed = climb(teacher, pruned, few).error;
    expect(climbed).toBeGreaterThan(seen);
    expect(climbed).toBeGreaterThan(0.98 * largest(residuals(teacher, pruned, samples)));
  });

  test('pushes down the peaks that climbing finds between few points', async () => {
    const peaked = { ...teacher, rmsLimits: teacher.rmsLimits.map(() => Number.POSITIVE_INFINITY) };
    const every = (samples: Samples, step: number) => {
      const chosen = Array.from({ length: Math.floor(samples.count / step) }, (_, k) => k * step);
      return { ...selectSamples(samples, chosen, teacher.inputCount), interior: chosen.length };
    };
    const few = {
      pool: every(pool, 800),
      unseen: every(unseenSamples(teacher), 800),
      starts: moreSamples(teacher, 'search'),
    };
    const start = await refine(peaked, pruned, pool, { target: 0.2, maxSteps: 60 });
    // A limit that is kept at the points, and not between them.
    const limit = 1.02 * shareOf(peaked, start.graph, few.unseen);
    expect(climb(peaked, start.graph, few.starts).error).toBeGreaterThan(PEAK * limit);
    const { graph, points, unseen } = await refineWithin(peaked, start.graph, few, limit, {
      target: limit,
      maxSteps: 60,
    });
    expect(points.pool.count).toBeGreaterThan(few.pool.count);
    expect(unseen).toBeLessThanOrEqual(limit);
    expect(climb(peaked, graph, few.starts).error).toBeLessThanOrEqual(PEAK * limit);
  });

  test('gives the same weights every time', async () => {
    const options = { target: 0.5, maxSteps: 12 };
    const [a, b] = [await refine(teacher, pruned, pool, options), await refine(teacher, pruned, pool, options)];
    expect(readParameters(a.graph)).toEqual(readParameters(b.graph));
  });

  test('stops when asked, with the best so far', async () => {
    const { steps, error } = await refine(teacher, pruned, pool, {
      target: 1e-9,
      maxSteps: 100,
      checkpoint: () => Promise.resolve(true),
    });
    expect(steps).toBe(4);
    expect(Number.isFinite(error)).toBe(true);
  });

  test('by L-BFGS brings the error down as well, without J^T J', async () => {
    const before = shareOf(teacher, pruned, pool);
    const { graph, error, steps } = await refineLarge(teacher, pruned, pool, { target: 0.5, maxSteps: 240 });
    expect(steps).toBeGreaterThan(40);
    expect(error).toBeLessThan(before / 3);
    expect(shareOf(teacher, graph, unseenSamples(teacher))).toBeLessThan(before / 3);
  });
});
