import { trainableCount } from '../../ir/parameters.js';
import { unionRange } from '../../ir/ranges.js';
import type { OutputError } from '../../judge/errors.js';
import type { Judge } from '../../judge/measure.js';
import { sobolPoints } from '../../judge/points/sobol.js';
import type { Box } from '../../model/box.js';
import { isDerived, type Model } from '../../model/types.js';
import type { FunctionTable } from '../../table/function-table.js';
import { type LoweredModel, lower } from '../../table/lower/lower.js';
import type { QuantizedGraph } from '../../table/quantized-graph.js';
import { encodeTable, tableCrc } from '../../table/table.js';
import { type Plan, type Precision, planFormats, withTableErrors, withWeightBits } from '../plan.js';
import { type QuantizeOptions, quantize } from '../quantize.js';
import { WeightRounder } from '../weight-rounder.js';
import { type Analysis, inGraphUnits } from './analysis.js';
import { ATTEMPT_POINTS, AttemptErrors, approximateFast, shareOfErrors } from './attempt-errors.js';
import { matricesOf } from './matrix-widths.js';
import { movesOf } from './moves.js';
import { searchNoiseBudget } from './noise-budget.js';
import { costOf, degreePrices, type Preference, planRules } from './preference.js';

/**
 * Plans of formats, tried with their own integers: the noise model proposes a plan for a budget, and from there whatever
 * can be narrower alone, by measurement, becomes so.
 */

export interface Attempt {
  plan: Plan;
  quantized: QuantizedGraph;
  lowered: LoweredModel;
  tableBytes: Uint8Array;
  /** Largest error of an output divided by what is allowed for it. */
  share: number;
  /** How many of the watched points `share` knows of. */
  watched: number;
  /** What the search holds down; see {@link costOf}. */
  cost: number;
}

/** Multiply-adds of the oracle that a descent may take; larger networks are narrowed fewer times. */
const DESCENT_WORK = 4e8;
const MAX_TRIES = 14;
/** How often the error of tables is doubled at most. */
const MOST_DOUBLINGS = 8;
/** Points of an attempt, faces and corners included. */
const LOOKED_AT = 1.3 * ATTEMPT_POINTS;
/**
 * Searches leave room for largest errors between the points of an attempt. Root mean squares, which are what derivatives of
 * steep functions have to keep down, do not grow there, and count so much less.
 */
const DERIVED_MEANS = 0.8;

/** Tries plans with their own integers, each table once. */
export class Fitting {
  private readonly known = new Map<number, Attempt>();
  private readonly built = new Map<string, FunctionTable>();
  /** Points where checks found large errors, and around them. */
  private watched = new Float64Array(0);
  private readonly errors: AttemptErrors;
  private readonly rounder: WeightRounder;
  private readonly tries: number;

  constructor(
    private readonly model: Model,
    private readonly judge: Judge,
    private readonly analysis: Analysis,
    private readonly precision: Precision,
    private readonly prefer: Preference = {},
  ) {
    const { graph, box, allowances } = analysis;
    this.errors = new AttemptErrors(model, judge, analysis);
    this.rounder = new WeightRounder(graph, box, model.inputs.length, inGraphUnits(model, allowances));
    const macs = trainableCount(graph) + graph.nodes.reduce((n, node) => n + node.width, 0);
    this.tries = Math.min(MAX_TRIES, Math.floor(DESCENT_WORK / (macs * LOOKED_AT)));
  }

  /**
   * The cheapest plan whose error is within the margin, else the most accurate one: first a budget for the noise model,
   * then, from its plan and, where that has 32-bit weights, from one with wide values, whatever can be narrower alone by measurement.
   */
  cheapest(margin: number): Attempt {
    const cheapestKnown = () =>
      [...this.known.values()].sort((a, b) => a.cost - b.cost).find((attempt) => this.shareOf(attempt) <= margin);
    const descends = this.precision === 'auto' && !this.prefer.lanes;
    const known = cheapestKnown();
    if (known) {
      if (descends) this.descend(known, margin);
      return cheapestKnown()!;
    }
    const planned = searchNoiseBudget((budget) => this.planned(budget), margin);
    if (planned.share > margin || !descends) return planned;
    this.descend(planned, margin);
    if ([...planned.plan.weightBits.values()].includes(32)) {
      const wide = this.wideValues(planned.plan, margin);
      if (wide) this.descend(wide, margin);
    }
    return cheapestKnown()!;
  }

  /** The plan of the noise model for a share of the allowed error, and nothing narrowed by measurement. */
  planned(budget: number): Attempt {
    const { graph, ranges, sensitivity } = this.analysis;
    return this.attempt(planFormats(graph, ranges, sensitivity, budget, this.precision, planRules(this.prefer)));
  }

  /** One plan, quantised, lowered and measured. */
  attempt(plan: Plan, speed = this.prefer.lanes): Attempt {
    const { graph, ranges } = this.analysis;
    const options: QuantizeOptions = { built: this.built, speed, degreeBytes: degreePrices(this.prefer) };
    const rounding = this.rounder.round(quantize(graph, ranges, plan, options));
    const quantized = quantize(graph, ranges, plan, { ...options, rounding });
    const lowered = lower(quantized, this.model.inputs);
    const tableBytes = encodeTable(lowered.table);
    const identity = tableCrc(tableBytes);
    let attempt = this.known.get(identity);
    if (!attempt) {
      const errors = this.errors.of({ lowered, tableBytes });
      const even = isDerived(this.model)
        ? errors.map((error) => ({ ...error, relativeL2: DERIVED_MEANS * error.relativeL2 }))
        : errors;
      const share = shareOfErrors(even, this.analysis);
      const cost = costOf(lowered, tableBytes.length, plan, this.prefer);
      attempt = { plan, quantized, lowered, tableBytes, share, watched: 0, cost };
      this.known.set(identity, attempt);
    }
    this.shareOf(attempt);
    return attempt;
  }

