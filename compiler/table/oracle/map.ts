import type { RecordShape } from '../record.js';
import { FLAG, KIND } from '../specification.js';
import type { TableRecord } from '../table.js';
import { INVERSE_POWER, multiplyShift, POWER, roundShift } from './exact.js';
import type { PoolReader, Step, Store, Vector } from './memory.js';

/** MAP_LINEAR, MAP_POLYNOMIAL, MAP_HORNER (runtime/kernels/map.ts): a function of one variable by its table. */
export function mapStep(record: TableRecord, shape: RecordShape, x: Vector, store: Store, pool: PoolReader): Step {
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
