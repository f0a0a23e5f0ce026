import type { ElementaryName } from '../read/program.js';

/** Taylor coefficients of the elementary functions as [value, radius], and bounds of them over intervals. */
export type Ball = readonly [value: number, radius: number];

const E = 2 ** -46;
const times = ([a, r]: Ball, [b, s]: Ball): Ball => [
  a * b,
  Math.abs(a) * s + r * Math.abs(b) + r * s + (E / 4) * Math.abs(a * b),
];
const scaled = (a: Ball, f: number) => times(a, [f, 0]);
const plus = ([a, r]: Ball, [b, s]: Ball): Ball => [a + b, r + s + (E / 4) * (Math.abs(a) + Math.abs(b))];

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
  return [Math.log(x), lack < 0.5 ? 2 * lack : Number.POSITIVE_INFINITY];
}

/** atan x, by a guess and the tangent of what it lacks. */
function arctangent(x: number): Ball {
  const guess = Math.atan(x);
  const [s, c] = [sine(guess, 0)[0], sine(guess, 1)[0]];
  const slack = E * (1 + Math.abs(x));
  const [rise, run] = [Math.abs(x * c - s) + slack, c + x * s - slack];
  const isNear = Math.abs(guess) < 1.6 && guess * x >= 0 && run > 0;
  return [guess, isNear ? (rise / run) * (1 + E) : Number.POSITIVE_INFINITY];
}

/** 2/sqrt pi e^(-x^2) sum of 2^n x^(2n+1) / (2n+1)!!; the terms left out are below the last one. */
function errorFunction(x: number): Ball {
  if (Math.abs(x) > 6) return [Math.sign(x), 2 ** -54];
  let [sum, term] = [0, x];
  for (let n = 1; n < 4 * x * x + 61; n++) {
    sum += term;
    term *= (2 * x * x) / (2 * n + 1);
  }
  const value = 1.1283791670955126 * exp(-x * x)[0] * sum;
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
    let next: Ball = [j ? 0 : 1, 0];
    for (let i = 0; i <= j; i++) next = plus(next, scaled(times(c[i], c[j - i]), -1));
    c.push(scaled(next, 1 / (j + 1)));
  }
  return c;
}

const none = [0, Number.POSITIVE_INFINITY] as const;

/** f^(j)(w) / j! for j = 0 .. n; of infinite radius where there is none. */
export function series(name: ElementaryName, exponent: number, w: number, n: number): Ball[] {
  const c: Ball[] = [];
  const fill = (first: Ball, next: (j: number) => Ball) => {
    c.push(first);
    for (let j = 1; j <= n; j++) c.push(next(j));
    return c;
  };
  const isWhole = Number.isInteger(exponent);
  switch (name) {
    case 'exp':
      return fill(exp(w), (j) => scaled(c[j - 1], 1 / j));
    case 'sin':
    case 'cos': {
      const from = name === 'sin' ? 0 : 1;
      let size = 1;
      return fill(sine(w, from), (j) => {
        size /= j;
        return scaled(sine(w, from + j), size);
      });
    }
    case 'tanh':
      return tanhSeries(tanh(w), n);
    case 'atan': {
      // The slope's: (1 + w^2) d_j + 2 w d_(j-1) + d_(j-2) is 1 for j = 0, else 0.
      const d: Ball[] = [[0, 0]];
      return fill(arctangent(w), (j) => {
        const rest = plus(scaled(d[j - 1], -2 * w), scaled(d[j - 2] ?? [0, 0], -1));
        d.push(scaled(plus([j === 1 ? 1 : 0, 0], rest), 1 / (1 + w * w)));
        return scaled(d[j], 1 / j);
      });
    }
    case 'erf': {
      // The slope's: (j + 1) g_(j+1) = -2 (w g_j + g_(j-1)).
      const slope = 1.1283791670955126 * exp(-w * w)[0];
      const g: Ball[] = [
        [0, 0],
        [slope, slope * 2 ** -42],
      ];
      return fill(errorFunction(w), (j) => {
        g.push(scaled(plus(scaled(g[j], w), g[j - 1]), -2 / j));
        return scaled(g[j], 1 / j);
      });
    }
    case 'log':
      if (!(w > 0)) return fill(none, () => none);
      return fill(log(w), (j) => (j === 1 ? [1 / w, E / w] : scaled(scaled(c[j - 1], (1 - j) / j), 1 / w)));
  }
  if (Math.abs(exponent) > 64 || !(w > 0 || (isWhole && (w !== 0 || exponent >= 0)))) return fill(none, () => none);
  let first: Ball = [1, 0];
  for (let k = 0; isWhole && k < Math.abs(exponent); k++)
    first = exponent > 0 ? scaled(first, w) : scaled(first, 1 / w);
  if (isWhole && exponent >= 0) {
    let binomial = 1;
    return fill(first, (j) => {
      binomial *= (exponent - j + 1) / j;
      let power: Ball = [binomial, E * binomial];
      for (let k = j; k < exponent; k++) power = scaled(power, w);
      return power;
    });
  }
  const root = Math.sqrt(w);
  if (exponent === 0.5) first = [root, (Math.abs(w - root * root) / root) * (1 + E) + 2 ** -51 * root];
  else if (!isWhole) {
    const [value, radius] = scaled(log(w), exponent);
    first = [exp(value)[0], exp(value)[0] * (2 ** -48 + 2 * radius)];
  }
  return fill(first, (j) => scaled(scaled(c[j - 1], (exponent - j + 1) / j), 1 / w));
}

