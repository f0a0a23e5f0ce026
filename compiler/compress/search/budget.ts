import { modelParameterCount } from '../../ir/parameters.js';
import type { IrGraph } from '../../ir/types.js';
import { estimatedInstructions, weightBytes } from '../graph-cost.js';
import { analyzeChannels, type PruneAnalysis, pruneTo } from '../neurons/prune.js';
import { type Checkpoint, refine } from '../refine/refine.js';
import {
  makePool,
  relativeErrorOf,
  residuals,
  type Teacher,
  toleranceShare,
  unseenSamples,
} from '../teacher/teacher.js';
import type { Attempt } from './one-method.js';

/**
 * The most accurate network that fits into a budget of bytes or instructions: widths that fill the budget, as even as
 * they can be and with more in the earlier or in the later layers, each refined for as long as that helps.
 */

export interface Budget {
  limit: number;
  measure(graph: IrGraph): number;
  /** What is said where nothing fits. */
  code: 'PE4005' | 'PE4101';
}

/** Bytes of weights in 16 bits and of biases in 32 bits. */
export const byteBudget = (limit: number): Budget => ({ limit, measure: (g) => weightBytes(g, 16), code: 'PE4005' });

/** Instructions per answer on a Cortex-M4 under wasm3, by the estimate. */
export const instructionBudget = (limit: number): Budget => ({ limit, measure: estimatedInstructions, code: 'PE4101' });

export interface BudgetOptions {
  onAttempt?: (attempt: Attempt) => void;
  checkpoint?: Checkpoint;
}

export interface BudgetResult {
  graph?: IrGraph;
  attempts: Attempt[];
  /** Measure of the smallest network there is: one neuron per layer. */
  smallest: number;
}

const TRIAL_STEPS = 48;
const FINAL_STEPS = 160;
/** Widths of the layers grow by this factor from the first to the last. */
const SLOPES = [1, 2, 0.5] as const;
/** Aim of refinement: as good as nothing of the tolerance. */
const TARGET = 1e-3;

export async function searchBudget(
  teacher: Teacher,
  graph: IrGraph,
  { limit, measure }: Budget,
  options: BudgetOptions,
): Promise<BudgetResult> {
  const analysis = analyzeChannels(teacher, graph);
  const sizeOf = (widths: readonly number[]) => measure(pruneTo(teacher, analysis, widths));
  const smallest = sizeOf(analysis.groups.map(() => 1));
  if (measure(graph) <= limit) return { graph, attempts: [], smallest };
  const attempts: Attempt[] = [];
  if (smallest > limit) return { attempts, smallest };
  const pool = makePool(teacher);
  const unseen = unseenSamples(teacher);
  let best: { graph: IrGraph; error: number } | undefined;
  const seen = new Set<string>();
  let stopped = false;
  const checkpoint = async () => {
    stopped ||= (await options.checkpoint?.()) ?? false;
    return stopped;
  };
  const attempt = async (what: string, start: IrGraph, maxSteps: number) => {
    const refined = await refine(teacher, start, pool, { target: TARGET, maxSteps, checkpoint, patient: true });
    const errors = residuals(teacher, refined.graph, unseen);
    const error = toleranceShare(teacher, errors, unseen.interior).share;
    const relativeError = relativeErrorOf(teacher, errors);
    const kept = !best || error < best.error;
    if (kept) best = { graph: refined.graph, error };
    const [bytes, cost] = [weightBytes(refined.graph, 16), measure(refined.graph)];
    const parameters = modelParameterCount(refined.graph);
    const made = { by: 'widths within the budget', what, parameters, refined: true };
    attempts.push({ ...made, bytes, cost, error, relativeError, within: true, kept });
    options.onAttempt?.(attempts[attempts.length - 1]);
  };
  for (const slope of SLOPES) {
    const widths = fillBudget(analysis, slope, (w) => sizeOf(w) <= limit);
    if (stopped || seen.has(widths.join())) continue;
    seen.add(widths.join());
    await attempt(`widths ${widths.join(', ')}`, pruneTo(teacher, analysis, widths), TRIAL_STEPS);
  }
  if (best && !stopped) await attempt('refined further', best.graph, FINAL_STEPS);
  return { graph: best?.graph, attempts, smallest };
}

/** The widest layers with the given slope that fit, then single neurons while there is room. */
function fillBudget({ groups }: PruneAnalysis, slope: number, fits: (widths: readonly number[]) => boolean): number[] {
  const most = groups.map((group) => group.channels.length);
  const last = Math.max(1, groups.length - 1);
  const shape = (width: number) =>
    most.map((limit, g) => Math.max(1, Math.min(limit, Math.round(width * slope ** (g / last - 0.5)))));
  let [low, high] = [0.5, Math.max(...most) * 2];
  while (high / low > 1.01) {
    const middle = Math.sqrt(low * high);
    if (fits(shape(middle))) low = middle;
    else high = middle;
  }
  const widths = shape(low);
  for (let g = 0; g < widths.length; g++) {
    if (widths[g] === most[g]) continue;
    const wider = widths.map((w, i) => (i === g ? w + 1 : w));
    if (fits(wider)) widths[g]++;
  }
  return widths;
}