  /**
   * The plan with tables that may err most, by twice as much every time: the root of that in segments less.
   * @returns nothing where tables of twice the error miss the margin
   */
  withCoarserTables(plan: Plan, margin: number, speed = this.prefer.lanes): Attempt | undefined {
    let kept: Attempt | undefined;
    for (let n = 1; n <= Math.min(this.tries, MOST_DOUBLINGS); n++) {
      const attempt = this.attempt(withTableErrors(plan, 2 ** n), speed);
      if (attempt.share > margin) break;
      kept = attempt;
    }
    return kept;
  }

  /** A search over the same graph with other ranges, which watches the same points. */
  over(analysis: Analysis): Fitting {
    const fitting = new Fitting(this.model, this.judge, analysis, this.precision, this.prefer);
    fitting.watched = this.watched;
    return fitting;
  }

  /** From now on errors are looked for where these are largest, too. */
  watch(errors: readonly OutputError[]): void {
    const around = errors.flatMap(({ worstAt }) => neighbourhood(worstAt, this.analysis.box));
    this.watched = Float64Array.from([...this.watched, ...around]);
  }

  /** The attempt's share, the watched points included. */
  shareOf(attempt: Attempt): number {
    const { model, judge, analysis, watched } = this;
    const fresh = watched.subarray(attempt.watched);
    attempt.watched = watched.length;
    if (!fresh.length) return attempt.share;
    const got = approximateFast(model, attempt)(fresh);
    const wanted = judge.nearerSide(fresh, judge.reference(fresh), got);
    got.forEach((v, i) => {
      const error = Math.abs(v - wanted[i]) / analysis.allowances[i % model.outputs.length];
      attempt.share = Math.max(attempt.share, Number.isNaN(error) ? Number.POSITIVE_INFINITY : error);
    });
    return attempt.share;
  }

  /** All values wide and as many weights narrow as that allows: the noise model widens values last. */
  private wideValues(plan: Plan, margin: number): Attempt | undefined {
    const bits = new Map([...plan.bits].map(([leaf]) => [leaf, 32 as const]));
    const weights = matricesOf(plan).sort((a, b) => a.node.weight.length - b.node.weight.length);
    let wide: Plan = { ...plan, bits, weightBits: new Map([...plan.weightBits].map(([node]) => [node, 16 as const])) };
    for (const matrix of [undefined, ...weights]) {
      if (matrix) wide = withWeightBits(wide, matrix.node.weight, 32);
      const attempt = this.attempt(wide);
      if (attempt.share <= margin) return attempt;
    }
    return undefined;
  }

  /**
   * Of more wide values than there are tries, as derivatives bring, many at once: all, else either half of them, those that
   * disturb the outputs least first.
   */
  private narrowMany(start: Attempt, margin: number): Attempt {
    const { ranges, sensitivity } = this.analysis;
    const noise = (group: Plan['groups'][number]) =>
      group.reduce((sum, leaf) => {
        const { min, max } = unionRange(ranges.get(leaf)!);
        return sum + (Math.max(Math.abs(min), Math.abs(max)) * sensitivity.noiseGain(leaf)) ** 2;
      }, 0);
    const wide = start.plan.groups.filter(([leaf]) => start.plan.bits.get(leaf) === 32);
    if (wide.length <= this.tries) return start;
    let best = start;
    const sets = [wide.map((group) => ({ group, by: noise(group) })).sort((a, b) => a.by - b.by)];
    for (let n = 0; n < this.tries && sets.length; n++) {
      const set = sets.shift()!;
      const groups = set.map(({ group }) => group);
      const attempt = this.attempt(withNarrow(best.plan, groups));
      if (attempt.share <= margin && attempt.cost < best.cost) best = attempt;
      else if (set.length > 1) sets.push(set.slice(0, set.length >> 1), set.slice(set.length >> 1));
    }
    return best;
  }

  private descend(start: Attempt, margin: number): Attempt {
    // The interpreter spends the same on values of either width; there the margin goes to weights, which bytes count.
    let best = this.prefer.native ? this.narrowMany(start, margin) : start;
    const refused = new Set<object>();
    for (let n = 0; n < this.tries; n++) {
      const [move] = movesOf(best.plan, this.prefer).filter(({ what }) => !refused.has(what));
      if (!move) break;
      const attempt = this.attempt(move.plan);
      if (attempt.share <= margin && attempt.cost < best.cost) best = attempt;
      else refused.add(move.what);
    }
    return best;
  }
}

/** The plan with narrow values. */
function withNarrow(plan: Plan, groups: Plan['groups']): Plan {
  const bits = new Map(plan.bits);
  for (const leaf of groups.flat()) bits.set(leaf, 16);
  return { ...plan, bits };
}

/** Points around one at distances of 2^-5 to 2^-16 of the box, row-major; the point itself first. */
const NEIGHBOURS = 96;

function neighbourhood(centre: readonly number[], { min, max }: Box): number[] {
  const d = centre.length;
  const unit = sobolPoints(NEIGHBOURS, d);
  const points = [...centre];
  for (let p = 0; p < NEIGHBOURS; p++) {
    const reach = 2 ** (-5 - (p % 12));
    centre.forEach((x, k) => {
      const moved = x + reach * (2 * unit[p * d + k] - 1) * (max[k] - min[k]);
      points.push(Math.min(max[k], Math.max(min[k], moved)));
    });
  }
  return points;
}
