import { FLAG, KIND } from '../specification.js';
import type { TableRecord } from '../table.js';
import { shiftedSum } from './exact.js';
import type { Step, Store, Vector } from './memory.js';

/** MIN and MAX (runtime/kernels/choose.ts): values are compared before any rounding. */
export function extremumStep(record: TableRecord, a: Vector, b: Vector, store: Store): Step {
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

/** SELECT (runtime/kernels/choose.ts): a where the condition is above 0, else b. */
export function selectStep(record: TableRecord, condition: Vector, a: Vector, b: Vector, store: Store): Step {
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
