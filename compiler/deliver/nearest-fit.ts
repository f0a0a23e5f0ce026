import type { Goal } from '../code/cost/goal.js';
import type { BuildEngine } from '../code/engines/build-engine.js';
import { PinnEdgeError } from '../diagnostics.js';
import type { Requirement, RequirementLike } from '../judge/requirement.js';
import { optionOf } from '../judge/requirement.js';
import type { Target } from './package/target.js';

/** What else would fit a target that a build does not fit: found by building it. */

/** What a build is made by, of what can be changed to make it fit. */
export interface Choice {
  engine: BuildEngine;
  goal: Goal;
  tolerance?: RequirementLike;
}

/** How much looser a tolerance is that is tried last. */
const LOOSER = 10;

/** What is not enough, and of what; as packageBuild says it. */
type Refusal = PinnEdgeError & { code: 'PE4002' };

export function isTooLarge(error: unknown): error is Refusal {
  return error instanceof PinnEdgeError && error.code === 'PE4002';
}

/** Other choices, by the options that ask for them, in the order in which they change least. */
function otherChoices(asked: Choice, requirement: Requirement, target: Target, isFlash: boolean): [string, Choice][] {
  const goals: Goal[] = asked.engine === 'c' ? ['size'] : ['size', 'memory'];
  const engines: BuildEngine[] = target.wasm3 ? ['wasm3+native', 'c'] : ['c'];
  return [
    ...goals
      .filter((goal) => goal !== asked.goal)
      .map((goal): [string, Choice] => [`--for ${goal}`, { ...asked, goal }]),
    // The weights in flash are about the same for all engines.
    ...engines
      .filter((engine) => engine !== asked.engine && !isFlash)
      .map((engine): [string, Choice] => [`--engine ${engine}`, { ...asked, engine }]),
    ...looser(asked, requirement),
  ];
}

function looser(asked: Choice, { all, outputs }: Requirement): [string, Choice][] {
  if (outputs) return [];
  const { option, value } = optionOf(all);
  const loose = Number((LOOSER * value).toPrecision(2));
  const tolerance = option === '--tol' ? { relative: loose } : { absolute: loose };
  return [[`${option} ${loose}`, { ...asked, tolerance }]];
}

/**
 * The refusal with the first choice that fits in its advice, or with those that do not.
 *
 * @param asked what does not fit
 * @param fits makes a build, and throws where it does not fit or cannot be made
 * @param say what is tried
 */
export async function withNearestFit(
  refusal: Refusal,
  asked: Choice,
  requirement: Requirement,
  target: Target,
  fits: (choice: Choice) => Promise<unknown>,
  say: (option: string) => void = () => {},
): Promise<PinnEdgeError> {
  const { advice, what, have } = refusal.values;
  const isFlash = Number(have) === target.flashBytes && String(what).includes('flash');
  const tried: string[] = [];
  for (const [option, choice] of otherChoices(asked, requirement, target, isFlash)) {
    say(option);
    try {
      await fits(choice);
    } catch (error) {
      if (!(error instanceof PinnEdgeError)) throw error;
      tried.push(option);
      continue;
    }
    return new PinnEdgeError('PE4002', { ...refusal.values, advice: `with ${option} it fits, that was tried` });
  }
  const note = tried.length ? `; tried without success: ${tried.join(', ')}` : '';
  return new PinnEdgeError('PE4002', { ...refusal.values, advice: `${advice}${note}` });
}
