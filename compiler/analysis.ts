import { PinnEdgeError } from './diagnostics.js';
import { centreFactors } from './ir/centre.js';
import { checkDomains } from './ir/domains.js';
import { evaluateIr } from './ir/evaluate.js';
import { analyzeRanges, type Ranges } from './ir/ranges.js';
import type { IrGraph } from './ir/types.js';
import type { Model } from './model/types.js';
import { analyzeSensitivity, type Sensitivity } from './quantize/sensitivity.js';
import { evaluateReference } from './reference/evaluate.js';
import { type Box, coveringPoints, inputBox } from './sample/points.js';

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
  const inGraphUnits = allowances.map((allowance, k) => allowance / Math.abs(model.outputs[k].scale ?? 1));
  return {
    graph,
    box,
    ranges: analyzeRanges(graph, values, box),
    sensitivity: analyzeSensitivity(graph, coveringPoints(box, POINTS.gradients), inputCount, inGraphUnits),
    allowances,
    largestReference,
  };
}

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

export function formatPoint(model: Model, point: ArrayLike<number>): string {
  return model.inputs.map((input, i) => `${input.name} = ${Number(point[i].toPrecision(6))}`).join(', ');
}
