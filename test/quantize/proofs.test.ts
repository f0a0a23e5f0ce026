import { describe, expect, test } from 'vitest';
import { quantizeBlocks } from '../../compiler/formats/block-formats.js';
import { fill, type TableRequest } from '../../compiler/formats/table-fill.js';
import { type AffineRequest, quantizeAffine } from '../../compiler/formats/weight-formats.js';
import { unionRange } from '../../compiler/ir/ranges.js';
import type { BlocksNode, IrNode, WeightBits } from '../../compiler/ir/types.js';
import { FUNCTIONS } from '../../compiler/model/functions.js';
import { compile } from '../../compiler/pipeline/compile.js';
import type { Layout } from '../../compiler/table/function-table.js';
import type { ValueFormat } from '../../compiler/table/quantized-graph.js';
import { modelFrom, perceptron, randoms } from '../helpers/models.js';

/** The proofs at their very limits: numbers chosen so that one bit more would overflow, and one bit less is not needed. */

const NARROW: ValueFormat = { bits: 16, exponent: 15, maxInteger: 2 ** 15 };

function affine(weight: readonly number[], rows: number, options: Partial<AffineRequest> = {}): AffineRequest {
  const cols = weight.length / rows;
  return {
    rows,
    cols,
    weight: Float64Array.from(weight),
    bias: new Float64Array(rows),
    inputs: Array<ValueFormat>(cols).fill(NARROW),
    column: (_row, col) => col,
    weightBits: 16,
    accBits: 64,
    outExponent: 15,
    ...options,
  };
}

/** Exactly: the largest that the accumulator of row r can come to, rounding included. */
function exactPeak({ cols, inputs }: AffineRequest, format: ReturnType<typeof quantizeAffine>['format'], r: number) {
  const shift = BigInt(format.shifts[r]);
  const bias = BigInt(Math.abs(format.bias[r])) << (shift - BigInt(format.guard));
  let sum = bias + (1n << (shift - 1n));
  for (let c = 0; c < cols; c++) {
    sum += BigInt(Math.abs(format.weights[r * cols + c])) * BigInt(inputs[c].maxInteger);
  }
  return sum;
}

describe('a row of weights', () => {
  test('whose sum is a power of two leaves half of its accumulator to rounding', () => {
    const request = affine([1, 1, 1, 1], 1, { accBits: 32 });
    const { format } = quantizeAffine(request);
    expect([...format.weights]).toEqual([2 ** 13, 2 ** 13, 2 ** 13, 2 ** 13]);
    expect(exactPeak(request, format, 0)).toBeLessThan(2n ** 31n);
  });

  test('states the peak of its accumulator: the sum of all products, the bias and half a unit', () => {
    const next = randoms(21);
    for (let trial = 0; trial < 100; trial++) {
      const rows = 3;
      const weight = Array.from({ length: rows * 7 }, next);
      const bias = Float64Array.from({ length: rows }, next);
      const request = affine(weight, rows, { bias, accBits: trial % 2 ? 32 : 64 });
      const { format } = quantizeAffine(request);
      const peaks = [0, 1, 2].map((r) => Number(exactPeak(request, format, r)));
      expect(format.accumulatorPeak).toBeCloseTo(Math.max(...peaks), -3);
      expect(format.accumulatorPeak / Math.max(...peaks)).toBeCloseTo(1, 12);
    }
  });

  test.each([8, 16] as const)('of %i bits holds what would round up to its limit to the largest integer', (bits) => {
    // Half a unit beyond the largest integer: the nearest one would be the limit itself, which the width does not hold.
    const edge = 2 ** (bits - 1) - 0.5;
    const { format } = quantizeAffine(affine([edge, -edge, 1, 0], 1, { weightBits: bits }));
    expect(format.weights[0]).toBe(2 ** (bits - 1) - 1);
    expect(format.weights[1]).toBe(-(2 ** (bits - 1)) + 1);
    const stored = bits === 8 ? Int8Array.from(format.weights) : Int16Array.from(format.weights);
    expect([...stored]).toEqual([...format.weights]);
  });

  test('uses every bit that its width and its accumulator leave it', () => {
    const next = randoms(5);
    for (let trial = 0; trial < 100; trial++) {
      const accBits = trial % 2 ? 32 : 64;
      const request = affine(
        Array.from({ length: 6 }, () => next()),
        1,
        { accBits, outExponent: 12 },
      );
      const { format } = quantizeAffine(request);
      const largest = Math.max(...format.weights.map(Math.abs));
      const isWide = largest >= 2 ** 14 - 1;
      const isFull = exactPeak(request, format, 0) >= 2n ** BigInt(accBits - 3);
      expect(isWide || isFull).toBe(true);
    }
  });
});

