import { basisExcess, coefficientExponent } from '../ir/splines.js';
import type { SplineNode } from '../ir/types.js';
import { segmentsPerUnit } from '../model/spline.js';
import type { SplineFormat, ValueFormat } from '../table/quantized-graph.js';
import { LIMIT } from '../table/specification.js';
import { type SplineAxis, sumBits } from '../table/spline.js';

/**
 * Integers of a spline: coefficients of 8 or 16 bits with one power-of-two scale, degree! of each axis divided out, which
 * the basis functions have; and each axis as it is met by the integers of its argument. No sum reaches 2^52.
 *
 * @param inputs formats of the components of the argument
 * @param wanted exponent of the result; it may turn out coarser
 */
export function quantizeSpline(
  node: SplineNode,
  inputs: readonly ValueFormat[],
  weightBits: 8 | 16,
  wanted: number,
): { format: SplineFormat; outExponent: number } {
  const { degree, orders } = node;
  const d = node.axes.length;
  const excess = basisExcess(node);
  const limit = 2 ** (weightBits - 1) - 1;
  let shiftB = 0;
  while (sumBits(weightBits, degree, orders, shiftB).some((bits) => bits > LIMIT.MAX_SPLINE_SUM_BITS)) shiftB++;
  // Of a sum over all axes, in units of a coefficient.
  const gained = LIMIT.SPLINE_BITS * d - shiftB * (d - 1);
  const exponent = Math.min(coefficientExponent(node, weightBits), LIMIT.MAX_SHIFT_64 + wanted - gained);
  const weights = Int32Array.from(node.weight, (c) => {
    const rounded = Math.round((c / excess) * 2 ** exponent);
    return Math.max(-limit, Math.min(limit, rounded));
  });
  const outExponent = Math.min(wanted, exponent + gained);
  const axes = node.axes.map((axis, k): SplineAxis => {
    const steps = 2 ** inputs[k].exponent;
    const perStep = (segmentsPerUnit(axis) * 2 ** LIMIT.SPLINE_BITS) / steps;
    const shift = LIMIT.MAX_SPLINE_FACTOR_BITS - 1 - Math.floor(Math.log2(perStep));
    const held = Math.max(0, Math.min(LIMIT.MAX_SHIFT_64, shift));
    const factor = Math.min(2 ** LIMIT.MAX_SPLINE_FACTOR_BITS - 1, Math.max(1, Math.round(perStep * 2 ** held)));
    return { origin: Math.round(axis.min * steps), factor, shift: held, segments: axis.segments, order: orders[k] };
  });
  return { format: { weightBits, weights, axes, degree, shift: exponent + gained - outExponent, shiftB }, outExponent };
}
