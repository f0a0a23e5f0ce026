import { DEFAULT_MEASURE, type Measurement, measureError, type OutputError } from './accuracy/measure.js';
import { type Analysis, formatPoint } from './analysis.js';
import { PinnEdgeError } from './diagnostics.js';
import { fromWords, inputWordFormats, outputWordFormats, toWords } from './engines/types.js';
import { encodeTable, tableCrc } from './format/table.js';
import type { Goal } from './goal.js';
import { evaluateIr } from './ir/evaluate.js';
import type { IrGraph, IrNode } from './ir/types.js';
import { type LoweredModel, lower } from './lower/lower.js';
import type { Model } from './model/types.js';
import { createOracle } from './oracle/oracle.js';
import { tableFunction } from './quantize/function-table.js';
import type { Precision } from './quantize/plan.js';
import { DEFAULT_LANE_COLUMNS, quantize, type SpeedOptions } from './quantize/quantize.js';
import type { QuantizedGraph } from './quantize/types.js';
import { evaluateReference } from './reference/evaluate.js';
import { coveringPoints } from './sample/points.js';

/**
 * Spends the tolerance: finds the largest budget for number formats and tables whose measured error still keeps it.
 * The noise model only proposes; every proposal is lowered and run with its own integers.
 */

export interface Attempt {
  quantized: QuantizedGraph;
  lowered: LoweredModel;
  tableBytes: Uint8Array;
  errors: OutputError[];
  /** Largest error of an output divided by what is allowed for it. */
  share: number;
  /** What it was made with, in the noise model's terms. */
  budget: number;
}

const MAX_ATTEMPTS = 8;
const FIRST_BUDGET = 1.2;
const SMALLEST_BUDGET = 1e-7;

/**
 * @param attempt quantises, lowers and measures for a budget (share of the allowed error, in the noise model's terms)
 * @param margin largest share of the allowed error that an attempt may measure
 * @returns the smallest table that keeps the tolerance; else the most accurate one, with `share` above 1
 */
