import { basisExcess, coefficientExponent } from '../../ir/splines.js';
import type { Spline } from '../../model/spline.js';

/** The spline with its coefficients as integers of so many bits hold them. */
export function withRoundedWeight<T extends Spline>(spline: T, bits: 8 | 16): T {
  const unit = basisExcess(spline) * 2 ** -coefficientExponent(spline, bits);
  return { ...spline, weight: spline.weight.map((c) => Math.fround(Math.round(c / unit) * unit)) };
}
