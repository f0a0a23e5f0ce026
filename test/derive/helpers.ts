import { sentGraph } from '../../compiler/ir/derive/derived-outputs.js';
import { evaluateIr } from '../../compiler/ir/evaluate.js';
import { buildIr } from '../../compiler/ir/from-model.js';
import { foldGraph } from '../../compiler/ir/simplify.js';
import type { IrGraph } from '../../compiler/ir/types.js';
import { interiorPoints } from '../../compiler/judge/points/cover.js';
import { evaluateReference } from '../../compiler/judge/reference/evaluate.js';
import { inputBox } from '../../compiler/model/box.js';
import type { Model } from '../../compiler/model/types.js';

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
