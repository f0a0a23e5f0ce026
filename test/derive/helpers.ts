import type { Precision } from '../../compiler/formats/plan.js';
import { analyze } from '../../compiler/formats/search/analysis.js';
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
import type { Gradients } from '../../compiler/model/derivatives.js';
import type { Model } from '../../compiler/model/types.js';
import { perceptron, randoms, tensor } from '../helpers/models.js';

/** A perceptron's JSON, to be changed. */
export type NetworkJson = ReturnType<typeof perceptron> & {
  outputs: object[];
  tensors: Record<string, object>;
  nodes: object[];
};

/** The graph of what a model sends; gradients in forward mode but for those that are given. */
export function derivedGraph(model: Model, gradients?: Gradients): IrGraph {
  return sentGraph(model, foldGraph(buildIr(model)), gradients);
}

/** Largest difference of the graph's outputs from the reference's over 200 points, per output, relative to the largest. */
export function graphError(model: Model, graph = derivedGraph(model)): number[] {
  const points = interiorPoints(inputBox(model.inputs), 200, 1);
  const wanted = evaluateReference(model, points);
  const width = model.outputs.length;
  const got = evaluateIr(graph, points, model.inputs.length)
    .get(graph.output)!
    .map((v, i) => (model.outputs[i % width].scale ?? 1) * v + (model.outputs[i % width].offset ?? 0));
  return relativeErrors(got, wanted, width);
}

interface PlanOptions {
  precision?: Precision;
  /** Outputs whose gradients are made in reverse mode; default: none. */
  gradients?: Gradients;
  prefer?: Preference;
  budget?: number;
}

/** The formats that the noise model proposes: a build's, without the search for cheaper ones. */
export function planned(
  model: Model,
  tolerance: RequirementLike,
  { precision = 'auto', gradients, prefer, budget = BUDGET }: PlanOptions = {},
): { graph: IrGraph; attempt: Attempt; features: Float64Array } {
  const graph = derivedGraph(model, gradients);
  const analysis = analyze(model, graph, model.name, requirementOf(model, tolerance));
  return {
    graph: analysis.graph,
    features: analysis.features,
    attempt: new Fitting(model, new Judge(model), analysis, precision, prefer).planned(budget),
  };
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

/** A network with a middle layer of the given structure, read beside its input of another scale. */
export function structured(kind: 'dense' | 'low_rank' | 'hierarchical' | 'tensor_train', inputs = 2): NetworkJson {
  const json = perceptron([inputs, 12, 12, 1], 'tanh', 4) as NetworkJson;
  Object.assign(json.inputs as object[][0], {});
  (json.inputs as { max: number }[])[1].max = 9;
  const next = randoms(8);
  const z2: Record<string, unknown> = { name: 'z2', op: kind, inputs: ['h1'], bias: 'b2' };
  if (kind === 'dense') z2.weight = 'w2';
  if (kind === 'low_rank') Object.assign(z2, { left: 'left', right: 'right' });
  if (kind === 'hierarchical') {
    Object.assign(z2, {
      width: 12,
      leaves: [
        { rows: [0, 6], cols: [0, 6], weight: 'a' },
        { rows: [0, 6], cols: [6, 12], left: 'l', right: 'r' },
        { rows: [6, 12], cols: [0, 12], weight: 'b' },
      ],
    });
  }
  if (kind === 'tensor_train') Object.assign(z2, { outputCores: ['o1', 'o2'], inputCores: ['i1', 'i2'] });
  Object.assign(json.tensors, {
    left: tensor([12, 3], next, 0.5),
    right: tensor([3, 12], next, 0.5),
    a: tensor([6, 6], next, 0.4),
    l: tensor([6, 2], next, 0.5),
    r: tensor([2, 6], next, 0.5),
    b: tensor([6, 12], next, 0.4),
    o1: tensor([1, 3, 3], next, 0.6),
    o2: tensor([3, 4, 4], next, 0.6),
    i1: tensor([4, 4, 3], next, 0.6),
    i2: tensor([3, 3, 1], next, 0.6),
    w3: tensor([1, 14], next, 0.4),
  });
  json.nodes = json.nodes.map((node) => ((node as { name: string }).name === 'z2' ? z2 : node));
  // The last layer reads the activations and the inputs, whose scales differ.
  const last = json.nodes.at(-1) as { inputs: string[] };
  last.inputs = ['h2x'];
  json.nodes.splice(-1, 0, { name: 'h2x', op: 'concat', inputs: ['h2', 'x0', 'x1'] });
  return json;
}
