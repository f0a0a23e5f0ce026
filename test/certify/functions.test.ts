import { describe, expect, it } from 'vitest';
import { largest, series } from '../../compiler/certify/check/elementary-functions.js';
import { coefficients, largestCoefficients, taylorAt } from '../../compiler/certify/prove/taylor.js';
import type { ElementaryName } from '../../compiler/certify/read/program.js';
import { atan, erf, exp, fixed, log, ONE, over, root, sine, times, toNumber } from '../helpers/many-digits.js';

/**
 * The elementary functions of prover and checker against integers of 320 bits after the point: values, the Taylor
 * series around a point, and the largest coefficients over an interval.
 */

const EXACT: Record<string, (x: bigint) => bigint> = {
  exp,
  log,
  sin: (x) => sine(x, false),
  cos: (x) => sine(x, true),
  atan,
  tanh: (x) => {
    const e = exp(2n * x);
    return over(e - ONE, e + ONE);
  },
  erf,
  'power 0.5': root,
  'power -1': (x) => over(ONE, x),
  'power 3': (x) => times(x, times(x, x)),
  'power 1.7': (x) => exp(times(fixed(1.7), log(x))),
  'power -2': (x) => over(ONE, times(x, x)),
};

const POINTS: Record<string, number[]> = {
  exp: [-20, -3.3, -0.1, 0, 1e-9, 0.7, 2.5, 19.7],
  sin: [-30, -1.6, -0.001, 0, 0.4, 1.57, 3.2, 29],
  cos: [-30, -1.6, -0.001, 0, 0.4, 1.57, 3.2, 29],
  tanh: [-18, -5, -3.99, -0.7, 0, 1e-7, 0.3, 2.2, 4.01, 9],
  atan: [-40, -1.5, -1e-6, 0, 0.2, 1, 7],
  erf: [-5.9, -2, -0.3, 0, 1e-5, 0.9, 3, 5.5],
};
const POSITIVE = [0.001, 0.13, 0.9, 1, 1.1, 7.3, 120];

const split = (key: string): [ElementaryName, number] => {
  const [name, exponent = '0'] = key.split(' ');
  return [name as ElementaryName, Number(exponent)];
};

const N = 6;

/** Both implementations by one shape. */
const SERIES = {
  prover: (name: ElementaryName, exponent: number, w: number) => {
    const c = coefficients();
    taylorAt(name, exponent, w, N, c);
    return Array.from({ length: N + 1 }, (_, j): [number, number] => [c.value[j], c.radius[j]]);
  },
  checker: (name: ElementaryName, exponent: number, w: number) => series(name, exponent, w, N),
};
const LARGEST = {
  prover: (name: ElementaryName, exponent: number, low: number, high: number) => {
    const found = new Float64Array(N + 2);
    largestCoefficients(name, exponent, low, high, N + 1, found);
    return Array.from(found);
  },
  checker: (name: ElementaryName, exponent: number, low: number, high: number) =>
    largest(name, exponent, low, high, N + 1),
};

describe.each(['prover', 'checker'] as const)('elementary functions of the %s', (who) => {
  for (const [key, f] of Object.entries(EXACT)) {
    const [name, exponent] = split(key);
    const points = POINTS[key] ?? POSITIVE;

    it(`encloses ${key}, and is near it`, () => {
      for (const w of points) {
        const [[value, radius]] = SERIES[who](name, exponent, w);
        const exact = f(fixed(w));
        const off = toNumber(exact - fixed(value));
        expect(Math.abs(off)).toBeLessThanOrEqual(radius);
        expect(radius).toBeLessThan(1e-11 * Math.max(1, Math.abs(value)));
      }
    });

    it(`has the Taylor series of ${key}, up to what the largest coefficient allows`, () => {
      for (const w of points) {
        const c = SERIES[who](name, exponent, w);
        for (const h of [-1 / 64, 1 / 64, 1 / 1024].map((step) => step * Math.min(1, Math.abs(w) || 1))) {
          const most = LARGEST[who](name, exponent, Math.min(w, w + h), Math.max(w, w + h));
          let sum = 0n;
          let radius = 0;
          c.forEach(([value, off], j) => {
            let power = ONE;
            for (let k = 0; k < j; k++) power = times(power, fixed(h));
            sum += times(fixed(value), power);
            radius += off * Math.abs(h) ** j;
          });
          const allowed = (radius + most[N + 1] * Math.abs(h) ** (N + 1)) * (1 + 1e-9);
          expect(Math.abs(toNumber(f(fixed(w) + fixed(h)) - sum))).toBeLessThanOrEqual(allowed);
        }
      }
    });

    it(`has no coefficient of ${key} above the largest over an interval`, () => {
      for (const w of points) {
        const [low, high] = [w - 0.3 * Math.abs(w), w + 0.2 * Math.abs(w) + 1e-3];
        const most = LARGEST[who](name, exponent, low, high);
        for (let i = 0; i <= 20; i++) {
          const at = low + ((high - low) * i) / 20;
          SERIES[who](name, exponent, at).forEach(([value, radius], j) => {
            if (j) expect(Math.abs(value) - radius).toBeLessThanOrEqual(most[j]);
          });
        }
      }
    });
  }

  it('knows no bound where a function is not defined', () => {
    for (const [name, exponent, low, high] of [
      ['log', 0, -0.1, 2],
      ['power', -1, -1, 1],
      ['power', 0.5, 0, 1],
    ] as const) {
      expect(Math.max(...LARGEST[who](name, exponent, low, high).slice(1))).toBe(Number.POSITIVE_INFINITY);
    }
    expect(SERIES[who]('log', 0, -1)[0][1]).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('powers of two', () => {
  it('are exact, on which reductions of arguments rely', () => {
    let power = 1;
    for (let n = 0; n < 1000; n++, power *= 2) {
      expect(2 ** n).toBe(power);
      expect(2 ** -n).toBe(1 / power);
    }
  });
});
