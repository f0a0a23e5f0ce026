import { DEFAULT_MEASURE, type Measurement, measureError, type OutputError } from './accuracy/measure.js';
import { compileAssemblyScript, ENTRY, runtimeSources } from './asc/compile.js';
import { requireMvp } from './asc/mvp.js';
import { generateSources } from './codegen/entry.js';
import { type CompressedModel, type CompressOptions, type Compressor, compressModel } from './compress/compress.js';
import { PinnEdgeError } from './diagnostics.js';
import { fromWords, inputWordFormats, outputWordFormats, toWords } from './engines/types.js';
import { requireValidTable } from './format/check.js';
import { encodeTable, tableCrc } from './format/table.js';
import { buildIr } from './ir/build.js';
import { checkDomains } from './ir/domains.js';
import { evaluateIr } from './ir/evaluate.js';
import { analyzeRanges, type Ranges } from './ir/ranges.js';
import { foldGraph, toTurns } from './ir/simplify.js';
import type { IrGraph, IrNode } from './ir/types.js';
import { type LoweredModel, lower } from './lower/lower.js';
import type { Model } from './model/types.js';
import { createOracle } from './oracle/oracle.js';
import { tableFunction } from './quantize/function-table.js';
import type { Precision } from './quantize/plan.js';
import { quantize } from './quantize/quantize.js';
import { analyzeSensitivity } from './quantize/sensitivity.js';
import type { QuantizedGraph } from './quantize/types.js';
import { evaluateReference } from './reference/evaluate.js';
import { type Box, coveringPoints, inputBox } from './sample/points.js';
import { type Attempt, spendTolerance } from './spend.js';

/**
 * The whole way from a model to a module, one screen:
 *
 *   model -> ir -> compress -> quantize -> lower -> codegen -> asc
 *
 * Every stage is a pure function of the one before it; only this file and the commands put them together.
 */
export interface CompileOptions {
  /** Largest |edge - reference| divided by the largest |reference|, per output. Default: the model's, else 1e-3. */
  tolerance?: number;
  /** Largest |edge - reference| in the unit of the outputs; instead of `tolerance`. */
  toleranceAbsolute?: number;
  precision?: Precision;
  /** How to make the network smaller first; default: not at all. */
  compress?: Partial<CompressOptions>;
  /** Looks a compressed graph up instead of making it, where it was made before. */
  compressWith?: Compressor;
  /** Name of the model's file, for messages. */
  file?: string;
  /** Called at the end of every stage. */
  onStage?: (stage: StageResult) => void;
}

export interface StageResult {
  stage: 'ir' | 'compress' | 'quantize' | 'tables' | 'compile';
  detail: string;
  /** Share of the error that the stage spends: largest relative error of the outputs. */
  error?: number;
  seconds: number;
}

export interface CompiledModel {
  model: Model;
  graph: IrGraph;
  quantized: QuantizedGraph;
  /** Range of every value over the input box. */
  ranges: Ranges;
  lowered: LoweredModel;
  /** The block table, as it lies in the module. */
  table: Uint8Array;
  /** AssemblyScript by path: the generated files and the runtime that they import. */
  sources: Map<string, string>;
  wasm: Uint8Array;
  tolerance: number;
  toleranceAbsolute?: number;
  precision: Precision;
  measured: Measurement;
  /** Largest relative error due to tables alone and to number formats alone. */
  spent: { compress: number; tables: number; formats: number };
  /** What compression did, when it was asked for. */
  compressed?: CompressedModel;
  stages: StageResult[];
}

export const DEFAULT_TOLERANCE = 1e-3;

/** Sobol points that ranges come from, that formats are tried on, and that gradients are taken at. */
const POINTS = { ranges: 2048, attempts: 1024, gradients: 256 } as const;
const CHECK_ROUNDS = 6;
/** Share of the tolerance that the final check may find spent: the rest is for points that nobody looked at. */
const CHECK_SHARE = 0.85;
/** Share that the first search for formats may spend on its few points, where the largest error is not met. */
const FIRST_MARGIN = 0.7;
/** The relative L2 error may take this share of the tolerance: a build is not to be at its limit everywhere. */
const L2_SHARE = 1 / 3;

