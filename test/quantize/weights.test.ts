import { describe, expect, it } from 'vitest';
import { quantizeAffine } from '../../compiler/formats/weight-formats.js';
import type { ValueFormat } from '../../compiler/table/quantized-graph.js';
import { randoms } from '../helpers/models.js';

/** Exact worst case of every partial sum of a row, in BigInt: all products at their largest with the sign of the weight. */
function worstPartialSums(
  weights: Int32Array,
  bias: bigint,
  inputs: readonly ValueFormat[],
  row: number,
  cols: number,
) {
  let high = bias;
  let low = bias;
  for (let c = 0; c < cols; c++) {
    const product = BigInt(Math.abs(weights[row * cols + c])) * BigInt(inputs[c].maxInteger);
    high += product;
    low -= product;
  }
  return { high, low };
}

describe('integer weights', () => {
  it.each([8, 16, 32] as const)(
    'of %i bits never overflow their accumulator and are the nearest integers',
    (weightBits) => {
      const next = randoms(weightBits);
      for (let trial = 0; trial < 200; trial++) {
        const cols = 1 + Math.floor((next() + 1) * 40);
        const rows = 1 + Math.floor((next() + 1) * 4);
        const accBits = weightBits === 32 || next() > 0 ? 64 : 32;
        const inputs = Array.from({ length: cols }, (): ValueFormat => {
          const bits = accBits === 64 && next() > 0 ? 32 : 16;
          return { bits, exponent: Math.floor(next() * 12) + 12, maxInteger: 2 ** (bits - 1) };
        });
        const rowScale = Array.from({ length: rows }, () => 10 ** (3 * next()));
        const weight = Float64Array.from({ length: rows * cols }, (_, i) => next() * rowScale[Math.floor(i / cols)]);
        const bias = Float64Array.from({ length: rows }, (_, r) => next() * rowScale[r]);
        const { format, outExponent } = quantizeAffine({
          rows,
          cols,
          weight,
          bias,
          inputs,
          column: (_row, col) => col,
          weightBits,
          accBits,
          outExponent: 12,
        });
        const limit = 1n << BigInt(accBits - 1);
        for (let r = 0; r < rows; r++) {
          const shift = BigInt(format.shifts[r]);
          expect(format.shifts[r]).toBeGreaterThanOrEqual(Math.max(1, format.guard));
          const offset = (BigInt(format.bias[r]) << (shift - BigInt(format.guard))) + (1n << (shift - 1n));
          const { high, low } = worstPartialSums(format.weights, offset, inputs, r, cols);
          expect(high < limit && low >= -limit).toBe(true);
        }
        const base = Math.max(...inputs.map((i) => i.exponent));
        format.weights.forEach((w, i) => {
          const r = Math.floor(i / cols);
          const real = (w * 2 ** (inputs[i % cols].exponent - base)) / 2 ** (format.shifts[r] + outExponent - base);
          const step = 2 ** (inputs[i % cols].exponent - base) / 2 ** (format.shifts[r] + outExponent - base);
          expect(Math.abs(real - weight[i])).toBeLessThanOrEqual(step * 0.5000001);
          expect(w).toBeLessThan(2 ** (weightBits - 1));
          expect(w).toBeGreaterThanOrEqual(-(2 ** (weightBits - 1)));
        });
      }
    },
  );

  it('of zero give zero rows and keep their bias', () => {
    const { format, outExponent } = quantizeAffine({
      rows: 2,
      cols: 3,
      weight: new Float64Array(6),
      bias: Float64Array.of(0, 0.25),
      inputs: Array(3).fill({ bits: 16, exponent: 14, maxInteger: 2 ** 15 }),
      column: (_row, col) => col,
      weightBits: 16,
      accBits: 64,
      outExponent: 15,
    });
    expect([...format.weights]).toEqual([0, 0, 0, 0, 0, 0]);
    expect(format.bias[1] / 2 ** (outExponent + format.guard)).toBe(0.25);
  });
});