/** Sizes of tanh's coefficients over cells of |w|, 1/32 wide. */
const cells = Array.from({ length: 128 }, (_, i) => {
  const [a, b] = [tanh(i / 32)[0], tanh((i + 1) / 32)[0]];
  return tanhSeries([(a + b) / 2, (b - a) / 2 + 2 * E], 7).map(([value, radius]) => Math.abs(value) + radius);
});

/** Largest |f^(j)(w) / j!| over low .. high, j = 1 .. n; entry 0 is unused. */
export function largest(name: ElementaryName, exponent: number, low: number, high: number, n: number): number[] {
  const found = new Array<number>(n + 1).fill(0);
  const near = low > 0 ? low : high < 0 ? -high : 0;
  const far = Math.max(Math.abs(low), Math.abs(high));
  const isWhole = name === 'exp' || (name === 'power' && Number.isInteger(exponent) && exponent >= 0);
  const ends = name === 'exp' || name === 'log' || name === 'power' ? [low, high] : [];
  const sizes = ends.map((end) => series(name, exponent, end, n).map(([value, radius]) => Math.abs(value) + radius));
  if (name === 'tanh') {
    for (let i = Math.floor(near * 32); i < 128 && i <= far * 32; i++) sizes.push(cells[i]);
  }
  let falling = exp(name === 'erf' ? (-near * near) / 2 : -2 * Math.min(300, Math.max(near, 4)))[0];
  for (let j = 1, factorial = 1; j <= n; j++) {
    factorial *= j;
    if (ends.length && !isWhole && !(low > 0) && !(high < 0)) found[j] = Number.POSITIVE_INFINITY;
    if (name === 'sin' || name === 'cos') found[j] = 1 / factorial;
    if (name === 'atan') found[j] = (1 / Math.sqrt(1 + near * near) + 2 ** -50) ** j / j;
    // Cramer's bound of Hermite polynomials; the series of tanh in e^(-2w).
    if (name === 'erf') found[j] = (1.0865 * 1.1283791670955126 * falling) / j + 2 ** -900;
    if (name === 'erf') falling *= Math.sqrt(2 / j);
    if (name === 'tanh' && far >= 4) found[j] = (4 * 2 ** j * falling) / factorial;
    found[j] = Math.max(found[j], ...sizes.map((size) => size[j])) * (1 + 4 * E);
  }
  return found;
}