describe('a run of columns in a lane', () => {
  /** Largest sum of any run of `columns` columns; of a row that stays in its lane with its bias and half a unit. */
  function worstLane(request: AffineRequest, format: ReturnType<typeof quantizeAffine>['format'], columns: number) {
    const { cols, inputs, rows } = request;
    let worst = 0n;
    for (let r = 0; r < rows; r++) {
      if (columns >= cols) {
        const sum = exactPeak(request, format, r);
        worst = sum > worst ? sum : worst;
        continue;
      }
      for (let from = 0; from < cols; from += columns) {
        let sum = 0n;
        for (let c = from; c < Math.min(cols, from + columns); c++) {
          sum += BigInt(Math.abs(format.weights[r * cols + c])) * BigInt(inputs[c].maxInteger);
        }
        worst = sum > worst ? sum : worst;
      }
    }
    return worst;
  }

  test('holds them also where every weight is rounded up', () => {
    // 16 of 4095.97 times 2^15 are just below 2^31; 16 of 4096 are 2^31.
    const request = affine(Array<number>(32).fill(4095.97), 1, { laneColumns: 16 });
    const { format } = quantizeAffine(request);
    expect(worstLane(request, format, 16)).toBeLessThan(2n ** 31n);
  });

  test('holds the bias and half a unit, too, where the whole row stays in it', () => {
    const weight = Array<number>(8).fill(4095.97);
    const bias = Float64Array.of(4095.9 * 8);
    const request = affine(weight, 1, { laneColumns: 8, bias, outExponent: 8 });
    const { format } = quantizeAffine(request);
    expect(worstLane(request, format, 8)).toBeLessThan(2n ** 31n);
  });

  test('holds random ones, by exact integers', () => {
    const next = randoms(77);
    let proven = 0;
    for (let trial = 0; trial < 300; trial++) {
      const cols = 1 + Math.floor((next() + 1) * 24);
      const laneColumns = [4, 16, cols][trial % 3];
      const scale = 10 ** (3 * next());
      const weight = Array.from({ length: 2 * cols }, () => scale * next());
      const bias = Float64Array.from({ length: 2 }, () => scale * next());
      const request = affine(weight, 2, { laneColumns, bias, outExponent: 10, oneShift: trial % 2 === 0 });
      const { format } = quantizeAffine(request);
      // A result that is shifted down further does not stay in its lane.
      if (laneColumns >= cols && Math.max(...format.shifts) > 22) continue;
      proven++;
      expect(worstLane(request, format, laneColumns)).toBeLessThan(2n ** 31n);
    }
    expect(proven).toBeGreaterThan(200);
  });
});

describe('a matrix in blocks', () => {
  const request = (weight: readonly number[], weightBits: WeightBits, accBits: 32 | 64, bias = 0) => {
    const x = { kind: 'input', width: weight.length } as unknown as IrNode;
    const leaf = { row: 0, rows: 1, x, weight: Float64Array.from(weight) };
    const leaves = [leaf, { ...leaf }] as unknown as BlocksNode['leaves'];
    return {
      node: { kind: 'blocks', width: 1, leaves } as unknown as BlocksNode,
      bias: Float64Array.of(bias),
      inputs: () => Array<ValueFormat>(weight.length).fill(NARROW),
      weightBits: () => weightBits,
      accBits,
      outExponent: 15,
    };
  };
  type Blocks = ReturnType<typeof quantizeBlocks>['format'];
  const exact = ({ leaves, bias, shift, guard }: Blocks) => {
    let sum = (BigInt(Math.abs(bias[0])) << BigInt(shift - guard)) + (1n << BigInt(shift - 1));
    for (const { weights, lefts } of leaves)
      for (const w of weights) sum += (BigInt(Math.abs(w)) * 2n ** 15n) << BigInt(lefts[0]);
    return sum;
  };

  test('whose sum is a power of two leaves half of its accumulator to rounding', () => {
    const { format } = quantizeBlocks(request([1, 1], 16, 32));
    expect(exact(format)).toBeLessThan(2n ** 31n);
    expect(exact(format)).toBeGreaterThanOrEqual(2n ** 30n);
  });

  test.each([32, 64] as const)('states the peak of its accumulator of %i bits: the sum over all leaves', (accBits) => {
    for (const weight of [[1, 0.5, -0.75], [0.1], [3, 2, 1, 0.3, 7]]) {
      const { format } = quantizeBlocks(request(weight, 16, accBits, 0.3));
      expect(format.accumulatorPeak / Number(exact(format))).toBeCloseTo(1, 12);
    }
  });

  test.each([8, 16] as const)('of %i bits holds what would round up to its limit to the largest integer', (bits) => {
    const edge = 2 ** (bits - 1) - 0.5;
    const { format } = quantizeBlocks(request([edge, -edge], bits, 64));
    const limit = 2 ** (bits - 1);
    for (const { weights } of format.leaves) {
      expect([...weights]).toEqual([limit - 1, 1 - limit]);
    }
  });
});