export async function compile(model: Model, options: CompileOptions = {}): Promise<CompiledModel> {
  const { precision = 'auto', file = model.name, toleranceAbsolute } = options;
  const tolerance = options.tolerance ?? model.tolerance ?? DEFAULT_TOLERANCE;
  const stages: StageResult[] = [];
  const clock = stopwatch();
  const finish = (result: Omit<StageResult, 'seconds'>) => {
    stages.push({ ...result, seconds: clock() });
    options.onStage?.(stages[stages.length - 1]);
  };

  const source = foldGraph(buildIr(model));
  const whole = analyze(model, toTurns(source), file, tolerance, toleranceAbsolute);
  finish({ stage: 'ir', detail: `${model.nodes.length} nodes -> ${whole.graph.nodes.length}` });

  const { compress, compressWith = compressModel } = options;
  let compressed = compress && (await compressWith(model, source, whole.allowances, compress));
  const within = (analysis: Analysis) => quantizeWithin(model, analysis, precision, tolerance, toleranceAbsolute);
  let analysis = whole;
  let fitted: ReturnType<typeof within> | undefined;
  if (compressed?.model) {
    analysis = analyze(model, toTurns(foldGraph(buildIr(compressed.model))), file, tolerance, toleranceAbsolute);
    fitted = unlessUnreachable(() => within(analysis));
    if (!fitted) {
      // What is left of the tolerance is not enough for the formats: the whole network has all of it.
      compressed = { ...compressed, ...LEFT_FOR_FORMATS };
      analysis = whole;
    }
  }
  const { graph } = analysis;
  finish({ stage: 'compress', detail: compressed?.detail ?? 'off', error: compressed?.relativeError ?? 0 });

  const { attempt, measured } = fitted ?? within(whole);
  const { quantized, lowered, tableBytes: table } = attempt;
  requireValidTable(table);
  const spent = {
    compress: compressed?.relativeError ?? 0,
    ...splitError(model, graph, quantized, lowered, analysis),
  };
  finish({ stage: 'quantize', detail: describeFormats(quantized), error: spent.formats });
  finish({ stage: 'tables', detail: describeTables(quantized), error: spent.tables });

  const generated = generateSources(lowered.table, table, model.name);
  const sources = new Map([...runtimeSources(), [ENTRY, generated.entry], ['dispatch.ts', generated.dispatch]]);
  const wasm = await compileAssemblyScript(sources);
  requireMvp(wasm);
  finish({ stage: 'compile', detail: `${(wasm.length / 1000).toFixed(1)} kB module` });

  const result = {
    model,
    graph,
    quantized,
    ranges: analysis.ranges,
    lowered,
    table,
    sources,
    wasm,
    measured,
    spent,
    compressed,
    stages,
  };
  return { ...result, tolerance, toleranceAbsolute, precision };
}

const LEFT_FOR_FORMATS = {
  model: undefined,
  relativeError: 0,
  detail: 'left as it is: formats need the whole tolerance',
};

function unlessUnreachable<T>(attempt: () => T): T | undefined {
  try {
    return attempt();
  } catch (error) {
    if (error instanceof PinnEdgeError && error.code === 'PE4001') return undefined;
    throw error;
  }
}

/** Only the first stages: the model made smaller within a tolerance. */
export async function compressOnly(model: Model, options: CompileOptions): Promise<CompressedModel> {
  const { compressWith = compressModel, compress = {}, toleranceAbsolute, file = model.name } = options;
  const tolerance = options.tolerance ?? model.tolerance ?? DEFAULT_TOLERANCE;
  const source = foldGraph(buildIr(model));
  const { allowances } = analyze(model, toTurns(source), file, tolerance, toleranceAbsolute);
  return compressWith(model, source, allowances, compress);
}

