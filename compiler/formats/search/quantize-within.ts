import { PinnEdgeError } from '../../diagnostics.js';
import type { IrGraph, IrNode } from '../../ir/types.js';
import type { Measurement } from '../../judge/errors.js';
import { type Judge, type Look, SEEDS } from '../../judge/measure.js';
import { optionOf, type Requirement, roundUpTolerance, toleranceOf } from '../../judge/requirement.js';
import type { Model } from '../../model/types.js';
import { dequantizedGraph } from '../dequantize.js';
import type { Precision } from '../plan.js';
import { DEFAULT_LANE_COLUMNS, type LaneFormats } from '../quantize.js';
import { type Analysis, formatPoint, knowing } from './analysis.js';
import { approximateFast, shareOfErrors, sharesOfErrors } from './attempt-errors.js';
import { type Attempt, Fitting } from './fitting.js';
import type { Preference } from './preference.js';

/**
 * Spends the tolerance: the cheapest formats and tables whose error, measured with the integers themselves, still keeps
 * it. The noise model only proposes; see fitting.ts.
 */

/** Rounds in which ranges may widen without the search aiming lower, and rounds in all. */
const WIDENING_ROUNDS = 6;
const MOST_ROUNDS = 30;
/** Share of the tolerance that a check of formats may find spent: the rest is for points that it did not look at. */
const CHECK_SHARE = 0.85;
/**
 * The same for the confirmation, which looks at so many times as many points with another seed: formats that pass a check are
 * those whose errors happen to be small where it looked.
 */
const CONFIRM_SHARE = 0.9;
const CONFIRM_SAMPLES = 3;
/**
 * Formats of which the confirmation finds more than this are looked at once more, at many more points: narrow peaks of the
 * error may be a sixth above what it found, by luck with its starts (npm run bench:accuracy).
 */
const CLOSE_SHARE = 0.85;
const LAST_SHARE = 0.92;
const LAST_SAMPLES = 8;
/** Share that the first search for formats may spend on its few points, where the largest error is not met. */
const FIRST_MARGIN = 0.7;
/** A round aims at so much of what would have been enough: the next plan has other errors at other points. */
const BELOW = 0.98;
/** The tolerance that is offered is so much above the best that was reached, for the same reason. */
const BEYOND = 1.05;

/** Formats that keep the tolerance on points they were not chosen on, or PE4001 with the nearest one that works. */
export function quantizeWithin(
  model: Model,
  judge: Judge,
  given: Analysis,
  precision: Precision,
  requirement: Requirement,
  prefer: Preference = {},
): { attempt: Attempt; measured: Measurement } {
  let analysis = given;
  let fitting = new Fitting(model, judge, analysis, precision, prefer);
  const check = judge.defaultLook(SEEDS.build);
  const confirmation = { samples: CONFIRM_SAMPLES * check.samples, seed: SEEDS.confirm };
  const lastLook = { samples: LAST_SAMPLES * check.samples, seed: SEEDS.close };
  const lookedAt = (attempt: Attempt, look: Look, allowed: number) => {
    const edge = { graph: dequantizedGraph(attempt.quantized), features: analysis.features };
    const measured = judge.measure(approximateFast(model, attempt), look, edge);
    return { attempt, measured, share: shareOfErrors(measured.outputs, analysis), allowed };
  };
  const checked = (attempt: Attempt) => {
    const first = lookedAt(attempt, check, CHECK_SHARE);
    if (first.share > CHECK_SHARE) return first;
    const second = lookedAt(attempt, confirmation, CONFIRM_SHARE);
    if (second.share <= CLOSE_SHARE || second.share > CONFIRM_SHARE) return second;
    const last = lookedAt(attempt, lastLook, LAST_SHARE);
    const measured = worseOf(second.measured, last.measured);
    return { attempt, measured, share: Math.max(second.share, last.share), allowed: LAST_SHARE };
  };
  const search = () => {
    let margin = FIRST_MARGIN;
    for (let round = 1; ; round++) {
      const result = checked(fitting.cheapest(margin));
      const { attempt, measured, share, allowed } = result;
      if (share <= allowed) return result;
      const wider = knowing(model, analysis, Float64Array.from(measured.outputs.flatMap(({ worstAt }) => worstAt)));
      const widened = wider !== analysis;
      if (round >= MOST_ROUNDS || (attempt.share > margin && !widened)) {
        throw unreachable(model, measured, allowed, analysis, precision, requirement);
      }
      if (widened) {
        // Values there are beyond the ranges that were sampled: formats and tables begin anew with ranges that hold them.
        analysis = wider;
        fitting = fitting.over(analysis);
      }
      // The next round looks where the check found the error, and aims lower by what it still misses there.
      fitting.watch(measured.outputs);
      if (!widened || round > WIDENING_ROUNDS)
        margin = Math.min(margin, BELOW * fitting.shareOf(attempt) * (allowed / share));
    }
  };
  if (!prefer.lanes) return search();
  const first = unlessUnreachable(search);
  // Packed kernels have bits enough for most tolerances, not for the tightest; there, too, degrees of tables cost time.
  if (!first)
    return quantizeWithin(model, judge, analysis, precision, requirement, { interpreter: prefer.interpreter });
  const { plan } = first.attempt;
  const within = (attempt: Attempt) => (attempt.share <= FIRST_MARGIN ? attempt : undefined);
  let lanes = prefer.lanes;
  const faster = fasterFormats(analysis.graph, (options) => {
    const attempt = within(fitting.attempt(plan, options));
    if (attempt) lanes = { laneColumns: new Map(options.laneColumns), oneShift: new Set(options.oneShift) };
    return attempt;
  });
  // What is left of the tolerance then goes to the tables: narrower weights would save neither bytes nor time.
  const smaller = fitting.withCoarserTables(plan, FIRST_MARGIN, lanes);
  for (const attempt of [smaller, faster]) {
    const result = attempt && checked(attempt);
    if (result && result.share <= result.allowed) return result;
  }
  return first;
}

