import { describe, expect, test } from 'vitest';
import { compressModel } from '../../compiler/compress/compress.js';
import { DEFAULT_COMPRESS } from '../../compiler/compress/compress-options.js';
import { coreOf, type Student, withStudent } from '../../compiler/compress/student/core.js';
import { activeDirections } from '../../compiler/compress/student/directions.js';
import { GrowingStudent } from '../../compiler/compress/student/grow.js';
import { Projection } from '../../compiler/compress/student/projection.js';
import { askTeacher, makePool, residuals, shareOf, trainingPoints } from '../../compiler/compress/teacher/teacher.js';
import { buildIr } from '../../compiler/ir/from-model.js';
import { foldGraph } from '../../compiler/ir/simplify.js';
import type { IrGraph } from '../../compiler/ir/types.js';
import { interiorPoints } from '../../compiler/judge/points/cover.js';
import { evaluateReference } from '../../compiler/judge/reference/evaluate.js';
import { inputBox } from '../../compiler/model/box.js';
import type { Model } from '../../compiler/model/types.js';
import { modelFrom, perceptron } from '../helpers/models.js';
import { gatedNetwork, teacherOf } from './helpers.js';

/** Fresh networks of another shape for the function of a network. */

type Json = ReturnType<typeof perceptron> & { nodes: Record<string, unknown>[]; outputs: Record<string, unknown>[] };

/** x0 + x1 net(x): the condition at x1 = 0 holds exactly. */
function hardCondition(): Model {
  const json = perceptron([2, 10, 10, 10, 1], 'tanh', 4, 1.2) as Json;
  const [{ value }] = json.outputs;
  json.nodes.push(
    { name: 'rise', op: 'mul', inputs: ['x1', value] },
    { name: 'whole', op: 'add', inputs: ['x0', 'rise'] },
  );
  json.outputs[0] = { ...json.outputs[0], value: 'whole' };
  return modelFrom(json);
}

const compress = async (model: Model, tolerance: number, options: Partial<typeof DEFAULT_COMPRESS> = {}) => {
  const { graph, allowances } = teacherOf(model, tolerance);
  const settings = { ...DEFAULT_COMPRESS, method: 'student' as const, round: true, share: 1, ...options };
  return compressModel(model, graph, [...allowances], settings);
};

const irOf = (model: Model): IrGraph => foldGraph(buildIr(model));

describe('the core of a network', () => {
  test('is between its inputs and its last matrices; factors of conditions are no part of it', () => {
    const graph = irOf(hardCondition());
    const core = coreOf(graph)!;
    expect(core.width).toBe(2);
    expect(core.heads.map(({ width }) => width)).toEqual([1]);
    expect(core.heads[0].weight.length).toBe(10);
  });

  test('has all last matrices where there are several, gates or not', () => {
    const core = coreOf(irOf(modelFrom(gatedNetwork(5))))!;
    expect(core.heads.map(({ name }) => name)).toEqual(['head_p', 'head_q']);
  });

  test('is nothing where a single matrix reads the inputs', () => {
    expect(coreOf(irOf(modelFrom(perceptron([2, 1]))))).toBeUndefined();
  });
});

test('the last matrices are solved for: no change of them lowers the squares of errors and of their noise', () => {
  const teacher = teacherOf(modelFrom(perceptron([2, 8, 8, 1], 'tanh', 2, 1.2)), 1e-2);
  const core = coreOf(teacher.graph)!;
  const head = { weight: new Float64Array(3), bias: new Float64Array(1) };
  const student: Student = {
    fn: 'tanh',
    layers: [{ weight: Float64Array.of(1, 0.5, -0.4, 1, 0.7, -2), bias: Float64Array.of(0.1, -0.2, 0.3) }],
    heads: [head],
  };
  const graph = withStudent(teacher.graph, core, student);
  const samples = askTeacher(teacher, trainingPoints(teacher, 200));
  // Neurons' values that err by 2^-15 on the device.
  const noise = () => head.weight.reduce((sum, w) => sum + (w * 2 ** -15) ** 2, 0) / teacher.allowances[0] ** 2;
  const squareAt = () =>
    residuals(teacher, graph, samples).reduce((sum, r) => sum + r * r, 0) / samples.count + noise();
  const fit = new Projection(teacher, graph, [head], samples);
  const least = squareAt();
  expect(fit.square).toBeCloseTo(least, 6);
  for (const array of [head.weight, head.bias]) {
    for (let i = 0; i < array.length; i++) {
      for (const move of [0.01, -0.01]) {
        array[i] += move;
        expect(squareAt()).toBeGreaterThan(least);
        array[i] -= move;
      }
    }
  }
  const before = fit.square;
  expect(fit.step()).toBe(true);
  expect(fit.square).toBeLessThan(before);
});

