import { dualRowMajor } from '../format/dual.js';

import { lanesBytes } from '../format/lanes.js';

import { hasStarts, type RecordShape, recordShape } from '../format/record.js';
import { FLAG, KIND, STATUS } from '../format/spec.js';
import type { BlockTable, TableRecord } from '../format/table.js';
import { blockStep } from './block.js';
import { INVERSE_POWER, lowerLimb, multiplyShift, POWER, roundShift, upperLimb } from './exact.js';
import { lanesStep, slopesStep } from './lanes.js';

/**
 * The fixed-point oracle: what a block table means, in plain numbers, independent of the AssemblyScript kernels.
 * Every engine must give exactly these integers.
 */
export interface Oracle {
  /** Runs points of input words, row-major [count x inputs]; output words and one status per point. */
  run(inputs: Int32Array): { outputs: Int32Array; statuses: Uint8Array };
}

type Step = () => void;

export function createOracle(table: BlockTable): Oracle {
  const arena = new ArrayBuffer(table.arenaBytes);
  const memory: Memory = { narrow: new Int16Array(arena), wide: new Int32Array(arena) };
  const pool = new PoolReader(table.pool);
  const steps = compileRecords(table.records, memory, pool);
  const inputCount = table.inputs.length;
  const outputCount = table.outputs.length;
  return {
    run(inputs) {
      const count = inputs.length / inputCount;
      const outputs = new Int32Array(count * outputCount);
      const statuses = new Uint8Array(count);
      for (let p = 0; p < count; p++) {
        for (let i = 0; i < inputCount; i++) {
          const { min, max } = table.inputs[i];
          const word = inputs[p * inputCount + i];
          const held = Math.min(max, Math.max(min, word));
          if (held !== word) statuses[p] = STATUS.CLAMPED;
          memory.wide[i] = held;
        }
        for (const step of steps) step();
        for (let i = 0; i < outputCount; i++) outputs[p * outputCount + i] = memory.wide[inputCount + i];
      }
      return { outputs, statuses };
    },
  };
}

interface Memory {
  narrow: Int16Array;
  wide: Int32Array;
}

class PoolReader {
  private readonly view: DataView;

  constructor(private readonly pool: Uint8Array) {
    this.view = new DataView(pool.buffer, pool.byteOffset, pool.byteLength);
  }

  integers(at: number, count: number, bytes: 1 | 2 | 4): Int32Array {
    return Int32Array.from({ length: count }, (_, i) => {
      if (bytes === 1) return this.view.getInt8(at + i);
      return bytes === 2 ? this.view.getInt16(at + 2 * i, true) : this.view.getInt32(at + 4 * i, true);
    });
  }

  /** Accumulators of 4 or 8 bytes. */
  starts(at: number, count: number, bytes: 4 | 8): bigint[] {
    return Array.from({ length: count }, (_, i) =>
      bytes === 8 ? this.view.getBigInt64(at + 8 * i, true) : BigInt(this.view.getInt32(at + 4 * i, true)),
    );
  }

  bytes(at: number, count: number): Uint8Array {
    return this.pool.subarray(at, at + count);
  }
}

/** A vector in the arena and where it starts, in elements. */
interface Vector {
  data: Int16Array | Int32Array;
  at: number;
}

function vector(memory: Memory, address: number, bytes: 2 | 4): Vector {
  return bytes === 4 ? { data: memory.wide, at: address / 2 } : { data: memory.narrow, at: address };
}

/** The sums of a fused record go to the next one without being stored. */
function compileRecords(records: readonly TableRecord[], memory: Memory, pool: PoolReader): Step[] {
  let sums: Vector | undefined;
  return records.map((record) => {
    const fused = record.kind === KIND.LANES && (record.flags & FLAG.FUSED) !== 0;
    const before = sums;
    sums = fused ? { data: new Int32Array(record.rows), at: 0 } : undefined;
    return compileRecord(record, memory, pool, before, sums);
  });
}

