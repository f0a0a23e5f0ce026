import { describe, expect, test } from 'vitest';
import { compressGraph, compressModel } from '../../compiler/compress/compress.js';
import { DEFAULT_COMPRESS } from '../../compiler/compress/compress-options.js';
import { orderNeurons } from '../../compiler/compress/matrices/clusters.js';
import {
  analyzeHierarchy,
  type HierarchyAnalysis,
  type MatrixReport,
  toHierarchical,
} from '../../compiler/compress/matrices/hmatrix.js';
import { halfOf, modesOf, toTensorTrains } from '../../compiler/compress/matrices/tt.js';
import { evaluateOutputs, residuals, trainingPoints, unseenSamples } from '../../compiler/compress/teacher/teacher.js';
import { withoutBlocks, withoutFactors } from '../../compiler/ir/blocks.js';
import { evaluateIr } from '../../compiler/ir/evaluate.js';
import { affineNodes } from '../../compiler/ir/parameters.js';
import { foldGraph } from '../../compiler/ir/simplify.js';
import type { BlocksNode, IrGraph } from '../../compiler/ir/types.js';
import { coveringPoints } from '../../compiler/judge/points/cover.js';
import { evaluateReference } from '../../compiler/judge/reference/evaluate.js';
import { inputBox } from '../../compiler/model/box.js';
import { type Model, parameterCount } from '../../compiler/model/types.js';
import { compile } from '../../compiler/pipeline/compile.js';
import { modelFrom, perceptron, randoms } from '../helpers/models.js';
import { gatedNetwork, teacherOf } from './helpers.js';

const settings = { ...DEFAULT_COMPRESS, maxWork: 4.8e9 };
const TREE = { shape: 'adaptive', leafSize: 4 } as const;
const network = modelFrom(perceptron([2, 16, 16, 1], 'tanh', 5, 2));
const teacher = teacherOf(network, 1e-3);

/** Relative error of every matrix in the norm of the bound, straight from the values at the sample points. */
function measuredErrors(analysis: HierarchyAnalysis, structured: IrGraph): Map<string, number> {
  const points = trainingPoints(teacher, 1024);
  const values = evaluateIr(analysis.graph, points, 2);
  const count = points.length / 2;
  const dense = new Map(affineNodes(withoutFactors(withoutBlocks(structured))).map((node) => [node.name, node.weight]));
  const errors = new Map<string, number>();
  for (const [node, { matrix, mean }] of analysis.layers) {
    const x = values.get(node.x)!;
    const norm = (weight: (at: number) => number) => {
      let sum = 0;
      for (let p = 0; p < count; p++) {
        for (let r = 0; r < node.width; r++) {
          let value = 0;
          for (let c = 0; c < node.x.width; c++)
            value += weight(r * node.x.width + c) * (x[p * node.x.width + c] - mean[c]);
          sum += (matrix.gains[r] * value) ** 2;
        }
      }
      return sum;
    };
    const stored = dense.get(node.name);
    const error = norm((i) => node.weight[i] - (stored?.[i] ?? 0));
    errors.set(node.name, Math.sqrt(error / norm((i) => node.weight[i])));
  }
  return errors;
}

function expectBound(analysis: HierarchyAnalysis, { graph, matrices }: { graph: IrGraph; matrices: MatrixReport[] }) {
  const measured = measuredErrors(analysis, graph);
  for (const { name, bound, error } of matrices) {
    expect(error).toBeLessThanOrEqual(bound);
    // The covariance has a ridge of 1e-13: errors below its root cannot be told apart.
    expect(measured.get(name)!).toBeLessThanOrEqual(bound * 1.001 + 1e-6);
  }
}

describe('hierarchical matrices', () => {
  const analysis = analyzeHierarchy(teacher, teacher.graph, TREE);

  test.each([100, 3, 0.1, 1e-3])('keep the stated bound at an error of %d of the tolerance', (error) => {
    expectBound(analysis, toHierarchical(analysis, error));
  });

  test('keep it on random weights as well, where nothing is of low rank', () => {
    for (const seed of [1, 2, 3]) {
      const random = teacherOf(modelFrom(perceptron([2, 9, 17, 2], 'sin', seed, 2)), 1e-2);
      const wild = analyzeHierarchy(random, random.graph, TREE);
      for (const error of [10, 0.3]) {
        for (const { bound, error: reached } of toHierarchical(wild, error).matrices) {
          expect(reached).toBeLessThanOrEqual(bound);
        }
      }
    }
  });

  test('cost more bytes the smaller the error, and change the network by about what they may', () => {
    const samples = unseenSamples(teacher);
    const sizes = [30, 1, 0.03].map((error) => {
      const { graph } = toHierarchical(analysis, error);
      const changes = residuals(teacher, graph, samples);
      const rms = Math.sqrt(changes.reduce((sum, r) => sum + r * r, 0) / changes.length);
      expect(rms).toBeLessThan(5 * error);
      return withoutBlocksCount(graph);
    });
    expect(sizes[0]).toBeLessThan(sizes[2]);
  });

  test('are HODLR or dense on request', () => {
    const leaves = (shape: 'hodlr' | 'dense', error: number) => {
      const shaped = analyzeHierarchy(teacher, teacher.graph, { shape, leafSize: 4 });
      const result = toHierarchical(shaped, error);
      expectBound(shaped, result);
      return foldGraph(result.graph)
        .nodes.filter((n): n is BlocksNode => n.kind === 'blocks')
        .flatMap((n) => n.leaves);
    };
    expect(leaves('dense', 1e-4)).toEqual([]);
    for (const { rows, x } of leaves('hodlr', 1e-3)) {
      const cols = x.kind === 'affine' ? x.x.width : x.width;
      expect(rows).toBe(cols);
    }
  });

  test('read neurons in an order of clusters, which changes nothing', () => {
    const points = trainingPoints(teacher, 64);
    for (const model of [network, modelFrom(gatedNetwork(12))]) {
      const own = teacherOf(model, 1e-2);
      const ordered = evaluateOutputs(orderNeurons(own, own.graph), points, 2);
      evaluateOutputs(own.graph, points, 2).forEach((v, i) => {
        expect(ordered[i]).toBeCloseTo(v, 10);
      });
    }
    const before = affineNodes(teacher.graph)[1].weight;
    expect(affineNodes(orderNeurons(teacher, teacher.graph))[1].weight).not.toEqual(before);
  });
});

