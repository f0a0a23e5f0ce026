import type { Certificate } from '../certify/certificate.js';
import type { Goal } from '../code/cost/goal.js';
import type { BuildEngine } from '../code/engines/build-engine.js';
import { type Compressor, EFFORTS, type Effort, type Method } from '../compress/compress.js';
import { type PackagedBuild, packageBuild } from '../deliver/package/build-files.js';
import type { Target } from '../deliver/package/target.js';
import { PinnEdgeError } from '../diagnostics.js';
import type { Precision } from '../formats/plan.js';
import { type Model, parameterCount } from '../model/types.js';
import { type CompiledModel, compile, type StageResult } from '../pipeline/compile.js';
import { LARGEST_KERNELS, SHALLOW_KERNELS } from '../table/layout/interpreter.js';
import { CERTIFICATE_FILE } from './certificate.js';
import { certifiedWithin } from './certified-build.js';
import { compressionSession, once } from './compress-session.js';
import { requestedTolerance, type ToleranceOption } from './options.js';
import { count, error } from './output.js';

/** What `build` can be asked for, and what it does unless it is; `verify` builds model files in the same way. */
export interface BuildSettings {
  tol?: ToleranceOption | number;
  tolAbs?: ToleranceOption | number;
  precision: Precision;
  engine: BuildEngine;
  compress: Method | 'none';
  /** Default: speed where that fits the target, else size. */
  for?: Goal;
  effort: Effort;
  modelVersion?: number;
  /** What the model's names in C begin with. */
  name?: string;
  /** Finer formats until the tolerance is proved at every point. */
  certify?: boolean;
  cache: boolean;
}

export const BUILD_DEFAULTS = {
  target: 'esp32',
  precision: 'auto',
  engine: 'wasm3',
  compress: 'auto',
  effort: 'quick',
  cache: true,
} as const satisfies BuildSettings & { target: string };

export interface BuiltModel extends PackagedBuild {
  compiled: CompiledModel;
  certificate?: Certificate;
}

/**
 * Compiles a model for a target and says so, stage by stage.
 * @param file name of the model's file, for messages
 * @param say takes what is to be printed
 * @param compressor makes the network smaller: asked once, whatever is built of it
 */
export async function buildModel(
  model: Model,
  target: Target,
  settings: BuildSettings,
  file: string,
  say: (text: string) => void,
  compressor: Compressor = compressionSession({ cache: settings.cache }),
): Promise<BuiltModel> {
  const inputs = `${model.inputs.length} input${model.inputs.length > 1 ? 's' : ''}`;
  const outputs = `${model.outputs.length} output${model.outputs.length > 1 ? 's' : ''}`;
  say(
    `${model.name}: ${inputs}, ${outputs}, ${count(parameterCount(model))} parameters -> ${target.name} (${settings.engine})\n\n`,
  );
  const { compress, effort } = settings;
  const compressWith = once(compressor);
  // Without a wish the smallest network is looked for: it is small for either goal, and one search does for both.
  const purpose = settings.for === 'speed' ? 'speed' : 'size';
  const makeFor = (goal: Goal, formatBudget?: number) =>
    compile(model, {
      isa: target.isa,
      tolerance: requestedTolerance(settings),
      precision: settings.precision,
      engine: settings.engine,
      goal,
      kernels: target.tailCalls ? LARGEST_KERNELS : SHALLOW_KERNELS,
      compress: compress === 'none' ? undefined : { method: compress, purpose, maxWork: EFFORTS[effort] },
      compressWith,
      file,
      formatBudget,
      onStage: (stage) => say(stageLine(stage)),
    });
  const buildFor = async (goal: Goal) => {
    const make = (budget?: number) => makeFor(goal, budget);
    const { compiled, certificate } = settings.certify
      ? await certifiedWithin(make, say)
      : { compiled: await make(), certificate: undefined };
    const packaged = packageBuild(compiled, target, { version: settings.modelVersion, prefix: settings.name });
    if (certificate) packaged.files.set(CERTIFICATE_FILE, `${JSON.stringify(certificate)}\n`);
    return { compiled, certificate, ...packaged };
  };
  return settings.for ? buildFor(settings.for) : fastestThatFits(buildFor, say);
}

/** For speed; where that does not fit the target, for size, with the reason. */
async function fastestThatFits<T>(buildFor: (goal: Goal) => Promise<T>, say: (text: string) => void): Promise<T> {
  try {
    return await buildFor('speed');
  } catch (error) {
    if (!(error instanceof PinnEdgeError) || error.code !== 'PE4002') throw error;
    say(`\n  for speed it does not fit: ${error.message}\n  so it is built for size\n\n`);
    return buildFor('size');
  }
}

function stageLine({ stage, detail, error: spent, seconds }: StageResult): string {
  const figure = spent === undefined ? '' : error(spent);
  return `  ${stage.padEnd(10)}${detail.padEnd(46)} ${figure.padStart(8)} ${`${seconds.toFixed(1)} s`.padStart(8)}\n`;
}
