import type { ElementaryName } from '../read/program.js';
import { atanBall, ERF_SLOPE, erfBall, expBall, logBall, sineCosine, sqrtBall, tanhBall } from './scalar.js';

/**
 * Taylor coefficients f^(j)(w) / j! of the elementary functions, j = 0 .. n: at a double, with bounds of their errors,
 * and the largest magnitude of each over an interval.
 */

/** Highest coefficient that is asked for. */
export const MOST_TERMS = 8;

/** Coefficients `value[j]`, off by at most `radius[j]`. */
export interface Coefficients {
  value: Float64Array;
  radius: Float64Array;
}

export function coefficients(count = MOST_TERMS + 1): Coefficients {
  return { value: new Float64Array(count), radius: new Float64Array(count) };
}

/** Relative slack for the dozen roundings of one step of a recurrence. */
const STEP = 2 ** -48;

/** Coefficients 0 .. n of f at w. Not finite where f is not defined. */
export function taylorAt(name: ElementaryName, exponent: number, w: number, n: number, to: Coefficients): void {
  const { value, radius } = to;
  switch (name) {
    case 'exp': {
      const e = expBall(w);
      for (let j = 0, k = 1; j <= n; k *= ++j) {
        value[j] = e.value / k;
        radius[j] = (e.radius + STEP * e.value) / k;
      }
      return;
    }
    case 'sin':
    case 'cos': {
      const { sin, cos } = sineCosine(w);
      const cycle = [sin.value, cos.value, -sin.value, -cos.value];
      const from = name === 'sin' ? 0 : 1;
      for (let j = 0, k = 1; j <= n; k *= ++j) {
        value[j] = cycle[(from + j) & 3] / k;
        radius[j] = (sin.radius + STEP) / k;
      }
      return;
    }
    case 'tanh': {
      const t = tanhBall(w);
      tanhFrom(t.value, t.radius, n, to);
      return;
    }
    case 'atan': {
      // (1 + w^2) d_j + 2 w d_(j-1) + d_(j-2) = 1 for j = 0, else 0; d are the coefficients of the derivative.
      const scale = 1 + w * w;
      for (let j = 1; j <= n; j++) {
        const [p, q] = [j > 1 ? (j - 1) * value[j - 1] : 0, j > 2 ? (j - 2) * value[j - 2] : 0];
        const [pr, qr] = [j > 1 ? (j - 1) * radius[j - 1] : 0, j > 2 ? (j - 2) * radius[j - 2] : 0];
        const right = (j === 1 ? 1 : 0) - 2 * w * p - q;
        const size = (j === 1 ? 1 : 0) + Math.abs(2 * w * p) + Math.abs(q);
        value[j] = right / scale / j;
        radius[j] = ((2 * Math.abs(w) * pr + qr + STEP * size) / scale / j) * (1 + STEP);
      }
      set(to, 0, atanBall(w));
      return;
    }
    case 'erf': {
      const e = expBall(-w * w);
      const slope = ERF_SLOPE * e.value;
      gaussianFrom(slope, slope * 2 ** -42, w, n, to);
      set(to, 0, erfBall(w));
      return;
    }
    case 'log': {
      if (!(w > 0)) break;
      for (let j = 1, p = 1; j <= n; j++) {
        p /= -w;
        value[j] = -p / j;
        radius[j] = STEP * Math.abs(value[j]);
      }
      set(to, 0, logBall(w));
      return;
    }
    case 'power':
      if (!powerAt(exponent, w, n, to)) break;
      return;
  }
  value.fill(Number.NaN, 0, n + 1);
  radius.fill(Number.POSITIVE_INFINITY, 0, n + 1);
}

function set({ value, radius }: Coefficients, j: number, ball: { value: number; radius: number }): void {
  value[j] = ball.value;
  radius[j] = ball.radius;
}

/** From tanh' = 1 - tanh^2 and a ball around tanh w. */
function tanhFrom(t: number, radiusOfT: number, n: number, { value, radius }: Coefficients): void {
  value[0] = t;
  radius[0] = radiusOfT;
  for (let j = 0; j < n; j++) {
    let sum = j === 0 ? -1 : 0;
    let off = 0;
    let size = j === 0 ? 1 : 0;
    for (let i = 0; i <= j; i++) {
      const k = j - i;
      const product = value[i] * value[k];
      sum += product;
      size += Math.abs(product);
      off += Math.abs(value[i]) * radius[k] + radius[i] * Math.abs(value[k]) + radius[i] * radius[k];
    }
    value[j + 1] = -sum / (j + 1);
    radius[j + 1] = ((off + STEP * size) / (j + 1)) * (1 + STEP);
  }
}

/** From g' = -2 w g, g a ball: coefficients 1 .. n of what g is the slope of. */
function gaussianFrom(g: number, radiusOfG: number, w: number, n: number, to: Coefficients): void {
  const { value, radius } = to;
  let [last, lastRadius] = [0, 0];
  let [now, nowRadius] = [g, radiusOfG];
  for (let j = 0; j < n; j++) {
    value[j + 1] = now / (j + 1);
    radius[j + 1] = (nowRadius / (j + 1)) * (1 + STEP) + STEP * Math.abs(value[j + 1]);
    const next = (-2 * (w * now + last)) / (j + 1);
    const size = Math.abs(w * now) + Math.abs(last);
    const off = Math.abs(w) * nowRadius + lastRadius;
    [last, lastRadius] = [now, nowRadius];
    [now, nowRadius] = [next, (2 * (off + STEP * size) * (1 + STEP)) / (j + 1)];
  }
}

