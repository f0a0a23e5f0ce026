/**
 * The sine of integers, the same in every implementation: angles in fixed point become 32-bit fractions of a turn, which
 * wrap, and a quarter wave of 256 segments is interpolated linearly. Largest error 5e-6; near zero relative, too, so that
 * sines of small differences of angles keep their digits.
 */

/** Bits behind the point of angles in radians. They stay within +-2^30, 64 radians. */
export const ANGLE_BITS = 24;
export const ANGLE_LIMIT = 2 ** 30;
/** Bits behind the point of sines. */
export const SINE_BITS = 26;

/** 2^32 / (2 pi) turns per radian, by 2^-24 for the angle's bits and by 2^14, which the shift takes back. */
export const TURN_FACTOR = Math.round(2 ** (32 - ANGLE_BITS + 14) / (2 * Math.PI));
const PHASE_FACTOR = TURN_FACTOR / 2 ** 14;
export const SEGMENTS = 256;
const SEGMENT_BITS = 22;

/** Quarter wave [257 and one more], SINE_BITS behind the point. */
export const QUARTER_WAVE = Int32Array.from({ length: SEGMENTS + 2 }, (_, i) =>
  Math.round(2 ** SINE_BITS * Math.sin(((Math.PI / 2) * Math.min(i, SEGMENTS)) / SEGMENTS)),
);

/** Fraction of a turn, in 2^-32, of an angle within ANGLE_LIMIT. */
export function phaseOf(angle: number): number {
  return Math.floor(angle * PHASE_FACTOR + 0.5) >>> 0;
}

/** The same of half the angle. */
export function halfPhaseOf(angle: number): number {
  return Math.floor(angle * (PHASE_FACTOR / 2) + 0.5) >>> 0;
}

/** Sine of a phase (any integer, taken modulo 2^32), SINE_BITS behind the point; odd to the bit. */
export function sineOf(phase: number): number {
  const turn = phase >>> 0;
  const quadrant = turn >>> 30;
  const within = turn & 0x3fffffff;
  const place = quadrant & 1 ? 0x40000000 - within : within;
  const segment = place >>> SEGMENT_BITS;
  const step = QUARTER_WAVE[segment + 1] - QUARTER_WAVE[segment];
  const part = Math.floor(step * (place & 0x3fffff) * 2 ** -SEGMENT_BITS + 0.5);
  const value = QUARTER_WAVE[segment] + part;
  return quadrant & 2 ? -value : value;
}

export function cosineOf(phase: number): number {
  return sineOf(phase + 0x40000000);
}