function compileRecord(record: TableRecord, memory: Memory, pool: PoolReader, from?: Vector, to?: Vector): Step {
  const shape = recordShape(record);
  const a = from ?? vector(memory, record.a, shape.aBytes);
  const out = to ?? vector(memory, record.out, shape.outBytes);
  const store = storer(out, shape, (record.flags & FLAG.WRAP) !== 0);
  switch (record.kind) {
    case KIND.DENSE:
      return denseStep(record, shape, a, store, pool);
    case KIND.BLOCK:
      return blockStep(record, shape, {
        weights: Float64Array.from(pool.integers(record.weights, shape.weightCount, shape.weightEntryBytes)),
        bias: shape.hasBias ? pool.integers(record.bias, record.rows, 4) : [],
        lefts:
          record.flags & FLAG.ROW_SHIFTS
            ? pool.bytes(record.rowShifts, record.rows)
            : new Array<number>(record.rows).fill(record.shiftB),
        x: a,
        words: memory.wide,
        accumulators: record.b / 2,
        store,
      });
    case KIND.DENSE_DUAL:
    case KIND.DENSE_STARTS:
      // The result is the low 32 bits of the shifted sum.
      return denseStep(record, shape, a, (i, value) => store(i, lowBits(value)), pool);
    case KIND.LANES:
      return lanesStep(record, {
        bytes: pool.bytes(record.weights, lanesBytes(record)),
        shifts: rowShifts(record, pool),
        x: a,
        words: memory.wide,
        accumulators: record.b / 2,
        store,
      });
    case KIND.MAP_SLOPES:
      return slopesStep(record, a, pool.integers(record.weights, shape.weightCount, 4), out);
    case KIND.SCALE:
      return scaleStep(record, shape, a, store, pool);
    case KIND.MAP_LINEAR:
    case KIND.MAP_POLYNOMIAL:
    case KIND.MAP_HORNER:
      return mapStep(record, shape, a, store, pool);
    case KIND.ADD:
    case KIND.MUL:
      return combineStep(record, a, vector(memory, record.b, shape.bBytes as 2 | 4), store);
    case KIND.MIN:
    case KIND.MAX:
      return extremumStep(record, a, vector(memory, record.b, shape.bBytes as 2 | 4), store);
    case KIND.SELECT: {
      const condition = vector(memory, record.cols, shape.conditionBytes);
      return selectStep(record, condition, a, vector(memory, record.b, shape.bBytes as 2 | 4), store);
    }
    default:
      return () => {
        for (let i = 0; i < record.rows; i++) {
          const value = a.data[a.at + i] * 2 ** record.shiftA;
          store(i, record.shift ? roundShift(0, value, record.shift) : value);
        }
      };
  }
}

type Store = (index: number, value: number) => void;

/** Saturates to the result's width, or wraps to it. */
function storer(out: Vector, shape: RecordShape, wraps: boolean): Store {
  const limit = shape.outBytes === 4 ? 2 ** 31 : 2 ** 15;
  if (wraps) {
    return (index, value) => {
      const turn = value - Math.floor(value / (2 * limit)) * 2 * limit;
      out.data[out.at + index] = turn >= limit ? turn - 2 * limit : turn;
    };
  }
  return (index, value) => {
    out.data[out.at + index] = Math.max(-limit, Math.min(limit - 1, value));
  };
}

function lowBits(value: number): number {
  const turn = value - Math.floor(value / 2 ** 32) * 2 ** 32;
  return turn >= 2 ** 31 ? turn - 2 ** 32 : turn;
}

function rowShifts(record: TableRecord, pool: PoolReader): ArrayLike<number> {
  if (record.flags & FLAG.ROW_SHIFTS) return pool.bytes(record.rowShifts, record.rows);
  return new Array<number>(record.rows).fill(record.shift);
}

function denseStep(record: TableRecord, shape: RecordShape, x: Vector, store: Store, pool: PoolReader): Step {
  const { rows, cols } = record;
  // Float64Array throughout: one array type keeps the inner loop fast.
  const stored = pool.integers(record.weights, shape.weightCount, shape.weightEntryBytes);
  const isDual = record.kind === KIND.DENSE_DUAL;
  const weights = Float64Array.from(isDual ? dualRowMajor(stored, rows, cols) : stored);
  const shifts = rowShifts(record, pool);
  const starts = rowStarts(record, shape, shifts, pool);
  const v = new Float64Array(cols);
  const loadInputs = () => {
    for (let c = 0; c < cols; c++) v[c] = x.data[x.at + c];
  };
  const inputLimit = shape.aBytes === 4 ? 2 ** 31 : 2 ** 15;
  const largestRow = largestRowSum(weights, rows, cols);
  if (largestRow * inputLimit < 2 ** 52) {
    return () => {
      loadInputs();
      for (let r = 0, w = 0; r < rows; r++) {
        let sum = 0;
        for (let c = 0; c < cols; c++, w++) sum += weights[w] * v[c];
        store(r, addShift(starts[r], sum, shifts[r]));
      }
    };
  }
  const highs = weights.map(upperLimb);
  const lows = weights.map(lowerLimb);
  return () => {
    loadInputs();
    for (let r = 0, w = 0; r < rows; r++) {
      let { high, low } = starts[r];
      for (let c = 0; c < cols; c++, w++) {
        high += highs[w] * v[c];
        low += lows[w] * v[c];
        if ((c & 31) === 31) {
          const carry = Math.floor(low / 2 ** 15);
          high += carry;
          low -= carry * 2 ** 15;
        }
      }
      store(r, roundShift(high, low, shifts[r]));
    }
  };
}

