import { type Measurement, measureError, type OutputError, type PointFunction } from './accuracy/measure.js';
import type { Analysis } from './analysis.js';
import { trainableCount } from './compress/parameters.js';
import type { InterpreterPrices } from './cost/instructions.js';
import { type NativePrices, nativeInstructions } from './cost/native.js';
import { fromWords, inputWordFormats, outputWordFormats, toWords } from './engines/types.js';
import { encodeTable, tableCrc } from './format/table.js';
import type { AffineNode, BlockLeaf } from './ir/types.js';
import { dualTable } from './lower/dual.js';
import { type LoweredModel, lower } from './lower/lower.js';
import type { Model } from './model/types.js';
import { createOracle } from './oracle/oracle.js';
import { bytesPerDegree, type FunctionTable } from './quantize/function-table.js';
import {
  FEW_BYTES,
  FOR_LANES,
  type Plan,
  type PlanPreference,
  type Precision,
  planFormats,
  WIDE_VALUE_BYTES,
} from './quantize/plan.js';
import { type QuantizeOptions, quantize, type SpeedOptions } from './quantize/quantize.js';
import { WeightRounder } from './quantize/rounding.js';
import { type QuantizedGraph, segmentsOf, type WeightBits } from './quantize/types.js';
import { evaluateReference } from './reference/evaluate.js';
import type { Box } from './sample/points.js';
import { sobolPoints } from './sample/sobol.js';

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
  /** What the search holds down: bytes of the table and what its wide values cost besides, or a preference's own. */
  cost: number;
}

/** What a search for formats prefers; nothing given: few bytes. */
export interface Preference {
  /** Formats of the interpreter's packed kernels; the noise model's plans are taken as they are. */
  lanes?: SpeedOptions;
  /** With `lanes`: prices by which function tables are chosen. */
  interpreter?: InterpreterPrices;
  /** Few instructions of the native kernels, at these prices. */
  native?: NativePrices;
}

/** Bytes of flash that a build for speed gives for one instruction less in every answer. */
const BYTES_PER_INSTRUCTION = 4;
/** The same under the interpreter, whose answers take some twenty times as many. */
const BYTES_PER_INTERPRETED_INSTRUCTION = 1 / 4;

function planPreference({ lanes, native }: Preference): PlanPreference {
  if (lanes) return FOR_LANES;
  return native ? { ...FEW_BYTES, wideArguments: true, leastWeightBits: cheapestNarrow(native) } : FEW_BYTES;
}

/** The width of weights whose products with 16-bit inputs cost least, memory included. */
function cheapestNarrow(prices: NativePrices): 8 | 16 {
  return prices['dual64.product'] + 2 / BYTES_PER_INSTRUCTION < prices['dense8.product'] + 1 / BYTES_PER_INSTRUCTION
    ? 16
    : 8;
}

function nativeCost({ table, peaks }: LoweredModel, tableBytes: number, prices: NativePrices): number {
  return nativeInstructions(dualTable(table, peaks), prices) + tableBytes / BYTES_PER_INSTRUCTION;
}

type MapPrices = Record<'linear.element' | 'polynomial.element' | 'polynomial.degree', number>;

/** Bytes that the degrees of a function table are worth; the first is interpolated linearly. */
function degreeBytes(elements: number, prices: MapPrices, bytesPerInstruction: number): readonly number[] {
  const polynomial = bytesPerDegree(prices['polynomial.degree']).map((cost) => prices['polynomial.element'] + cost);
  polynomial[1] = prices['linear.element'];
  return polynomial.map((instructions) => bytesPerInstruction * elements * instructions);
}

const MAX_ATTEMPTS = 8;
const FIRST_BUDGET = 1.2;
const SMALLEST_BUDGET = 1e-7;

/**
 * @param attempt quantises, lowers and measures for a budget (share of the allowed error, in the noise model's terms)
 * @param margin largest share of the allowed error that an attempt may measure
 * @returns the cheapest that keeps the tolerance; else the most accurate one, with `share` above the margin
 */
export function spendTolerance<T extends Pick<Attempt, 'share' | 'cost'>>(
  attempt: (budget: number) => T,
  margin: number,
): T {
  let budget = FIRST_BUDGET;
  let kept: T | undefined;
  let keptBudget = 0;
  let tooLarge = Number.POSITIVE_INFINITY;
  let closest: T | undefined;
  for (let n = 0; n < MAX_ATTEMPTS; n++) {
    const result = attempt(budget);
    if (!closest || result.share < closest.share) closest = result;
    if (result.share <= margin) {
      if (!kept || result.cost < kept.cost) kept = result;
      keptBudget = Math.max(keptBudget, budget);
    } else {
      tooLarge = Math.min(tooLarge, budget);
    }
    const next = nextBudget(budget, result.share / margin, keptBudget, tooLarge);
    if (next === undefined) break;
    budget = next;
  }
  return kept ?? closest!;
}

