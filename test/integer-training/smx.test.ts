import { describe, expect, it } from 'vitest';
import { MX_BLOCK, mxBytes, mxValues, roundToMx } from '../../compiler/compress/integer-training/ocp-mx.js';
import {
  exactTerms,
  floorLog2,
  integersOf,
  multiplyBlocks,
  roundInteger,
  roundToBlocks,
  smxBytes,
  smxFormat,
  transposeBlocks,
} from '../../compiler/compress/integer-training/smx.js';
import { congruential, uniform } from '../../compiler/judge/points/random.js';

const INT8 = smxFormat(8, 4, -20, 6);

/** Values of all sizes between 2^-16 and 2^6. */
function values(count: number, seed: number): Float64Array {
  const random = uniform(seed);
  return Float64Array.from({ length: count }, () => (2 * random() - 1) * 2 ** (22 * random() - 16));
}

describe('blocks of 4 x 4 with a shared exponent', () => {
  it('round to the integers that the definition gives, to the bit', () => {
    // Largest 3: exponent floor(log2 3) - 6 = -5, so units of 1/32.
    const block = Float64Array.of(3, -1, 1 / 64, -1 / 64, 0, 0.1, 0.5, 1 / 32, 3 / 64, -3 / 64, 2, 0, 0, 0, 0, -3);
    const { exponents, ...rounded } = roundToBlocks(block, 4, 4, INT8);
    expect([...exponents]).toEqual([-5]);
    // Halves go up: 0.5 to 1, -0.5 to 0, 1.5 to 2, -1.5 to -1.
    expect([...integersOf({ exponents, ...rounded })]).toEqual([
      96, -32, 1, 0, 0, 3, 16, 1, 2, -1, 64, 0, 0, 0, 0, -96,
    ]);
  });

  it('use the integers to half of their range or more, and saturate by at most half a unit', () => {
    for (const bits of [8, 12, 16]) {
      const format = smxFormat(bits, 4, -60, 60);
      const matrix = values(16 * 100, bits);
      const rounded = roundToBlocks(matrix, 40, 40, format);
      const integers = integersOf(rounded);
      for (let b = 0; b < 100; b++) {
        const places = Array.from({ length: 16 }, (_, i) => {
          return (Math.floor(b / 10) * 4 + Math.floor(i / 4)) * 40 + (b % 10) * 4 + (i % 4);
        });
        const largest = Math.max(...places.map((i) => Math.abs(integers[i])));
        expect(largest).toBeGreaterThanOrEqual(2 ** (bits - 2));
        expect(largest).toBeLessThan(2 ** (bits - 1));
        for (const i of places) {
          expect(Math.abs(rounded.values[i] - matrix[i])).toBeLessThanOrEqual(2 ** rounded.exponents[b]);
        }
      }
    }
  });

  it('keep one copy for a matrix and its transpose', () => {
    for (const block of [4, 8]) {
      const format = smxFormat(8, block, -40, 20);
      const [rows, cols] = [13, 22];
      const matrix = values(rows * cols, block);
      const turned = Float64Array.from(matrix, (_, i) => matrix[(i % rows) * cols + Math.floor(i / rows)]);
      const ofTurned = roundToBlocks(turned, cols, rows, format);
      const once = transposeBlocks(roundToBlocks(matrix, rows, cols, format));
      expect(once).toEqual(ofTurned);
      expect(integersOf(once)).toEqual(integersOf(ofTurned));
    }
  });

  it('are what they are when rounded again, and the negative is the negative but for halves', () => {
    const rounded = roundToBlocks(values(400, 3), 20, 20, INT8);
    expect(roundToBlocks(rounded.values, 20, 20, INT8)).toEqual(rounded);
    const negative = roundToBlocks(rounded.values.map((v) => -v), 20, 20, INT8); // biome-ignore format: one line
    expect(negative.values.map((v) => 0 - v)).toEqual(rounded.values.map((v) => v + 0));
  });

  it('hold to the bounds of exponents: small blocks lose bits, large ones saturate', () => {
    const format = smxFormat(8, 4, -6, -2);
    const of = (v: number) => roundToBlocks(new Float64Array(16).fill(v), 4, 4, format).values[0];
    expect(of(1e-3)).toBe(0);
    expect(of(0.01)).toBe(2 ** -6);
    expect(of(1000)).toBe(127 / 4);
    expect(of(-1000)).toBe(-127 / 4);
  });

  it('round stochastically to the two neighbours, on the mean to the value, the same for the same seed', () => {
    const matrix = new Float64Array(64 * 64).fill(0.3);
    matrix.fill(64, 0, 1);
    const format = smxFormat(8, 4, 0, 0);
    const rounded = roundToBlocks(matrix, 64, 64, format, congruential(7));
    const rest = rounded.values.subarray(1);
    expect(new Set(rest)).toEqual(new Set([0, 1]));
    expect(rest.reduce((sum, v) => sum + v, 0) / rest.length).toBeCloseTo(0.3, 1);
    expect(roundToBlocks(matrix, 64, 64, format, congruential(7))).toEqual(rounded);
    expect(roundToBlocks(matrix, 64, 64, format, congruential(8))).not.toEqual(rounded);
  });

  it('never round an integer stochastically, and draw a number for it all the same', () => {
    let drawn = 0;
    const count = () => {
      drawn++;
      return 1 - 2 ** -32;
    };
    for (const n of [-3, 0, 5]) expect(roundInteger(n, count)).toBe(n);
    expect(roundInteger(2 + 2 ** -32, count)).toBe(3);
    expect(drawn).toBe(4);
  });

  it('round the largest double below a half down', () => {
    expect(roundInteger(0.49999999999999994)).toBe(0);
    expect(roundInteger(-0.5)).toBe(0);
    expect(floorLog2(1 - 2 ** -53)).toBe(-1);
    expect(floorLog2(2 ** 40)).toBe(40);
  });
});

