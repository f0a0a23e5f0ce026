import { at, put, roundShift, scaled } from '../fixed';
import { FLAG_BROADCAST_A, FLAG_BROADCAST_B, FLAG_SUBTRACT } from '../format.gen';

/**
 * y[i] = sat(((a[i] << shiftA) +- (b[i] << shiftB)) >> shift), rounded half up. The left shifts bring both operands to
 * the finer of their scales.
 *
 * @typeParam P, Q operands   Y results: i16, i32
 */
// @ts-ignore: decorator
@inline
export function add<P, Q, Y>(
  single: bool,
  flags: u32,
  shift: u32,
  shiftA: u32,
  shiftB: u32,
  rows: u32,
  a: usize,
  b: usize,
  y: usize,
): void {
  let i: u32 = 0;
  do {
    const left = scaled<P>(a, i, flags & FLAG_BROADCAST_A, shiftA);
    const right = scaled<Q>(b, i, flags & FLAG_BROADCAST_B, shiftB);
    const sum = flags & FLAG_SUBTRACT ? left - right : left + right;
    put<Y>(y, i, roundShift<Y>(sum, shift));
    if (single) break;
  } while (++i < rows);
}

/**
 * y[i] = sat((a[i] b[i]) >> shift), rounded half up; with SUBTRACT one minus the product, where the operands have shiftA
 * and shiftB fractional bits.
 */
// @ts-ignore: decorator
@inline
export function mul<P, Q, Y>(
  single: bool,
  flags: u32,
  shift: u32,
  shiftA: u32,
  shiftB: u32,
  rows: u32,
  a: usize,
  b: usize,
  y: usize,
): void {
  let i: u32 = 0;
  do {
    const left = at<P>(a, flags & FLAG_BROADCAST_A ? 0 : i) as i64;
    const right = at<Q>(b, flags & FLAG_BROADCAST_B ? 0 : i) as i64;
    const product =
      flags & FLAG_SUBTRACT ? ((1 as i64) << ((shiftA + shiftB) as i64)) - left * right : left * right;
    put<Y>(y, i, roundShift<Y>(product, shift));
    if (single) break;
  } while (++i < rows);
}

/** y[i] = sat((a[i] << shiftA) >> shift), rounded half up: a value in another place or format. */
// @ts-ignore: decorator
@inline
export function copy<P, Y>(
  single: bool,
  shift: u32,
  shiftA: u32,
  rows: u32,
  a: usize,
  y: usize,
): void {
  let i: u32 = 0;
  do {
    const value = (at<P>(a, i) as i64) << (shiftA as i64);
    put<Y>(y, i, roundShift<Y>(value, shift));
    if (single) break;
  } while (++i < rows);
}
