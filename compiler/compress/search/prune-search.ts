import type { Goal } from '../../code/cost/goal.js';
import { modelParameterCount } from '../../ir/parameters.js';
import type { IrGraph } from '../../ir/types.js';
import { findChannels } from '../channels.js';
import { bytesBesides, costOf, weightBytes } from '../graph-cost.js';
import { analyzeChannels, type PruneAnalysis, pruneTo, rankAt } from '../neurons/prune.js';
import type { Checkpoint } from '../refine/refine.js';
import { refineWithin } from '../refine/refine-within.js';
import { type Attempt, STEP_BY_STEP } from '../search/one-method.js';
import { type SearchPoints, searchPoints } from '../teacher/search-points.js';
import type { Teacher } from '../teacher/teacher.js';

/**
 * Search for the cheapest network that keeps its share of the tolerance: prune to a width, refine, and see.
 *
 * 1. One width for all layers grows from very small until refinement reaches the tolerance; small networks are quick to
 *    refine, so the failures on the way cost little. Widths that the errors so far say will fail are left out.
 * 2. From there neurons are taken out where that saves most, a tenth of them at first and single ones in the end, each
 *    time refined from where the last success stood, until no layer can spare one.
 *
 * Work is counted in multiply-adds, not seconds, so that equal seeds give equal results on every machine.
 */

export interface SearchOptions {
  /** A network to refine to the last step in place of pruned ones of growing width, and what its attempts are called. */
  start?: { graph: IrGraph; points: SearchPoints; by: string; what: string };
  /** Only networks that measure less than this are of interest: bytes with records and tables, or multiply-adds for speed. */
  beat?: number;
  /** Share of the tolerance that may be spent. */
  target: number;
  goal: Goal;
  /** Multiply-adds of refinement at most. */
  maxWork: number;
  /** Told of multiply-adds that were taken. */
  onWork?: (taken: number) => void;
  onAttempt?: (attempt: Attempt) => void;
  /** Awaited now and then: true ends the search with the best so far. */
  checkpoint?: Checkpoint;
}

export interface SearchResult {
  /** The cheapest graph that keeps the target, if one was found. */
  graph?: IrGraph;
  /** The most accurate attempt, whether or not it keeps the target. */
  closest?: { graph: IrGraph; error: number };
  error: number;
  attempts: Attempt[];
}

const WIDTHS = [2, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96] as const;
/**
 * Steps of a refinement, of a network that was pruned just now and of one that misses a few neurons. Root mean squares of
 * derivatives, small beside the peaks that tolerances are relative to, fall slowly and for long.
 */
const STEPS = { cold: 200, warm: 80 } as const;
const DERIVED_STEPS = { cold: 600, warm: 160 } as const;
/** Beyond its numerical rank at this error, a layer's neurons say nothing new. */
const RANK_ERROR = 1e-5;
/** Part of the search's work that the first success may use. */
const FIRST_PHASE = 0.7;
/** Share of the target that the last refinement aims at. */
const POLISHED = 0.3;
const POLISH_STEPS = 60;
/** A width whose predicted error is this many times the target is not tried. */
const HOPELESS = 3;
/** Share of the neurons that is taken out at a time at first. */
const FIRST_CUT = 0.1;
/** A layer that could not spare a neuron this often is left alone. */
const REFUSALS = 2;

export async function searchPruned(teacher: Teacher, graph: IrGraph, options: SearchOptions): Promise<SearchResult> {
  return new Search(teacher, graph, options).run();
}

class Search {
  private points: SearchPoints;
  private readonly attempts: Attempt[] = [];
  private work = 0;
  private stopped = false;
  private readonly steps: { cold: number; warm: number };
  private best?: { graph: IrGraph; error: number; cost: number };
  private closest?: { graph: IrGraph; error: number };

  constructor(
    private readonly teacher: Teacher,
    private readonly original: IrGraph,
    private readonly options: SearchOptions,
  ) {
    this.points = options.start?.points ?? searchPoints(teacher);
    this.steps = teacher.values ? DERIVED_STEPS : STEPS;
  }

  async run(): Promise<SearchResult> {
    const { start } = this.options;
    if (start && (await this.attempt(start.graph, start.what, this.steps.cold))) {
      await this.takeNeurons();
      await this.polish();
    }
    if (!start) await this.searchWidths();
    const { best, closest, attempts } = this;
    return { graph: best?.graph, closest, error: best?.error ?? closest?.error ?? Number.POSITIVE_INFINITY, attempts };
  }

  private async searchWidths(): Promise<void> {
    const analysis = analyzeChannels(this.teacher, this.original);
    if (analysis.groups.length) {
      await this.growWidth(analysis);
      if (this.best) {
        await this.takeNeurons();
        await this.polish();
      }
    }
  }

  private async growWidth(analysis: PruneAnalysis): Promise<void> {
    const ranks = analysis.groups.map((group) => rankAt(group, RANK_ERROR));
    const widest = Math.max(...ranks);
    const limit = costOf(this.original, this.options.goal);
    const failed: { width: number; error: number }[] = [];
    const widths = [...WIDTHS.filter((w) => w < widest), widest];
    const trial = (width: number) =>
      pruneTo(
        this.teacher,
        analysis,
        ranks.map((rank) => Math.min(rank, width)),
      );
    for (let k = 0; k < widths.length; k++) {
      const width = widths[k];
      const predicted = predictError(failed, width);
      if (predicted > HOPELESS * this.options.target && k + 1 < widths.length) continue;
      const pruned = trial(width);
      if (costOf(pruned, this.options.goal) >= limit || this.isBeaten(pruned) || this.exhausted(FIRST_PHASE)) return;
      if (!(await this.attempt(pruned, `width ${width}`, this.steps.cold))) {
        failed.push({ width, error: this.attempts.at(-1)!.error });
        continue;
      }
      const between = Math.ceil(((failed.at(-1)?.width ?? 0) + width) / 2);
      if (between < width && !this.exhausted(FIRST_PHASE)) {
        await this.attempt(trial(between), `width ${between}`, this.steps.cold);
      }
      return;
    }
  }