describe('products of blocks', () => {
  it('are those of the integers, exactly', () => {
    const a = roundToBlocks(values(9 * 30, 1), 9, 30, smxFormat(8, 4, -12, -2));
    const b = roundToBlocks(values(30 * 11, 2), 30, 11, smxFormat(12, 4, -14, -5));
    const product = multiplyBlocks(a, b);
    const unit = -26;
    const fixed = ({ values }: { values: Float64Array }, at: number, lowest: number) =>
      BigInt(values[at] * 2 ** -lowest);
    for (let r = 0; r < 9; r++) {
      for (let c = 0; c < 11; c++) {
        let sum = 0n;
        for (let k = 0; k < 30; k++) sum += fixed(a, r * 30 + k, -12) * fixed(b, k * 11 + c, -14);
        expect(BigInt(product[r * 11 + c] * 2 ** -unit)).toBe(sum);
      }
    }
  });

  it('are refused where a sum could be rounded', () => {
    const wide = smxFormat(16, 4, -30, 20);
    const matrix = roundToBlocks(values(64, 5), 8, 8, wide);
    expect(exactTerms(wide, wide)).toBe(1);
    expect(() => multiplyBlocks(matrix, matrix)).toThrow(
      'exponents: sums of 8 products are exact up to 1 between these exponents; bring lowest and highest closer',
    );
    // At the limit itself nothing is lost: the smallest product beside as many of the largest as are allowed.
    const a = smxFormat(8, 4, -17, -6);
    const b = smxFormat(12, 4, -22, -10);
    const terms = exactTerms(a, b);
    const largest = 127 * 2 ** a.highest * 2047 * 2 ** b.highest;
    const smallest = 2 ** (a.lowest + b.lowest);
    expect((terms - 1) * largest + smallest - (terms - 1) * largest).toBe(smallest);
  });
});

describe('a format', () => {
  it.each([
    [[1, 4, -8, 0], 'bits: integers of blocks have 2 to 16 bits, found 1'],
    [[8.5, 4, -8, 0], 'bits: integers of blocks have 2 to 16 bits, found 8.5'],
    [[8, 3, -8, 0], 'block: blocks are 4 x 4 or 8 x 8, found 3 x 3'],
    [[8, 4, 1, 0], 'exponents: the exponents of blocks run from -126 to 126, lowest first, found 1 to 0'],
    [[8, 4, -127, 0], 'exponents: the exponents of blocks run from -126 to 126, lowest first, found -127 to 0'],
  ] as const)('of %j is refused', (numbers, message) => {
    expect(() => smxFormat(...(numbers as unknown as [number, number, number, number]))).toThrow(message);
  });

  it('takes blocks that the matrix cuts, and none that are larger than all of it', () => {
    const eight = smxFormat(8, 8, -20, 0);
    expect(roundToBlocks(values(16, 1), 8, 2, eight).exponents.length).toBe(1);
    expect(() => roundToBlocks(values(12, 1), 6, 2, eight)).toThrow(
      'block: blocks of 8 x 8 are larger than the matrix of 6 x 2; take smaller blocks or a larger matrix',
    );
  });

  it('counts its bytes', () => {
    expect(smxBytes(64, 64, INT8)).toBe(64 * 64 + 256);
    expect(smxBytes(5, 6, smxFormat(12, 4, 0, 0))).toBe(45 + 4);
  });
});

describe('OCP MX', () => {
  it('shares an E8M0 scale among 32 values of a row', () => {
    const row = new Float64Array(40);
    row.set([1.5, -1, 0.01, 1 / 128]);
    row[32] = 2 ** -20;
    const mx = roundToMx(row, 1, 40);
    expect([...mx.scales]).toEqual([127, 107]);
    expect([...mx.elements.subarray(0, 4)]).toEqual([96, -64, 1, 1]);
    expect(mxValues(mx)[32]).toBe(2 ** -20);
    expect(mxBytes(1, 40)).toBe(42);
    expect(MX_BLOCK).toBe(32);
  });

  it('gives a row of zeros the smallest scale and zeros', () => {
    const mx = roundToMx(new Float64Array(32), 1, 32);
    expect([...mx.scales]).toEqual([0]);
    expect(mxValues(mx)).toEqual(new Float64Array(32));
  });

  it('rounds a matrix and its transpose apart, which SMX does not', () => {
    const matrix = values(32 * 32, 9);
    const turn = (m: Float64Array) => m.map((_, i) => m[(i % 32) * 32 + Math.floor(i / 32)]);
    expect(mxValues(roundToMx(turn(matrix), 32, 32))).not.toEqual(turn(mxValues(roundToMx(matrix, 32, 32))));
  });
});
