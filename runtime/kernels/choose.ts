import { at, half, operand, put, saturate } from '../fixed';
import {
  FLAG_BROADCAST_A,
  FLAG_BROADCAST_B,
  FLAG_BROADCAST_CONDITION,
  RECORD_A,
  RECORD_B,
  RECORD_COLS,
  RECORD_FLAGS,
  RECORD_OUT,
  RECORD_ROWS,
  RECORD_SHIFT,
  RECORD_SHIFT_A,
  RECORD_SHIFT_B,
} from '../format.gen';

/**
 * y[i] = sat(min(a[i] << shiftA, b[i] << shiftB) >> shift), rounded half up. The left shifts bring both operands to the
 * finer of their scales, so that they can be compared.
 *
 * @typeParam P, Q operands   Y results: i16, i32
 */
export function smaller<P, Q, Y>(record: usize, arena: usize, pool: usize): void {
  extremum<P, Q, Y>(record, arena, true);
}

/** y[i] = sat(max(a[i] << shiftA, b[i] << shiftB) >> shift), rounded half up. */
export function larger<P, Q, Y>(record: usize, arena: usize, pool: usize): void {
  extremum<P, Q, Y>(record, arena, false);
}

// @ts-ignore: decorator
@inline
function extremum<P, Q, Y>(record: usize, arena: usize, smallest: bool): void {
  const flags: u32 = load<u8>(record, RECORD_FLAGS);
  const shift: u32 = load<u8>(record, RECORD_SHIFT);
  const shiftA: i64 = load<u8>(record, RECORD_SHIFT_A);
  const shiftB: i64 = load<u8>(record, RECORD_SHIFT_B);
  const a = operand(load<u16>(record, RECORD_A), arena);
  const b = operand(load<u16>(record, RECORD_B), arena);
  const y = operand(load<u16>(record, RECORD_OUT), arena);
  const rows: u32 = load<u16>(record, RECORD_ROWS);
  for (let i: u32 = 0; i < rows; i++) {
    const left = (at<P>(a, flags & FLAG_BROADCAST_A ? 0 : i) as i64) << shiftA;
    const right = (at<Q>(b, flags & FLAG_BROADCAST_B ? 0 : i) as i64) << shiftB;
    const value = left < right == smallest ? left : right;
    put<Y>(y, i, saturate<Y, i64>((value + half<i64>(shift)) >> (shift as i64)));
  }
}

/**
 * y[i] = sat((condition[i] > 0 ? a[i] << shiftA : b[i] << shiftB) >> shift), rounded half up. Only the sign of the
 * condition counts, so it has a scale of its own.
 *
 * @typeParam C condition   P, Q operands   Y results: i16, i32
 */
export function choose<C, P, Q, Y>(record: usize, arena: usize, pool: usize): void {
  const flags: u32 = load<u8>(record, RECORD_FLAGS);
  const shift: u32 = load<u8>(record, RECORD_SHIFT);
  const shiftA: i64 = load<u8>(record, RECORD_SHIFT_A);
  const shiftB: i64 = load<u8>(record, RECORD_SHIFT_B);
  const condition = operand(load<u16>(record, RECORD_COLS), arena);
  const a = operand(load<u16>(record, RECORD_A), arena);
  const b = operand(load<u16>(record, RECORD_B), arena);
  const y = operand(load<u16>(record, RECORD_OUT), arena);
  const rows: u32 = load<u16>(record, RECORD_ROWS);
  for (let i: u32 = 0; i < rows; i++) {
    const value =
      at<C>(condition, flags & FLAG_BROADCAST_CONDITION ? 0 : i) > (0 as C)
        ? (at<P>(a, flags & FLAG_BROADCAST_A ? 0 : i) as i64) << shiftA
        : (at<Q>(b, flags & FLAG_BROADCAST_B ? 0 : i) as i64) << shiftB;
    put<Y>(y, i, saturate<Y, i64>((value + half<i64>(shift)) >> (shift as i64)));
  }
}
