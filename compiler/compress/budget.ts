import type { IrGraph } from '../ir/types.js';
import type { Attempt } from './auto.js';
import { weightBytes } from './cost.js';
import { trainableCount } from './parameters.js';
import { analyzeChannels, type PruneAnalysis, pruneTo } from './prune.js';
import { type Checkpoint, makePool, refine } from './refine.js';
import { askTeacher, residuals, type Teacher, toleranceShare, verifyPoints } from './teacher.js';

/**
 * The most accurate network whose weights fit into a number of bytes: widths that fill the budget, as even as they can
 * be and with more in the earlier or in the later layers, each refined for as long as that helps.
 */
export interface BudgetOptions {
  /** Bytes of weights in 16 bits and of biases in 32 bits. */
  maxBytes: number;
  onAttempt?: (attempt: Attempt) => void;
  checkpoint?: Checkpoint;
}

export interface BudgetResult {
  graph?: IrGraph;
  attempts: Attempt[];
  /** Bytes of the smallest network there is: one neuron per layer. */
  smallest: number;
}

const STEPS = 240;
/** Widths of the layers grow by this factor from the first to the last. */
const SLOPES = [1, 2, 0.5] as const;
/** Aim of refinement: as good as nothing of the tolerance. */
const TARGET = 1e-3;

export async function searchBudget(teacher: Teacher, graph: IrGraph, options: BudgetOptions): Promise<BudgetResult> {
  const { maxBytes } = options;
  const analysis = analyzeChannels(teacher, graph);
  const bytesOf = (widths: readonly number[]) => weightBytes(pruneTo(teacher, analysis, widths), 16);
  const smallest = bytesOf(analysis.groups.map(() => 1));
  if (weightBytes(graph, 16) <= maxBytes) return { graph, attempts: [], smallest };
  const attempts: Attempt[] = [];
  if (smallest > maxBytes) return { attempts, smallest };
  const pool = makePool(teacher);
  const unseen = askTeacher(teacher, verifyPoints(teacher));
  let best: { graph: IrGraph; error: number } | undefined;
  const seen = new Set<string>();
  let stopped = false;
  const checkpoint = async () => {
    stopped ||= (await options.checkpoint?.()) ?? false;
    return stopped;
  };
  for (const slope of SLOPES) {
    const widths = fillBudget(analysis, slope, (w) => bytesOf(w) <= maxBytes);
    if (stopped || seen.has(widths.join())) continue;
    seen.add(widths.join());
    const pruned = pruneTo(teacher, analysis, widths);
    const refined = await refine(teacher, pruned, pool, { target: TARGET, maxSteps: STEPS, checkpoint });
    const error = toleranceShare(teacher, residuals(teacher, refined.graph, unseen)).share;
    const kept = !best || error < best.error;
    if (kept) best = { graph: refined.graph, error };
    const cost = weightBytes(refined.graph, 16);
    const attempt = {
      what: `widths ${widths.join(', ')}`,
      parameters: trainableCount(refined.graph),
      cost,
      error,
      kept,
    };
    attempts.push(attempt);
    options.onAttempt?.(attempt);
  }
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
