import type { Measurement } from './accuracy/measure.js';
import { compileAssemblyScript, ENTRY, runtimeSources } from './asc/compile.js';
import { requireDeviceModule } from './asc/device.js';
import { requireMvp } from './asc/mvp.js';
import { generateSources } from './codegen/entry.js';
import { linearMemoryBytes } from './codegen/linear-memory.js';
import { nativeEntrySource, WALK_IMPORT, withTable } from './codegen/native-entry.js';
import { type CompressedModel, type CompressOptions, type Compressor, compressModel } from './compress/compress.js';
import { trainableCount } from './compress/parameters.js';
import type { Goal } from './cost/goal.js';
import { interpreterPrices } from './cost/instructions.js';
import { nativePrices } from './cost/native.js';
import type { BuildEngine } from './engines/build-engine.js';
import { requireValidTable } from './format/check.js';
import { encodeTable, tableCrc } from './format/table.js';
import { buildIr } from './ir/build.js';
import type { Ranges } from './ir/ranges.js';
import { foldGraph, toTurns } from './ir/simplify.js';
import type { IrGraph } from './ir/types.js';
import { dualTable } from './lower/dual.js';
import { LARGEST_KERNELS, type LayoutOptions, layOut } from './lower/layout.js';
import type { LoweredModel } from './lower/lower.js';
import type { Model } from './model/types.js';
import { describeFormats, describeTables } from './quantize/describe.js';
import type { Precision } from './quantize/plan.js';
import type { QuantizedGraph } from './quantize/types.js';
import { type Analysis, analyze } from './tolerance/analysis.js';
import { splitError } from './tolerance/error.js';
import type { Attempt } from './tolerance/fitting.js';
import type { Preference } from './tolerance/preference.js';
import { quantizeWithin, unlessUnreachable } from './tolerance/spend.js';

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
  /** Where the kernels run on the device; default: in the module, under wasm3. */
  engine?: BuildEngine;
  /** Default: size. */
  goal?: Goal;
  /** Instruction set that a native engine is fast on; see targets' `isa`. */
  isa?: string;
  /** What the kernels of a build for speed may take. Default: what suits chips with tail calls. */
  kernels?: LayoutOptions;
  /** How to make the network smaller first; default: not at all. */
  compress?: Partial<CompressOptions>;
  /** Looks a compressed graph up instead of making it, where it was made before. */
  compressWith?: Compressor;
  /** Name of the model's file, for messages. */
  file?: string;
  /** Called at the end of every stage. */
  onStage?: (stage: StageResult) => void;
}

/** What one stage did, for people and reports. */
export interface StageResult {
  stage: 'ir' | 'compress' | 'quantize' | 'tables' | 'compile';
  detail: string;
  /** Share of the error that the stage spends: largest relative error of the outputs. */
  error?: number;
  seconds: number;
}

/** A model as the device will run it, and all that is known of it. */
export interface CompiledModel {
  model: Model;
  engine: BuildEngine;
  graph: IrGraph;
  quantized: QuantizedGraph;
  /** Range of every value over the input box. */
  ranges: Ranges;
  lowered: LoweredModel;
  /** The block table, as it lies in the module. */
  table: Uint8Array;
  /** AssemblyScript by path: the generated files and the runtime that they import. */
  sources: Map<string, string>;
  /** Empty for the engine `c`. */
  wasm: Uint8Array;
  tolerance: number;
  toleranceAbsolute?: number;
  precision: Precision;
  goal: Goal;
  measured: Measurement;
  /** Largest relative error due to tables alone and to number formats alone. */
  spent: { compress: number; tables: number; formats: number };
  /** What compression did, when it was asked for. */
  compressed?: CompressedModel;
  stages: StageResult[];
}

/** Where neither the options nor the model say one: relative to the largest value of each output. */
export const DEFAULT_TOLERANCE = 1e-3;
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
  const {
    precision = 'auto',
    engine = 'wasm3',
    kernels = LARGEST_KERNELS,
    file = model.name,
    toleranceAbsolute,
  } = options;
  const goal = options.goal ?? 'size';
  const prefer = preference(engine, goal, precision, options.isa ?? DEFAULT_ISA);
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
  const within = (analysis: Analysis) =>
    quantizeWithin(model, analysis, precision, { relative: tolerance, absolute: toleranceAbsolute }, prefer);
  let analysis = whole;
  let fitted: ReturnType<typeof within> | undefined;
  if (compressed?.model) {
    analysis = analyze(model, toTurns(foldGraph(buildIr(compressed.model))), file, tolerance, toleranceAbsolute);
    fitted = unlessUnreachable(() => within(analysis));
    // The whole network has all of the tolerance for its formats: that may be needed, or come out smaller.
    const entire =
      !fitted || fitted.attempt.tableBytes.length > trainableCount(whole.graph) ? within(whole) : undefined;
    if (entire && !(fitted && fitted.attempt.cost <= entire.attempt.cost)) {
      compressed = { ...compressed, ...LEFT_FOR_FORMATS };
      analysis = whole;
      fitted = entire;
    }
  }
  const { graph } = analysis;
  finish({ stage: 'compress', detail: compressed?.detail ?? 'off', error: compressed?.relativeError ?? 0 });

  const { attempt, measured } = fitted ?? within(whole);
  const { quantized } = attempt;
  const { lowered, table } = layOutFor(engine, goal, kernels, attempt, options.isa ?? DEFAULT_ISA);
  requireValidTable(table);
  const spent = {
    compress: compressed?.relativeError ?? 0,
    ...splitError(model, attempt, analysis),
  };
  finish({ stage: 'quantize', detail: describeFormats(quantized), error: spent.formats });
  finish({ stage: 'tables', detail: describeTables(quantized), error: spent.tables });

  const { sources, wasm } = await compileModule(engine, goal, model, lowered, table);
  finish({ stage: 'compile', detail: wasm.length ? `${(wasm.length / 1000).toFixed(1)} kB module` : 'C sources' });

  const result = {
    model,
    engine,
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
  return { ...result, tolerance, toleranceAbsolute, precision, goal };
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
): Promise<Pick<CompiledModel, 'sources' | 'wasm'>> {
  if (engine === 'c') return { sources: new Map(), wasm: new Uint8Array() };
  if (engine === 'wasm3+native') return compileNativeModule(model, lowered, table);
  const generated = generateSources(lowered.table, table, model.name);
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

const LEFT_FOR_FORMATS = {
  model: undefined,
  relativeError: 0,
  detail: 'left as it is: formats need the whole tolerance',
};

/** Only the first stages: the model made smaller within a tolerance. */
export async function compressOnly(model: Model, options: CompileOptions): Promise<CompressedModel> {
  const { compressWith = compressModel, toleranceAbsolute, file = model.name } = options;
  const compress = { round: true, ...options.compress };
  const tolerance = options.tolerance ?? model.tolerance ?? DEFAULT_TOLERANCE;
  const source = foldGraph(buildIr(model));
  const { allowances } = analyze(model, toTurns(source), file, tolerance, toleranceAbsolute);
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
