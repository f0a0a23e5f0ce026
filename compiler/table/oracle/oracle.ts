import { lanesBytes } from '../lanes.js';
import { recordShape } from '../record.js';
import { FLAG, KIND, STATUS } from '../specification.js';
import type { BlockTable, TableRecord } from '../table.js';
import { blockStep } from './block.js';
import { extremumStep, selectStep } from './choose.js';
import { combineStep, copyStep } from './combine.js';
import { denseStep } from './dense.js';
import { lanesStep, slopesStep } from './lanes.js';
import { mapStep } from './map.js';
import { type Memory, PoolReader, rowShifts, type Step, storer, type Vector, vector } from './memory.js';
import { scaleStep } from './scale.js';
import { splineStep } from './spline.js';

/**
 * The fixed-point oracle: what a block table means, in plain numbers, independent of the AssemblyScript kernels.
 * Every engine must give exactly these integers.
 */
export interface Oracle {
  /** Runs points of input words, row-major [count x inputs]; output words and one status per point. */
  run(inputs: Int32Array): { outputs: Int32Array; statuses: Uint8Array };
}

/** @param table valid: every address is taken as it stands */
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
    case KIND.DENSE_DUAL:
    case KIND.DENSE_STARTS:
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
    case KIND.SPLINE: {
      const words = { data: memory.wide, at: record.b / 2 };
      return splineStep(record, shape, a, words, store, pool);
    }
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
      return copyStep(record, a, store);
  }
}