  /** Takes neurons out of the layers where they cost most, fewer at a time after every refusal, until all have refused. */
  private async takeNeurons(): Promise<void> {
    const neurons = () => findChannels(this.best!.graph).groups.reduce((n, { channels }) => n + channels.length, 0);
    let cut = Math.floor(neurons() * FIRST_CUT);
    const refusals = new Map<string, number>();
    while (!this.exhausted(1)) {
      const analysis = analyzeChannels(this.teacher, this.best!.graph);
      const choice = cheapestCut(analysis, refusals, Math.max(1, cut));
      if (!choice) return;
      const pruned = pruneTo(this.teacher, analysis, choice.widths);
      if (await this.attempt(pruned, choice.what, this.steps.warm)) continue;
      if (cut > 1) cut >>= 1;
      else refusals.set(choice.name, (refusals.get(choice.name) ?? 0) + 1);
    }
  }

  /** Refines the result as far as it goes in a few steps: what is left of the tolerance makes formats and tables cheaper. */
  private async polish(): Promise<void> {
    const { best, options } = this;
    if (!best || this.stopped) return;
    const target = POLISHED * options.target;
    await this.attempt(best.graph, 'polish', POLISH_STEPS, target);
  }

  /** Neurons that are taken out later, and narrower weights, halve the bytes at best. */
  private isBeaten(graph: IrGraph): boolean {
    const { beat = Number.POSITIVE_INFINITY, goal } = this.options;
    return goal === 'speed'
      ? costOf(graph, goal) >= 2 * beat
      : weightBytes(graph, 16) >= 2 * (beat - bytesBesides(graph));
  }

  private exhausted(share: number): boolean {
    return this.work > share * this.options.maxWork || this.stopped;
  }

  private async attempt(
    pruned: IrGraph,
    what: string,
    maxSteps: number,
    target = this.options.target,
  ): Promise<boolean> {
    const { teacher, options } = this;
    const checkpoint = async () => {
      this.stopped ||= (await options.checkpoint?.()) ?? false;
      return this.stopped;
    };
    const patient = what === options.start?.what;
    const settings = { target, maxSteps, checkpoint, patient, derived: teacher.values !== undefined };
    const refined = await refineWithin(teacher, pruned, this.points, options.target, settings);
    this.work += refined.work;
    options.onWork?.(refined.work);
    this.points = refined.points;
    const cost = costOf(refined.graph, options.goal);
    const worst = Math.max(refined.unseen, refined.error);
    const cheaper = cost < (this.best?.cost ?? costOf(this.original, options.goal));
    const better = cost === this.best?.cost && worst < this.best.error;
    const bytes = weightBytes(refined.graph, 16);
    const within = worst <= options.target;
    const parameters = modelParameterCount(refined.graph);
    const made = { by: options.start?.by ?? STEP_BY_STEP, what, parameters, refined: true };
    const besides = bytesBesides(refined.graph);
    const attempt = { ...made, bytes, besides, cost, error: worst, within, kept: within && (cheaper || better) };
    if (attempt.kept) this.best = { graph: refined.graph, error: worst, cost };
    if (!this.closest || worst < this.closest.error) this.closest = { graph: refined.graph, error: worst };
    this.attempts.push(attempt);
    options.onAttempt?.(attempt);
    return attempt.kept;
  }
}

/** What the errors of two narrower networks lead to expect, on logarithmic scales; 0 where nothing does. */
function predictError(failed: readonly { width: number; error: number }[], width: number): number {
  const [a, b] = failed.slice(-2);
  if (!b || !(a.error > b.error) || !Number.isFinite(a.error)) return 0;
  const slope = Math.log(b.error / a.error) / Math.log(b.width / a.width);
  // Errors fall faster than any power of the width, so this is a cautious guess.
  return b.error * (width / b.width) ** slope;
}

/**
 * The `count` neurons to take next: from layers that have refused least, and there where it saves most.
 * @returns widths to keep; `name` is the layer of the first
 */
function cheapestCut(
  { groups }: PruneAnalysis,
  refusals: ReadonlyMap<string, number>,
  count: number,
): { name: string; what: string; widths: number[] } | undefined {
  const widths = groups.map(({ channels }) => channels.length);
  let first: number | undefined;
  for (let n = 0; n < count; n++) {
    const rated = groups.flatMap(({ name, channels, remaining }, g) => {
      const refused = refusals.get(name) ?? 0;
      if (refused >= REFUSALS || widths[g] <= 1) return [];
      const [{ rows, columns }] = channels;
      const saving =
        rows.reduce((sum, { node }) => sum + node.x.width, 0) + columns.reduce((sum, { node }) => sum + node.width, 0);
      // How little the others miss the neuron decides between layers of nearly equal width.
      const score = ((saving / (1e-3 + remaining[widths[g] - 2]) ** 0.25) * widths[g]) / channels.length;
      return [{ g, refused, score }];
    });
    rated.sort((a, b) => a.refused - b.refused || b.score - a.score);
    if (!rated.length) break;
    first ??= rated[0].g;
    widths[rated[0].g]--;
  }
  if (first === undefined) return undefined;
  const { name } = groups[first];
  return { name, what: count > 1 ? `${count} neurons less` : `${name} -1`, widths };
}
