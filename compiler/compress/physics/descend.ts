import type { Checkpoint } from '../refine/refine.js';
import { Collocation } from './collocation.js';
import { type Batch, lossOf } from './objective.js';
import { Adam, LevenbergMarquardt, LimitedMemory, type Optimiser } from './optimisers.js';
import { type Penalty, penaltyOf } from './penalties.js';
import { parametersOf, setParameters, type Term, type Weights } from './terms.js';

/**
 * Steps of one optimiser on terms, with new points every few steps. What is kept are the weights of the smallest loss at points
 * that are never trained on.
 */

export type Method = 'lm' | 'adam' | 'lbfgs';

export interface DescentOptions {
  method: Method;
  steps: number;
  seed: number;
  /** Points of the residuals, default: by the number of weights. */
  points?: number;
  /** Index of the input that is time, for causal weights. */
  causal?: number;
  /** What the loss has beside the terms. */
  penalties?: readonly Penalty[];
  /** Told after every step that was taken. */
  onStep?: (step: number, loss: number, best: number) => void;
  /** Awaited after every step, with the best weights so far; true ends with them. */
  checkpoint?: (best: Float64Array) => ReturnType<Checkpoint>;
}

export type Ending = 'all steps taken' | 'no further progress' | 'interrupted' | 'not a number';

export interface Descent {
  steps: number;
  ending: Ending;
  /** The smallest loss at points that are never trained on. */
  loss: number;
  /** Mean squares of all outputs at the points where the loss is not a number. */
  fault?: number[];
}

/** Steps that are taken with the same points. */
const KEEP_POINTS = { lm: 3, adam: 10, lbfgs: 100 } as const;
const LOOK = { lm: 2, adam: 50, lbfgs: 10 } as const;
/** Looks without an improvement by a hundredth after which there is no further progress. */
const PATIENCE = { lm: 80, adam: 60, lbfgs: 40 } as const;
/** Times in a row that no step lowers the loss, at new points each. */
const MOST_STUCK = 5;
/** Points of the residuals: for each weight, and between these limits. */
const POINTS = { perWeight: 1.5, least: 512, most: 2400 } as const;
/** Points of gradient steps, which are many. */
const GRADIENT_POINTS = 768;

/** Points at which networks of so many weights are compared. */
export function pointsFor(weights: number): number {
  return Math.max(POINTS.least, Math.min(POINTS.most, Math.ceil(POINTS.perWeight * weights)));
}

/** Moves the weights, in place. Equal options give equal weights. */
export async function descend(weights: Weights, terms: readonly Term[], options: DescentOptions): Promise<Descent> {
  const { method, steps, seed, causal, penalties = [] } = options;
  const { inputCount, layout } = weights;
  const count = options.points ?? (method === 'lm' ? pointsFor(layout.size) : GRADIENT_POINTS);
  const collocation = new Collocation(terms, { count, seed, causal, inputCount });
  const check = collocation.check();
  const look = () => lossOf(check, inputCount).total + penaltyOf(penalties);
  let batches: Batch[] = collocation.draw();
  const optimiser = optimiserOf(options, weights, residualsOf(batches));
  let best = { theta: parametersOf(weights), loss: look() };
  let [patience, mark, stuck] = [0, best.loss, 0];
  const end = (taken: number, ending: Ending, fault?: number[]): Descent => {
    setParameters(weights, best.theta);
    return { steps: taken, ending, loss: best.loss, fault };
  };
  for (let step = 1; step <= steps; step++) {
    const fresh = stuck > 0 || (step - 1) % KEEP_POINTS[method] === 0;
    if (fresh && step > 1) batches = collocation.draw();
    const loss = optimiser.step(batches, fresh);
    if (loss !== undefined && !Number.isFinite(loss)) {
      return end(step, 'not a number', lossOf(batches, inputCount).terms);
    }
    stuck = loss === undefined ? stuck + 1 : 0;
    if (step % LOOK[method] === 0 || step === steps) {
      const now = look();
      if (now < best.loss) best = { theta: parametersOf(weights), loss: now };
      patience = best.loss < 0.99 * mark ? 0 : patience + 1;
      if (patience === 0) mark = best.loss;
    }
    if (loss !== undefined) options.onStep?.(step, loss, best.loss);
    if (await options.checkpoint?.(best.theta)) return end(step, 'interrupted');
    if (patience > PATIENCE[method] || stuck === MOST_STUCK) return end(step, 'no further progress');
  }
  return end(steps, 'all steps taken');
}

function optimiserOf({ method, steps, penalties }: DescentOptions, weights: Weights, residuals: number): Optimiser {
  if (method === 'lm') return new LevenbergMarquardt(weights, residuals, penalties);
  return method === 'adam' ? new Adam(weights, steps, penalties) : new LimitedMemory(weights, penalties);
}

function residualsOf(batches: readonly Batch[]): number {
  return batches.reduce((n, { count, term }) => n + count * term.roots.length, 0);
}
