import { at, half, operand, put, saturate } from '../fixed';
import {
  FLAG_BROADCAST_A,
  FLAG_ROW_SHIFTS,
  FLAG_WRAP,
  RECORD_A,
  RECORD_BIAS,
  RECORD_FLAGS,
  RECORD_OUT,
  RECORD_ROW_SHIFTS,
  RECORD_ROWS,
  RECORD_SHIFT,
  RECORD_SHIFT_A,
  RECORD_WEIGHTS,
} from '../format.gen';

/**
 * y[i] = sat((w[i] x[i] + (bias[i] << (shift[i] - guard))) >> shift[i]), rounded half up, with 64-bit products.
 * x is one element for all rows when broadcast.
 *
 * @typeParam W multipliers: i16, i32   X inputs: i16, i32   Y outputs: i16, i32
 */
export function scale<W, X, Y>(record: usize, arena: usize, pool: usize): void {
  const flags: u32 = load<u8>(record, RECORD_FLAGS);
  const guard: u32 = load<u8>(record, RECORD_SHIFT_A);
  const rows: u32 = load<u16>(record, RECORD_ROWS);
  const x = operand(load<u16>(record, RECORD_A), arena);
  const y = operand(load<u16>(record, RECORD_OUT), arena);
  const weight = pool + load<u32>(record, RECORD_WEIGHTS);
  const bias = pool + load<u32>(record, RECORD_BIAS);
  const rowShift = pool + load<u32>(record, RECORD_ROW_SHIFTS);
  let shift: u32 = load<u8>(record, RECORD_SHIFT);
  for (let i: u32 = 0; i < rows; i++) {
    if (flags & FLAG_ROW_SHIFTS) shift = at<u8>(rowShift, i);
    const value = at<X>(x, flags & FLAG_BROADCAST_A ? 0 : i) as i64;
    const offset = ((at<i32>(bias, i) as i64) << ((shift - guard) as i64)) + half<i64>(shift);
    const sum = ((at<W>(weight, i) as i64) * value + offset) >> (shift as i64);
    put<Y>(y, i, flags & FLAG_WRAP ? (sum as Y) : saturate<Y, i64>(sum));
  }
}
