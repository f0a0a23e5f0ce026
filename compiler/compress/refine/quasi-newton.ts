/**
 * Limited-memory BFGS (Nocedal, Math. Comp. 35 (1980) 773; two-loop recursion of Nocedal and Wright, Numerical Optimization,
 * algorithm 7.4) with a line search that halves.
 */

const MEMORY = 12;
const SUFFICIENT_DECREASE = 1e-4;
const MAX_HALVINGS = 12;

export interface Slope {
  loss: number;
  gradient: Float64Array;
}

export interface Moved extends Slope {
  theta: Float64Array;
}

interface Pair {
  move: Float64Array;
  change: Float64Array;
  curvature: number;
}

/** Moves and changes of the gradient that were seen last. */
export class QuasiNewton {
  private pairs: Pair[] = [];

  get isEmpty(): boolean {
    return !this.pairs.length;
  }

  forget(): void {
    this.pairs = [];
  }

  remember(t0: Float64Array, g0: Float64Array, { theta, gradient }: Moved): void {
    const move = theta.map((t, i) => t - t0[i]);
    const change = gradient.map((g, i) => g - g0[i]);
    const curvature = dot(move, change);
    if (curvature > 0) this.pairs = [...this.pairs, { move, change, curvature }].slice(-MEMORY);
  }

  /** Minus the approximate inverse Hessian times the gradient. */
  direction(gradient: Float64Array): Float64Array {
    const { pairs } = this;
    const q = gradient.slice();
    const alphas = new Array<number>(pairs.length);
    for (let i = pairs.length - 1; i >= 0; i--) {
      const { move, change, curvature } = pairs[i];
      alphas[i] = dot(move, q) / curvature;
      for (let k = 0; k < q.length; k++) q[k] -= alphas[i] * change[k];
    }
    const last = pairs.at(-1);
    const scale = last ? last.curvature / dot(last.change, last.change) : 1e-3 / Math.sqrt(dot(q, q) || 1);
    for (let k = 0; k < q.length; k++) q[k] *= scale;
    pairs.forEach(({ move, change, curvature }, i) => {
      const beta = dot(change, q) / curvature;
      for (let k = 0; k < q.length; k++) q[k] += (alphas[i] - beta) * move[k];
    });
    return q.map((v) => -v);
  }
}

/**
 * The longest of the steps 1, 1/2, 1/4, ... along a direction that lowers the loss as its slope promises; undefined where
 * none does. Losses that are not numbers count as too large.
 */
export function lineSearch(
  evaluate: (theta: Float64Array) => Slope,
  theta: Float64Array,
  { loss, gradient }: Slope,
  direction: Float64Array,
): Moved | undefined {
  const slope = dot(direction, gradient);
  if (!(slope < 0)) return undefined;
  for (let halving = 0, length = 1; halving < MAX_HALVINGS; halving++, length /= 2) {
    const trial = theta.map((t, k) => t + length * direction[k]);
    const next = evaluate(trial);
    if (next.loss <= loss + SUFFICIENT_DECREASE * length * slope) return { theta: trial, ...next };
  }
  return undefined;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}
