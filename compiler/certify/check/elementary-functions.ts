import type { ElementaryName } from '../read/program.js';
import { type Ball, power } from './polynomials.js';

/** Taylor coefficients of the elementary functions as balls, and bounds of them over intervals. */
const E = 2 ** -46;
/** a (f b), off by up to 30 roundings of f and of the products. */
const times = ([a, r]: Ball, [b, s]: Ball, f = 1): Ball => {
  return [f * a * b, (Math.abs(a) * s + r * Math.abs(b) + r * s + (E / 4) * Math.abs(a * b)) * Math.abs(f) * (1 + E)];
};
const plus = ([a, r]: Ball, [b, s]: Ball): Ball => [a + b, r + s + (E / 4) * (Math.abs(a) + Math.abs(b))];
const ONE: Ball = [1, 0];
const UNKNOWN: Ball = [0, Number.POSITIVE_INFINITY];

/** e^x = 2^n e^r, |r| <= 0.35: ln 2 in two parts, multiples of the first exact; 18 terms of the series. */
function exp(x: number): Ball {
  if (!(x <= 700)) return [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  if (x < -700) return [0, 2 ** -1000];
  const n = Math.round(x / Math.LN2);
  const r = x - n * 0.6931471803691238 - n * 1.9082149292705877e-10;
  let sum = 1;
  for (let k = 18; k > 0; k--) sum = 1 + (r / k) * sum;
  return [sum * 2 ** n, sum * 2 ** n * 2 ** -48];
}

/** sin(x + quarters pi/2) for |x| <= 2^20: multiples of pi/2 taken off in three parts, then 12 terms of the series. */
function sine(x: number, quarters: number): Ball {
  if (!(Math.abs(x) <= 2 ** 20)) return [0, 1];
  const n = Math.round(x / 1.5707963267948966);
  const r = x - n * 1.5707963267341256 - n * 6.077100506303966e-11 - n * 2.0222662487959506e-21;
  const q = (((n + quarters) % 4) + 4) % 4;
  let sum = 1;
  for (let k = q % 2 ? 24 : 23; k > 1; k -= 2) sum = 1 - ((r * r) / (k * (k - 1))) * sum;
  return [(q > 1 ? -1 : 1) * (q % 2 ? sum : r * sum), 2 ** -48];
}

/** ln x, by a guess and twice the relative error of its power. */
function log(x: number): Ball {
  const lack = Math.abs(x * exp(-Math.log(x))[0] - 1) + 2 ** -47;
  return lack < 0.5 ? [Math.log(x), 2 * lack] : UNKNOWN;
}

/** atan x, by a guess and the tangent of what it lacks. */
function arctangent(x: number): Ball {
  const guess = Math.atan(x);
  const [s, c, slack] = [sine(guess, 0)[0], sine(guess, 1)[0], E * (1 + Math.abs(x))];
  const [rise, run] = [Math.abs(x * c - s) + slack, c + x * s - slack];
  return Math.abs(guess) < 1.6 && guess * x >= 0 && run > 0 ? [guess, (rise / run) * (1 + E)] : UNKNOWN;
}

/** 2/sqrt pi e^(-x^2) x (1 + 2x^2/3 (1 + 2x^2/5 (1 + ...))): what is left out is below 2^-100 of it. */
function errorFunction(x: number): Ball {
  if (Math.abs(x) > 6) return [Math.sign(x), 2 ** -54];
  let sum = 1;
  for (let n = Math.floor(4 * x * x) + 61; n > 0; n--) sum = 1 + ((2 * x * x) / (2 * n + 1)) * sum;
  const value = 1.1283791670955126 * exp(-x * x)[0] * x * sum;
  return [value, 2 ** -42 * Math.abs(value) + 2 ** -60];
}

function tanh(x: number): Ball {
  const e = exp(-2 * Math.abs(x))[0];
  return [(Math.sign(x) * (1 - e)) / (1 + e), E];
}

/** From tanh' = 1 - tanh^2. */
function tanhSeries(start: Ball, n: number): Ball[] {
  const c = [start];
  for (let j = 0; j < n; j++) {
    const squares = c.map((ball, i) => times(ball, c[j - i], -1));
    c.push(times(squares.reduce(plus, [j ? 0 : 1, 0]), ONE, 1 / (j + 1)));
  }
  return c;
}

/** c_j = a c_(j-1) + b c_(j-2) from j = 2 on. */
function recurrence(c0: Ball, c1: Ball, n: number, step: (j: number) => readonly [a: number, b: number]): Ball[] {
  const c = [c0, c1];
  for (let j = 2; j <= n; j++) c.push(plus(times(c[j - 1], ONE, step(j)[0]), times(c[j - 2], ONE, step(j)[1])));
  return c.slice(0, n + 1);
}

/** f^(j)(w) / j! for j = 0 .. n, from the functions' differential equations; of infinite radius where there is none. */
export function series(name: ElementaryName, exponent: number, w: number, n: number): Ball[] {
  if (name === 'tanh') return tanhSeries(tanh(w), n);
  if (name === 'exp') return recurrence(exp(w), exp(w), n, (j) => [1 / j, 0]);
  const wave = (quarter: number) =>
    recurrence(sine(w, quarter), sine(w, quarter + 1), n, (j) => [0, -1 / (j * (j - 1))]);
  if (name === 'sin' || name === 'cos') return wave(name === 'sin' ? 0 : 1);
  if (name === 'atan') {
    const scale = 1 / (1 + w * w);
    const step = (j: number) => [((-2 * w * (j - 1)) / j) * scale, ((2 - j) / j) * scale] as const;
    return recurrence(arctangent(w), [scale, E * scale], n, step);
  }
  if (name === 'erf') {
    const slope = 1.1283791670955126 * exp(-w * w)[0];
    const step = (j: number) => [(-2 * w) / j, (-2 * (j - 2)) / (j * (j - 1))] as const;
    return recurrence(errorFunction(w), [slope, slope * 2 ** -42 + 2 ** -900], n, step);
  }
  // A power, or the logarithm, whose slope is the power -1: its exponent is 0.
  if (!(w > 0 || (w < 0 && exponent === -1))) return new Array(n + 1).fill(UNKNOWN);
  const step = (j: number) => [(exponent - j + 1) / (j * w), 0] as const;
  if (name === 'log') return recurrence(log(w), [1 / w, E / w], n, step);
  const [value, radius] = times(log(Math.abs(w)), ONE, exponent);
  const start = times(exp(value), radius < 0.5 ? [Math.sign(w), 4 * radius] : UNKNOWN);
  return recurrence(start, times(start, ONE, exponent / w), n, step);
}

const factorial = (n: number): number => (n < 2 ? 1 : n * factorial(n - 1));

/** Sizes of tanh's coefficients over cells of |w|, 1/32 wide. */
const cells = Array.from({ length: 128 }, (_, i) => {
  const [a, b] = [tanh(i / 32)[0], tanh((i + 1) / 32)[0]];
  return tanhSeries([(a + b) / 2, (b - a) / 2 + 2 * E], 7).map(([value, radius]) => Math.abs(value) + radius);
});

/** Largest |f^(j)(w) / j!| over low .. high, j = 1 .. n; entry 0 is unused. */
export function largest(name: ElementaryName, exponent: number, low: number, high: number, n: number): number[] {
  const nearest = Math.min(high, Math.max(low, 0));
  const [near, far] = [Math.abs(nearest), Math.max(-low, high)];
  // Derivatives of one sign and monotone: the ends decide, and 0, where powers and the logarithm have none.
  const ends = name === 'exp' || name === 'log' || name === 'power' ? [low, nearest, high] : [];
  const sizes = ends.map((end) => series(name, exponent, end, n).map(([value, radius]) => Math.abs(value) + radius));
  if (name === 'tanh') sizes.push(...cells.slice(Math.floor(near * 32), Math.floor(far * 32) + 1));
  return Array.from({ length: n + 1 }, (_, j) => {
    let found = 0;
    if (name === 'sin' || name === 'cos') found = 1 / factorial(j);
    if (name === 'atan') found = power(1 / Math.sqrt(1 + near * near) + 2 ** -50, j) / j;
    // Cramer's bound of Hermite polynomials; the series of tanh in e^(-2w).
    if (name === 'erf')
      found = (1.22598 * Math.sqrt(2 ** (j - 1) / factorial(j - 1)) * exp((-near * near) / 2)[0] + 2 ** -900) / j;
    if (name === 'tanh' && far >= 4)
      found = ((4 * 2 ** j) / factorial(j)) * exp(-2 * Math.min(300, Math.max(near, 4)))[0];
    return Math.max(found, ...sizes.map((size) => size[j])) * (1 + 4 * E);
  });
}
