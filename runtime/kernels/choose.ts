import { at, put, roundShift, scaled } from '../fixed';
import { FLAG_BROADCAST_A, FLAG_BROADCAST_B, FLAG_BROADCAST_CONDITION } from '../format.gen';

/**
 * y[i] = sat(min(a[i] << shiftA, b[i] << shiftB) >> shift), rounded half up. The left shifts bring both operands to the
 * finer of their scales, so that they can be compared.
 *
 * @typeParam P, Q operands   Y results: i16, i32
 */
// @ts-ignore: decorator
@inline
export function smaller<P, Q, Y>(
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
  extremum<P, Q, Y>(true, single, flags, shift, shiftA, shiftB, rows, a, b, y);
}

/** y[i] = sat(max(a[i] << shiftA, b[i] << shiftB) >> shift), rounded half up. */
// @ts-ignore: decorator
@inline
export function larger<P, Q, Y>(
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
  extremum<P, Q, Y>(false, single, flags, shift, shiftA, shiftB, rows, a, b, y);
}

// @ts-ignore: decorator
@inline
function extremum<P, Q, Y>(
  smallest: bool,
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
    const value = left < right == smallest ? left : right;
    put<Y>(y, i, roundShift<Y>(value, shift));
    if (single) break;
  } while (++i < rows);
}

/**
 * y[i] = sat((condition[i] > 0 ? a[i] << shiftA : b[i] << shiftB) >> shift), rounded half up. Only the sign of the
 * condition counts, so it has a scale of its own.
 *
 * @typeParam C condition   P, Q operands   Y results: i16, i32
 */
// @ts-ignore: decorator
@inline
export function choose<C, P, Q, Y>(
  single: bool,
  flags: u32,
  shift: u32,
  shiftA: u32,
  shiftB: u32,
  rows: u32,
  condition: usize,
  a: usize,
  b: usize,
  y: usize,
): void {
  let i: u32 = 0;
  do {
    const value =
      at<C>(condition, flags & FLAG_BROADCAST_CONDITION ? 0 : i) > (0 as C)
        ? scaled<P>(a, i, flags & FLAG_BROADCAST_A, shiftA)
        : scaled<Q>(b, i, flags & FLAG_BROADCAST_B, shiftB);
    put<Y>(y, i, roundShift<Y>(value, shift));
    if (single) break;
  } while (++i < rows);
}
