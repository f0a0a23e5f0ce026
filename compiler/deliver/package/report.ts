import type { Goal } from '../../code/cost/goal.js';
import { predictInstructions } from '../../code/cost/instructions.js';
import { estimateTime, type TimeEstimate } from '../../code/cost/time.js';
import type { BuildEngine } from '../../code/engines/build-engine.js';
import type { CompressedModel } from '../../compress/compress.js';
import { VERSION } from '../../host/package-root.js';
import type { FitOutputs } from '../../import/fit-tangents.js';
import { complements } from '../../ir/complement.js';
import { describeSteps } from '../../ir/map-function.js';
import { unionRange } from '../../ir/ranges.js';
import type { IrNode } from '../../ir/types.js';
import type { OutputError } from '../../judge/errors.js';
import type { Requirement } from '../../judge/requirement.js';
import type { StateRange } from '../../judge/state-ranges.js';
import { modelHash } from '../../model/hash.js';
import { parameterCount } from '../../model/types.js';
import type { CompiledModel } from '../../pipeline/compiled-model.js';
import type { OtherEngine } from '../../pipeline/other-engines.js';
import { tableBytes } from '../../table/function-table.js';
import type { LoweredModel } from '../../table/lower/lower.js';
import { recordShape } from '../../table/record.js';
import { KIND } from '../../table/specification.js';
import { splineCoefficients } from '../../table/spline.js';
import { readHeader, type TableRecord } from '../../table/table.js';
import { denseMacs, type LayerReport, layerReports } from './layer-report.js';
import type { Target } from './target.js';

/** What a build is, needs and reaches: report.json, described by report.schema.json. No clock, no host names. */
export interface Report {
  format: 'pinn-edge-report/1';
  pinnEdge: string;
  name: string;
  description?: string;
  /** SHA-256 of the model and its weights. */
  modelHash: string;
  target: string;
  /** Version of the model in its image, of the user's choice. */
  version: number;
  engine: BuildEngine;
  options: { precision: string; goal?: Goal };
  /** CRC-32 of the block table, as the module's `identity` gives it. */
  identity: number;
  inputs: {
    name: string;
    unit?: string;
    min: number;
    max: number;
    exponent: number;
    description?: string;
    once?: boolean;
  }[];
  outputs: {
    name: string;
    unit?: string;
    exponent: number;
    scale: number;
    offset: number;
    maxAbsolute: number;
    maxRelative: number;
    relativeL2: number;
    worstAt: number[];
    /** Largest |output| over the box: of the reference, and what the module may be beyond it. */
    largest: number;
  }[];
  /** Of a step model: its states, in the order of the inputs, and where one step leads. */
  state?: StateRange[];
  /** Of a model in two parts (--once), the one that is the same for many points and the one of each. */
  parts?: { once: PartReport; each: PartReport };
  /** What fits need, of a build with --fit. */
  fit?: FitOutputs;
  /** Where outputs jump: beside these places the value of either side is right. Absent where none does. */
  jumps?: { node: string; output: string; size: number; at: number[]; margin: number }[];
  /** What the outputs are held to. */
  tolerance: Requirement;
  /** Largest relative error that each step spends by itself. */
  spent: { compress: number; formats: number; tables: number };
  /** What compression did before formats were chosen; absent when it was turned off. */
  compress?: CompressReport;
  /** Numbers of the network that was built: after compression. */
  parameters: number;
  modelBytes: number;
  /** Of the model as it was given, as float32. */
  float32Bytes: number;
  wasmBytes: number;
  /** Linear memory that the module touches, from address 0: the limit to give wasm3. */
  memoryBytes: number;
  arenaBytes: number;
  /** memoryBytes and wasm3's heap with its value stack; the arena for the engine `c`, which has neither. */
  ramBytes: number;
  wasm3HeapBytes: number;
  wasm3StackBytes: number;
  /** Whether wasm3 has tail calls on the target; without them each operation nests a native call. */
  tailCalls: boolean;
  /** Most native stack of an evaluation: a bound from the module where there are no tail calls. */
  nativeStackBytes: number;
  /** Operations of the interpreter that may nest native calls at one time; with tail calls only loops and calls do. */
  nestedOperations: number;
  macs: number;
  /** Multiply-accumulates of the model as it was given, every matrix dense. */
  denseMacs: number;
  /** Integer weights and biases of all layers, and coefficients of splines. */
  weightBytes: number;
  layers: LayerReport[];
  /** Instructions per answer under wasm3, predicted by the cost model (cost/instructions.ts); `time` has the same. */
  instructions?: number;
  /** About the instructions per answer on other engines that the target runs; absent for computers. */
  engines?: OtherEngine[];
  /** About how long an answer takes, an estimate (cost/time.ts); absent where the clock is not known. */
  time?: TimeEstimate;
  values: { name: string; kind: string; width: number; min: number; max: number; bits: number; exponent: number }[];
  weights: {
    name: string;
    rows: number;
    cols: number;
    bits: number;
    accumulatorBits: number;
    accumulatorPeakBits: number;
  }[];
  tables: { function: string; layout: string; degree: number; segments: number; bytes: number; maxError: number }[];
}