function nextBudget(budget: number, ratio: number, kept: number, tooLarge: number): number | undefined {
  if (kept > 0 && tooLarge / kept < 1.3) return undefined;
  if (kept > 0 && Number.isFinite(tooLarge)) return Math.sqrt(kept * tooLarge);
  // Errors grow roughly in proportion to the budget; widths change in steps, so large moves are held back.
  const proposed = ratio > 0 ? (budget * 0.9) / ratio : budget * 8;
  if (kept > 0) return proposed > budget * 1.2 ? Math.min(proposed, budget * 8) : undefined;
  const next = Math.max(Math.min(proposed, budget / 1.5), budget / 50);
  return next >= SMALLEST_BUDGET ? next : undefined;
}

/** Points that formats are tried on. */
export const ATTEMPT_POINTS = 1024;
/** The relative L2 error may take this share of the tolerance: a build is not to be at its limit everywhere. */
const L2_SHARE = 1 / 3;

/** Multiply-adds of the oracle that a descent may take; larger networks are narrowed fewer times. */
const DESCENT_WORK = 4e8;
const MAX_TRIES = 14;

/** Tries plans with their own integers, each table once. */
export class Fitting {
  private readonly known = new Map<number, Attempt>();
  private readonly built = new Map<string, FunctionTable>();
  /** Points where checks found large errors, and around them. */
  private watched = new Float64Array(0);
  private readonly rounder: WeightRounder;
  private readonly tries: number;

  constructor(
    private readonly model: Model,
    private readonly analysis: Analysis,
    private readonly precision: Precision,
    private readonly prefer: Preference = {},
  ) {
    const { graph, box, allowances } = analysis;
    const inGraphUnits = allowances.map((allowance, k) => allowance / Math.abs(model.outputs[k].scale ?? 1));
    this.rounder = new WeightRounder(graph, box, model.inputs.length, inGraphUnits);
    const macs = trainableCount(graph) + graph.nodes.reduce((n, node) => n + node.width, 0);
    this.tries = Math.min(MAX_TRIES, Math.floor(DESCENT_WORK / (macs * ATTEMPT_POINTS * 1.3)));
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
    const { graph, ranges, sensitivity } = this.analysis;
    const planned = spendTolerance(
      (budget) =>
        this.attempt(planFormats(graph, ranges, sensitivity, budget, this.precision, planPreference(this.prefer))),
      margin,
    );
    if (planned.share > margin || !descends) return planned;
    this.descend(planned, margin);
    if ([...planned.plan.weightBits.values()].includes(32)) {
      const wide = this.wideValues(planned.plan, margin);
      if (wide) this.descend(wide, margin);
    }
    return cheapestKnown()!;
  }

  /** One plan, quantised, lowered and measured. */
  attempt(plan: Plan, speed = this.prefer.lanes): Attempt {
    const { graph, ranges } = this.analysis;
    const { native, interpreter } = this.prefer;
    const options: QuantizeOptions = { built: this.built, speed };
    if (native) options.degreeBytes = (elements) => degreeBytes(elements, native, BYTES_PER_INSTRUCTION);
    if (interpreter)
      options.degreeBytes = (elements) => degreeBytes(elements, interpreter, BYTES_PER_INTERPRETED_INSTRUCTION);
    const rounding = this.rounder.round(quantize(graph, ranges, plan, options));
    const quantized = quantize(graph, ranges, plan, { ...options, rounding });
    const lowered = lower(quantized, this.model.inputs);
    const tableBytes = encodeTable(lowered.table);
    const identity = tableCrc(tableBytes);
    let attempt = this.known.get(identity);
    if (!attempt) {
      const { outputs } = measureLowered(this.model, lowered, { samples: ATTEMPT_POINTS, searches: 0 });
      const share = shareOfErrors(outputs, this.analysis);
      const wide = plan.groups.flat().reduce((n, leaf) => n + (plan.bits.get(leaf) === 32 ? leaf.width : 0), 0);
      const cost = native
        ? nativeCost(lowered, tableBytes.length, native)
        : tableBytes.length + WIDE_VALUE_BYTES * wide;
      attempt = { plan, quantized, lowered, tableBytes, share, watched: 0, cost };
      this.known.set(identity, attempt);
    }
    this.shareOf(attempt);
    return attempt;
  }

  /** From now on errors are looked for where these are largest, too. */
  watch(errors: readonly OutputError[]): void {
    const around = errors.flatMap(({ worstAt }) => neighbourhood(worstAt, this.analysis.box));
    this.watched = Float64Array.from([...this.watched, ...around]);
  }

  /** The attempt's share, the watched points included. */
  shareOf(attempt: Attempt): number {
    const { model, analysis, watched } = this;
    const fresh = watched.subarray(attempt.watched);
    attempt.watched = watched.length;
    if (!fresh.length) return attempt.share;
    const wanted = evaluateReference(model, fresh);
    approximate(
      model,
      attempt.lowered,
    )(fresh).forEach((v, i) => {
      const error = Math.abs(v - wanted[i]) / analysis.allowances[i % model.outputs.length];
      attempt.share = Math.max(attempt.share, Number.isNaN(error) ? Number.POSITIVE_INFINITY : error);
    });
    return attempt.share;
  }