/** What a row's sum starts with, without the half unit: it may need more than 53 bits beside the products. */
interface RowStart {
  high: number;
  low: number;
  /** high * 2^15 + low where that is below 2^51, else NaN. */
  small: number;
}

function rowStarts(record: TableRecord, shape: RecordShape, shifts: ArrayLike<number>, pool: PoolReader): RowStart[] {
  const { rows } = record;
  const starts = hasStarts(record) ? pool.starts(record.bias, rows, shape.biasBytes) : undefined;
  const bias = starts ? [] : pool.integers(record.bias, rows, 4);
  return Array.from({ length: rows }, (_, r) => {
    const shift = BigInt(shifts[r]);
    const start = starts ? starts[r] - (1n << (shift - 1n)) : BigInt(bias[r]) << (shift - BigInt(record.shiftA));
    const high = Number(start >> 15n);
    const low = Number(start & 0x7fffn);
    return { high, low, small: Math.abs(high) < 2 ** 36 ? high * 2 ** 15 + low : Number.NaN };
  });
}

/** floor((start + sum + 2^(shift-1)) / 2^shift). */
function addShift({ high, low, small }: RowStart, sum: number, shift: number): number {
  if (!Number.isNaN(small)) return Math.floor((small + sum + POWER[shift - 1]) * INVERSE_POWER[shift]);
  return roundShift(high, low + sum, shift);
}

function largestRowSum(weights: Float64Array, rows: number, cols: number): number {
  let largest = 0;
  for (let r = 0; r < rows; r++) {
    let sum = 0;
    for (let c = 0; c < cols; c++) sum += Math.abs(weights[r * cols + c]);
    largest = Math.max(largest, sum);
  }
  return largest;
}

function scaleStep(record: TableRecord, shape: RecordShape, x: Vector, store: Store, pool: PoolReader): Step {
  const weights = pool.integers(record.weights, shape.weightCount, shape.weightEntryBytes);
  const bias = pool.integers(record.bias, record.rows, 4);
  const shifts = rowShifts(record, pool);
  const stride = record.flags & FLAG.BROADCAST_A ? 0 : 1;
  return () => {
    for (let i = 0; i < record.rows; i++) {
      const value = x.data[x.at + i * stride];
      let high = upperLimb(weights[i]) * value;
      let low = lowerLimb(weights[i]) * value;
      const biasBits = shifts[i] - record.shiftA;
      if (biasBits >= 15) high += bias[i] * 2 ** (biasBits - 15);
      else low += bias[i] * 2 ** biasBits;
      store(i, roundShift(high, low, shifts[i]));
    }
  };
}

