import type { RecordShape } from '../record.js';
import { FLAG } from '../specification.js';
import type { TableRecord } from '../table.js';

/** What the oracle's records read and write: the arena as it lies in the module's memory, and the weight pool. */

/** The arena, seen in its two widths. */
export interface Memory {
  narrow: Int16Array;
  wide: Int32Array;
}

/** A vector in the arena and where it starts, in elements. */
export interface Vector {
  data: Int16Array | Int32Array;
  at: number;
}

/** The vector at an address of a record, which counts units of 2 bytes. */
export function vector(memory: Memory, address: number, bytes: 2 | 4): Vector {
  return bytes === 4 ? { data: memory.wide, at: address / 2 } : { data: memory.narrow, at: address };
}

/** The weight pool of a table, by its addresses. */
export class PoolReader {
  private readonly view: DataView;

  constructor(readonly pool: Uint8Array) {
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

/** Stores element `index` of a record's result. */
export type Store = (index: number, value: number) => void;

/** Evaluates one record. */
export type Step = () => void;

/** Saturates to the result's width, or wraps to it. */
export function storer(out: Vector, shape: RecordShape, wraps: boolean): Store {
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

/** Shift of every row of a record. */
export function rowShifts(record: TableRecord, pool: PoolReader): ArrayLike<number> {
  if (record.flags & FLAG.ROW_SHIFTS) return pool.bytes(record.rowShifts, record.rows);
  return new Array<number>(record.rows).fill(record.shift);
}
