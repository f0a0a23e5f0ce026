/** The library behind the commands: `import { compile, simulate, verify } from 'pinn-edge'`. */

import { nodeFiles } from './host/node-files.js';
import { importModel as importModelWith } from './import/import.js';
import type { ImportOptions, ImportResult } from './import/types.js';
import { loadModel as loadModelWith } from './model/load.js';
import type { Model } from './model/types.js';

/** Reads and validates a `pinn-edge/1` model file. */
export function loadModel(file: string): Model {
  return loadModelWith(file, nodeFiles);
}

export {
  BUILD_DEFAULTS,
  type BuildSettings,
  type BuildWatch,
  type BuiltModel,
  buildForTarget,
} from './deliver/build.js';
/** Reads a trained network of any format that `pinn-edge import` knows as a model. */
export function importModel(file: string, options: ImportOptions = {}): Promise<ImportResult> {
  return importModelWith(file, nodeFiles, options);
}

export type { Certificate } from './certify/certificate.js';
export type { Certified } from './certify/certify.js';
export { type CertifiedBuild, type CertifyOptions, certify } from './certify/certify.js';
export { DeviceClient, type DeviceInfo } from './deliver/device/client.js';
export { openTransport, type Transport } from './deliver/device/transport.js';
export type { UpdateOptions } from './deliver/device/update.js';
export { sendImage, type UpdateFigures } from './deliver/device/update.js';
export { readPrivateKey, signImage } from './deliver/image/keys.js';
export type { PackageOptions } from './deliver/package/build-files.js';
export { type PackagedBuild, packageBuild } from './deliver/package/build-files.js';
export type { Report } from './deliver/package/report.js';
export { type LoadedBuild, loadBuild, writeBuild } from './deliver/package/store.js';
export type { Target } from './deliver/package/target.js';
export { listTargets, loadTarget } from './deliver/package/targets.js';
export { EXIT, PinnEdgeError } from './diagnostics.js';
export type { ImportOptions, ImportResult } from './import/types.js';
export { evaluateReference } from './judge/reference/evaluate.js';
export type { Requirement, RequirementLike, Tolerance } from './judge/requirement.js';
export type { Model } from './model/types.js';
export { compile } from './pipeline/compile.js';
export type { CompileOptions } from './pipeline/compile-options.js';
export type { CompiledModel } from './pipeline/compiled-model.js';
export { compressOnly } from './pipeline/compress-only.js';
export { type Simulation, simulate } from './run/simulate.js';
export { simulateSteps, type Trajectory } from './run/steps/trajectory.js';
export type { StepsResult, StepsWish } from './run/steps/verify-steps.js';
export { type VerifyOptions, type VerifyResult, verify } from './run/verify.js';
export { LARGEST_KERNELS, SHALLOW_KERNELS } from './table/layout/interpreter.js';