  /** All values wide and as many weights narrow as that allows: the noise model widens values last. */
  private wideValues(plan: Plan, margin: number): Attempt | undefined {
    const bits = new Map([...plan.bits].map(([leaf]) => [leaf, 32 as const]));
    const weights = [...plan.weightBits.keys()].sort((a, b) => a.weight.length - b.weight.length);
    const weightBits = new Map<AffineNode | BlockLeaf, WeightBits>(weights.map((node) => [node, 16]));
    for (const node of [undefined, ...weights]) {
      if (node) weightBits.set(node, 32);
      const attempt = this.attempt({ ...plan, bits, weightBits: new Map(weightBits) });
      if (attempt.share <= margin) return attempt;
    }
    return undefined;
  }

  private descend(start: Attempt, margin: number): Attempt {
    let best = start;
    const refused = new Set<object>();
    for (let n = 0; n < this.tries; n++) {
      const [move] = movesOf(best.plan, this.prefer.native).filter(({ what }) => !refused.has(what));
      if (!move) break;
      const attempt = this.attempt(move.plan);
      if (attempt.share <= margin && attempt.cost < best.cost) best = attempt;
      else refused.add(move.what);
    }
    return best;
  }
}

/** A plan with one thing narrower, and about what that saves, in bytes or in the native kernels' instructions. */
interface Move {
  what: object;
  plan: Plan;
  saving: number;
}

/** A table of twice the error takes about this many bytes less. */
const COARSER_TABLE_SAVING = 80;

/** Everything that can be narrower and saves by it, what saves most first. */
function movesOf(plan: Plan, native?: NativePrices): Move[] {
  const moves: Move[] = [];
  for (const [node, bits] of plan.weightBits) {
    if (bits === 8) continue;
    const narrower: WeightBits = bits === 32 ? 16 : 8;
    const bytes = (node.weight.length * (bits - narrower)) / 8;
    const saving = native
      ? bytes / BYTES_PER_INSTRUCTION +
        node.weight.length * (productPrice(plan, node, bits, native) - productPrice(plan, node, narrower, native))
      : bytes;
    if (saving <= 0) continue;
    moves.push({ what: node, saving, plan: { ...plan, weightBits: new Map(plan.weightBits).set(node, narrower) } });
  }
  for (const group of plan.groups) {
    if (plan.bits.get(group[0]) === 16) continue;
    const bits = new Map(plan.bits);
    for (const leaf of group) bits.set(leaf, 16);
    const saving = WIDE_VALUE_BYTES * group.reduce((n, leaf) => n + leaf.width, 0);
    moves.push({ what: group, saving, plan: { ...plan, bits } });
  }
  if (plan.tableErrors.size) {
    const tableErrors = new Map([...plan.tableErrors].map(([node, error]) => [node, 2 * error]));
    moves.push({ what: COARSER_TABLES, saving: COARSER_TABLE_SAVING, plan: { ...plan, tableErrors } });
  }
  return moves.sort((a, b) => b.saving - a.saving);
}

const COARSER_TABLES = {};

/** Instructions of one product of a matrix with weights of so many bits. */
function productPrice(plan: Plan, { x }: AffineNode | BlockLeaf, bits: WeightBits, prices: NativePrices): number {
  const isWide = bits === 32 || segmentsOf(x).some(({ leaf }) => plan.bits.get(leaf) === 32);
  if (isWide) return prices['dense32.product'];
  return prices[bits === 16 ? 'dual64.product' : 'dense8.product'];
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

export function shareOfErrors(errors: readonly OutputError[], analysis: Analysis): number {
  return errors.reduce((m, e, k) => Math.max(m, shareOfAllowance(e, k, analysis)), 0);
}

/** The larger of the largest error's share of its allowance and the relative L2 error's share of a third of it. */
export function shareOfAllowance(error: OutputError, k: number, { allowances, largestReference }: Analysis): number {
  const relativeAllowance = largestReference[k] > 0 ? allowances[k] / largestReference[k] : Number.POSITIVE_INFINITY;
  return Math.max(error.maxAbsolute / allowances[k], error.relativeL2 / (L2_SHARE * relativeAllowance));
}

/** Error of the integers themselves, by the oracle, against the float64 reference. */
export function measureLowered(
  model: Model,
  lowered: LoweredModel,
  options: Parameters<typeof measureError>[3],
): Measurement {
  return measureError(model, approximate(model, lowered), (points) => evaluateReference(model, points), options);
}

/** The answers of the integers, in engineering units. */
function approximate(model: Model, lowered: LoweredModel): PointFunction {
  const oracle = createOracle(lowered.table);
  const inputs = inputWordFormats(lowered.table);
  const outputs = outputWordFormats(lowered.table, model.outputs);
  return (points) => fromWords(oracle.run(toWords(points, inputs)).outputs, outputs);
}
