import type { CompressedModel } from '../compress/compress.js';
import { weightBytes } from '../compress/graph-cost.js';
import { type Analysis, analyze } from '../formats/search/analysis.js';
import { weightBytesOf } from '../formats/search/matrix-widths.js';
import { quantizeFiner, quantizeWithin, unlessUnreachable } from '../formats/search/quantize-within.js';
import { sentGraph } from '../ir/derive/derived-outputs.js';
import { buildIr } from '../ir/from-model.js';
import { trainableCount } from '../ir/parameters.js';
import { foldGraph } from '../ir/simplify.js';
import { graphOf, type IrGraph } from '../ir/types.js';
import { Judge } from '../judge/measure.js';
import type { Requirement } from '../judge/requirement.js';
import type { Model, ModelOutput } from '../model/types.js';
import type { CompileSettings } from './compile-options.js';
import type { Graphs } from './graph-stage.js';

/** Stages `compress` and `quantize`: the network and the number formats that cost least within the tolerance. */

/** What is quantised, and how: the compressed network, or the whole one. */
export interface Chosen {
  compressed?: CompressedModel;
  analysis: Analysis;
  /** The cheapest formats, looked for when it is called, or found already where the choice depended on them. */
  fit: (settings: CompileSettings) => Fitted;
}

export type Fitted = ReturnType<typeof quantizeWithin>;

/** The compressed network where it keeps the tolerance in its formats and costs less, else the whole one. */
export async function compressWithin(
  model: Model,
  judge: Judge,
  { source, whole: sampled, gradients }: Graphs,
  tolerance: Requirement,
  settings: CompileSettings,
): Promise<Chosen> {
  const fitOf = (analysis: Analysis, by: CompileSettings) => quantizeCheapest(model, judge, analysis, tolerance, by);
  const fit = (analysis: Analysis) => fitOf(analysis, settings);
  const { compress, compressWith, refineRanges, file } = settings;
  const whole = refineRanges(sampled);
  const compressed = compress && (await compressWith(model, source, whole.allowances, compress));
  if (!compressed?.model) return { compressed, analysis: whole, fit: (by) => fitOf(whole, by) };
  const graph = sentGraph(model, foldGraph(buildIr(compressed.model)), gradients);
  const smaller = refineRanges(analyze(model, graph, file, tolerance));
  const { analysis, fitted } = cheaper(smaller, whole, fit);
  const left = analysis === whole ? leftForFormats(compressed, source) : compressed;
  return { compressed: left, analysis, fit: (by) => (by === settings ? fitted : fitOf(analysis, by)) };
}

/** The cheapest formats of a graph that keep the tolerance. */
function quantizeCheapest(
  model: Model,
  judge: Judge,
  analysis: Analysis,
  tolerance: Requirement,
  settings: CompileSettings,
): Fitted {
  const { precision, prefer, formatBudget: budget } = settings;
  if (budget !== undefined) return quantizeFiner(model, judge, analysis, precision, budget, prefer);
  const mostWeightBytes = mostWeightBytesOf(model, analysis, tolerance, settings);
  return quantizeWithin(model, judge, analysis, precision, tolerance, { ...prefer, mostWeightBytes });
}

/** Share of the bytes of weights that derivatives may add for the sake of their time: they are multiplied by the values' own. */
const DERIVATIVES_SHARE = 0.05;

/**
 * What the weights of a build for speed may take: of a model that sends derivatives beside values, little more than the values
 * alone would take.
 */
function mostWeightBytesOf(
  model: Model,
  { graph }: Analysis,
  tolerance: Requirement,
  { precision, prefer, file }: CompileSettings,
): number | undefined {
  const isValue = ({ expression }: ModelOutput) => expression === undefined;
  const outputs = model.outputs.filter(isValue);
  if (!prefer.native || !outputs.length || outputs.length === model.outputs.length) return undefined;
  const values = { ...model, outputs, hidden: [] };
  const parts = graph.output.parts.filter((_, k) => isValue(model.outputs[k]));
  const alone = graphOf({ ...graph.output, width: parts.length, parts });
  const analysis = analyze(values, alone, file, tolerance);
  const fitted = unlessUnreachable(() =>
    quantizeWithin(values, new Judge(values), analysis, precision, tolerance, prefer),
  );
  return fitted && (1 + DERIVATIVES_SHARE) * weightBytesOf(fitted.attempt.plan);
}

/** The compressed network in its formats, or the whole one, where only that keeps the tolerance or where it costs less. */
function cheaper(
  compressed: Analysis,
  whole: Analysis,
  fit: (analysis: Analysis) => Fitted,
): { analysis: Analysis; fitted: Fitted } {
  const fitted = unlessUnreachable(() => fit(compressed));
  // The whole network has all of the tolerance for its formats: that may be needed, or come out smaller.
  if (fitted && fitted.attempt.tableBytes.length <= trainableCount(whole.graph))
    return { analysis: compressed, fitted };
  const entire = fit(whole);
  const keeps = fitted && fitted.attempt.cost <= entire.attempt.cost;
  return keeps ? { analysis: compressed, fitted } : { analysis: whole, fitted: entire };
}

/** What is left to say of a compression whose network is not the one that is built. */
function leftForFormats({ method, parameters, bytes, attempts }: CompressedModel, whole: IrGraph): CompressedModel {
  return {
    method,
    detail: 'left as it is: formats need the whole tolerance',
    parameters: { before: parameters.before, after: parameters.before },
    bytes: { before: bytes.before, after: weightBytes(whole, 16) },
    error: 0,
    relativeError: 0,
    attempts,
  };
}
