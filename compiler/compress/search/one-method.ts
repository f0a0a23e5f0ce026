import type { Goal } from '../../code/cost/goal.js';
import { withoutFactors } from '../../ir/blocks.js';
import { modelParameterCount } from '../../ir/parameters.js';
import { foldGraph } from '../../ir/simplify.js';
import type { IrGraph } from '../../ir/types.js';
import { roundWeights } from '../comparisons/round-weights.js';
import { bytesBesides, costOf, weightBytes } from '../graph-cost.js';
import { roundWithPeaks } from '../matrices/precision.js';
import { balanced } from '../refine/balance.js';
import type { Checkpoint } from '../refine/refine.js';
import { PEAK, refineAny, refineWithin } from '../refine/refine-within.js';
import type { SearchPoints } from '../teacher/search-points.js';
import { shareOf, type Teacher } from '../teacher/teacher.js';
import { climb } from '../teacher/worst-points.js';
import { type Candidate, type Family, type FamilyMethod, type FamilyOptions, familyOf } from './families.js';

/**
 * Single methods. The largest setting of a family (families.ts) that keeps the tolerance is found by bisection, without
 * refinement first, and then, from there on, with it: each attempt halves what is left of the way to the largest setting, so
 * a few of them are enough for any method. `int8` and `int16` have no setting.
 */

export type SingleMethod = FamilyMethod | 'int8' | 'int16';

/** The search that takes neurons out one by one (prune-search.ts), among the names of {@link Attempt.by}. */
export const STEP_BY_STEP = 'prune step by step';

export interface Attempt {
  /** The method or search that made the network, one after another where there are several: what attempts are grouped by. */
  by: string;
  /** For people. */
  what: string;
  parameters: number;
  /** Weight bytes as the method stores them. */
  bytes: number;
  /** Bytes of records and function tables that a build has besides, about. */
  besides?: number;
  /** What the search makes small: bytes with records, or multiply-adds. */
  cost: number;
  /** Share of the tolerance on points that refinement did not see. */
  error: number;
  /** Largest error over the largest output, where a budget stands in place of a tolerance. */
  relativeError?: number;
  /** Whether the weights that are left were refined. */
  refined: boolean;
  /** Whether it keeps the share of the tolerance that may be spent. */
  within: boolean;
  /** Whether the search takes it: within the share, and less than what it had. */
  kept: boolean;
  /** Of a search over all methods: multiply-adds of refinement that it has taken, and that it may still take. */
  work?: { done: number; left: number };
}

export interface SingleOptions extends FamilyOptions {
  /** Share of the tolerance that may be spent. */
  share: number;
  goal: Goal;
  /** Round the weights of the result to the least precision per matrix that keeps the share. */
  round: boolean;
  /** Refine the weights that are left. */
  refine: boolean;
  /** Multiply-adds of refinement at most. */
  maxWork: number;
  /** Told of multiply-adds that were taken. */
  onWork?: (taken: number) => void;
  /** Only networks that measure less than this are of interest: bytes with records and tables, or multiply-adds. */
  beat?: number;
  onAttempt?: (attempt: Attempt) => void;
  checkpoint?: Checkpoint;
}

export interface Found extends Partial<Candidate> {
  bytes?: number;
  attempts: Attempt[];
  /** True where refinement made the network. */
  refined?: boolean;
  /** The network before its weights were rounded. */
  unrounded?: IrGraph;
}

const STEPS = 100;
/** Part of the share that refinement leaves to the rounding of weights after it. */
const FOR_ROUNDING = 0.08;
const BISECTIONS = 10;
const REFINED_TRIES = 3;
/** Part of the bytes that is taken off a refined network at first, and the least that is worth another try. */
const FIRST_CUT = 0.24;
const LAST_CUT = 0.05;

export async function runSingle(
  method: SingleMethod,
  teacher: Teacher,
  graph: IrGraph,
  points: SearchPoints,
  options: SingleOptions,
): Promise<Found> {
  const run = new Run(method, teacher, points, options);
  if (method === 'int8' || method === 'int16') {
    const bits = method === 'int8' ? 8 : 16;
    const rounded = roundWeights(graph, bits);
    const bytes = weightBytes(rounded, bits);
    const kept = run.record(`${bits} bit`, { from: graph, graph: rounded }, bytes);
    return { ...run.found(), bytes: kept ? bytes : undefined };
  }
  const family = familyOf(method, teacher, graph, options);
  if (family) await run.search(family, (from) => familyOf(method, teacher, from, options));
  const found = run.found();
  if (!family || !found.graph) return found;
  const rounded = options.round ? roundWithPeaks(teacher, found.graph, run.points.unseen, options.share) : undefined;
  const stored = rounded ?? found.graph;
  return {
    ...found,
    unrounded: found.graph,
    graph: stored,
    bytes: family.bytesOf(stored, options.round && !rounded ? 32 : undefined),
  };
}

class Run {
  private readonly attempts: Attempt[] = [];
  private best?: Candidate & { refined: boolean };
  /** Whether refinement kept the tolerance, by the bytes of the network. */
  private readonly outcomes = new Map<number, boolean>();
  private work = 0;
  private stopped = false;

  constructor(
    private readonly method: SingleMethod,
    private readonly teacher: Teacher,
    public points: SearchPoints,
    private readonly options: SingleOptions,
  ) {}

  private spend(work: number): void {
    this.work += work;
    this.options.onWork?.(work);
  }

  found(): Found {
    return { ...this.best, attempts: this.attempts };
  }

