import { operand } from '../fixed';
import {
  RECORD_A,
  RECORD_COLS,
  RECORD_ORIGIN,
  RECORD_OUT,
  RECORD_ROWS,
  RECORD_SHIFT,
  RECORD_SHIFT_B,
  RECORD_WEIGHTS,
} from '../format.gen';

/**
 * y[i] = (base + slope u) >> shiftB mod 2^32, u = x[i] - origin held to 0 .. segments 2^shift - 1, base and slope of the
 * segment u >> shift. The two lie side by side, so a segment costs two loads at constant offsets; the base holds the
 * knot, the rounding and what the whole u brings too much.
 *
 * @typeParam X arguments: i16, i32   Y results: i16, i32
 */
export function mapSlopes<X, Y>(record: usize, arena: usize, pool: usize): void {
  const shift: u32 = load<u8>(record, RECORD_SHIFT);
  const down: u32 = load<u8>(record, RECORD_SHIFT_B);
  const origin = load<i32>(record, RECORD_ORIGIN);
  const table = pool + load<u32>(record, RECORD_WEIGHTS);
  const last = ((load<u16>(record, RECORD_COLS) as u32) << shift) - 1;
  let x = operand(load<u16>(record, RECORD_A), arena);
  let y = operand(load<u16>(record, RECORD_OUT), arena);
  const end = x + ((load<u16>(record, RECORD_ROWS) as usize) << alignof<X>());
  do {
    const argument = load<X>(x) as i32;
    // Within the table in almost all cases: one comparison for both of its ends.
    let u = (argument - origin) as u32;
    if (u > last) u = argument < origin ? 0 : last;
    const segment = table + (((u >> shift) as usize) << 3);
    const value = (load<i32>(segment, 4) * (u as i32) + load<i32>(segment)) >> (down as i32);
    store<Y>(y, value as Y);
    x += sizeof<X>();
    y += sizeof<Y>();
  } while (x < end);
}
