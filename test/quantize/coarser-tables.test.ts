import { expect, test } from 'vitest';
import { Fitting } from '../../compiler/formats/search/fitting.js';
import { Judge } from '../../compiler/judge/measure.js';
import { requirementOf } from '../../compiler/judge/requirement.js';
import { settingsOf } from '../../compiler/pipeline/compile-options.js';
import { graphsOf } from '../../compiler/pipeline/graph-stage.js';
import { modelFrom, perceptron } from '../helpers/models.js';

/** What weights of packed kernels leave of the tolerance, function tables take: narrower weights would save nothing. */

const MARGIN = 0.7;
const BUDGET = 0.05;

test('tables are as coarse as the margin lets them be, in steps of twice the error', () => {
  const model = modelFrom(perceptron([2, 6, 1]));
  const { prefer } = settingsOf(model, { goal: 'speed' });
  const { whole } = graphsOf(model, model.name, requirementOf(model, 1e-3), 'speed');
  const fitting = new Fitting(model, new Judge(model), whole, 'auto', prefer);
  const planned = fitting.planned(BUDGET);
  const coarser = fitting.withCoarserTables(planned.plan, MARGIN)!;
  expect(coarser.share).toBeLessThanOrEqual(MARGIN);
  expect(coarser.tableBytes.length).toBeLessThan(planned.tableBytes.length);
  expect(fitting.withCoarserTables(coarser.plan, MARGIN)?.tableBytes.length ?? coarser.tableBytes.length).toBe(
    coarser.tableBytes.length,
  );
  expect(fitting.withCoarserTables(planned.plan, 0)).toBeUndefined();
});