function mapStep(record: TableRecord, shape: RecordShape, x: Vector, store: Store, pool: PoolReader): Step {
  const { rows, cols, shift, flags, origin } = record;
  const table = pool.integers(record.weights, shape.weightCount, shape.weightEntryBytes);
  const linear = record.kind === KIND.MAP_LINEAR;
  const degree = linear ? 1 : record.bias;
  const octaveBits = flags & FLAG.OCTAVES ? record.rowShifts : 0;
  const octaves = flags & FLAG.OCTAVES ? cols / 2 ** octaveBits - 1 : 0;
  const reach = flags & FLAG.OCTAVES ? 2 ** (shift + octaveBits + octaves) : cols * 2 ** shift;
  return () => {
    for (let i = 0; i < rows; i++) {
      const argument = x.data[x.at + i];
      let u: number;
      if (flags & FLAG.PERIODIC) {
        const phase = argument * POWER[record.shiftA] + origin;
        u = phase - Math.floor(phase * INVERSE_POWER[32]) * POWER[32];
      } else {
        const distance = flags & FLAG.MIRRORED ? origin - argument : argument - origin;
        u = Math.min(reach - 1, Math.max(0, distance));
      }
      let bits = shift;
      let segment = Math.floor(u * INVERSE_POWER[bits]);
      if (flags & FLAG.OCTAVES && segment >= POWER[octaveBits]) {
        const octave = 32 - Math.clz32(segment) - octaveBits;
        bits = shift + octave - 1;
        segment = octave * POWER[octaveBits] + Math.floor(u * INVERSE_POWER[bits]) - POWER[octaveBits];
      }
      const t = u - Math.floor(u * INVERSE_POWER[bits]) * POWER[bits];
      if (linear) {
        const left = table[segment];
        store(i, left + multiplyShift(table[segment + 1] - left, t, bits));
        continue;
      }
      let sum = table[segment * (degree + 1) + degree];
      for (let k = degree - 1; k >= 0; k--) sum = multiplyShift(sum, t, bits) + table[segment * (degree + 1) + k];
      store(i, record.shiftB ? roundShift(0, sum, record.shiftB) : sum);
    }
  };
}

function combineStep(record: TableRecord, a: Vector, b: Vector, store: Store): Step {
  const { rows, shift, shiftA, shiftB, flags } = record;
  const strideA = flags & FLAG.BROADCAST_A ? 0 : 1;
  const strideB = flags & FLAG.BROADCAST_B ? 0 : 1;
  if (record.kind === KIND.MUL) {
    return () => {
      for (let i = 0; i < rows; i++) {
        store(i, multiplyShift(a.data[a.at + i * strideA], b.data[b.at + i * strideB], shift));
      }
    };
  }
  const sign = flags & FLAG.SUBTRACT ? -1 : 1;
  return () => {
    for (let i = 0; i < rows; i++) {
      const left = a.data[a.at + i * strideA];
      const right = sign * b.data[b.at + i * strideB];
      store(i, shiftedSum(left, shiftA, right, shiftB, shift));
    }
  };
}

function extremumStep(record: TableRecord, a: Vector, b: Vector, store: Store): Step {
  const { rows, shift, shiftA, shiftB, flags } = record;
  const strideA = flags & FLAG.BROADCAST_A ? 0 : 1;
  const strideB = flags & FLAG.BROADCAST_B ? 0 : 1;
  return () => {
    for (let i = 0; i < rows; i++) {
      const left = a.data[a.at + i * strideA];
      const right = b.data[b.at + i * strideB];
      const leftIsSmaller = left * 2 ** shiftA < right * 2 ** shiftB;
      const takeLeft = record.kind === KIND.MIN ? leftIsSmaller : !leftIsSmaller;
      store(i, takeLeft ? shiftedSum(left, shiftA, 0, 0, shift) : shiftedSum(right, shiftB, 0, 0, shift));
    }
  };
}

function selectStep(record: TableRecord, condition: Vector, a: Vector, b: Vector, store: Store): Step {
  const { rows, shift, shiftA, shiftB, flags } = record;
  const strideCondition = flags & FLAG.BROADCAST_CONDITION ? 0 : 1;
  const strideA = flags & FLAG.BROADCAST_A ? 0 : 1;
  const strideB = flags & FLAG.BROADCAST_B ? 0 : 1;
  return () => {
    for (let i = 0; i < rows; i++) {
      const takeA = condition.data[condition.at + i * strideCondition] > 0;
      store(
        i,
        takeA
          ? shiftedSum(a.data[a.at + i * strideA], shiftA, 0, 0, shift)
          : shiftedSum(b.data[b.at + i * strideB], shiftB, 0, 0, shift),
      );
    }
  };
}

/** floor((a 2^sa + b 2^sb + half) / 2^shift); one of sa, sb is zero in practice, both are handled. */
function shiftedSum(a: number, sa: number, b: number, sb: number, shift: number): number {
  let high = 0;
  let low = 0;
  for (const [value, left] of [
    [a, sa],
    [b, sb],
  ]) {
    if (left >= 15) high += value * 2 ** (left - 15);
    else low += value * 2 ** left;
  }
  return shift === 0 ? high * 2 ** 15 + low : roundShift(high, low, shift);
}