test('neurons that are nearly alike do not cancel one another with large weights', () => {
  const teacher = teacherOf(modelFrom(perceptron([2, 8, 8, 1], 'tanh', 2, 1.2)), 1e-3);
  const core = coreOf(teacher.graph)!;
  const head = { weight: new Float64Array(4), bias: new Float64Array(1) };
  const student: Student = {
    fn: 'tanh',
    layers: [
      {
        weight: Float64Array.of(1, 0.5, 1, 0.50001, -0.4, 1, -0.40001, 1),
        bias: Float64Array.of(0.1, 0.1, -0.2, -0.2),
      },
    ],
    heads: [head],
  };
  const graph = withStudent(teacher.graph, core, student);
  const fit = new Projection(teacher, graph, [head], askTeacher(teacher, trainingPoints(teacher, 200)));
  expect(Number.isFinite(fit.square)).toBe(true);
  expect(Math.max(...head.weight.map(Math.abs))).toBeLessThan(30);
});

test('a student that grows comes closer', () => {
  const teacher = teacherOf(modelFrom(perceptron([2, 8, 8, 1], 'tanh', 2, 1.2)), 1e-2);
  const student = new GrowingStudent(teacher, coreOf(teacher.graph)!, 'tanh', 2, makePool(teacher));
  const pool = makePool(teacher);
  const shares = [1, 2, 4].map((count) => {
    student.grow(count, 12);
    return shareOf(teacher, student.graph, pool);
  });
  expect(student.description).toBe('tanh 7-7');
  expect(shares[1]).toBeLessThan(shares[0]);
  expect(shares[2]).toBeLessThan(shares[1] / 2);
});

describe('active directions', () => {
  /** A function of two sums of its six inputs. */
  function ridges(): Model {
    const json = perceptron([6, 9, 1], 'tanh', 7, 1) as Json & { tensors: Record<string, { data: number[] }> };
    const rows = [
      [1, -0.5, 0.3, 0.8, 0, -0.2],
      [0.2, 0.9, -0.7, 0, 0.4, 0.6],
    ];
    const weight = json.tensors.w1.data;
    for (let r = 0; r < 9; r++) {
      for (let k = 0; k < 6; k++) weight[r * 6 + k] = Math.cos(r) * rows[0][k] + Math.sin(2 * r) * rows[1][k];
    }
    return modelFrom(json);
  }

  test('are those that the function changes along', () => {
    const teacher = teacherOf(ridges(), 1e-2);
    const core = coreOf(teacher.graph)!;
    const half = Float64Array.from(teacher.box.max, (m, k) => (m - teacher.box.min[k]) / 2);
    expect(activeDirections(teacher, core, half)!.bias.length).toBe(2);
    const all = teacherOf(modelFrom(perceptron([6, 9, 1], 'tanh', 7, 1)), 1e-3);
    expect(activeDirections(all, coreOf(all.graph)!, half)).toBeUndefined();
  });

  test('are what the first layer of the student reads', () => {
    const teacher = teacherOf(ridges(), 1e-2);
    const student = new GrowingStudent(teacher, coreOf(teacher.graph)!, 'tanh', 1, makePool(teacher));
    student.grow(3, 6);
    expect(student.description).toBe('tanh 3 of 2 directions');
    expect(student.graph.nodes.find(({ kind }) => kind === 'affine')!.width).toBe(2);
  });
});

describe('compress --method student', () => {
  test('keeps the tolerance at points that it has not seen, with fewer layers; the condition stays exact', async () => {
    const model = hardCondition();
    const tolerance = 1e-2;
    const { model: small, bytes } = await compress(model, tolerance);
    expect(small!.nodes.filter(({ op }) => op === 'dense').length).toBeLessThan(4);
    expect(bytes.after).toBeLessThan(bytes.before / 8);
    const points = interiorPoints(inputBox(model.inputs), 3000, 99);
    const [wanted, got] = [model, small!].map((m) => evaluateReference(m, points));
    const most = wanted.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
    expect(got.reduce((m, v, i) => Math.max(m, Math.abs(v - wanted[i])), 0) / most).toBeLessThan(1.02 * tolerance);
    const atZero = Float64Array.from(points, (v, i) => (i % 2 ? 0 : v));
    evaluateReference(small!, atZero).forEach((v, p) => {
      expect(v).toBe(atZero[2 * p]);
    });
  });
});

test('the function that the network is made of comes closest, and equal seeds give equal weights', () => {
  const teacher = teacherOf(modelFrom(perceptron([1, 3, 1], 'sin', 8, 4)), 1e-3);
  const pool = makePool(teacher);
  const grown = (fn: 'sine' | 'tanh') => {
    const student = new GrowingStudent(teacher, coreOf(teacher.graph)!, fn, 1, pool);
    for (let n = 0; n < 3; n++) student.grow(1, 16);
    return student;
  };
  const sine = grown('sine');
  expect(shareOf(teacher, sine.graph, pool)).toBeLessThan(shareOf(teacher, grown('tanh').graph, pool) / 3);
  expect(grown('sine').student).toEqual(sine.student);
});
