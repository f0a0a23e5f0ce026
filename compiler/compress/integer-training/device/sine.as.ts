// Sines of angles and of halves of angles, by a table of a quarter wave.
import { QUARTER_WAVE } from './constants';
import { nearest } from './rounding.as';

/** Sine of a fraction of a turn, 26 bits. */
export function sine(phase: u32): i32 {
  const quadrant = phase >> 30;
  const within = phase & 0x3fffffff;
  const place = quadrant & 1 ? 0x40000000 - within : within;
  const entry = QUARTER_WAVE + ((place >> 22) << 2);
  const value = load<i32>(entry);
  const part = <i32>nearest(<i64>(load<i32>(entry, 4) - value) * (place & 0x3fffff), 22);
  return quadrant & 2 ? -(value + part) : value + part;
}

export function cosine(phase: u32): i32 {
  return sine(phase + 0x40000000);
}

const TURN_FACTOR: i64 = 667544;

export function phaseOf(angle: i32): u32 {
  return <u32>((angle * TURN_FACTOR + 8192) >> 14);
}

export function halfPhaseOf(angle: i32): u32 {
  return <u32>((angle * TURN_FACTOR + 16384) >> 15);
}