export function spendTolerance(attempt: (budget: number) => Attempt, margin: number): Attempt {
  let budget = FIRST_BUDGET;
  let kept: Attempt | undefined;
  let keptBudget = 0;
  let tooLarge = Number.POSITIVE_INFINITY;
  let closest: Attempt | undefined;
  for (let n = 0; n < MAX_ATTEMPTS; n++) {
    const result = attempt(budget);
    if (!closest || result.share < closest.share) closest = result;
    if (result.share <= margin) {
      if (!kept || result.tableBytes.length < kept.tableBytes.length) kept = result;
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
const ATTEMPT_POINTS = 1024;
const CHECK_ROUNDS = 6;
/** Share of the tolerance that the final check may find spent: the rest is for points that nobody looked at. */
const CHECK_SHARE = 0.85;
/** Share that the first search for formats may spend on its few points, where the largest error is not met. */
const FIRST_MARGIN = 0.7;
/** The relative L2 error may take this share of the tolerance: a build is not to be at its limit everywhere. */
const L2_SHARE = 1 / 3;

export interface Tolerance {
  relative: number;
  /** In the unit of the outputs; replaces `relative`. */
  absolute?: number;
}

/** Formats that keep the tolerance on points they were not chosen on, or PE4001 with the nearest one that works. */
export function quantizeWithin(
  model: Model,
  analysis: Analysis,
  precision: Precision,
  tolerance: Tolerance,
  goal: Goal = 'size',
): { attempt: Attempt; measured: Measurement } {
  const shareOf = (errors: readonly OutputError[]) =>
    errors.reduce((m, e, k) => Math.max(m, shareOfAllowance(e, k, analysis)), 0);
  // Different budgets often give the same table: it is run once.
  const known = new Map<number, Attempt>();
  const attemptWith = (budget: number, speed?: SpeedOptions): Attempt => {
    const { graph, ranges, sensitivity } = analysis;
    const quantized = quantize(graph, ranges, sensitivity, { precision, budget, speed });
    const lowered = lower(quantized, model.inputs);
    const tableBytes = encodeTable(lowered.table);
    const identity = tableCrc(tableBytes);
    let attempt = known.get(identity);
    if (!attempt) {
      const errors = measureLowered(model, lowered, { samples: ATTEMPT_POINTS, searches: 0 }).outputs;
      attempt = { quantized, lowered, tableBytes, errors, share: shareOf(errors), budget };
      known.set(identity, attempt);
    }
    return attempt;
  };
  const checked = (attempt: Attempt) => {
    const measured = measureLowered(model, attempt.lowered, DEFAULT_MEASURE);
    return { attempt, measured, share: shareOf(measured.outputs) };
  };
  const search = (speed?: SpeedOptions) => {
    for (let round = 1; ; round++) {
      const result = checked(spendTolerance((budget) => attemptWith(budget, speed), FIRST_MARGIN));
      const { attempt, measured, share } = result;
      if (share <= CHECK_SHARE) return result;
      if (round === CHECK_ROUNDS || attempt.share > FIRST_MARGIN) {
        if (share <= 1) return result;
        throw unreachable(model, measured, analysis, precision, tolerance.absolute ?? tolerance.relative);
      }
      // The next round knows what the check found out, and chooses another.
      attempt.share = (FIRST_MARGIN * share) / CHECK_SHARE;
    }
  };
  if (goal !== 'speed' || precision !== 'auto') return search();
  const first = search({ laneColumns: new Map(), oneShift: new Set() });
  const { budget } = first.attempt;
  const faster = fasterFormats(analysis.graph, (speed) => {
    const attempt = attemptWith(budget, speed);
    return attempt.share <= FIRST_MARGIN ? attempt : undefined;
  });
  const result = faster && checked(faster);
  return result && result.share <= CHECK_SHARE ? result : first;
}

/**
 * Takes bits from weights where that lets more products share a lane, and shifts of their own from rows: matrix by
 * matrix, the largest first, as long as `attempt` keeps the tolerance.
 */
function fasterFormats(graph: IrGraph, attempt: (speed: SpeedOptions) => Attempt | undefined): Attempt | undefined {
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

/** The larger of the largest error's share of its allowance and the relative L2 error's share of a third of it. */
function shareOfAllowance(error: OutputError, k: number, { allowances, largestReference }: Analysis): number {
  const relativeAllowance = largestReference[k] > 0 ? allowances[k] / largestReference[k] : Number.POSITIVE_INFINITY;
  return Math.max(error.maxAbsolute / allowances[k], error.relativeL2 / (L2_SHARE * relativeAllowance));
}

function unreachable(
  model: Model,
  measured: Measurement,
  analysis: Analysis,
  precision: Precision,
  tolerance: number,
): PinnEdgeError {
  const relative = measured.outputs.map((e, k) => shareOfAllowance(e, k, analysis));
  const k = relative.indexOf(Math.max(...relative));
  const best = relative[k] * tolerance;
  return new PinnEdgeError(
    'PE4001',
    {
      tolerance,
      what: precision === 'auto' ? 'the widest format (32-bit values and weights)' : `--precision ${precision}`,
      best: best.toExponential(2),
      output: model.outputs[k].name,
      point: formatPoint(model, measured.outputs[k].worstAt),
      nearest: roundUp(best * 1.05),
    },
    1,
  );
}

/** Rounded up to two significant digits, as a short number. */
function roundUp(value: number): string {
  const unit = 10 ** (Math.floor(Math.log10(value)) - 1);
  return (Math.ceil(value / unit) * unit).toPrecision(2);
}

/** Error of the integers themselves, by the oracle, against the float64 reference. */
export function measureLowered(
  model: Model,
  lowered: LoweredModel,
  options: Parameters<typeof measureError>[3],
): Measurement {
  const oracle = createOracle(lowered.table);
  const inputs = inputWordFormats(lowered.table);
  const outputs = outputWordFormats(lowered.table, model.outputs);
  const approximation = (points: Float64Array) => fromWords(oracle.run(toWords(points, inputs)).outputs, outputs);
  return measureError(model, approximation, (points) => evaluateReference(model, points), options);
}

/** Error of the tables alone (float network with tables for functions), and of the integers against that. */
export function splitError(
  model: Model,
  { quantized, lowered }: Pick<Attempt, 'quantized' | 'lowered'>,
  analysis: Analysis,
): { tables: number; formats: number } {
  const { graph } = analysis;
  const points = coveringPoints(analysis.box, ATTEMPT_POINTS);
  const functions = new Map<IrNode, (x: number) => number>();
  for (const [node, table] of quantized.tables) {
    const f = tableFunction(table);
    functions.set(node, node.fn.phase ? (x) => f(x + node.fn.phase) : f);
  }
  const d = model.inputs.length;
  const width = model.outputs.length;
  const tabled = evaluateIr(graph, points, d, functions).get(graph.output)!;
  const exact = evaluateIr(graph, points, d).get(graph.output)!;
  const oracle = createOracle(lowered.table);
  const graphUnits = lowered.table.outputs.map(({ exponent }) => ({ exponent, scale: 1, offset: 0 }));
  const words = toWords(points, inputWordFormats(lowered.table));
  const integers = fromWords(oracle.run(words).outputs, graphUnits);
  let tables = 0;
  let formats = 0;
  for (let i = 0; i < exact.length; i++) {
    const unit = (analysis.largestReference[i % width] || 1) / Math.abs(model.outputs[i % width].scale ?? 1);
    tables = Math.max(tables, Math.abs(tabled[i] - exact[i]) / unit);
    formats = Math.max(formats, Math.abs(integers[i] - tabled[i]) / unit);
  }
  return { tables, formats };
}
