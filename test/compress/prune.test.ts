import { describe, expect, test } from 'vitest';
import { analyzeChannels, pruneTo, rankAt } from '../../compiler/compress/neurons/prune.js';
import { largest, residuals, unseenSamples } from '../../compiler/compress/teacher/teacher.js';
import { affineNodes, readParameters, trainableCount } from '../../compiler/ir/parameters.js';
import { modelFrom, perceptron } from '../helpers/models.js';
import { gatedNetwork, teacherOf } from './helpers.js';

/** A perceptron whose hidden layers hold every neuron twice and one that is always zero. */
function withDuplicates() {
  const json = perceptron([2, 5, 4, 1], 'tanh', 7) as { tensors: Record<string, { shape: number[]; data: number[] }> };
  const { tensors } = json;
  const doubleRows = (name: string, dead: number) => {
    const { shape, data } = tensors[name];
    const cols = shape[1] ?? 1;
    const rows = [...data, ...data, ...Array(dead * cols).fill(0)];
    tensors[name] = { shape: shape.length > 1 ? [rows.length / cols, cols] : [rows.length], data: rows };
  };
  const doubleColumns = (name: string, dead: number) => {
    const { shape, data } = tensors[name];
    const out: number[] = [];
    for (let r = 0; r < shape[0]; r++) {
      const row = data.slice(r * shape[1], (r + 1) * shape[1]);
      out.push(...row.map((w) => 0.3 * w), ...row.map((w) => 0.7 * w), ...Array(dead).fill(5));
    }
    tensors[name] = { shape: [shape[0], 2 * shape[1] + dead], data: out };
  };
  doubleColumns('w2', 1);
  for (const name of ['w1', 'b1']) doubleRows(name, 1);
  doubleColumns('w3', 1);
  for (const name of ['w2', 'b2']) doubleRows(name, 1);
  return modelFrom(json);
}

describe('prune', () => {
  test('finds duplicated and dead neurons and removes them exactly', () => {
    const teacher = teacherOf(withDuplicates(), 1e-3);
    const analysis = analyzeChannels(teacher, teacher.graph);
    expect(analysis.groups.map((group) => group.channels.length)).toEqual([11, 9]);
    const ranks = analysis.groups.map((group) => rankAt(group, 1e-6));
    expect(ranks).toEqual([5, 4]);
    const pruned = pruneTo(teacher, analysis, ranks);
    expect(affineNodes(pruned).map((node) => [node.width, node.x.width])).toEqual([
      [5, 2],
      [4, 5],
      [1, 4],
    ]);
    const samples = unseenSamples(teacher);
    expect(largest(residuals(teacher, pruned, samples)) * 1e-3).toBeLessThan(1e-6);
  });

  test('takes one neuron out of both gates, all layers and both heads at once', () => {
    const teacher = teacherOf(modelFrom(gatedNetwork(12)), 1e-2);
    const { groups } = analyzeChannels(teacher, teacher.graph);
    expect(groups).toHaveLength(1);
    expect(groups[0].channels).toHaveLength(12);
    const pruned = pruneTo(teacher, analyzeChannels(teacher, teacher.graph), [8]);
    const widths = affineNodes(pruned).map((node) => `${node.name} ${node.width}x${node.x.width}`);
    expect(widths.sort()).toEqual(['head_p 1x8', 'head_q 1x8', 'z1 8x2', 'z2 8x8', 'zu 8x2', 'zv 8x2']);
    const samples = unseenSamples(teacher);
    expect(largest(residuals(teacher, pruned, samples))).toBeLessThan(100);
  });

  test('keeps one neuron of a layer that is constant', () => {
    const json = perceptron([2, 4, 3, 1], 'tanh', 2) as { tensors: Record<string, { data: number[] }> };
    json.tensors.w1.data.fill(0);
    const teacher = teacherOf(modelFrom(json), 1e-3);
    const analysis = analyzeChannels(teacher, teacher.graph);
    const ranks = analysis.groups.map((group) => rankAt(group, 1e-9));
    expect(ranks).toEqual([1, 1]);
    const pruned = pruneTo(teacher, analysis, ranks);
    expect(trainableCount(pruned)).toBeLessThan(12);
    expect([...readParameters(pruned)].every(Number.isFinite)).toBe(true);
    expect(largest(residuals(teacher, pruned, unseenSamples(teacher)))).toBeLessThan(1e-6);
  });
});
