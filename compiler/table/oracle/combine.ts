import { FLAG, KIND } from '../specification.js';
import type { TableRecord } from '../table.js';
import { complementShift, multiplyShift, roundShift, shiftedSum } from './exact.js';
import type { Step, Store, Vector } from './memory.js';

/** ADD and MUL (runtime/kernels/combine.ts), element by element. */
export function combineStep(record: TableRecord, a: Vector, b: Vector, store: Store): Step {
  const { rows, shift, shiftA, shiftB, flags } = record;
  const strideA = flags & FLAG.BROADCAST_A ? 0 : 1;
  const strideB = flags & FLAG.BROADCAST_B ? 0 : 1;
  if (record.kind === KIND.MUL) {
    if (flags & FLAG.SUBTRACT) {
      return () => {
        for (let i = 0; i < rows; i++) {
          store(i, complementShift(shiftA + shiftB, a.data[a.at + i * strideA], b.data[b.at + i * strideB], shift));
        }
      };
    }
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

/** COPY (runtime/kernels/combine.ts), between widths and scales. */
export function copyStep(record: TableRecord, a: Vector, store: Store): Step {
  return () => {
    for (let i = 0; i < record.rows; i++) {
      const value = a.data[a.at + i] * 2 ** record.shiftA;
      store(i, record.shift ? roundShift(0, value, record.shift) : value);
    }
  };
}
