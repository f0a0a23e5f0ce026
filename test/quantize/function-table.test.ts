import { describe, expect, it } from 'vitest';
import { buildTable, usefulDomain } from '../../compiler/formats/table-search.js';
import { FUNCTIONS } from '../../compiler/model/functions.js';
import { tableBytes, tableFunction } from '../../compiler/table/function-table.js';

const CASES: [string, (x: number) => number, number, number, number][] = [
  ['tanh', Math.tanh, -6, 6, 1],
  ['sigmoid', FUNCTIONS.sigmoid.value, -12, 12, 1],
  ['silu', FUNCTIONS.silu.value, -9, 7, 8],
  ['softplus', FUNCTIONS.softplus.value, -9, 7, 8],
  ['gelu', FUNCTIONS.gelu.value, -5, 5, 8],
  ['relu', FUNCTIONS.relu.value, -3, 5, 8],
  ['exp', Math.exp, -4, 2, 8],
  ['atan', Math.atan, -20, 20, 2],
  ['reciprocal', (x) => 1 / x, 0.02, 3, 64],
  ['reciprocal of negatives', (x) => 1 / x, -3, -0.02, 64],
  ['sqrt from zero', Math.sqrt, 0, 2, 2],
  ['sqrt of one minus x', (x) => Math.sqrt(1 - x), -1, 1, 2],
  ['cube', (x) => x ** 3, -1.3, 1.7, 8],
  ['inverse square', (x) => x ** -2, 0.1, 1, 128],
];

describe('function tables', () => {
  it.each(CASES)('%s keeps the error it states at every width', (_name, f, min, max, magnitude) => {
    for (const bits of [16, 32] as const) {
      const exponent = Math.floor(Math.log2((bits === 16 ? 2 ** 15 : 2 ** 29) / magnitude));
      for (const error of bits === 16 ? [magnitude * 1e-3, magnitude * 1e-4] : [magnitude * 1e-4, magnitude * 4e-6]) {
        const table = buildTable({
          f,
          periodic: false,
          domain: { min, max },
          error,
          bits,
          exponent,
          argumentExponent: 30,
        });
        expect(table.error).toBeLessThanOrEqual(error);
        const approximate = tableFunction(table);
        let worst = 0;
        for (let i = 0; i <= 20_000; i++) {
          const x = min + ((max - min) * i) / 20_000;
          worst = Math.max(worst, Math.abs(approximate(x) - f(x)));
        }
        expect(worst).toBeLessThanOrEqual(error * 1.05);
        expect(tableBytes(table)).toBeLessThan(8192);
      }
    }
  });

  it('are continued smoothly past the ends of a range where the function ends', () => {
    const table = buildTable({
      f: Math.sqrt,
      periodic: false,
      domain: { min: 0, max: 1.3 },
      error: 1e-4,
      bits: 16,
      exponent: 14,
      argumentExponent: 13,
    });
    const f = tableFunction(table);
    expect(f(-1)).toBeCloseTo(0, 2);
    expect(f(1.31)).toBeCloseTo(Math.sqrt(1.31), 2);
  });

  it('cover a period for angles in turns', () => {
    const f = (turns: number) => Math.sin(2 * Math.PI * turns);
    for (const [bits, exponent, error] of [
      [16, 15, 1e-4],
      [32, 29, 1e-8],
    ] as const) {
      const table = buildTable({
        f,
        periodic: true,
        domain: { min: 0, max: 1 },
        error,
        bits,
        exponent,
        argumentExponent: 16,
      });
      const approximate = tableFunction(table);
      for (const x of [-12.3, -0.25, 0, 0.1, 0.999, 7.77])
        expect(Math.abs(approximate(x) - f(x))).toBeLessThan(error * 1.1);
    }
  });

  it('say what they reach when the error cannot be met', () => {
    const noisy = (x: number) => Math.sin(1000 * x);
    const table = buildTable({
      f: noisy,
      periodic: false,
      domain: { min: -10, max: 10 },
      error: 1e-9,
      bits: 16,
      exponent: 15,
      argumentExponent: 12,
    });
    expect(table.error).toBeGreaterThan(1e-9);
    expect(tableBytes(table)).toBeLessThanOrEqual(24 * 1024);
  });

  it('need the argument only where the function is not flat', () => {
    const domain = usefulDomain(Math.tanh, { min: -50, max: 50 }, 1e-4);
    expect(domain.max).toBeGreaterThan(4.5);
    expect(domain.max).toBeLessThan(5.2);
    expect(usefulDomain(FUNCTIONS.relu.value, { min: -8, max: 8 }, 1e-6).min).toBeCloseTo(0, 2);
    const whole = usefulDomain((x) => x, { min: -1, max: 1 }, 1e-6);
    expect([whole.min, whole.max]).toEqual([-1, 1]);
  });
});
