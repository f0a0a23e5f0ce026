import { FIXED, fixed, type Numbers } from './number-formats.js';
import { type Random, roundInteger, roundRows } from './smx.js';
import type { Parameter } from './trained-layers.js';

/**
 * AdaMax (Kingma and Ba, arXiv 1412.6980, section 7.1), which needs neither squares nor roots: m is the running mean of the
 * gradient, u the decaying largest magnitude, and a weight moves by rate m / u. Both means start at zero and are not
 * corrected for it: the first steps are short. With numbers m and u are 32-bit integers and the quotient is cut off.
 */
interface State {
  m: Float64Array;
  u: Float64Array;
}

const MEAN_SHIFT = 3;
const LARGEST_SHIFT = 8;
/** Bits behind the point of m and u in integers. */
export const MEAN_BITS = 30;
const WEIGHT_LIMIT = 4;

export class AdaMax {
  readonly #states = new Map<Parameter, State>();

  constructor(private readonly numbers?: Numbers) {}

  /** @param scale a power of two that the gradients carry; @param rate of the step, in integers a multiple of 2^-24 */
  update(parameter: Parameter, gradient: Float64Array, scale: number, rate: number, random?: Random): void {
    const { rows, cols, values, isBias } = parameter;
    const count = values.length;
    const state = this.#states.get(parameter) ?? { m: new Float64Array(count), u: new Float64Array(count) };
    this.#states.set(parameter, state);
    const { m, u } = state;
    if (!this.numbers) {
      for (let i = 0; i < count; i++) {
        const g = gradient[i] / scale;
        m[i] += (g - m[i]) / 2 ** MEAN_SHIFT;
        u[i] = Math.max(u[i] - u[i] / 2 ** LARGEST_SHIFT, Math.abs(g));
        if (u[i] > 0) values[i] -= (rate * m[i]) / u[i];
      }
      return;
    }
    if (!isBias) roundRows(gradient, gradient, { first: 0, rows, cols }, this.numbers.weightGradients, random);
    const step = rate * 2 ** FIXED.stored;
    for (let i = 0; i < count; i++) {
      const g = fixed(gradient[i] / scale, MEAN_BITS, 2) * 2 ** MEAN_BITS;
      m[i] += roundInteger((g - m[i]) / 2 ** MEAN_SHIFT);
      u[i] = Math.max(u[i] - Math.floor(u[i] / 2 ** LARGEST_SHIFT), Math.abs(g));
      const move = Math.trunc((step * m[i]) / (u[i] + 1));
      values[i] = fixed(values[i] - move / 2 ** FIXED.stored, FIXED.stored, WEIGHT_LIMIT);
    }
  }
}