  /** @param again the family of a network that the search has found */
  async search(family: Family, again: (graph: IrGraph) => Family | undefined): Promise<void> {
    const [smallest, largest] = family.settings.map(Math.log);
    if (!this.wins(family, family.apply(Math.exp(largest)).graph)) return;
    let low = await this.unrefined(family, smallest, largest);
    let high = largest;
    for (let n = 0; this.options.refine && n < REFINED_TRIES && !this.exhausted(); n++) {
      const middle = (low + high) / 2;
      if (await this.refined(family, middle)) low = middle;
      else high = middle;
    }
    if (this.best?.refined) await this.cutFurther(again);
  }

  /** Takes more off the best network and refines what is left: less at a time after every failure. */
  private async cutFurther(again: (graph: IrGraph) => Family | undefined): Promise<void> {
    for (let cut = FIRST_CUT; cut > LAST_CUT && !this.exhausted(); ) {
      const family = again(withoutFactors(this.best!.graph));
      if (!family) return;
      const setting = settingFor(family, (1 - cut) * family.bytesOf(this.best!.graph, 16));
      const before = this.best;
      if (setting !== undefined) await this.refined(family, setting);
      if (this.best === before) cut /= 2;
    }
  }

  private wins(family: Family, graph: IrGraph): boolean {
    const { beat = Number.POSITIVE_INFINITY, goal } = this.options;
    return (goal !== 'speed' ? family.bytesOf(graph, 8) + bytesBesides(graph) : costOf(graph, goal)) < beat;
  }

  /** @returns whether the network keeps the tolerance */
  record(what: string, candidate: Candidate, bytes: number, refined = false): boolean {
    const { teacher, points, options } = this;
    const { graph } = candidate;
    let error = shareOf(teacher, graph, points.unseen);
    if (refined && error <= options.share) error = Math.max(error, climb(teacher, graph, points.starts).error / PEAK);
    const kept = error <= options.share;
    if (kept) {
      this.best = { ...candidate, refined };
      this.outcomes.set(bytes, true);
    }
    const cost = costOf(graph, options.goal);
    const parameters = modelParameterCount(graph);
    const besides = bytesBesides(graph);
    const attempt = { by: this.method, what, parameters, bytes, besides, cost, error, refined, within: kept, kept };
    this.attempts.push(attempt);
    options.onAttempt?.(attempt);
    return kept;
  }

  private exhausted(): boolean {
    return this.stopped || this.work > this.options.maxWork;
  }

  private checkpoint = async (): Promise<boolean> => {
    this.stopped ||= (await this.options.checkpoint?.()) ?? false;
    return this.stopped;
  };

  /** The largest setting that keeps the tolerance as it is; settings are logarithms. */
  private async unrefined(family: Family, smallest: number, largest: number): Promise<number> {
    let [low, high] = [smallest, largest];
    for (let n = 0; n < BISECTIONS && !(await this.checkpoint()); n++) {
      const middle = (low + high) / 2;
      const setting = Math.exp(middle);
      const candidate = family.apply(setting);
      const what = `${family.what} ${setting.toPrecision(2)}`;
      if (this.record(what, candidate, family.bytesOf(candidate.graph))) low = middle;
      else high = middle;
    }
    return low;
  }

  /**
   * Refines the network of a setting. One that would not win even so counts as a success: what a search without `beat`
   * looks at after that is larger still, and what it looks at after a success is looked at.
   */
  private async refined(family: Family, at: number): Promise<boolean> {
    const { teacher, options, checkpoint } = this;
    const setting = Math.exp(at);
    let start = family.apply(setting);
    const bytes = family.bytesOf(start.graph);
    if (!this.wins(family, start.graph)) return true;
    // Settings between two ranks give the same network.
    const known = this.outcomes.get(bytes);
    if (known !== undefined && !this.best?.refined) return known;
    const limit = options.round ? (1 - FOR_ROUNDING) * options.share : options.share;
    const settings = { target: limit, maxSteps: STEPS, checkpoint, keepZeros: family.keepZeros };
    if (family.regularised) {
      start = await family.regularised(setting, async (graph) => {
        const { blockRank, share } = options;
        const first = await refineAny(teacher, graph, this.points.pool, { ...settings, target: share / 4, blockRank });
        this.spend(first.work);
        return foldGraph(family.stored?.(first.graph) ?? first.graph);
      });
    }
    const within = await refineWithin(teacher, start.graph, this.points, limit, settings);
    this.points = within.points;
    this.spend(within.work);
    const even = balanced(teacher, within.graph);
    const stored = family.stored?.(even) ?? even;
    const what = `${family.what} ${setting.toPrecision(2)}${family.regularised ? ', blocks regularised' : ''}, refined`;
    const kept = this.record(what, { ...start, graph: stored }, family.bytesOf(stored), true);
    this.outcomes.set(bytes, kept);
    return kept;
  }
}

/** The smallest setting, as a logarithm, whose network takes at most so many bytes in 16 bits; undefined where none does. */
function settingFor(family: Family, bytes: number): number | undefined {
  const fits = (setting: number) => family.bytesOf(family.apply(Math.exp(setting)).graph, 16) <= bytes;
  let [low, high] = family.settings.map(Math.log);
  if (!fits(high)) return undefined;
  for (let n = 0; n < BISECTIONS; n++) {
    const middle = (low + high) / 2;
    if (fits(middle)) high = middle;
    else low = middle;
  }
  return high;
}