function withoutBlocksCount(graph: IrGraph): number {
  return graph.nodes.reduce((n, node) => {
    if (node.kind === 'affine') return n + node.weight.length;
    return node.kind === 'blocks' ? n + node.leaves.reduce((m, leaf) => m + leaf.weight.length, 0) : n;
  }, 0);
}

describe('tensor trains', () => {
  test('merge to the halves that they were made from', () => {
    const next = randoms(3);
    for (const [size, rank] of [
      [24, 5],
      [13, 2],
      [1, 1],
      [128, 3],
      [7 * 17, 4],
    ]) {
      expect(modesOf(size).reduce((n, m) => n * m, 1)).toBe(size);
      const matrix = Float64Array.from({ length: size * rank }, next);
      for (const half of ['output', 'input'] as const) {
        const { merged, cores } = halfOf(half, matrix, size, rank, 0);
        expect(cores.map(({ shape }) => shape[1])).toEqual(modesOf(size));
        merged.forEach((v, i) => {
          expect(v).toBeCloseTo(matrix[i], 5);
        });
      }
    }
  });

  test.each([10, 0.1])('keep the stated bound at an error of %d of the tolerance', (error) => {
    const analysis = analyzeHierarchy(teacher, teacher.graph, { ...TREE, shape: 'dense' }, false);
    expectBound(analysis, toTensorTrains(analysis, error));
  });
});

async function compressed(model: Model, tolerance: number, options: object) {
  const { graph, allowances } = teacherOf(model, tolerance);
  return compressModel(model, graph, [...allowances], { ...settings, share: 0.8, ...options });
}

describe.each(['hmatrix', 'tt'] as const)('method %s', (method) => {
  test('keeps its share, alone and refined, and gives structured nodes that build and compress further', async () => {
    const alone = await compressed(network, 1e-2, { method, refine: false });
    const refined = await compressed(network, 1e-2, { method });
    expect(alone.error).toBeLessThanOrEqual(0.81);
    expect(refined.error).toBeLessThanOrEqual(0.81);
    expect(refined.bytes.after).toBeLessThan(alone.bytes.after);
    expect(refined.tangentKernel!.distance).toBeGreaterThan(0);
    expect(
      refined.model!.nodes.some(({ op }) => op === 'low_rank' || op === 'hierarchical' || op === 'tensor_train'),
    ).toBe(true);
    const points = coveringPoints(inputBox(network.inputs), 500);
    const [wanted, got] = [network, refined.model!].map((m) => evaluateReference(m, points));
    const largest = wanted.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
    got.forEach((v, i) => {
      expect(Math.abs(v - wanted[i]) / largest).toBeLessThan(1e-2);
    });
    const built = await compile(network, { tolerance: 1e-2, compress: { ...settings, share: 0.4, method } });
    expect(built.measured.outputs[0].maxRelative).toBeLessThan(1e-2);
    const further = await compressed(alone.model!, 5e-2, { method: 'prune' });
    expect(further.parameters.after).toBeLessThan(parameterCount(alone.model!));
  });

  test('takes width 1, weights of zero and dead neurons', async () => {
    const narrow = modelFrom(perceptron([2, 12, 1, 12, 1], 'tanh', 3));
    expect((await compressed(narrow, 1e-2, { method })).error).toBeLessThanOrEqual(0.81);
    const json = perceptron([2, 10, 10, 1]) as { tensors: Record<string, { data: number[] }> };
    json.tensors.w2.data.fill(0, 10 * 5);
    json.tensors.b1.data.fill(40, 0, 5);
    expect((await compressed(modelFrom(json), 1e-2, { method })).error).toBeLessThanOrEqual(0.81);
    json.tensors.w2.data.fill(0);
    const constant = await compressed(modelFrom(json), 1e-2, { method });
    expect(constant.error).toBeLessThanOrEqual(0.81);
  });
});

test('block-rank regularisation leaves a network within its share, of lower rank or not', async () => {
  const plain = await compressGraph(teacher, { ...settings, share: 0.8, method: 'hmatrix' });
  const regularised = await compressGraph(teacher, { ...settings, share: 0.8, method: 'hmatrix', blockRank: 1e-3 });
  expect(regularised.error).toBeLessThanOrEqual(0.81);
  expect(regularised.attempts.some(({ what }) => what.includes('regularised'))).toBe(true);
  expect(regularised.bytes.after).toBeLessThan(2 * plain.bytes.after);
});
