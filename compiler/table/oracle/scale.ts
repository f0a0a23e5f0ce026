import type { RecordShape } from '../record.js';
import { FLAG } from '../specification.js';
import type { TableRecord } from '../table.js';
import { lowerLimb, roundShift, upperLimb } from './exact.js';
import { type PoolReader, rowShifts, type Step, type Store, type Vector } from './memory.js';

/** SCALE (runtime/kernels/scale.ts): a diagonal matrix and a bias. */
export function scaleStep(record: TableRecord, shape: RecordShape, x: Vector, store: Store, pool: PoolReader): Step {
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
