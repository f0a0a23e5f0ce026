import type { Goal } from '../code/cost/goal.js';
import { interpreterPrices } from '../code/cost/instructions.js';
import { nativePrices } from '../code/cost/native-instructions.js';
import type { BuildEngine } from '../code/engines/build-engine.js';
import type { Compressor } from '../compress/compress.js';
import { compressModel } from '../compress/compress.js';
import type { CompressOptions } from '../compress/compress-options.js';
import type { Precision } from '../formats/plan.js';
import type { Analysis } from '../formats/search/analysis.js';
import type { Preference } from '../formats/search/preference.js';
import type { RequirementLike } from '../judge/requirement.js';
import type { Model } from '../model/types.js';
import type { KernelLimits } from '../table/layout/interpreter.js';
import { LARGEST_KERNELS } from '../table/layout/interpreter.js';
import type { StageResult } from './compiled-model.js';

/** What a model is compiled with. */

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
  kernels?: KernelLimits;
  /** Share of the tolerance that the noise model gives to formats, for proofs; default: what measurement allows. */
  formatBudget?: number;
  /** Makes the ranges that formats are chosen by better than sampling does. */
  refineRanges?: (analysis: Analysis) => Analysis;
  /** How to make the network smaller first; default: not at all. */
  compress?: Partial<CompressOptions>;
  /** Looks a compressed graph up instead of making it, where it was made before. */
  compressWith?: Compressor;
  /** Name of the model's file, for messages. */
  file?: string;
  /** Called at the end of every stage. */
  onStage?: (stage: StageResult) => void;
}

/** The options with their defaults, and what follows from them. */
export interface CompileSettings {
  precision: Precision;
  engine: BuildEngine;
  goal: Goal;
  isa: string;
  kernels: KernelLimits;
  formatBudget?: number;
  refineRanges: (analysis: Analysis) => Analysis;
  compress?: Partial<CompressOptions>;
  compressWith: Compressor;
  file: string;
  /** What formats are chosen by. */
  prefer: Preference;
}

export function settingsOf(model: Model, options: CompileOptions): CompileSettings {
  const { precision = 'auto', engine = 'wasm3', goal = 'size', isa = DEFAULT_ISA } = options;
  const { kernels = LARGEST_KERNELS, compressWith = compressModel, file = model.name } = options;
  const { compress, formatBudget, refineRanges = (analysis: Analysis) => analysis } = options;
  const prefer = preferenceFor(engine, goal, precision, isa);
  const formats = { precision, formatBudget, refineRanges, prefer };
  return { ...formats, engine, goal, isa, kernels, compress, compressWith, file };
}

/** The settings with another goal. */
export function forGoal(settings: CompileSettings, goal: Goal): CompileSettings {
  const { engine, precision, isa } = settings;
  return { ...settings, goal, prefer: preferenceFor(engine, goal, precision, isa) };
}

const DEFAULT_ISA = 'armv7e-m';

/** Bytes alone, unless a build for speed leaves the choice of formats open. */
function preferenceFor(engine: BuildEngine, goal: Goal, precision: Precision, isa: string): Preference {
  if (goal !== 'speed' || precision !== 'auto') return {};
  if (engine !== 'wasm3') return { native: nativePrices(isa) };
  return { lanes: { laneColumns: new Map(), oneShift: new Set() }, interpreter: interpreterPrices(isa) };
}
