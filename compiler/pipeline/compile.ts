import { compileAssemblyScript, ENTRY, runtimeSources } from '../code/asc/compile.js';
import { requireDeviceModule } from '../code/asc/device.js';
import { requireMvp } from '../code/asc/mvp.js';
import type { Goal } from '../code/cost/goal.js';
import { interpreterPrices } from '../code/cost/instructions.js';
import { nativePrices } from '../code/cost/native.js';
import type { BuildEngine } from '../code/engines/build-engine.js';
import { generateSources } from '../code/entry.js';
import { linearMemoryBytes } from '../code/linear-memory.js';
import { nativeEntrySource, WALK_IMPORT, withTable } from '../code/native-entry.js';
import { type CompressedModel, type Compressor, compressModel } from '../compress/compress.js';
import type { CompressOptions } from '../compress/compress-options.js';
import { weightBytes } from '../compress/graph-cost.js';
import { describeFormats, describeTables } from '../formats/describe.js';
import type { Precision } from '../formats/plan.js';
import { type Analysis, analyze } from '../formats/search/analysis.js';
import { splitError } from '../formats/search/attempt-errors.js';
import type { Attempt } from '../formats/search/fitting.js';
import type { Preference } from '../formats/search/preference.js';
import { quantizeFiner, quantizeWithin, unlessUnreachable } from '../formats/search/quantize-within.js';
import { deriveOutputs, sentGraph } from '../ir/derive/derived-outputs.js';
import { refuseJumps } from '../ir/derive/refuse-jumps.js';
import { buildIr } from '../ir/from-model.js';
import { trainableCount } from '../ir/parameters.js';
import { foldGraph } from '../ir/simplify.js';
import type { IrGraph } from '../ir/types.js';
import { Judge } from '../judge/measure.js';
import { coveringPoints } from '../judge/points/cover.js';
import { type RequirementLike, requirementOf } from '../judge/requirement.js';
import { inputBox } from '../model/box.js';
import type { Model } from '../model/types.js';
import { requireValidTable } from '../table/check.js';
import { LARGEST_KERNELS, type LayoutOptions, layOut } from '../table/layout/interpreter.js';
import { dualTable } from '../table/layout/native.js';
import type { LoweredModel } from '../table/lower/lower.js';
import { encodeTable, tableCrc } from '../table/table.js';
import type { CompiledModel, StageResult } from './compiled-model.js';

/**
 * The whole way from a model to a module, one screen:
 *
 *   model -> ir -> compress -> quantize -> lower -> codegen -> asc
 *
 * Every stage is a pure function of the one before it; only this file and the commands put them together.
 */
export interface CompileOptions {
  /**
   * What every output is held to; a number is the largest |edge - reference| divided by the largest |reference|. Default: the
   * model's, else 1e-3.
   */
  tolerance?: RequirementLike;
  precision?: Precision;
  /** Where the kernels run on the device; default: in the module, under wasm3. */
  engine?: BuildEngine;
  /** Default: size. */
  goal?: Goal;
  /** Instruction set that a native engine is fast on; see targets' `isa`. */
  isa?: string;
  /** What the kernels of a build for speed may take. Default: what suits chips with tail calls. */
  kernels?: LayoutOptions;
  /** Share of the tolerance that the noise model gives to formats, for proofs; default: what measurement allows. */
  formatBudget?: number;
  /** How to make the network smaller first; default: not at all. */
  compress?: Partial<CompressOptions>;
  /** Looks a compressed graph up instead of making it, where it was made before. */
  compressWith?: Compressor;
  /** Name of the model's file, for messages. */
  file?: string;
  /** Called at the end of every stage. */
  onStage?: (stage: StageResult) => void;
}

export type { CompiledModel, StageResult } from './compiled-model.js';

const DEFAULT_ISA = 'armv7e-m';

/**
 * Compiles a validated model into a block table and, unless the engine is `c`, a module that keeps the tolerance at every
 * point that was looked at: thousands, and the worst found from them by local search. The same model and options give the
 * same bytes.
 *
 * @throws PE4001 when no format keeps the tolerance, with the nearest one that works; PE2002 and PE2003 when the model is
 * not defined or not finite in its input box; PE4003 for a relative tolerance of an output that is zero
 */
