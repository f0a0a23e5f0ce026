import { cannotProve, type ElementaryName } from '../read/program.js';
import {
  atanBall,
  ERF_SLOPE,
  erfBall,
  expBall,
  logBall,
  sigmoidBall,
  sineCosine,
  softplusBall,
  sqrtBall,
  tanhBall,
} from './scalar.js';

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
    case 'sigmoid':
      sigmoidAt(w, n, to);
      return;
    case 'softplus': {
      sigmoidAt(w, n, to);
      for (let j = n; j >= 1; j--) {
        value[j] = value[j - 1] / j;
        radius[j] = radius[j - 1] / j + STEP * Math.abs(value[j]);
      }
      set(to, 0, softplusBall(w));
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
      gaussianFrom(slope, slope * 2 ** -42, w, 0, n, to);
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

/** sigmoid(w) = 1/2 + tanh(w/2)/2. */
function sigmoidAt(w: number, n: number, to: Coefficients): void {
  const t = tanhBall(w / 2);
  tanhFrom(t.value, t.radius, n, to);
  for (let j = 1; j <= n; j++) {
    to.value[j] *= 2 ** (-j - 1);
    to.radius[j] *= 2 ** (-j - 1);
  }
  set(to, 0, sigmoidBall(w));
}

/** From g' = -2 w g, g a ball, w off by at most `spread`; coefficients 1 .. n of what g is the slope of. */
function gaussianFrom(g: number, radiusOfG: number, w: number, spread: number, n: number, to: Coefficients): void {
  const { value, radius } = to;
  let [last, lastRadius] = [0, 0];
  let [now, nowRadius] = [g, radiusOfG];
  for (let j = 0; j < n; j++) {
    value[j + 1] = now / (j + 1);
    radius[j + 1] = (nowRadius / (j + 1)) * (1 + STEP) + STEP * Math.abs(value[j + 1]);
    const next = (-2 * (w * now + last)) / (j + 1);
    const size = Math.abs(w * now) + Math.abs(last);
    const off = (Math.abs(w) + spread) * nowRadius + spread * Math.abs(now) + lastRadius;
    [last, lastRadius] = [now, nowRadius];
    [now, nowRadius] = [next, (2 * (off + STEP * size) * (1 + STEP)) / (j + 1)];
  }
}

/** w^n where it is defined; for whole n >= 0 everywhere. */
function powerAt(exponent: number, w: number, n: number, { value, radius }: Coefficients): boolean {
  const whole = Number.isInteger(exponent);
  if (!(w > 0 || (whole && (w !== 0 || exponent >= 0)))) return false;
  if (whole && exponent >= 0) {
    if (exponent > 64) throw cannotProve(`powers above 64 are not covered, found ${exponent}`);
    let binomial = 1;
    for (let j = 0; j <= n; j++) {
      let p = j <= exponent ? binomial : 0;
      for (let k = 0; k < exponent - j; k++) p *= w;
      value[j] = p;
      radius[j] = 2 ** -45 * Math.abs(p);
      binomial *= (exponent - j) / (j + 1);
    }
    return true;
  }
  const start = whole ? wholeInverse(exponent, w) : fractional(exponent, w);
  value[0] = start.value;
  radius[0] = start.radius;
  for (let j = 0; j < n; j++) {
    value[j + 1] = (value[j] * (exponent - j)) / ((j + 1) * w);
    radius[j + 1] = (radius[j] * Math.abs(exponent - j)) / ((j + 1) * Math.abs(w)) + STEP * Math.abs(value[j + 1]);
  }
  return true;
}

function wholeInverse(exponent: number, w: number): { value: number; radius: number } {
  if (exponent < -64) throw cannotProve(`powers below -64 are not covered, found ${exponent}`);
  let value = 1;
  for (let k = 0; k < -exponent; k++) value /= w;
  return { value, radius: 2 ** -46 * Math.abs(value) };
}

function fractional(exponent: number, w: number): { value: number; radius: number } {
  if (exponent === 0.5) return sqrtBall(w);
  const log = logBall(w);
  const product = exponent * log.value;
  const off = Math.abs(exponent) * log.radius + 2 ** -52 * Math.abs(product);
  const { value, radius } = expBall(product);
  return { value, radius: radius + value * 2 * off };
}

/** Cells of |w| that the largest coefficients of tanh and erf are kept for. */
const CELL = 1 / 32;
const CELLS = { tanh: 4, erf: 7 } as const;
const cells = new Map<string, Float64Array>();

/** largest |coefficient j| of tanh or erf over cell `at` of |w|, all cells in one array. */
function cellTable(name: 'tanh' | 'erf'): Float64Array {
  let table = cells.get(name);
  if (table) return table;
  const count = CELLS[name] / CELL;
  const stride = MOST_TERMS + 1;
  table = new Float64Array(count * stride);
  const c = coefficients();
  for (let i = 0; i < count; i++) {
    const [low, high] = [i * CELL, (i + 1) * CELL];
    if (name === 'tanh') {
      const [a, b] = [tanhBall(low), tanhBall(high)];
      tanhFrom((a.value + b.value) / 2, (b.value - a.value) / 2 + 2 ** -45, MOST_TERMS, c);
    } else {
      const [a, b] = [expBall(-low * low).value * ERF_SLOPE, expBall(-high * high).value * ERF_SLOPE];
      gaussianFrom((a + b) / 2, (a - b) / 2 + 2 ** -42, (low + high) / 2, CELL / 2, MOST_TERMS, c);
      c.value[0] = 1;
    }
    for (let j = 0; j < stride; j++) table[i * stride + j] = (Math.abs(c.value[j]) + c.radius[j]) * (1 + STEP);
  }
  cells.set(name, table);
  return table;
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
    case 'cos': {
      // Of a slope at most 1: the value in the middle and half the width.
      const { sin, cos } = sineCosine((low + high) / 2);
      const half = ((high - low) / 2) * (1 + STEP) + 2 ** -40;
      const even = Math.min(1, Math.abs(name === 'sin' ? sin.value : cos.value) + half);
      const odd = Math.min(1, Math.abs(name === 'sin' ? cos.value : sin.value) + half);
      for (let j = 1, k = 1; j <= n; k *= ++j) to[j] = ((j & 1 ? odd : even) / k) * (1 + STEP);
      return;
    }
    case 'tanh':
      largestOf('tanh', low, high, n, to);
      return;
    case 'erf':
      largestOf('erf', low, high, n, to);
      return;
    case 'sigmoid':
      largestOf('tanh', low / 2, high / 2, n, to);
      for (let j = 1; j <= n; j++) to[j] *= 2 ** (-j - 1);
      return;
    case 'softplus': {
      largestOf('tanh', low / 2, high / 2, n, to);
      for (let j = n; j >= 2; j--) to[j] = (to[j - 1] * 2 ** -j) / j;
      to[1] = sigmoidBall(high).value + 2 ** -45;
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
      const whole = name === 'exp' || (name === 'power' && Number.isInteger(exponent) && exponent >= 0);
      if (!whole && !(low > 0) && !(high < 0)) {
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

function largestOf(name: 'tanh' | 'erf', low: number, high: number, n: number, to: Float64Array): void {
  const table = cellTable(name);
  const stride = MOST_TERMS + 1;
  const last = CELLS[name] / CELL;
  for (let j = 1; j <= n; j++) to[j] = 0;
  const nearest = low > 0 ? low : high < 0 ? -high : 0;
  const farthest = Math.max(Math.abs(low), Math.abs(high));
  for (let i = Math.floor(nearest / CELL); i < last && i * CELL <= farthest; i++) {
    for (let j = 1; j <= n; j++) if (table[i * stride + j] > to[j]) to[j] = table[i * stride + j];
  }
  if (farthest < CELLS[name]) return;
  const from = Math.max(nearest, CELLS[name]);
  if (name === 'tanh') {
    // tanh w = 1 - 2 sum of (-1)^(n+1) e^(-2nw): below 4 2^j/j! e^(-2w) in magnitude for w >= 4 and j <= 9.
    const e = expBall(-2 * Math.min(from, 300)).value;
    for (let j = 1, k = 4; j <= n; j++) {
      k *= 2 / j;
      to[j] = Math.max(to[j], k * e * (1 + STEP));
    }
    return;
  }
  // 2/sqrt(pi) e^(-w^2) |H_(j-1)(w)| / j! with |H_k(w)| <= (2w)^k exp(k^2 / (4 w^2)), falling from w = 7 on.
  const e = expBall(-(Math.min(from, 26) ** 2)).value * ERF_SLOPE * 2;
  const w = Math.min(from, 26);
  for (let j = 1, k = 1; j <= n; j++) {
    to[j] = Math.max(to[j], ((e * k) / j) * (1 + 2 ** -40));
    k *= (2 * w) / j;
  }
}
