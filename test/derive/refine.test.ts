import { expect, test } from 'vitest';
import { exampleModel } from '../../bench/product.js';
import { weightBytes } from '../../compiler/compress/graph-cost.js';
import { analyzeChannels, pruneTo } from '../../compiler/compress/neurons/prune.js';
import { refineWithin } from '../../compiler/compress/refine/refine-within.js';
import { searchPoints } from '../../compiler/compress/teacher/search-points.js';
import { shareOf } from '../../compiler/compress/teacher/teacher.js';
import { selectOutputs, withDerived } from '../../compiler/import/select-outputs.js';
import { teacherOf } from '../compress/helpers.js';

/** Refinement where derivatives are sent: they follow values, which are fitted first. */

const plain = exampleModel('burgers');
const derived = ['u_x', 'u_t'].map((name) => ({ name, expression: name }));

test('a narrow network comes nearer to derivatives of a front when its values are fitted first', async () => {
  const teacher = teacherOf({ ...plain, ...withDerived(plain, { derive: derived }) }, 1e-3);
  const points = searchPoints(teacher);
  const analysis = analyzeChannels(teacher, teacher.graph);
  const narrow = pruneTo(
    teacher,
    analysis,
    analysis.groups.map(() => 4),
  );
  const options = { target: 0.5, maxSteps: 200 };
  const staged = await refineWithin(teacher, narrow, points, 0.5, options);
  const atOnce = await refineWithin({ ...teacher, values: undefined }, narrow, points, 0.5, options);
  expect(shareOf(teacher, staged.graph, points.unseen)).toBeLessThan(
    0.6 * shareOf(teacher, atOnce.graph, points.unseen),
  );
});

test('six neurons a layer hold the values and derivatives of a front', async () => {
  const model = { ...plain, ...withDerived(plain, { derive: derived }) };
  const teacher = teacherOf(model, { u: 1e-3, u_x: 5e-3, u_t: 5e-3 });
  const analysis = analyzeChannels(teacher, teacher.graph);
  const narrow = pruneTo(
    teacher,
    analysis,
    analysis.groups.map(() => 6),
  );
  const options = { target: 0.95, maxSteps: 400, derived: true };
  const { unseen, graph } = await refineWithin(teacher, narrow, searchPoints(teacher), 0.95, options);
  expect(unseen).toBeLessThan(0.95);
  expect(weightBytes(graph, 16)).toBeLessThan(900);
});

test('what is hidden counts as much as the strictest output', () => {
  const model = { ...plain, ...withDerived(plain, { derive: derived }) };
  const { values, allowances } = teacherOf({ ...model, ...selectOutputs('burgers', model, ['u_x'], []) }, 5e-3);
  expect(allowances).toHaveLength(1);
  expect(values!.allowances).toHaveLength(1);
  // u is at most 1 in magnitude.
  expect(values!.allowances[0]).toBeCloseTo(5e-3, 4);
});

test('networks whose outputs are sent as they are have no stage before', () => {
  expect(teacherOf(plain, 5e-3).values).toBeUndefined();
});