test('values of 32 bits leave two bits to the products that read them, and use the others', async () => {
  const { quantized, ranges } = await compile(modelFrom(perceptron([2, 6, 1])), { tolerance: 1e-4, precision: '32' });
  const used: number[] = [];
  for (const [leaf, { bits, exponent }] of quantized.formats) {
    if (bits !== 32 || leaf.kind === 'constant') continue;
    const { min, max } = unionRange(ranges.get(leaf)!);
    const largest = Math.max(Math.abs(min), Math.abs(max)) * 2 ** exponent;
    expect(largest, leaf.name).toBeLessThanOrEqual(2 ** 29 * (1 + 1e-9));
    used.push(largest);
  }
  expect(Math.max(...used)).toBeGreaterThan(2 ** 28);
});

describe('the stored integers of a function table', () => {
  const uniform = (degree: number, segments: number): Layout => {
    return { segmentation: 'uniform', mirrored: false, degree, segmentBits: 0, octaveBits: 0, segments, origin: -1 };
  };
  const requestOf = (f: (x: number) => number, bits: 16 | 32, exponent: number): TableRequest => {
    return { f, periodic: false, domain: { min: -1, max: 1 }, error: 1, bits, exponent, argumentExponent: 20 };
  };

  test.each([16, 32] as const)('are knots within the %i bits of their result, at both ends', (bits) => {
    const limit = 2 ** (bits - 1);
    const { data } = fill(
      uniform(1, 2),
      requestOf((x) => x, bits, bits - 1),
    );
    expect([...data]).toEqual([-limit, 0, limit - 1]);
    const falling = fill(
      uniform(1, 2),
      requestOf((x) => -x, bits, bits - 1),
    ).data;
    expect([...falling]).toEqual([limit - 1, 0, -limit]);
  });

  test("are a polynomial's own coefficients, rounded to the nearest, with every bit that the sums leave", () => {
    const [a, b, c, d] = [0.3, -0.7, 0.2, 0.11];
    const table = fill(
      uniform(3, 2),
      requestOf((x) => a + x * (b + x * (c + x * d)), 16, 14),
    );
    // Around -1 and around 0.
    const wanted = [a - b + c - d, b - 2 * c + 3 * d, c - 3 * d, d, a, b, c, d];
    expect([...table.data]).toEqual(wanted.map((v) => Math.round(v * 2 ** table.exponent)));
    const sums = [wanted.slice(0, 4), wanted.slice(4)].map((part) => part.reduce((n, v) => n + Math.abs(v), 0));
    const fits = (exponent: number) => {
      const isSmall = Math.max(...wanted.map(Math.abs)) * 2 ** exponent <= 2 ** 29;
      return isSmall && Math.max(...sums) * 2 ** exponent <= 2 ** 30 - 4;
    };
    expect(fits(table.exponent)).toBe(true);
    expect(fits(table.exponent + 1)).toBe(false);
  });

  test('sum up below 2^30 in every segment, and no further than their result needs', () => {
    for (const [name, degree] of [
      ['tanh', 5],
      ['silu', 3],
      ['softplus', 2],
    ] as const) {
      for (const exponent of [3, 14, 28]) {
        const table = fill({ ...uniform(degree, 2) }, requestOf(FUNCTIONS[name].value, 32, exponent));
        expect(table.exponent).toBeLessThanOrEqual(exponent + 24);
        const terms = degree + 1;
        const sums = [0, 1].map((s) =>
          table.data.subarray(s * terms, (s + 1) * terms).reduce((n, v) => n + Math.abs(v), 0),
        );
        expect(Math.max(...sums)).toBeLessThan(2 ** 30);
        expect(table.exponent === exponent + 24 || Math.max(...sums) >= 2 ** 28).toBe(true);
      }
    }
  });
});
