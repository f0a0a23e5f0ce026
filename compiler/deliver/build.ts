import type { Certificate } from '../certify/certificate.js';
import type { Goal } from '../code/cost/goal.js';
import type { BuildEngine } from '../code/engines/build-engine.js';
import { type Compressor, compressModel } from '../compress/compress.js';
import { EFFORTS, type Effort, type Method } from '../compress/compress-options.js';
import type { PinnEdgeError } from '../diagnostics.js';
import type { Precision } from '../formats/plan.js';
import type { FitOutputs } from '../import/fit-tangents.js';
import { type RequirementLike, requirementOf } from '../judge/requirement.js';
import type { Model } from '../model/types.js';
import { compile } from '../pipeline/compile.js';
import type { CompiledModel, StageResult } from '../pipeline/compiled-model.js';
import { LARGEST_KERNELS, SHALLOW_KERNELS } from '../table/layout/interpreter.js';
import { type ProofAttempt, type ProofSettings, provedCompile } from './certified-build.js';
import { type Choice, isTooLarge, withNearestFit } from './nearest-fit.js';
import { type PackagedBuild, packageBuild } from './package/build-files.js';
import { CERTIFICATE_FILE } from './package/certificate-file.js';
import type { Target } from './package/target.js';
import { engineFor } from './package/target-engine.js';
import { pageOfPackage } from './report/page-build.js';
import { REPORT_PAGE, reportPage } from './report/report-page.js';

/** From a model to all files of a build for a target: what the command `build` does. */

/** What a build can be asked for; what is not said is as in {@link BUILD_DEFAULTS}. */
export interface BuildSettings {
  /** Default: the model's, else 1e-3 of the largest value of each output. */
  tolerance?: RequirementLike;
  precision: Precision;
  /** Default: wasm3, or c where the target has no room for it. */
  engine?: BuildEngine;
  compress: Method | 'none';
  /** Default: speed where that fits the target, else size. */
  goal?: Goal;
  effort: Effort;
  /** Of the model, in its image; devices refuse lower ones. */
  modelVersion?: number;
  /** What the model's names in C begin with. */
  name?: string;
  /** What fits need, where the model has their tangents among its outputs: see `withTangents`. */
  fit?: FitOutputs;
  /** Of a step model: networks are refined on trajectories of so many steps, too. */
  trajectorySteps?: number;
  /** Finer formats until the tolerance is proved at every point. */
  certify?: boolean;
}

export const BUILD_DEFAULTS = {
  target: 'esp32',
  precision: 'auto',
  compress: 'auto',
  effort: 'quick',
} as const satisfies BuildSettings & { target: string };

/** Who watches a build, and how networks are made smaller in it. */
export interface BuildWatch {
  /** Name of the model's file, for messages. */
  file?: string;
  onStage?: (stage: StageResult) => void;
  onProof?: (attempt: ProofAttempt) => void;
  /** Called where a build for speed does not fit, before one for size is made. */
  onTooLarge?: (reason: PinnEdgeError) => void;
  /** Called with an option before it is tried, where a build does not fit. */
  onTry?: (option: string) => void;
  /** Asked once, whatever is built of its answer. */
  compressor?: Compressor;
}

export interface BuiltModel extends PackagedBuild {
  compiled: CompiledModel;
  certificate?: Certificate;
}

/**
 * Compiles a model for a target and packs what the device and its makers need; `writeBuild` writes the files.
 *
 * @throws PinnEdgeError: as `compile`; PE9203 for an engine that the target has no room for; PE4002 where no goal fits the target, with an option that was tried and does; PE4205 where the tolerance cannot be proved
 */
export async function buildForTarget(
  model: Model,
  target: Target,
  settings: Partial<BuildSettings> = {},
  watch: BuildWatch = {},
): Promise<BuiltModel> {
  const {
    tolerance,
    precision,
    engine: asked,
    compress,
    goal,
    effort,
    trajectorySteps,
    ...wishes
  } = { ...BUILD_DEFAULTS, ...settings };
  const engine = engineFor(target, asked);
  const compressWith = once(watch.compressor ?? compressModel);
  // Without a wish the smallest network is looked for: it is small for either goal, and one search does for both.
  const smaller = goal === 'speed' ? 'speed' : 'size';
  const make = (choice: Choice, proof: ProofSettings = {}) =>
    compile(model, {
      ...choice,
      isa: target.isa,
      precision,
      kernels: target.tailCalls ? LARGEST_KERNELS : SHALLOW_KERNELS,
      compress:
        compress === 'none'
          ? undefined
          : { method: compress, goal: smaller, maxWork: EFFORTS[effort], trajectorySteps },
      compressWith,
      file: watch.file,
      ...proof,
      onStage: watch.onStage,
    });
  const buildFor = async (chosen: Goal): Promise<BuiltModel> => {
    const choice = { engine, goal: chosen, tolerance };
    const { compiled, certificate } = wishes.certify
      ? await provedCompile((proof) => make(choice, proof), watch.onProof)
      : { compiled: await make(choice), certificate: undefined };
    const { modelVersion: version, name: prefix, fit } = wishes;
    const packaged = packageBuild(compiled, target, { version, prefix, fit });
    if (certificate) packaged.files.set(CERTIFICATE_FILE, `${JSON.stringify(certificate)}\n`);
    packaged.files.set(REPORT_PAGE, reportPage([pageOfPackage(compiled, packaged, certificate)]));
    return { compiled, certificate, ...packaged };
  };
  const orNearest = async (chosen: Goal): Promise<BuiltModel> => {
    try {
      return await buildFor(chosen);
    } catch (error) {
      if (!isTooLarge(error)) throw error;
      const fits = async (choice: Choice) => packageBuild(await make(choice), target, { fit: wishes.fit });
      const asked = { engine, goal: chosen, tolerance };
      throw await withNearestFit(error, asked, requirementOf(model, tolerance), target, fits, watch.onTry);
    }
  };
  if (goal) return orNearest(goal);
  try {
    return await buildFor('speed');
  } catch (error) {
    if (!isTooLarge(error)) throw error;
    watch.onTooLarge?.(error);
    return orNearest('size');
  }
}

/**
 * Makes every compression once: asked for the same again, which a build for size after one for speed does, it gives what it
 * gave, be it the best of a search that was interrupted.
 */
function once(compress: Compressor): Compressor {
  const made = new Map<string, ReturnType<Compressor>>();
  return (model, graph, allowances, options) => {
    const key = JSON.stringify([allowances, options]);
    const result = made.get(key) ?? compress(model, graph, allowances, options);
    made.set(key, result);
    return result;
  };
}
