import type { RecordShape } from '../record.js';
import { LIMIT } from '../specification.js';
import { coefficientsPerRow, readAxes, type SplineAxis } from '../spline.js';
import type { TableRecord } from '../table.js';
import { multiplyShift, POWER, roundShift } from './exact.js';
import type { PoolReader, Step, Store, Vector } from './memory.js';

const ONE = 2 ** LIMIT.SPLINE_BITS;

/** SPLINE (runtime/kernels/spline.ts): no sum reaches 2^52, so that doubles hold them exactly. */
export function splineStep(
  record: TableRecord,
  shape: RecordShape,
  x: Vector,
  words: { data: Int32Array; at: number },
  store: Store,
  pool: PoolReader,
): Step {
  const { rows, cols, shift, shiftA: degree, shiftB } = record;
  const axes = readAxes(record, pool.pool);
  const perRow = coefficientsPerRow(degree, axes);
  const coefficients = pool.integers(record.weights, rows * perRow, shape.weightBytes);
  const counts = axes.map(({ segments }) => segments + degree);
  /** The sum over axes k and on, from coefficient `at` on. */
  const sum = (k: number, at: number): number => {
    const stride = counts.slice(k + 1).reduce((n, count) => n * count, 1);
    let total = 0;
    for (let j = 0; j <= degree; j++) {
      const factor = words.data[words.at + k * (degree + 1) + j];
      const inner = k === cols - 1 ? coefficients[at + j] : rounded(sum(k + 1, at + j * stride), shiftB);
      total += factor * inner;
    }
    return total;
  };
  return () => {
    let first = 0;
    axes.forEach((axis, k) => {
      const { segment, t } = positionOf(x.data[x.at + k], axis);
      first = first * counts[k] + segment;
      basis(degree, axis.order, t).forEach((factor, j) => {
        words.data[words.at + k * (degree + 1) + j] = factor;
      });
    });
    for (let row = 0; row < rows; row++) {
      const total = sum(0, first + row * perRow);
      store(row, shift ? roundShift(0, total, shift) : total);
    }
  };
}

function rounded(value: number, shift: number): number {
  return shift ? Math.floor((value + POWER[shift - 1]) / POWER[shift]) : value;
}

/** The segment of an argument and its place there, in 2^-20 of the segment. */
function positionOf(argument: number, { origin, factor, shift, segments }: SplineAxis): { segment: number; t: number } {
  const position = Math.min(segments * ONE, Math.max(0, multiplyShift(argument - origin, factor, shift)));
  const segment = Math.min(segments - 1, Math.floor(position / ONE));
  return { segment, t: position - segment * ONE };
}

/** Those of the basis functions that are not zero at t, as SPLINE_FIELDS describes them. */
function basis(degree: number, order: number, t: number): number[] {
  let values = [ONE];
  for (let k = 1; k <= degree - order; k++) {
    const before = values;
    values = Array.from({ length: k + 1 }, (_, j) => {
      const left = j > 0 ? (t + (k - j) * ONE) * before[j - 1] : 0;
      const right = j < k ? (ONE - t + j * ONE) * before[j] : 0;
      return Math.floor((left + right + ONE / 2) / ONE);
    });
  }
  let scale = 1;
  for (let n = 0; n < order; n++) {
    const before = values;
    values = Array.from({ length: before.length + 1 }, (_, j) => (before[j - 1] ?? 0) - (before[j] ?? 0));
    scale *= degree - n;
  }
  return values.map((value) => value * scale);
}
