import type { BuiltModel } from '../deliver/build.js';
import { builtInMemory } from '../deliver/package/store.js';
import { EXIT, PinnEdgeError } from '../diagnostics.js';
import { toleranceOf } from '../judge/requirement.js';
import type { Model } from '../model/types.js';
import { defaultEngine } from '../run/simulate.js';
import { verifySteps } from '../run/steps/verify-steps.js';
import type { BuildOptions } from './build-model.js';
import { count, error } from './output.js';

/** Builds that keep a trajectory, not only one step: build --tol-steps. Networks are refined on trajectories, too. */

export interface Rollout {
  /** Largest distance of 99 % of the trajectories, as a share of the range of each state. */
  tolerance: number;
  steps: number;
}

/** `1e-2@100`. */
export function rolloutOption(text: string): Rollout {
  const [tolerance, steps, ...more] = text.split('@').map(Number);
  const isRight = tolerance > 0 && tolerance < 1 && Number.isInteger(steps) && steps >= 1 && steps <= 1_000_000;
  if (isRight && !more.length) return { tolerance, steps };
  const reason = `expected a share of the range and a number of steps, such as 1e-2@100, found ${text}`;
  throw new PinnEdgeError('PE3005', { option: '--tol-steps', reason });
}

/** @throws PE3005 for a model that has no state */
export function requireState({ state, name }: Model): void {
  if (state) return;
  const reason = `"${name}" is no step model: say with --state, or in its file, which outputs are next values`;
  throw new PinnEdgeError('PE3005', { option: '--tol-steps', reason });
}

const MOST_ATTEMPTS = 4;
/** Aimed at below the tolerance, since distances do not quite go with the error of one step. */
const AIM = 0.7;
const LEAST_FACTOR = 0.1;

/**
 * Builds, looks at trajectories, and builds again with a tighter tolerance of the next states until they keep what is asked for.
 * @throws PE5112 where they do not
 */
export async function buildWithin(
  { tolerance, steps }: Rollout,
  wishes: BuildOptions,
  build: (wishes: BuildOptions) => Promise<BuiltModel>,
  say: (text: string) => void,
): Promise<BuiltModel> {
  let now: BuildOptions = { ...wishes, trajectorySteps: steps };
  for (let attempt = 1; ; attempt++) {
    const built = await build(now);
    const loaded = builtInMemory(built.compiled, built);
    const { pass, distances } = await verifySteps(loaded, defaultEngine(loaded), { steps, tolerance });
    const { most, inside } = distances.at(-1)!;
    say(`  steps     ${error(most)} of ${tolerance} within ${count(steps)} steps, for 99 % of the trajectories\n`);
    if (pass) return built;
    if (!inside || attempt === MOST_ATTEMPTS) {
      const reason = inside ? `the best of ${attempt} builds reaches ${error(most)}` : 'no trajectory stays in the box';
      throw new PinnEdgeError('PE5112', { tolerance, steps, reason }, EXIT.badInput);
    }
    now = tightened(built, now, Math.max(LEAST_FACTOR, (AIM * tolerance) / most));
    say('\n  so the next states are built with a tighter tolerance\n\n');
  }
}

/** The same wishes with the tolerances of the next states times `factor`. */
function tightened({ report }: BuiltModel, wishes: BuildOptions, factor: number): BuildOptions {
  const relative = { ...wishes.tol?.outputs };
  const absolute = { ...wishes.tolAbs?.outputs };
  for (const { output } of report.state ?? []) {
    const held = toleranceOf(report.tolerance, output);
    if ('relative' in held) relative[output] = factor * held.relative;
    else absolute[output] = factor * held.absolute;
  }
  const isNamed = (outputs: object) => Object.keys(outputs).length > 0;
  return {
    ...wishes,
    tol: wishes.tol || isNamed(relative) ? { ...wishes.tol, outputs: relative } : undefined,
    tolAbs: wishes.tolAbs || isNamed(absolute) ? { ...wishes.tolAbs, outputs: absolute } : undefined,
  };
}