export interface CompressReport {
  method: string;
  detail: string;
  parameters: { before: number; after: number };
  /** Weights and biases: as float32 before, with weights of 16 bits after. */
  bytes: { before: number; after: number };
  /** Networks that were tried. */
  attempts: number;
  /** Each of them: bytes of its weights, its share of the tolerance, and whether the search took it. */
  tried?: { by: string; parameters: number; bytes: number; error: number; kept: boolean }[];
  /**
   * Neural tangent kernel on sample points: relative Frobenius distance between the kernels before and after, as they
   * are and at equal trace, and the largest eigenvalues as shares of the trace.
   */
  tangentKernel?: { distance: number; shapeDistance: number; spectrum: { before: number[]; after: number[] } };
}

/** What a part of a model takes when it runs. */
export interface PartReport {
  /** The first or the last ones of the block table. */
  records: number;
  macs: number;
  /** Under wasm3, predicted by the cost model. */
  instructions?: number;
}

/** What running the module once under wasm3 on the host showed. */
export interface RunFigures {
  memoryBytes: number;
  wasm3HeapBytes: number;
  wasm3StackBytes: number;
  nativeStackBytes: number;
  nestedOperations: number;
}

/** Interpreters have no room everywhere. */
function runnableOf(engines: readonly OtherEngine[], { wasm3 }: Target): OtherEngine[] {
  return wasm3 ? [...engines] : [];
}

/** What `report.json` says (report.schema.json describes every field); `version` is that of the model in its image. */
export function makeReport(
  compiled: CompiledModel,
  target: Target,
  figures: RunFigures,
  version: number,
  fit?: FitOutputs,
): Report {
  const { model, lowered, measured, tolerance, precision } = compiled;
  const given = parameterCount(model);
  const layers = layerReports(compiled);
  const isCounted = compiled.engine === 'wasm3' && target.isa !== 'native';
  const predicted = isCounted ? predictInstructions(lowered.table, target.isa) : undefined;
  return {
    format: 'pinn-edge-report/1',
    pinnEdge: VERSION,
    name: model.name,
    description: model.description,
    modelHash: modelHash(model),
    target: target.name,
    version,
    engine: compiled.engine,
    options: { precision, goal: compiled.goal },
    identity: readHeader(compiled.table).crc,
    inputs: model.inputs.map((input, i) => ({ ...input, exponent: lowered.inputFormats[i].exponent })),
    outputs: model.outputs.map((output, i) => ({
      name: output.name,
      unit: output.unit,
      exponent: lowered.outputFormats[i].exponent,
      scale: output.scale ?? 1,
      offset: output.offset ?? 0,
      ...errorFields(measured.outputs[i]),
    })),
    state: compiled.stateRanges.length ? [...compiled.stateRanges] : undefined,
    parts: partReports(lowered, isCounted ? target.isa : undefined),
    fit,
    jumps: compiled.jumps.length
      ? compiled.jumps.map((jump) => ({ ...jump, output: model.outputs[jump.output].name }))
      : undefined,
    tolerance,
    spent: compiled.spent,
    compress: compiled.compressed && compressReport(compiled.compressed),
    parameters: compiled.compressed?.parameters.after ?? given,
    modelBytes: compiled.table.length,
    float32Bytes: 4 * given,
    wasmBytes: compiled.wasm.length,
    ...figures,
    tailCalls: target.tailCalls,
    arenaBytes: lowered.table.arenaBytes,
    ramBytes: compiled.engine === 'c' ? lowered.table.arenaBytes : figures.memoryBytes + figures.wasm3HeapBytes,
    macs: lowered.macs,
    denseMacs: denseMacs(compiled),
    weightBytes: layers.reduce((n, layer) => n + layer.bytes, 0) + coefficientBytes(lowered),
    layers,
    instructions: predicted?.instructions,
    engines: target.isa === 'native' ? undefined : runnableOf(compiled.others, target),
    time: predicted && target.clockHz ? estimateTime(predicted, target.clockHz) : undefined,
    ...formatTables(compiled),
  };
}

