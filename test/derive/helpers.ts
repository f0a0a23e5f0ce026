import type { Precision } from '../../compiler/formats/plan.js';
import { type Attempt, Fitting } from '../../compiler/formats/search/fitting.js';
import type { Preference } from '../../compiler/formats/search/preference.js';
import { sentGraph } from '../../compiler/ir/derive/derived-outputs.js';
import { evaluateIr } from '../../compiler/ir/evaluate.js';
import { buildIr } from '../../compiler/ir/from-model.js';
import { foldGraph } from '../../compiler/ir/simplify.js';
import type { IrGraph } from '../../compiler/ir/types.js';
import { Judge } from '../../compiler/judge/measure.js';
import { interiorPoints } from '../../compiler/judge/points/cover.js';
import { evaluateReference } from '../../compiler/judge/reference/evaluate.js';
import { type RequirementLike, requirementOf } from '../../compiler/judge/requirement.js';
import { inputBox } from '../../compiler/model/box.js';
import type { Model } from '../../compiler/model/types.js';
import { graphsOf } from '../../compiler/pipeline/graph-stage.js';

/** The graph of what a model sends, as a build makes it. */
export function derivedGraph(model: Model): IrGraph {
  return sentGraph(model, foldGraph(buildIr(model)));
}

/** Largest difference of the graph's outputs from the reference's over 200 points, per output, relative to the largest. */
export function graphError(model: Model): number[] {
  const points = interiorPoints(inputBox(model.inputs), 200, 1);
  const wanted = evaluateReference(model, points);
  const graph = derivedGraph(model);
  const width = model.outputs.length;
  const got = evaluateIr(graph, points, model.inputs.length)
    .get(graph.output)!
    .map((v, i) => (model.outputs[i % width].scale ?? 1) * v + (model.outputs[i % width].offset ?? 0));
  return relativeErrors(got, wanted, width);
}

/** The formats that the noise model proposes: a build's, without the search for cheaper ones. */
export function planned(
  model: Model,
  tolerance: RequirementLike,
  { precision = 'auto', prefer, budget = BUDGET }: { precision?: Precision; prefer?: Preference; budget?: number } = {},
): { graph: IrGraph; attempt: Attempt } {
  const { whole } = graphsOf(model, model.name, requirementOf(model, tolerance));
  const attempt = new Fitting(model, new Judge(model), whole, precision, prefer).planned(budget);
  return { graph: whole.graph, attempt };
}

/** Share of the tolerances that the noise model plans with where nothing is measured before a test does. */
const BUDGET = 0.4;

export function relativeErrors(got: ArrayLike<number>, wanted: Float64Array, width: number): number[] {
  const largest = new Float64Array(width);
  const error = new Float64Array(width);
  wanted.forEach((w, i) => {
    largest[i % width] = Math.max(largest[i % width], Math.abs(w));
    error[i % width] = Math.max(
      error[i % width],
      Number.isNaN(got[i]) ? Number.POSITIVE_INFINITY : Math.abs(got[i] - w),
    );
  });
  return Array.from(error, (e, k) => e / (largest[k] || 1));
}
