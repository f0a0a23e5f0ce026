import { lanesShape, passRowBytes, rowWords, wordBytes } from '../lanes.js';
import { FORMAT, LANE_BITS, LANE_START } from '../specification.js';
import type { TableRecord } from '../table.js';
import { INVERSE_POWER, lowerLimb, POWER, shiftRight, upperLimb } from './exact.js';

/** What a LANES record reads and writes. */
export interface LanesOperands {
  /** Its rows in the pool. */
  bytes: Uint8Array;
  shifts: ArrayLike<number>;
  x: { data: ArrayLike<number>; at: number };
  /** The arena as int32; the sum of row i between passes starts at word `accumulators` + 2 i. */
  words: Int32Array;
  accumulators: number;
  store: (index: number, value: number) => void;
}

/** One row in one pass: the int64 that its sum starts with, high 2^15 + low, and weights in the order of the inputs. */
interface Row {
  high: number;
  low: number;
  weights: Float64Array;
}

const LIMB = 2 ** 15;

/**
 * LANES (compiler/code/lanes-kernel.ts), lane by lane: what the multiplies of packed words give modulo 2^64, also where a
 * lane overflows. Sums of lanes are exact in float64; totals of 64 bits take two limbs.
 */
export function lanesStep(record: TableRecord, operands: LanesOperands): () => void {
  const { shifts, x, words, accumulators, store } = operands;
  const { lanes, passWords, splitWords } = lanesShape(record);
  const { passes } = rowWords(record);
  const { rows } = record;
  const inLane = (record.format & FORMAT.ACC_WIDE) === 0;
  const perPass = passWords * lanes;
  const table = readRows(record, operands.bytes);
  const sumOf = lanes === 3 ? sumOfThree : sumOfTwo;
  const repair = 2 ** (LANE_START[lanes] - 1 - 15);
  return () => {
    for (let pass = 0, n = 0; pass < passes; pass++) {
      const first = x.at + pass * perPass;
      for (let r = 0; r < rows; r++, n++) {
        let { high, low } = table[n];
        const { weights } = table[n];
        if (inLane) {
          const sum = sumOf(weights, x.data, first, 0, perPass, high, low);
          store(r, Math.floor(sum * INVERSE_POWER[shifts[r]]));
          continue;
        }
        const word = accumulators + 2 * r;
        if (pass) {
          low += words[word] & (LIMB - 1);
          high += words[word + 1] * 2 ** 17 + (words[word] >>> 15);
        }
        if (lanes === 1) {
          for (let c = 0; c < perPass; c++) {
            high += upperLimb(weights[c]) * x.data[first + c];
            low += lowerLimb(weights[c]) * x.data[first + c];
          }
        } else {
          for (let from = 0; from < perPass; from += splitWords * lanes) {
            low += sumOf(weights, x.data, first, from, Math.min(perPass, from + splitWords * lanes), repair, 0);
          }
        }
        if (pass === passes - 1) {
          store(r, shiftRight(high, low, shifts[r]));
        } else {
          const top = high + upperLimb(low);
          words[word] = modulo(top, 2 ** 17) * LIMB + lowerLimb(low);
          words[word + 1] = Math.floor(top / 2 ** 17);
        }
      }
    }
  };
}

/** The lane of the sum of products of elements from .. to - 1 that starts with high 2^15 + low. */
type SumInLane = (
  weights: Float64Array,
  x: ArrayLike<number>,
  first: number,
  from: number,
  to: number,
  high: number,
  low: number,
) => number;

const sumOfTwo: SumInLane = (weights, x, first, from, to, high, low) => {
  let left = modulo(high, 2 ** 17) * LIMB + low;
  let sum = Math.floor(high / 2 ** 17);
  for (let c = from; c < to; c += 2) {
    left += weights[c] * x[first + c + 1];
    sum += weights[c] * x[first + c] + weights[c + 1] * x[first + c + 1];
  }
  return signed(sum + Math.floor(left / POWER[32]), POWER[32]);
};

const sumOfThree: SumInLane = (weights, x, first, from, to, high, low) => {
  let lowest = modulo(high, 2 ** 27) * LIMB + low;
  let middle = 0;
  let sum = Math.floor(high / 2 ** 27);
  for (let c = from; c < to; c += 3) {
    const [w0, w1, w2] = [weights[c], weights[c + 1], weights[c + 2]];
    const [x0, x1, x2] = [x[first + c], x[first + c + 1], x[first + c + 2]];
    lowest += w0 * x2;
    middle += w0 * x1 + w1 * x2;
    sum += w0 * x0 + w1 * x1 + w2 * x2;
  }
  const carry = Math.floor((middle + Math.floor(lowest / POWER[21])) / POWER[21]);
  return signed(sum + carry, POWER[21]);
};

function modulo(value: number, unit: number): number {
  return value - Math.floor(value / unit) * unit;
}

/** The value in -unit / 2 .. unit / 2 - 1 that is congruent modulo `unit`. */
function signed(value: number, unit: number): number {
  const rest = modulo(value, unit);
  return rest >= unit / 2 ? rest - unit : rest;
}

function readRows(record: TableRecord, bytes: Uint8Array): Row[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { lanes, passWords } = lanesShape(record);
  const stride = passRowBytes(record);
  const width = wordBytes(record);
  return Array.from({ length: bytes.length / stride }, (_, n) => {
    const at = n * stride;
    const weights = new Float64Array(passWords * lanes);
    for (let word = 0; word < passWords; word++) {
      const from = at + 8 + word * width;
      if (width === 8) unpack(view.getBigInt64(from, true), lanes, weights, word * lanes);
      else weights[word] = integer(view, from, width);
    }
    const lower = view.getUint32(at, true);
    return { high: view.getInt32(at + 4, true) * 2 ** 17 + (lower >>> 15), low: lower & (LIMB - 1), weights };
  });
}

function integer(view: DataView, at: number, bytes: 1 | 2 | 4): number {
  if (bytes === 1) return view.getInt8(at);
  return bytes === 2 ? view.getInt16(at, true) : view.getInt32(at, true);
}

/** The weights of a packed word: each lane takes what it can hold, the next one the rest. */
function unpack(word: bigint, lanes: number, weights: Float64Array, at: number): void {
  const bits = LANE_BITS[lanes];
  let rest = word;
  for (let k = 0; k < lanes - 1; k++) {
    const lane = BigInt.asIntN(bits, rest);
    weights[at + k] = Number(lane);
    rest = (rest - lane) >> BigInt(bits);
  }
  weights[at + lanes - 1] = Number(rest);
}

/** MAP_SLOPES (runtime/kernels/slopes.ts), modulo 2^32 as there. */
export function slopesStep(
  { rows, cols, shift, shiftB, origin }: TableRecord,
  x: { data: ArrayLike<number>; at: number },
  table: Int32Array,
  out: { data: Int16Array | Int32Array; at: number },
): () => void {
  const last = cols * 2 ** shift - 1;
  return () => {
    for (let i = 0; i < rows; i++) {
      const u = Math.min(last, Math.max(0, x.data[x.at + i] - origin));
      const segment = 2 * Math.floor(u * INVERSE_POWER[shift]);
      out.data[out.at + i] = ((table[segment] + Math.imul(table[segment + 1], u)) | 0) >> shiftB;
    }
  };
}
