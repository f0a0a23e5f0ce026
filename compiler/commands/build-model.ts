import type { Goal } from '../code/cost/goal.js';
import type { Compressor } from '../compress/compress.js';
import { type BuildSettings, type BuiltModel, buildForTarget } from '../deliver/build.js';
import type { Target } from '../deliver/package/target.js';
import { engineFor } from '../deliver/package/target-engine.js';
import { type Model, parameterCount } from '../model/types.js';
import type { StageResult } from '../pipeline/compiled-model.js';
import { residualTolerances } from '../run/physics.js';
import { compressionSession } from './compress-session.js';
import { requestedTolerance, type ToleranceOption } from './options.js';
import { count, error } from './output.js';
import { isLarge } from './progress-line.js';
import { STAGES, type Stage, StageClock } from './stage-clock.js';

/** The options of `build`; `verify` builds model files in the same way. */
export interface BuildOptions extends Omit<BuildSettings, 'tolerance' | 'goal'> {
  tol?: ToleranceOption;
  tolAbs?: ToleranceOption;
  for?: Goal;
  cache?: boolean;
}

type Tolerances = Pick<BuildOptions, 'tol' | 'tolAbs'>;

/**
 * Builds a model for a target and says so, stage by stage.
 * @param file name of the model's file, for messages
 * @param say takes what is to be printed
 */
export async function buildModel(
  model: Model,
  target: Target,
  { tol, tolAbs, for: goal, cache = true, ...settings }: BuildOptions,
  file: string,
  say: (text: string) => void,
  compressor: Compressor = compressionSession({ cache }),
): Promise<BuiltModel> {
  const inputs = `${model.inputs.length} input${model.inputs.length > 1 ? 's' : ''}`;
  const outputs = `${model.outputs.length} output${model.outputs.length > 1 ? 's' : ''}`;
  say(
    `${model.name}: ${inputs}, ${outputs}, ${count(parameterCount(model))} parameters -> ${target.name} (${engineFor(target, settings.engine)})\n\n`,
  );
  const tolerance = requestedTolerance(withResiduals(model, { tol, tolAbs }, say));
  const clock = new StageClock(isLarge(model));
  // A search tells of itself.
  const search: Compressor = async (...task) => {
    clock.show();
    const found = await compressor(...task);
    // Formats of what it has found.
    clock.show('quantize');
    return found;
  };
  const aside = (text: string, next?: Stage) => {
    clock.show();
    say(text);
    clock.show(next);
  };
  clock.show('ir');
  const building = buildForTarget(
    model,
    target,
    { ...settings, tolerance, goal },
    {
      file,
      compressor: search,
      onStage: (stage) => {
        const next = STAGES[STAGES.indexOf(stage.stage as Stage) + 1];
        aside(stageLine(stage), next === 'package' && settings.certify ? 'certify' : next);
      },
      onProof: ({ share, isProved, boxes }) => {
        const percent = Number.isFinite(share) ? `${Math.ceil(100 * share)} % of the tolerance` : 'nothing';
        const what = isProved ? `${percent} proved at every point` : `finer formats: these may reach ${percent}`;
        aside(`  certify   ${what}, ${count(boxes)} boxes\n`, 'certify');
      },
      onTooLarge: ({ message }) =>
        aside(`\n  for speed it does not fit: ${message}\n  so it is built for size\n\n`, 'ir'),
      onTry: (option) => aside(`\n  it does not fit; trying ${option}\n\n`, 'ir'),
    },
  );
  return building.finally(() => clock.stop());
}

/** Residuals that are sent and have no tolerance of their own get one, which is said. */
function withResiduals(model: Model, { tol, tolAbs }: Tolerances, say: (text: string) => void): Tolerances {
  const isNamed = (name: string) => [tol, tolAbs].some((option) => Object.hasOwn(option?.outputs ?? {}, name));
  const own = Object.entries(residualTolerances(model)).filter(([name]) => !isNamed(name));
  if (!own.length) return { tol, tolAbs };
  for (const [name, value] of own)
    say(`  residual  ${name} is held to ${value}, a hundredth of the largest term of its sum\n`);
  return { tol, tolAbs: { ...tolAbs, outputs: { ...Object.fromEntries(own), ...tolAbs?.outputs } } };
}

function stageLine({ stage, detail, error: spent, seconds }: StageResult): string {
  const figure = spent === undefined ? '' : error(spent);
  return `  ${stage.padEnd(10)}${detail.padEnd(46)} ${figure.padStart(8)} ${`${seconds.toFixed(1)} s`.padStart(8)}\n`;
}
