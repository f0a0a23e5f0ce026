import { at, half, put, saturate } from '../fixed';
import { FLAG_BROADCAST_A, FLAG_ROW_SHIFTS, FLAG_WRAP } from '../format.gen';

/**
 * y[i] = sat((w[i] x[i] + (bias[i] << (shift[i] - guard))) >> shift[i]), rounded half up, with 64-bit products.
 * x is one element for all rows when broadcast.
 *
 * @typeParam W multipliers: i16, i32   X inputs: i16, i32   Y outputs: i16, i32
 */
// @ts-ignore: decorator
@inline
export function scale<W, X, Y>(
  single: bool,
  flags: u32,
  shift: u32,
  guard: u32,
  rows: u32,
  x: usize,
  weight: usize,
  bias: usize,
  rowShift: usize,
  y: usize,
): void {
  let rightShift = shift;
  let i: u32 = 0;
  do {
    if (flags & FLAG_ROW_SHIFTS) rightShift = at<u8>(rowShift, i);
    const value = at<X>(x, flags & FLAG_BROADCAST_A ? 0 : i) as i64;
    const offset = ((at<i32>(bias, i) as i64) << ((rightShift - guard) as i64)) + half<i64>(rightShift);
    const sum = ((at<W>(weight, i) as i64) * value + offset) >> (rightShift as i64);
    put<Y>(y, i, flags & FLAG_WRAP ? (sum as Y) : saturate<Y, i64>(sum));
    if (single) break;
  } while (++i < rows);
}
