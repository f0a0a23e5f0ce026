import { at, half, operand, put, saturate } from '../fixed';
import {
  FLAG_BROADCAST_A,
  FLAG_BROADCAST_B,
  FLAG_SUBTRACT,
  RECORD_A,
  RECORD_B,
  RECORD_FLAGS,
  RECORD_OUT,
  RECORD_ROWS,
  RECORD_SHIFT,
  RECORD_SHIFT_A,
  RECORD_SHIFT_B,
} from '../format.gen';

/**
 * y[i] = sat(((a[i] << shiftA) +- (b[i] << shiftB)) >> shift), rounded half up. The left shifts bring both operands to
 * the finer of their scales.
 *
 * @typeParam P, Q operands   Y results: i16, i32
 */
export function add<P, Q, Y>(record: usize, arena: usize, pool: usize): void {
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
    const sum = flags & FLAG_SUBTRACT ? left - right : left + right;
    put<Y>(y, i, saturate<Y, i64>((sum + half<i64>(shift)) >> (shift as i64)));
  }
}

/** y[i] = sat((a[i] b[i]) >> shift), rounded half up. */
export function mul<P, Q, Y>(record: usize, arena: usize, pool: usize): void {
  const flags: u32 = load<u8>(record, RECORD_FLAGS);
  const shift: u32 = load<u8>(record, RECORD_SHIFT);
  const a = operand(load<u16>(record, RECORD_A), arena);
  const b = operand(load<u16>(record, RECORD_B), arena);
  const y = operand(load<u16>(record, RECORD_OUT), arena);
  const rows: u32 = load<u16>(record, RECORD_ROWS);
  for (let i: u32 = 0; i < rows; i++) {
    const left = at<P>(a, flags & FLAG_BROADCAST_A ? 0 : i) as i64;
    const right = at<Q>(b, flags & FLAG_BROADCAST_B ? 0 : i) as i64;
    put<Y>(y, i, saturate<Y, i64>((left * right + half<i64>(shift)) >> (shift as i64)));
  }
}

/** y[i] = sat((a[i] << shiftA) >> shift), rounded half up: a value in another place or format. */
export function copy<P, Y>(record: usize, arena: usize, pool: usize): void {
  const shift: u32 = load<u8>(record, RECORD_SHIFT);
  const shiftA: i64 = load<u8>(record, RECORD_SHIFT_A);
  const a = operand(load<u16>(record, RECORD_A), arena);
  const y = operand(load<u16>(record, RECORD_OUT), arena);
  const rows: u32 = load<u16>(record, RECORD_ROWS);
  for (let i: u32 = 0; i < rows; i++) {
    const value = (at<P>(a, i) as i64) << shiftA;
    put<Y>(y, i, saturate<Y, i64>((value + half<i64>(shift)) >> (shift as i64)));
  }
}