/** Of two looks at the same formats, the larger error of every output. */
function worseOf(a: Measurement, b: Measurement): Measurement {
  const outputs = a.outputs.map((output, k) => (output.maxAbsolute > b.outputs[k].maxAbsolute ? output : b.outputs[k]));
  return { outputs, points: a.points + b.points };
}

/**
 * Formats that the noise model holds to a share of the allowed error, for proofs, which count on the worst case: finer than
 * any measurement asks for. Ranges are widened to what the check meets.
 */
export function quantizeFiner(
  model: Model,
  judge: Judge,
  given: Analysis,
  precision: Precision,
  budget: number,
  prefer: Preference = {},
): { attempt: Attempt; measured: Measurement } {
  let analysis = given;
  for (let round = 1; ; round++) {
    const attempt = new Fitting(model, judge, analysis, precision, prefer).planned(budget);
    const edge = { graph: dequantizedGraph(attempt.quantized), features: analysis.features };
    const measured = judge.measure(approximateFast(model, attempt), judge.defaultLook(SEEDS.build), edge);
    const wider = knowing(model, analysis, Float64Array.from(measured.outputs.flatMap(({ worstAt }) => worstAt)));
    if (wider === analysis || round >= WIDENING_ROUNDS) return { attempt, measured };
    analysis = wider;
  }
}

/** The result, or undefined where the tolerance cannot be kept. */
export function unlessUnreachable<T>(attempt: () => T): T | undefined {
  try {
    return attempt();
  } catch (error) {
    if (error instanceof PinnEdgeError && error.code === 'PE4001') return undefined;
    throw error;
  }
}

/**
 * Takes bits from weights where that lets more products share a lane, and shifts of their own from rows: matrix by
 * matrix, the largest first, as long as `attempt` keeps the tolerance.
 */
function fasterFormats(graph: IrGraph, attempt: (speed: LaneFormats) => Attempt | undefined): Attempt | undefined {
  const laneColumns = new Map<IrNode, number>();
  const oneShift = new Set<IrNode>();
  let kept: Attempt | undefined;
  const tryIt = (): boolean => {
    const better = attempt({ laneColumns, oneShift });
    kept = better ?? kept;
    return better !== undefined;
  };
  const matrices = graph.nodes.filter((node) => node.kind === 'affine').sort((p, q) => q.width - p.width);
  for (const node of matrices) {
    const { width } = node.x;
    for (const columns of [width, 64, 32].filter((n) => n <= width && n > DEFAULT_LANE_COLUMNS)) {
      laneColumns.set(node, columns);
      if (tryIt()) break;
      laneColumns.delete(node);
    }
    oneShift.add(node);
    if (!tryIt()) oneShift.delete(node);
  }
  return kept;
}

function unreachable(
  model: Model,
  measured: Measurement,
  allowed: number,
  analysis: Analysis,
  precision: Precision,
  requirement: Requirement,
): PinnEdgeError {
  const shares = sharesOfErrors(measured.outputs, analysis);
  const k = shares.indexOf(Math.max(...shares));
  const output = model.outputs[k].name;
  const { option, value: tolerance } = optionOf(toleranceOf(requirement, output));
  const best = shares[k] * tolerance;
  const nearest = roundUpTolerance((best / allowed) * BEYOND);
  return new PinnEdgeError(
    'PE4001',
    {
      tolerance,
      what: precision === 'auto' ? 'the widest format (32-bit values and weights)' : `--precision ${precision}`,
      best: best.toExponential(2),
      held: `${Math.round(100 * (1 - allowed))} %`,
      output,
      option,
      point: formatPoint(model, measured.outputs[k].worstAt),
      nearest: requirement.outputs?.[output] ? `${output}=${nearest}` : nearest,
    },
    1,
  );
}
