import { PinnEdgeError } from '../../diagnostics.js';
import { centreFactors } from '../../ir/centre.js';
import { centreSplines } from '../../ir/centre-splines.js';
import { checkDomains } from '../../ir/domains.js';
import { evaluateIr } from '../../ir/evaluate.js';
import { analyzeRanges, type Ranges } from '../../ir/ranges.js';
import type { IrGraph } from '../../ir/types.js';
import { featurePoints } from '../../judge/features.js';
import { steepest } from '../../judge/gradients.js';
import { concatPoints, coveringPoints, interiorPoints } from '../../judge/points/cover.js';
import { evaluateReference } from '../../judge/reference/evaluate.js';
import { allowancesOf, type Requirement } from '../../judge/requirement.js';
import { type Box, inputBox } from '../../model/box.js';
import type { Model } from '../../model/types.js';
import { analyzeSensitivity, type Sensitivity } from '../sensitivity.js';

/** What quantisation has to know about a graph over the input box, found once. */
export interface Analysis {
  graph: IrGraph;
  box: Box;
  ranges: Ranges;
  sensitivity: Sensitivity;
  /** Allowed absolute error per output, in its engineering unit. */
  allowances: number[];
  largestReference: number[];
  /** Features of the graph, row-major [count x inputs]. */
  features: Float64Array;
  /** Points that ranges come from, and points that gradients are taken at: row-major. */
  points: { ranges: Float64Array; gradients: Float64Array };
}

/** Sobol points that ranges come from, and points that gradients are taken at. */
const POINTS = { ranges: 2048, gradients: 256, steepest: 64, features: 256 } as const;

/**
 * Ranges, sensitivities and allowed errors of a folded graph, from points that cover the input box and from the features of
 * the graph: where its values are largest, and where they change most.
 *
 * @throws PE2002, PE2003 where the network is not defined or not finite in the box, PE4003 for an output that is zero
 */
export function analyze(model: Model, graph: IrGraph, file: string, requirement: Requirement): Analysis {
  const box = inputBox(model.inputs);
  const inputCount = model.inputs.length;
  const features = featurePoints(graph, box);
  const points = concatPoints([coveringPoints(box, POINTS.ranges), features]);
  const given = evaluateIr(graph, points, inputCount);
  const centred = centreSplines(centreFactors(graph, given));
  const values = centred === graph ? given : evaluateIr(centred, points, inputCount);
  graph = centred;
  checkDomains(graph, values, file);
  const largestReference = largestOutputs(model, file, points);
  const allowances = allowancesOf(requirement, model.outputs, largestReference);
  const spans = box.max.map((max, k) => max - box.min[k]);
  const gradients = concatPoints([
    coveringPoints(box, POINTS.gradients),
    steepest(graph, interiorPoints(box, POINTS.ranges), spans, inGraphUnits(model, allowances), POINTS.steepest),
    features.subarray(0, POINTS.features * inputCount),
  ]);
  return {
    graph,
    box,
    ranges: analyzeRanges(graph, values, box),
    sensitivity: analyzeSensitivity(graph, gradients, inputCount, inGraphUnits(model, allowances)),
    allowances,
    largestReference,
    features,
    points: { ranges: points, gradients },
  };
}

/**
 * The same, knowing of points that a check has met as well.
 * @returns the given analysis where every value there lies within its range
 */
export function knowing(model: Model, analysis: Analysis, met: Float64Array): Analysis {
  const { graph, box, ranges, allowances } = analysis;
  const inputCount = model.inputs.length;
  const there = evaluateIr(graph, met, inputCount);
  const isKnown = graph.nodes.every((node) => {
    const known = ranges.get(node)!;
    return there.get(node)!.every((v, i) => v >= known[i % node.width].min && v <= known[i % node.width].max);
  });
  if (isKnown) return analysis;
  const points = {
    ranges: concatPoints([analysis.points.ranges, met]),
    gradients: concatPoints([analysis.points.gradients, met]),
  };
  return {
    ...analysis,
    ranges: analyzeRanges(graph, evaluateIr(graph, points.ranges, inputCount), box),
    sensitivity: analyzeSensitivity(graph, points.gradients, inputCount, inGraphUnits(model, allowances)),
    points,
  };
}

/** Allowances per output divided by what the model multiplies that output by: in the graph's own units. */
export function inGraphUnits(model: Model, allowances: readonly number[]): number[] {
  return allowances.map((allowance, k) => allowance / Math.abs(model.outputs[k].scale ?? 1));
}

/** Per output, the largest magnitude of the reference at the points. */
function largestOutputs(model: Model, file: string, points: Float64Array): number[] {
  const width = model.outputs.length;
  const largest = new Array<number>(width).fill(0);
  evaluateReference(model, points).forEach((value, i) => {
    const k = i % width;
    if (!Number.isFinite(value)) {
      const d = model.inputs.length;
      const p = Math.floor(i / width) * d;
      const point = formatPoint(model, points.subarray(p, p + d));
      throw new PinnEdgeError('PE2003', { file, output: model.outputs[k].name, point });
    }
    largest[k] = Math.max(largest[k], Math.abs(value));
  });
  return largest;
}

/** Such as `x = 0.5, t = 1`: what messages say of a point of the input box. */
export function formatPoint(model: Model, point: ArrayLike<number>): string {
  return model.inputs.map((input, i) => `${input.name} = ${Number(point[i].toPrecision(6))}`).join(', ');
}
