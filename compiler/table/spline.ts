import { AXIS, FORMAT, LIMIT } from './specification.js';
import { layoutOf } from './struct.js';
import type { TableRecord } from './table.js';

/** What a SPLINE record has in the pool besides its coefficients, and how large its sums can be. */

/** An axis, as AXIS in specification.ts describes it. */
export interface SplineAxis {
  origin: number;
  factor: number;
  segments: number;
  shift: number;
  order: number;
}

const LAYOUT = layoutOf(AXIS);
export const AXIS_BYTES = LAYOUT.bytes;

/** Coefficients of a record, of all rows. */
export function splineCoefficients(record: TableRecord, pool: Uint8Array): number {
  return record.rows * coefficientsPerRow(record.shiftA, readAxes(record, pool));
}

/** Bits of degree!, with room for what rounding adds. */
const FACTORIAL_BITS = [0, 1, 2, 3, 5, 7] as const;

export function readAxes({ bias, cols }: TableRecord, pool: Uint8Array): SplineAxis[] {
  const view = new DataView(pool.buffer, pool.byteOffset, pool.byteLength);
  const { offsets } = LAYOUT;
  return Array.from({ length: cols }, (_, k) => {
    const at = bias + AXIS_BYTES * k;
    return {
      origin: view.getInt32(at + offsets.origin, true),
      factor: view.getInt32(at + offsets.factor, true),
      segments: view.getUint16(at + offsets.segments, true),
      shift: view.getUint8(at + offsets.shift),
      order: view.getUint8(at + offsets.order),
    };
  });
}

/** The axes as the int32 words that the pool holds. */
export function axisWords(axes: readonly SplineAxis[]): Int32Array {
  return Int32Array.from(
    axes.flatMap(({ origin, factor, segments, shift, order }) => [
      origin,
      factor,
      segments | (shift << 16) | (order << 24),
    ]),
  );
}

/** Coefficients of one row. */
export function coefficientsPerRow(degree: number, axes: readonly Pick<SplineAxis, 'segments'>[]): number {
  return axes.reduce((n, { segments }) => n * (segments + degree), 1);
}

/**
 * Bits of the largest sum that each axis can give, from the first axis on, whatever coefficients of so many bits are; the
 * last entry is that of the innermost sum.
 */
export function sumBits(
  coefficientBits: number,
  degree: number,
  orders: readonly number[],
  shiftB: number,
): readonly number[] {
  const bits: number[] = [];
  let sum = coefficientBits - 1;
  for (let axis = orders.length - 1; axis >= 0; axis--) {
    sum += LIMIT.SPLINE_BITS + FACTORIAL_BITS[degree] + orders[axis];
    bits.unshift(sum);
    sum = Math.max(0, sum - shiftB);
  }
  return bits;
}

/** Whether axes and shifts are such that positions and sums fit; `record` has 1 to 3 axes of a degree that there is. */
export function splineFits(record: TableRecord, axes: readonly SplineAxis[]): boolean {
  const { format, shiftA: degree, shiftB } = record;
  const isKnown = axes.every(({ factor, segments, shift, order }) => {
    const hasSegments = segments >= 1 && segments <= LIMIT.MAX_SPLINE_SEGMENTS;
    const hasFactor = factor >= 1 && factor < 2 ** LIMIT.MAX_SPLINE_FACTOR_BITS;
    return hasSegments && hasFactor && shift <= LIMIT.MAX_SHIFT_64 && order <= degree;
  });
  if (!isKnown) return false;
  const bits = (format & FORMAT.WEIGHT_MASK) === FORMAT.WEIGHT_8 ? 8 : 16;
  const orders = axes.map(({ order }) => order);
  return sumBits(bits, degree, orders, shiftB).every((sum) => sum <= LIMIT.MAX_SPLINE_SUM_BITS);
}
