/**
 * Exact integer arithmetic on numbers beyond 53 bits, in two limbs: value = high * 2^15 + low. Used where a product or a
 * sum of the runtime needs a 64-bit accumulator; float64 holds each limb exactly.
 */

const LIMB = 2 ** 15;
const PER_LIMB = 2 ** -15;

/** 2^n and 2^-n for n = 0 .. 63: looked up, as computing powers would take most of the time. */
export const POWER = Float64Array.from({ length: 64 }, (_, n) => 2 ** n);
export const INVERSE_POWER = Float64Array.from({ length: 64 }, (_, n) => 2 ** -n);

/** floor((high * 2^15 + low) / 2^shift) for exact integers |high| < 2^53, |low| < 2^53. */
export function shiftRight(high: number, low: number, shift: number): number {
  const carry = Math.floor(low * PER_LIMB);
  const top = high + carry;
  if (shift >= 15) return Math.floor(top * INVERSE_POWER[shift - 15]);
  const rest = low - carry * LIMB;
  return top * POWER[15 - shift] + Math.floor(rest * INVERSE_POWER[shift]);
}

/** Upper limb of an int32: the lower one is x - upperLimb(x) * 2^15, in 0 .. 2^15 - 1. */
export function upperLimb(x: number): number {
  return Math.floor(x * PER_LIMB);
}

/** In 0 .. 2^15 - 1. */
export function lowerLimb(x: number): number {
  return x - Math.floor(x * PER_LIMB) * LIMB;
}

/** floor((a * b + 2^(shift-1)) / 2^shift) for |a| < 2^37 and an int32 b >= 0 or any int32 b; shift 0 adds nothing. */
export function multiplyShift(a: number, b: number, shift: number): number {
  const high = a * upperLimb(b);
  const low = a * lowerLimb(b);
  return shift === 0 ? high * LIMB + low : roundShift(high, low, shift);
}

/** floor((2^one - a * b + 2^(shift-1)) / 2^shift) for int32 a and b, one <= 62; shift 0 adds nothing. */
export function complementShift(one: number, a: number, b: number, shift: number): number {
  const high = (one >= 15 ? POWER[one - 15] : 0) - a * upperLimb(b);
  const low = (one >= 15 ? 0 : POWER[one]) - a * lowerLimb(b);
  return shift === 0 ? high * LIMB + low : roundShift(high, low, shift);
}

/** floor((high * 2^15 + low + 2^(shift-1)) / 2^shift), shift >= 1. */
export function roundShift(high: number, low: number, shift: number): number {
  return shift > 15
    ? shiftRight(high + POWER[shift - 16], low, shift)
    : shiftRight(high, low + POWER[shift - 1], shift);
}

/** floor((a 2^sa + b 2^sb + half) / 2^shift); one of sa, sb is zero in practice, both are handled. */
export function shiftedSum(a: number, sa: number, b: number, sb: number, shift: number): number {
  let high = 0;
  let low = 0;
  for (const [value, left] of [
    [a, sa],
    [b, sb],
  ]) {
    if (left >= 15) high += value * 2 ** (left - 15);
    else low += value * 2 ** left;
  }
  return shift === 0 ? high * 2 ** 15 + low : roundShift(high, low, shift);
}