/** @param isa of whose instructions the parts' are predicted */
function partReports({ table, once, macs }: LoweredModel, isa: string | undefined): Report['parts'] {
  if (!once) return undefined;
  const part = (records: TableRecord[], products: number): PartReport => ({
    records: records.length,
    macs: products,
    instructions: isa === undefined ? undefined : predictInstructions({ ...table, records }, isa).instructions,
  });
  return {
    once: part(table.records.slice(0, once.records), once.macs),
    each: part(table.records.slice(once.records), macs - once.macs),
  };
}

function compressReport({
  method,
  detail,
  parameters,
  bytes,
  attempts,
  tangentKernel,
}: CompressedModel): CompressReport {
  // Three digits are enough for a picture.
  const tried = attempts
    .filter((attempt) => Number.isFinite(attempt.error))
    .map(({ by, parameters: left, bytes: size, error, kept }) => {
      return { by, parameters: left, bytes: size, error: Number(error.toPrecision(3)), kept };
    });
  return { method, detail, parameters, bytes, attempts: attempts.length, tried, tangentKernel };
}

function errorFields(error: OutputError) {
  const { maxAbsolute, maxRelative, relativeL2, worstAt, largestReference } = error;
  return { maxAbsolute, maxRelative, relativeL2, worstAt, largest: largestReference + maxAbsolute };
}

function formatTables({ quantized, ranges }: CompiledModel): Pick<Report, 'values' | 'weights' | 'tables'> {
  const neverStored = new Set<IrNode>(complements(quantized.graph).values());
  const stored = [...quantized.formats].filter(([leaf]) => !neverStored.has(leaf));
  const values = stored.map(([leaf, { bits, exponent }]) => {
    const { min, max } = unionRange(ranges.get(leaf)!);
    return { name: leaf.name, kind: leaf.kind, width: leaf.width, min, max, bits, exponent };
  });
  const weights = [...quantized.affine].map(([node, format]) => ({
    name: node.name,
    rows: node.width,
    cols: format.weights.length / node.width,
    bits: format.weightBits,
    accumulatorBits: format.accBits,
    // One bit for the sign.
    accumulatorPeakBits: Math.ceil(Math.log2(format.accumulatorPeak + 1)) + 1,
  }));
  for (const [node, format] of quantized.blocks) {
    format.leaves.forEach(({ weightBits }, k) => {
      weights.push({
        name: `${node.name} rows ${node.leaves[k].row} .. ${node.leaves[k].row + node.leaves[k].rows - 1}`,
        rows: node.leaves[k].rows,
        cols: node.leaves[k].x.width,
        bits: weightBits,
        accumulatorBits: format.accBits,
        accumulatorPeakBits: Math.ceil(Math.log2(format.accumulatorPeak + 1)) + 1,
      });
    });
  }
  const functions = new Map([...quantized.tables].map(([node, table]) => [table, describeSteps(node.fn)]));
  const tables = [...functions].map(([table, name]) => ({
    function: name,
    layout: table.segmentation,
    degree: table.degree,
    segments: table.segments,
    bytes: tableBytes(table),
    maxError: table.error,
  }));
  return { values, weights, tables };
}

/** Bytes of the coefficients of all splines, which a spline and its derivatives share. */
function coefficientBytes({ table: { records, pool } }: LoweredModel): number {
  const splines = new Map(records.flatMap((record) => (record.kind === KIND.SPLINE ? [[record.weights, record]] : [])));
  return [...splines.values()].reduce((n, record) => {
    return n + splineCoefficients(record, pool) * recordShape(record).weightBytes;
  }, 0);
}
