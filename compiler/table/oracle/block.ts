import type { RecordShape } from '../record.js';
import { FLAG } from '../specification.js';
import type { TableRecord } from '../table.js';
import { lowerLimb, POWER, shiftRight, upperLimb } from './exact.js';

/** What a block reads and writes: integers of the pool, and places in the arena, all counted in elements. */
export interface BlockOperands {
  /** Row-major [rows x cols]. */
  weights: Float64Array;
  /** Used by the first leaf of a row only. */
  bias: ArrayLike<number>;
  /** Left shift of the products of each row. */
  lefts: ArrayLike<number>;
  x: { data: ArrayLike<number>; at: number };
  /** The arena as int32; accumulator i starts at word `accumulators` + i, or + 2 i when it has 64 bits. */
  words: Int32Array;
  accumulators: number;
  store: (index: number, value: number) => void;
}

const WORD = 2 ** 32;

/**
 * One leaf of a hierarchical matrix (runtime/kernels/block.ts). Sums are kept in two limbs, value = high 2^15 + low, so
 * that 64-bit accumulators are exact.
 */
export function blockStep(record: TableRecord, shape: RecordShape, operands: BlockOperands): () => void {
  const { weights, bias, lefts, x, words, accumulators, store } = operands;
  const { rows, cols, flags, shift } = record;
  const highs = weights.map(upperLimb);
  const lows = weights.map(lowerLimb);
  const biasBits = shift - record.shiftA;
  const wide = shape.accBits === 64;
  return () => {
    for (let r = 0, w = 0; r < rows; r++) {
      let high = 0;
      let low = 0;
      for (let c = 0; c < cols; c++, w++) {
        const v = x.data[x.at + c];
        high += highs[w] * v;
        low += lows[w] * v;
        if ((c & 31) === 31) {
          const carry = Math.floor(low / 2 ** 15);
          high += carry;
          low -= carry * 2 ** 15;
        }
      }
      [high, low] = shiftLeft(high, low, lefts[r]);
      const at = accumulators + (wide ? 2 * r : r);
      if (flags & FLAG.FIRST) {
        if (biasBits >= 15) high += bias[r] * POWER[biasBits - 15];
        else low += bias[r] * POWER[biasBits];
        if (shift >= 16) high += POWER[shift - 16];
        else low += POWER[shift - 1];
      } else if (wide) {
        high += words[at + 1] * 2 ** 17;
        low += words[at] >>> 0;
      } else {
        low += words[at];
      }
      if (flags & FLAG.LAST) {
        store(r, shiftRight(high, low, shift));
      } else {
        carryOn(words, at, high, low, wide);
      }
    }
  };
}

/** (high 2^15 + low) 2^left, in two limbs whose lower one stays far below 2^53. */
function shiftLeft(high: number, low: number, left: number): [high: number, low: number] {
  const carry = Math.floor(low / 2 ** 15);
  const [top, rest] = [high + carry, low - carry * 2 ** 15];
  return left < 15 ? [top * POWER[left], rest * POWER[left]] : [(top * 2 ** 15 + rest) * POWER[left - 15], 0];
}

/** Stores high 2^15 + low as int32, or as int64 in two words, the lower one first. */
function carryOn(words: Int32Array, at: number, high: number, low: number, wide: boolean): void {
  if (!wide) {
    words[at] = high * 2 ** 15 + low;
    return;
  }
  const upper = Math.floor(high / 2 ** 17);
  const rest = (high - upper * 2 ** 17) * 2 ** 15 + low;
  const carry = Math.floor(rest / WORD);
  words[at] = rest - carry * WORD;
  words[at + 1] = upper + carry;
}
