/** The library behind the commands: `import { compile, simulate, verify } from 'pinn-edge'`. */

import { nodeFiles } from './host/node-files.js';
import { loadModel as loadModelWith } from './model/load.js';
import type { Model } from './model/types.js';

/** Reads and validates a `pinn-edge/1` model file. */
export function loadModel(file: string): Model {
  return loadModelWith(file, nodeFiles);
}

export { DeviceClient, type DeviceInfo } from './device/client.js';
export { openTransport, type Transport } from './device/transport.js';
export { sendImage, type UpdateFigures } from './device/update.js';
export { EXIT, PinnEdgeError } from './diagnostics.js';
export { readPrivateKey, signImage } from './image/keys.js';
export type { Requirement, RequirementLike, Tolerance } from './judge/requirement.js';
export { LARGEST_KERNELS, SHALLOW_KERNELS } from './lower/layout.js';
export type { Model } from './model/types.js';
export { type PackagedBuild, packageBuild } from './package/build-files.js';
export type { Report } from './package/report.js';
export { type LoadedBuild, loadBuild, writeBuild } from './package/store.js';
export type { Target } from './package/target.js';
export { listTargets, loadTarget } from './package/targets.js';
export { type CompiledModel, type CompileOptions, compile } from './pipeline.js';
export { evaluateReference } from './reference/evaluate.js';
export { type Simulation, simulate } from './simulate/simulate.js';
export { type VerifyOptions, type VerifyResult, verify } from './verify/verify.js';