interface Analysis {
  graph: IrGraph;
  box: Box;
  ranges: ReturnType<typeof analyzeRanges>;
  sensitivity: ReturnType<typeof analyzeSensitivity>;
  /** Allowed absolute error per output, in its engineering unit. */
  allowances: number[];
  largestReference: number[];
}

function analyze(
  model: Model,
  graph: IrGraph,
  file: string,
  tolerance: number,
  toleranceAbsolute: number | undefined,
): Analysis {
  const box = inputBox(model.inputs);
  const points = coveringPoints(box, POINTS.ranges);
  const inputCount = model.inputs.length;
  const values = evaluateIr(graph, points, inputCount);
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

/** Formats that keep the tolerance on points they were not chosen on, or PE4001 with the nearest one that works. */
function quantizeWithin(
  model: Model,
  analysis: Analysis,
  precision: Precision,
  tolerance: number,
  toleranceAbsolute: number | undefined,
): { attempt: Attempt; measured: Measurement } {
  const shareOf = (errors: readonly OutputError[]) =>
    errors.reduce((m, e, k) => Math.max(m, shareOfAllowance(e, k, analysis)), 0);
  // Different budgets often give the same table: it is run once.
  const known = new Map<number, Attempt>();
  const tryBudget = (budget: number): Attempt => {
    const quantized = quantize(analysis.graph, analysis.ranges, analysis.sensitivity, { precision, budget });
    const lowered = lower(quantized, model.inputs);
    const tableBytes = encodeTable(lowered.table);
    const identity = tableCrc(tableBytes);
    let attempt = known.get(identity);
    if (!attempt) {
      const errors = measureLowered(model, lowered, { samples: POINTS.attempts, searches: 0 }).outputs;
      attempt = { quantized, lowered, tableBytes, errors, share: shareOf(errors) };
      known.set(identity, attempt);
    }
    return attempt;
  };
  for (let round = 1; ; round++) {
    const attempt = spendTolerance(tryBudget, FIRST_MARGIN);
    const measured = measureLowered(model, attempt.lowered, DEFAULT_MEASURE);
    const share = shareOf(measured.outputs);
    if (share <= CHECK_SHARE) return { attempt, measured };
    if (round === CHECK_ROUNDS || attempt.share > FIRST_MARGIN) {
      if (share <= 1) return { attempt, measured };
      throw unreachable(model, measured, analysis, precision, toleranceAbsolute ?? tolerance);
    }
    // The next round knows what the check found out, and chooses another.
    attempt.share = (FIRST_MARGIN * share) / CHECK_SHARE;
  }
}

/** The larger of the largest error's share of its allowance and the relative L2 error's share of a third of it. */
function shareOfAllowance(error: OutputError, k: number, { allowances, largestReference }: Analysis): number {
  const relativeAllowance = largestReference[k] > 0 ? allowances[k] / largestReference[k] : Number.POSITIVE_INFINITY;
  return Math.max(error.maxAbsolute / allowances[k], error.relativeL2 / (L2_SHARE * relativeAllowance));
}

function unreachable(
  model: Model,
  measured: Measurement,
  analysis: Analysis,
  precision: Precision,
  tolerance: number,
): PinnEdgeError {
  const relative = measured.outputs.map((e, k) => shareOfAllowance(e, k, analysis));
  const k = relative.indexOf(Math.max(...relative));
  const best = relative[k] * tolerance;
  return new PinnEdgeError(
    'PE4001',
    {
      tolerance,
      what: precision === 'auto' ? 'the widest format (32-bit values and weights)' : `--precision ${precision}`,
      best: best.toExponential(2),
      output: model.outputs[k].name,
      point: formatPoint(model, measured.outputs[k].worstAt),
      nearest: roundUp(best * 1.05),
    },
    1,
  );
}

/** Rounded up to two significant digits, as a short number. */
function roundUp(value: number): string {
  const unit = 10 ** (Math.floor(Math.log10(value)) - 1);
  return (Math.ceil(value / unit) * unit).toPrecision(2);
}

export function formatPoint(model: Model, point: ArrayLike<number>): string {
  return model.inputs.map((input, i) => `${input.name} = ${Number(point[i].toPrecision(6))}`).join(', ');
}

/** Error of the integers themselves, by the oracle, against the float64 reference. */
export function measureLowered(
  model: Model,
  lowered: LoweredModel,
  options: Parameters<typeof measureError>[3],
): Measurement {
  const oracle = createOracle(lowered.table);
  const inputs = inputWordFormats(lowered.table);
  const outputs = outputWordFormats(lowered.table, model.outputs);
  const approximation = (points: Float64Array) => fromWords(oracle.run(toWords(points, inputs)).outputs, outputs);
  return measureError(model, approximation, (points) => evaluateReference(model, points), options);
}

/** Error of the tables alone (float network with tables for functions), and of the integers against that. */
function splitError(
  model: Model,
  graph: IrGraph,
  quantized: QuantizedGraph,
  lowered: LoweredModel,
  analysis: Analysis,
): { tables: number; formats: number } {
  const points = coveringPoints(analysis.box, POINTS.attempts);
  const functions = new Map<IrNode, (x: number) => number>();
  for (const [node, table] of quantized.tables) {
    const f = tableFunction(table);
    functions.set(node, node.fn.phase ? (x) => f(x + node.fn.phase) : f);
  }
  const d = model.inputs.length;
  const width = model.outputs.length;
  const tabled = evaluateIr(graph, points, d, functions).get(graph.output)!;
  const exact = evaluateIr(graph, points, d).get(graph.output)!;
  const oracle = createOracle(lowered.table);
  const graphUnits = lowered.table.outputs.map(({ exponent }) => ({ exponent, scale: 1, offset: 0 }));
  const words = toWords(points, inputWordFormats(lowered.table));
  const integers = fromWords(oracle.run(words).outputs, graphUnits);
  let tables = 0;
  let formats = 0;
  for (let i = 0; i < exact.length; i++) {
    const unit = (analysis.largestReference[i % width] || 1) / Math.abs(model.outputs[i % width].scale ?? 1);
    tables = Math.max(tables, Math.abs(tabled[i] - exact[i]) / unit);
    formats = Math.max(formats, Math.abs(integers[i] - tabled[i]) / unit);
  }
  return { tables, formats };
}

/** Such as `values 16 bit, weights 16 bit (2 of 9 32 bit)`. */
function describeFormats(quantized: QuantizedGraph): string {
  const values = [...quantized.formats].filter(([leaf]) => leaf.kind !== 'input').map(([, format]) => format.bits);
  const weights = [...quantized.affine]
    .filter(([node]) => node.kind === 'affine')
    .map(([, format]) => format.weightBits);
  return [`values ${countWidths(values)}`, ...(weights.length ? [`weights ${countWidths(weights)}`] : [])].join(', ');
}

function countWidths(widths: readonly number[]): string {
  const counts = new Map<number, number>();
  for (const width of widths) counts.set(width, (counts.get(width) ?? 0) + 1);
  if (counts.size === 1) return `${widths[0]} bit`;
  return [...counts]
    .sort(([p], [q]) => p - q)
    .map(([width, count]) => `${count}x${width} bit`)
    .join(' ');
}

function describeTables(quantized: QuantizedGraph): string {
  const tables = new Set(quantized.tables.values());
  if (!tables.size) return 'none';
  const bytes = [...tables].reduce((n, t) => n + t.data.length * t.bytesPerEntry, 0);
  return `${tables.size} table${tables.size > 1 ? 's' : ''}, ${bytes} bytes`;
}

function stopwatch(): () => number {
  let last = performance.now();
  return () => {
    const now = performance.now();
    const seconds = (now - last) / 1000;
    last = now;
    return seconds;
  };
}
