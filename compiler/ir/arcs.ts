import { functionOf, type MapStep } from './map-function.js';
import type { Range } from './ranges.js';
import type { IrNode } from './types.js';

/**
 * Inverse functions that are infinitely steep at both ends of -1 .. 1, as functions that are steep at one end, for which
 * tables have octaves.
 */

/** Within these bounds the functions are smooth enough for a table of their own. */
const SMOOTH = 0.75;

export type ArcName = 'asin' | 'acos' | 'atanh';

export function arcNode(name: string, op: ArcName, x: IrNode, bounds: readonly Range[]): IrNode {
  const map = (argument: IrNode, ...steps: MapStep[]): IrNode => ({
    kind: 'map',
    name,
    width: x.width,
    x: argument,
    fn: functionOf(...steps),
  });
  if (bounds.every(({ min, max }) => min >= -SMOOTH && max <= SMOOTH)) return map(x, { op: 'function', name: op });
  const fill = (value: number) => new Float64Array(x.width).fill(value);
  const scaled = (v: IrNode, scale: number, shift: number): IrNode => ({
    kind: 'scale',
    name,
    width: x.width,
    x: v,
    scale: fill(scale),
    shift: fill(shift),
  });
  const difference = (of: MapStep): IrNode => ({
    kind: 'add',
    name,
    width: x.width,
    a: map(scaled(x, 1, 1), of),
    b: map(scaled(x, -1, 1), of),
    subtract: true,
  });
  // atanh x = (log(1 + x) - log(1 - x)) / 2
  if (op === 'atanh') return scaled(difference({ op: 'function', name: 'log' }), 0.5, 0);
  // asin x = 2 asin((sqrt(1 + x) - sqrt(1 - x)) / 2), whose argument stays within sqrt(1/2)
  const half = map(scaled(difference({ op: 'function', name: 'sqrt' }), 0.5, 0), { op: 'function', name: 'asin' });
  return op === 'asin' ? scaled(half, 2, 0) : scaled(half, -2, Math.PI / 2);
}
