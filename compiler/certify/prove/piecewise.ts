import type { PiecewiseOp } from '../read/program.js';

/** A line and the largest distance of a function from it. */
export interface LineOver {
  slope: number;
  offset: number;
  gap: number;
}

/**
 * A piecewise-linear function over low .. high: where there is no kink inside, its own line; else the chord, moved to
 * the middle of what lies on either side of it.
 */
export function piecewiseOver(op: PiecewiseOp, low: number, high: number): LineOver {
  const { points } = op;
  const inside = points.filter((point) => point > low && point < high);
  const [yLow, yHigh] = [piecewiseValue(op, low), piecewiseValue(op, high)];
  if (!inside.length) {
    const { slope, x, y } = segmentAt(op, low / 2 + high / 2);
    const offset = y - slope * x;
    // What slope and offset are off their real values, over the range.
    const size = Math.abs(y) + Math.abs(slope) * (Math.abs(x) + Math.max(Math.abs(low), Math.abs(high)));
    return { slope, offset, gap: 2 ** -48 * size };
  }
  const slope = high > low ? (yHigh - yLow) / (high - low) : 0;
  let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  let size = 0;
  for (const x of [low, ...inside, high]) {
    const y = piecewiseValue(op, x);
    const above = y - slope * x;
    least = Math.min(least, above);
    most = Math.max(most, above);
    size = Math.max(size, Math.abs(y) + Math.abs(slope * x));
  }
  const offset = least / 2 + most / 2;
  return { slope, offset, gap: Math.max(most - offset, offset - least) + 2 ** -44 * size };
}

function segmentAt({ points, values, left, right }: PiecewiseOp, at: number): { slope: number; x: number; y: number } {
  const last = points.length - 1;
  if (at <= points[0]) return { slope: left, x: points[0], y: values[0] };
  if (at >= points[last]) return { slope: right, x: points[last], y: values[last] };
  let i = 0;
  while (points[i + 1] < at) i++;
  return { slope: (values[i + 1] - values[i]) / (points[i + 1] - points[i]), x: points[i], y: values[i] };
}

function piecewiseValue(op: PiecewiseOp, at: number): number {
  const { slope, x, y } = segmentAt(op, at);
  return y + slope * (at - x);
}
