import { lineSearch, type Moved, QuasiNewton } from '../refine/quasi-newton.js';
import { byParameters, byResiduals, type GaussNewton } from './gauss-newton.js';
import { type Batch, gradientOf, lossOf } from './objective.js';
import { type Penalty, penaltyOf } from './penalties.js';
import { parametersOf, setParameters, type Weights } from './terms.js';

/** Optimisers of the physics: each moves weights by one step on the points that it is given. */

export interface Optimiser {
  /**
   * One step.
   * @param fresh the points are others than last time
   * @returns the loss at the points, after the step where it is known; undefined where no step lowers it
   */
  step(batches: readonly Batch[], fresh: boolean): number | undefined;
}

/** The loss with its penalties, and the gradient. */
function penalised(batches: readonly Batch[], { inputCount, layout }: Weights, penalties: readonly Penalty[]) {
  const { total, gradient } = gradientOf(batches, inputCount, layout);
  const halves = new Float64Array(penalties.length ? gradient.length : 0);
  const added = penalties.reduce((sum, penalty) => sum + penalty.add(halves), 0);
  halves.forEach((half, k) => {
    gradient[k] += 2 * half;
  });
  return { total: total + added, gradient };
}

const FIRST_DAMPING = 1e-2;
const SMALLEST_DAMPING = 1e-12;
const LARGEST_DAMPING = 1e8;

/** Levenberg-Marquardt, its damping after Nielsen (IMM-REP 1999-05). */
export class LevenbergMarquardt implements Optimiser {
  private damping = FIRST_DAMPING;
  private growth = 2;
  private readonly system: GaussNewton;
  private readonly inputCount: number;

  constructor(
    private readonly weights: Weights,
    residuals: number,
    private readonly penalties: readonly Penalty[] = [],
  ) {
    const { layout, inputCount } = weights;
    this.inputCount = inputCount;
    this.system =
      residuals < layout.size && !penalties.length
        ? byResiduals(layout, this.inputCount)
        : byParameters(layout, this.inputCount, penalties);
  }

  step(batches: readonly Batch[]): number | undefined {
    const { weights, system } = this;
    const theta = parametersOf(weights);
    const before = system.linearize(batches).total;
    if (!Number.isFinite(before)) return before;
    while (this.damping < LARGEST_DAMPING) {
      const solved = system.solve(this.damping);
      if (solved) {
        const { delta } = solved;
        setParameters(
          weights,
          theta.map((t, k) => t - delta[k]),
        );
        const after = lossOf(batches, this.inputCount).total + penaltyOf(this.penalties);
        if (after < before) {
          const ratio = Math.min(1, (before - after) / solved.gain);
          this.damping = Math.max(SMALLEST_DAMPING, this.damping * Math.max(1 / 5, 1 - (2 * ratio - 1) ** 3));
          this.growth = 2;
          return after;
        }
      }
      this.damping *= this.growth;
      this.growth *= 2;
    }
    setParameters(weights, theta);
    this.damping = FIRST_DAMPING;
    this.growth = 2;
    return undefined;
  }
}

const ADAM = { rate: 2e-3, last: 0.05, first: 0.9, second: 0.999, tiny: 1e-8 } as const;

/** Adam (Kingma and Ba, arXiv 1412.6980) with a rate that falls as a cosine over the steps that it has. */
export class Adam implements Optimiser {
  private readonly mean: Float64Array;
  private readonly squares: Float64Array;
  private taken = 0;

  constructor(
    private readonly weights: Weights,
    private readonly steps: number,
    private readonly penalties: readonly Penalty[] = [],
  ) {
    this.mean = new Float64Array(weights.layout.size);
    this.squares = new Float64Array(weights.layout.size);
  }

  step(batches: readonly Batch[]): number {
    const { weights, mean, squares, steps, penalties } = this;
    const theta = parametersOf(weights);
    const { total, gradient } = penalised(batches, weights, penalties);
    if (!Number.isFinite(total)) return total;
    const done = Math.min(1, this.taken++ / steps);
    const rate = ADAM.rate * (ADAM.last + ((1 - ADAM.last) * (1 + Math.cos(Math.PI * done))) / 2);
    const [m, v] = [1 - ADAM.first ** this.taken, 1 - ADAM.second ** this.taken];
    for (let k = 0; k < theta.length; k++) {
      mean[k] += (1 - ADAM.first) * (gradient[k] - mean[k]);
      squares[k] += (1 - ADAM.second) * (gradient[k] ** 2 - squares[k]);
      theta[k] -= (rate * (mean[k] / m)) / (Math.sqrt(squares[k] / v) + ADAM.tiny);
    }
    setParameters(weights, theta);
    return total;
  }
}

/** L-BFGS. */
export class LimitedMemory implements Optimiser {
  private readonly memory = new QuasiNewton();
  private at?: Moved;

  constructor(
    private readonly weights: Weights,
    private readonly penalties: readonly Penalty[] = [],
  ) {}

  step(batches: readonly Batch[], fresh: boolean): number | undefined {
    const { weights, memory, penalties } = this;
    const evaluate = (theta: Float64Array) => {
      setParameters(weights, theta);
      const { total: loss, gradient } = penalised(batches, weights, penalties);
      return { loss, gradient };
    };
    if (!this.at || fresh) {
      const theta = parametersOf(weights);
      this.at = { theta, ...evaluate(theta) };
    }
    if (!Number.isFinite(this.at.loss)) return this.at.loss;
    for (;;) {
      const next = lineSearch(evaluate, this.at.theta, this.at, memory.direction(this.at.gradient));
      if (next) {
        memory.remember(this.at.theta, this.at.gradient, next);
        this.at = next;
        return next.loss;
      }
      setParameters(weights, this.at.theta);
      if (memory.isEmpty) return undefined;
      memory.forget();
    }
  }
}
