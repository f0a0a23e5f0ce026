// Rounding to fixed points and to blocks, and the generators of points and of rounding.
import { POINT_STATE, ROUNDING_STATE, STOCHASTIC } from './constants';

// Set in the first step: modules of devices have no start function.
let pointState: u32 = 0;
let roundingState: u32 = 0;

export function seedGenerators(): void {
  pointState = POINT_STATE;
  roundingState = ROUNDING_STATE;
}

export function drawPoint(): u32 {
  return (pointState = pointState * 1664525 + 1013904223);
}

export function clamp(value: i64, most: i64): i64 {
  return value > most ? most : value < -most ? -most : value;
}

/** value / 2^bits to the nearest, halves up; negative bits shift left. */
export function nearest(value: i64, bits: i32): i64 {
  return bits > 0 ? (value + ((<i64>1) << (bits - 1))) >> bits : value << -bits;
}

/** As {@link nearest} for bits above 0, but up as often as the part behind the point says. */
export function stochastic(value: i64, bits: i32): i64 {
  if (!STOCHASTIC) return nearest(value, bits);
  roundingState = roundingState * 1664525 + 1013904223;
  const below = value >> bits;
  const part: u64 = value & (((<i64>1) << bits) - 1);
  const random: u64 = roundingState;
  const up = bits <= 32 ? (part << (32 - bits)) + random >> 32 : part + (random << (bits - 32)) >> bits;
  return below + <i64>up;
}

export function log2(magnitude: i64): i32 {
  return 63 - <i32>clz(magnitude);
}

/** Exponent of a block whose largest magnitude is an integer with `bits` bits behind the point. */
export function exponentOf(largest: i64, bits: i32, width: i32, lowest: i32, highest: i32): i32 {
  if (largest == 0) return lowest;
  const exponent = log2(largest) - bits - (width - 2);
  return min(highest, max(lowest, exponent));
}

/** Largest magnitude of rows x cols 32-bit integers, `stride` apart. */
export function largest32(at: usize, rows: i32, cols: i32, stride: i32): i64 {
  let most: i64 = 0;
  for (let r = 0; r < rows; r++) {
    const row = at + 4 * r * stride;
    for (let c = 0; c < cols; c++) most = max(most, abs(<i64>load<i32>(row + (c << 2))));
  }
  return most;
}