/** w^-1, or w^n of a broken n where w is above 0. */
function powerAt(exponent: number, w: number, n: number, { value, radius }: Coefficients): boolean {
  if (!(w > 0 || (exponent === -1 && w < 0))) return false;
  const start = exponent === -1 ? { value: 1 / w, radius: STEP * Math.abs(1 / w) } : fractional(exponent, w);
  value[0] = start.value;
  radius[0] = start.radius;
  for (let j = 0; j < n; j++) {
    value[j + 1] = (value[j] * (exponent - j)) / ((j + 1) * w);
    radius[j + 1] = (radius[j] * Math.abs(exponent - j)) / ((j + 1) * Math.abs(w)) + STEP * Math.abs(value[j + 1]);
  }
  return true;
}

function fractional(exponent: number, w: number): { value: number; radius: number } {
  if (exponent === 0.5) return sqrtBall(w);
  const log = logBall(w);
  const product = exponent * log.value;
  const off = Math.abs(exponent) * log.radius + 2 ** -52 * Math.abs(product);
  const { value, radius } = expBall(product);
  return { value, radius: off < 1 ? 4 * radius + value * 2 * off : Number.POSITIVE_INFINITY };
}

/** Cells of |w| that the largest coefficients of tanh are kept for, and where they end. */
const CELL = 1 / 32;
const LAST_CELL = 4;
let cells: Float64Array | undefined;

/** Largest |coefficient j| of tanh over every cell. */
function tanhCells(): Float64Array {
  if (cells) return cells;
  const stride = MOST_TERMS + 1;
  cells = new Float64Array((LAST_CELL / CELL) * stride);
  const c = coefficients();
  for (let i = 0; i < LAST_CELL / CELL; i++) {
    const [a, b] = [tanhBall(i * CELL).value, tanhBall((i + 1) * CELL).value];
    tanhFrom((a + b) / 2, (b - a) / 2 + 2 ** -45, MOST_TERMS, c);
    for (let j = 0; j < stride; j++) cells[i * stride + j] = (Math.abs(c.value[j]) + c.radius[j]) * (1 + STEP);
  }
  return cells;
}

/**
 * Largest magnitudes of coefficients 1 .. n of f over low .. high; infinite where f or a derivative is not defined
 * there.
 */
export function largestCoefficients(
  name: ElementaryName,
  exponent: number,
  low: number,
  high: number,
  n: number,
  to: Float64Array,
): void {
  switch (name) {
    case 'sin':
    case 'cos':
      for (let j = 1, p = 1; j <= n; j++) {
        p /= j;
        to[j] = p * (1 + STEP);
      }
      return;
    case 'tanh':
      largestOfTanh(low, high, n, to);
      return;
    case 'erf': {
      // 2/sqrt(pi) e^(-w^2) |H_(j-1)(w)| / j! with Cramer's bound |H_k(w)| <= 1.0865 (2^k k!)^(1/2) e^(w^2/2).
      const nearest = low > 0 ? low : high < 0 ? -high : 0;
      const e = expBall((-nearest * nearest) / 2).value * 1.0865 * ERF_SLOPE + 2 ** -900;
      for (let j = 1, p = 1; j <= n; j++) {
        to[j] = ((e * p) / j) * (1 + 2 ** -40);
        p *= Math.sqrt(2 / j);
      }
      return;
    }
    case 'atan': {
      // atan^(j)/(j-1)! is the imaginary part of a power of 1/(w + i), up to its sign.
      const nearest = low > 0 ? low : high < 0 ? -high : 0;
      const inverse = 1 / Math.sqrt(1 + nearest * nearest) + 2 ** -50;
      for (let j = 1, p = 1; j <= n; j++) {
        p *= inverse;
        to[j] = (p / j) * (1 + 2 ** -44);
      }
      return;
    }
    case 'exp':
    case 'log':
    case 'power': {
      // Derivatives of one sign and monotone in |w|: the ends decide.
      if (name !== 'exp' && !(low > 0) && !(high < 0)) {
        to.fill(Number.POSITIVE_INFINITY, 1, n + 1);
        return;
      }
      for (let j = 1; j <= n; j++) to[j] = 0;
      for (const end of [low, high]) {
        taylorAt(name, exponent, end, n, ENDS);
        for (let j = 1; j <= n; j++) {
          const size = Math.abs(ENDS.value[j]) + ENDS.radius[j];
          to[j] = Number.isNaN(size) ? Number.POSITIVE_INFINITY : Math.max(to[j], size * (1 + STEP));
        }
      }
      return;
    }
  }
}

const ENDS = coefficients();

function largestOfTanh(low: number, high: number, n: number, to: Float64Array): void {
  const table = tanhCells();
  const stride = MOST_TERMS + 1;
  for (let j = 1; j <= n; j++) to[j] = 0;
  const nearest = low > 0 ? low : high < 0 ? -high : 0;
  const farthest = Math.max(Math.abs(low), Math.abs(high));
  for (let i = Math.floor(nearest / CELL); i * CELL < LAST_CELL && i * CELL <= farthest; i++) {
    for (let j = 1; j <= n; j++) if (table[i * stride + j] > to[j]) to[j] = table[i * stride + j];
  }
  if (farthest < LAST_CELL) return;
  // tanh w = 1 - 2 sum of (-1)^(n+1) e^(-2nw): below 4 2^j/j! e^(-2w) in magnitude for w >= 4 and j <= 9.
  const e = expBall(-2 * Math.min(Math.max(nearest, LAST_CELL), 300)).value;
  for (let j = 1, k = 4; j <= n; j++) {
    k *= 2 / j;
    to[j] = Math.max(to[j], k * e * (1 + STEP));
  }
}
