import { PinnEdgeError } from '../diagnostics.js';
import { centreFactors } from '../ir/centre.js';
import { checkDomains } from '../ir/domains.js';
import { evaluateIr } from '../ir/evaluate.js';
import { analyzeRanges, type Ranges } from '../ir/ranges.js';
import type { IrGraph } from '../ir/types.js';
import type { Model } from '../model/types.js';
import { analyzeSensitivity, type Sensitivity } from '../quantize/sensitivity.js';
import { evaluateReference } from '../reference/evaluate.js';
import { type Box, coveringPoints, inputBox } from '../sample/points.js';

/** What quantisation has to know about a graph over the input box, found once. */
export interface Analysis {
  graph: IrGraph;
  box: Box;
  ranges: Ranges;
  sensitivity: Sensitivity;
  /** Allowed absolute error per output, in its engineering unit. */
  allowances: number[];
  largestReference: number[];
}

/** Sobol points that ranges come from, and that gradients are taken at. */
const POINTS = { ranges: 2048, gradients: 256 } as const;

/**
 * Ranges, sensitivities and allowed errors of a folded graph, from points that cover the input box.
 *
 * @param toleranceAbsolute in the unit of the outputs; replaces `tolerance`, which is relative to the largest output
 * @throws PE2002, PE2003 where the network is not defined or not finite in the box, PE4003 for an output that is zero
 */
export function analyze(
  model: Model,
  graph: IrGraph,
  file: string,
  tolerance: number,
  toleranceAbsolute: number | undefined,
): Analysis {
  const box = inputBox(model.inputs);
  const points = coveringPoints(box, POINTS.ranges);
  const inputCount = model.inputs.length;
  const given = evaluateIr(graph, points, inputCount);
  const centred = centreFactors(graph, given);
  const values = centred === graph ? given : evaluateIr(centred, points, inputCount);
  graph = centred;
  checkDomains(graph, values, file);
  const largestReference = largestOutputs(model, file, points);
  const allowances = model.outputs.map((output, k) => {
    if (toleranceAbsolute !== undefined) return toleranceAbsolute;
    if (largestReference[k] === 0) throw new PinnEdgeError('PE4003', { output: output.name });
    return tolerance * largestReference[k];
  });
  return {
    graph,
    box,
    ranges: analyzeRanges(graph, values, box),
    sensitivity: analyzeSensitivity(
      graph,
      coveringPoints(box, POINTS.gradients),
      inputCount,
      inGraphUnits(model, allowances),
    ),
    allowances,
    largestReference,
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
