import { functionOf, type MapStep } from './map-function.js';
import type { IrNode } from './types.js';

/**
 * Piecewise-linear functions as IR whose kinks all lie at 0 or at integers of a map's argument, where segments of its
 * table end: such tables are exact and as small as the function itself.
 */

/** More breakpoints than this on the common grid of unevenly spaced points are not worth a table. */
const MAX_GRID = 4096;
/** Largest distance of a point from the grid, in grid steps. */
const GRID_TOLERANCE = 1e-9;

/** x held to min .. max, either of which may be infinite. */
export function clipNode(name: string, x: IrNode, min: number, max: number): IrNode {
  if (Number.isFinite(min) && Number.isFinite(max)) return lookupNode(name, x, [min, max], [min, max]);
  if (!Number.isFinite(min) && !Number.isFinite(max)) return x;
  // max(x, c) = c + relu(x - c); min(x, c) = c - relu(c - x).
  const [edge, sign] = Number.isFinite(min) ? [min, 1] : [max, -1];
  const argument = affineNode(name, x, sign, -sign * edge);
  const fn = functionOf({ op: 'function', name: 'relu' }, { op: 'affine', scale: sign, shift: edge });
  return { kind: 'map', name, width: x.width, x: argument, fn };
}

/** alpha x + beta, held to 0 .. 1. */
export function hardSigmoidNode(name: string, x: IrNode, alpha: number, beta: number): IrNode {
  return lookupMap(name, affineNode(name, x, alpha, beta), [0, 1]);
}

/** Linear interpolation between (points[i], values[i]), points increasing; constant beyond the ends. */
export function lookupNode(name: string, x: IrNode, points: readonly number[], values: readonly number[]): IrNode {
  const step = gridStep(points);
  const [origin] = points;
  if (step === undefined) return rampSum(name, x, points, values);
  const onGrid: number[] = [];
  points.forEach((point, i) => {
    const at = Math.round((point - origin) / step);
    const from = onGrid.length;
    for (let k = from; k <= at; k++) {
      const t = i === 0 ? 1 : (k - from + 1) / (at - from + 1);
      onGrid.push(i === 0 ? values[0] : values[i - 1] + t * (values[i] - values[i - 1]));
    }
  });
  return lookupMap(name, affineNode(name, x, 1 / step, -origin / step), onGrid);
}

function lookupMap(name: string, x: IrNode, values: readonly number[]): IrNode {
  const fn = functionOf({ op: 'lookup', values } satisfies MapStep);
  return { kind: 'map', name, width: x.width, x, fn };
}

function affineNode(name: string, x: IrNode, scale: number, shift: number): IrNode {
  const fill = (v: number) => new Float64Array(x.width).fill(v);
  return { kind: 'scale', name, width: x.width, x, scale: fill(scale), shift: fill(shift) };
}

/** The largest step that all points are multiples of, counted from the first; undefined when it would be too fine. */
function gridStep(points: readonly number[]): number | undefined {
  const span = points[points.length - 1] - points[0];
  const tolerance = span * GRID_TOLERANCE;
  let step = points[1] - points[0];
  for (let i = 2; i < points.length; i++) {
    step = commonDivisor(step, points[i] - points[i - 1], tolerance);
    if (step * MAX_GRID < span) return undefined;
  }
  const steps = Math.round(span / step);
  return steps <= MAX_GRID ? span / steps : undefined;
}

/** Euclid's algorithm on reals: remainders below the tolerance count as zero. */
function commonDivisor(a: number, b: number, tolerance: number): number {
  while (b > tolerance) {
    const remainder = a - Math.floor(a / b + 1e-6) * b;
    [a, b] = [b, Math.max(0, remainder)];
  }
  return a;
}

/** y_0 + sum_j (slope change at p_j) relu(x - p_j), component by component. */
function rampSum(name: string, x: IrNode, points: readonly number[], values: readonly number[]): IrNode {
  const count = points.length;
  const slopes = points.map((p, i) => (i + 1 < count ? (values[i + 1] - values[i]) / (points[i + 1] - p) : 0));
  const weight = Float64Array.from(slopes, (s, i) => s - (i > 0 ? slopes[i - 1] : 0));
  const parts = Array.from({ length: x.width }, (_, i): IrNode => {
    const component: IrNode = x.width === 1 ? x : { kind: 'slice', name, width: 1, x, start: i };
    const distances: IrNode = {
      kind: 'scale',
      name,
      width: count,
      x: component,
      scale: new Float64Array(count).fill(1),
      shift: Float64Array.from(points, (p) => -p),
    };
    const ramps: IrNode = {
      kind: 'map',
      name,
      width: count,
      x: distances,
      fn: functionOf({ op: 'function', name: 'relu' }),
    };
    return { kind: 'affine', name, width: 1, x: ramps, weight, bias: Float64Array.of(values[0]) };
  });
  return parts.length === 1 ? parts[0] : { kind: 'concat', name, width: x.width, parts };
}