export async function compile(model: Model, options: CompileOptions = {}): Promise<CompiledModel> {
  const { precision = 'auto', engine = 'wasm3', goal = 'size', isa = DEFAULT_ISA, kernels = LARGEST_KERNELS } = options;
  const { file = model.name, compress, compressWith = compressModel } = options;
  const tolerance = requirementOf(model, options.tolerance);
  const prefer = preference(engine, goal, precision, isa);
  const stages: StageResult[] = [];
  const clock = stopwatch();
  const finish = (result: Omit<StageResult, 'seconds'>) => {
    stages.push({ ...result, seconds: clock() });
    options.onStage?.(stages[stages.length - 1]);
  };
  const analyzed = (graph: IrGraph) => analyze(model, sentGraph(model, graph), file, tolerance);
  const judge = new Judge(model);
  const { formatBudget: budget } = options;
  const fit: Fit = (analysis) =>
    budget === undefined
      ? quantizeWithin(model, judge, analysis, precision, tolerance, prefer)
      : quantizeFiner(model, judge, analysis, precision, budget, prefer);

  const source = foldGraph(buildIr(model));
  checkDerivatives(model, source, file);
  const whole = analyzed(source);
  const jumps = judge.lookForJumps(whole.allowances);
  finish({ stage: 'ir', detail: `${model.nodes.length} nodes -> ${whole.graph.nodes.length}` });

  let compressed = compress && (await compressWith(model, source, whole.allowances, compress));
  const smaller = compressed?.model && fitCompressed(analyzed(foldGraph(buildIr(compressed.model))), whole, fit);
  const { analysis = whole } = smaller ?? {};
  if (smaller && analysis === whole) compressed = leftForFormats(compressed!, source);
  finish({ stage: 'compress', detail: compressed?.detail ?? 'off', error: compressed?.relativeError ?? 0 });

  const { attempt, measured } = smaller?.fitted ?? fit(whole);
  const { quantized } = attempt;
  const { lowered, table } = layOutFor(engine, goal, kernels, attempt, isa);
  requireValidTable(table);
  const spent = { compress: compressed?.relativeError ?? 0, ...splitError(model, attempt, analysis) };
  finish({ stage: 'quantize', detail: describeFormats(quantized), error: spent.formats });
  finish({ stage: 'tables', detail: describeTables(quantized), error: spent.tables });

  const { sources, wasm } = await compileModule(engine, goal, model, lowered, table, kernels);
  finish({ stage: 'compile', detail: wasm.length ? `${(wasm.length / 1000).toFixed(1)} kB module` : 'C sources' });

  const { graph, ranges } = analysis;
  const choices = { engine, tolerance, precision, goal };
  return {
    model,
    ...choices,
    graph,
    quantized,
    ranges,
    lowered,
    table,
    sources,
    wasm,
    measured,
    jumps,
    spent,
    compressed,
    stages,
  };
}

const JUMP_POINTS = 1024;

/** Refuses derivatives of what jumps: PE2010. */
function checkDerivatives(model: Model, network: IrGraph, file: string): void {
  deriveOutputs(model, network, (selects) => {
    if (selects.size) refuseJumps(file, model, selects, coveringPoints(inputBox(model.inputs), JUMP_POINTS));
  });
}

/** The cheapest formats of a graph that keep the tolerance. */
type Fit = (analysis: Analysis) => ReturnType<typeof quantizeWithin>;

/** The compressed network in its formats, or the whole one, where only that keeps the tolerance or where it costs less. */
function fitCompressed(
  compressed: Analysis,
  whole: Analysis,
  fit: Fit,
): { analysis: Analysis; fitted: ReturnType<Fit> } {
  const fitted = unlessUnreachable(() => fit(compressed));
  // The whole network has all of the tolerance for its formats: that may be needed, or come out smaller.
  if (fitted && fitted.attempt.tableBytes.length <= trainableCount(whole.graph))
    return { analysis: compressed, fitted };
  const entire = fit(whole);
  const keeps = fitted && fitted.attempt.cost <= entire.attempt.cost;
  return keeps ? { analysis: compressed, fitted } : { analysis: whole, fitted: entire };
}

function preference(engine: BuildEngine, goal: Goal, precision: Precision, isa: string): Preference {
  if (goal !== 'speed' || precision !== 'auto') return {};
  if (engine !== 'wasm3') return { native: nativePrices(isa) };
  return { lanes: { laneColumns: new Map(), oneShift: new Set() }, interpreter: interpreterPrices(isa) };
}

/** The block table with its weights in the order that the engine's kernels read them. */
function layOutFor(
  engine: BuildEngine,
  goal: Goal,
  kernels: LayoutOptions,
  { lowered, tableBytes }: Attempt,
  isa: string,
): { lowered: LoweredModel; table: Uint8Array } {
  if (engine === 'wasm3' && goal !== 'speed') return { lowered, table: tableBytes };
  const laidOut =
    engine === 'wasm3'
      ? layOut(lowered, kernels, interpreterPrices(isa))
      : { ...lowered, table: dualTable(lowered.table, lowered.peaks) };
  return { lowered: laidOut, table: encodeTable(laidOut.table) };
}

async function compileModule(
  engine: BuildEngine,
  goal: Goal,
  model: Model,
  lowered: LoweredModel,
  table: Uint8Array,
  { callsInARow }: LayoutOptions,
): Promise<Pick<CompiledModel, 'sources' | 'wasm'>> {
  if (engine === 'c') return { sources: new Map(), wasm: new Uint8Array() };
  if (engine === 'wasm3+native') return compileNativeModule(model, lowered, table);
  const generated = generateSources(lowered.table, table, model.name, callsInARow);
  const sources = new Map([...runtimeSources(), [ENTRY, generated.entry], ['dispatch.ts', generated.dispatch]]);
  const wasm = await compileAssemblyScript(sources, goal === 'memory');
  requireMvp(wasm);
  requireDeviceModule(wasm, linearMemoryBytes(table.length, lowered.table.arenaBytes));
  return { sources, wasm };
}

async function compileNativeModule(
  model: Model,
  { table: blocks }: LoweredModel,
  table: Uint8Array,
): Promise<Pick<CompiledModel, 'sources' | 'wasm'>> {
  const sources = new Map([[ENTRY, nativeEntrySource(blocks, tableCrc(table), model.name)]]);
  const wasm = withTable(await compileAssemblyScript(sources), table);
  requireMvp(wasm, WALK_IMPORT);
  return { sources, wasm };
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

/** Only the first stages: the model made smaller within a tolerance. */
export async function compressOnly(model: Model, options: CompileOptions): Promise<CompressedModel> {
  const { compressWith = compressModel, file = model.name } = options;
  const compress = { round: true, ...options.compress };
  const source = foldGraph(buildIr(model));
  checkDerivatives(model, source, file);
  const { allowances } = analyze(model, sentGraph(model, source), file, requirementOf(model, options.tolerance));
  return compressWith(model, source, allowances, compress);
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
