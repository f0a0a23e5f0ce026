import type { Goal } from '../code/cost/goal.js';
import type { BuildEngine } from '../code/engines/build-engine.js';
import type { CompressedModel } from '../compress/compress.js';
import type { Precision } from '../formats/plan.js';
import type { Ranges } from '../ir/ranges.js';
import type { IrGraph } from '../ir/types.js';
import type { Measurement } from '../judge/errors.js';
import type { Jump } from '../judge/jumps.js';
import type { Requirement } from '../judge/requirement.js';
import type { StateRange } from '../judge/state-ranges.js';
import type { Model } from '../model/types.js';
import type { LoweredModel } from '../table/lower/lower.js';
import type { QuantizedGraph } from '../table/quantized-graph.js';
import type { OtherEngine } from './other-engines.js';

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
  tolerance: Requirement;
  precision: Precision;
  goal: Goal;
  measured: Measurement;
  /** Of a step model, where one step leads. */
  stateRanges: readonly StateRange[];
  /** Where outputs jump, so that either side is right. */
  jumps: readonly Jump[];
  /** Largest relative error due to tables alone and to number formats alone. */
  spent: { compress: number; tables: number; formats: number };
  /** What compression did, when it was asked for. */
  compressed?: CompressedModel;
  /** What an answer would take on other engines. */
  others: readonly OtherEngine[];
  stages: StageResult[];
}
