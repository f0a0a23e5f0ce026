import { half, operand, saturate } from '../fixed';
import {
  FLAG_ROW_SHIFTS,
  FLAG_WRAP,
  RECORD_A,
  RECORD_BIAS,
  RECORD_COLS,
  RECORD_FLAGS,
  RECORD_OUT,
  RECORD_ROW_SHIFTS,
  RECORD_ROWS,
  RECORD_SHIFT,
  RECORD_SHIFT_A,
  RECORD_WEIGHTS,
} from '../format.gen';

/**
 * y[i] = sat((sum_j W[i][j] x[j] + (bias[i] << (shift[i] - guard))) >> shift[i]), rounded half up.
 *
 * W row-major [rows x cols]; the accumulator type A never overflows, by the compiler's proof. An angle in turns wraps
 * instead of saturating.
 *
 * @typeParam W weights: i8, i16, i32   X inputs: i16, i32   A accumulator: i32, i64   Y outputs: i16, i32
 */
export function dense<W, X, A, Y>(record: usize, arena: usize, pool: usize): void {
  const flags: u32 = load<u8>(record, RECORD_FLAGS);
  const cols: u32 = load<u16>(record, RECORD_COLS);
  const guard: u32 = load<u8>(record, RECORD_SHIFT_A);
  const x = operand(load<u16>(record, RECORD_A), arena);
  const xEnd = x + ((cols as usize) << alignof<X>());
  const xQuads = x + (((cols & ~3) as usize) << alignof<X>());
  let weight = pool + load<u32>(record, RECORD_WEIGHTS);
  let bias = pool + load<u32>(record, RECORD_BIAS);
  let rowShift = pool + load<u32>(record, RECORD_ROW_SHIFTS);
  let shift: u32 = load<u8>(record, RECORD_SHIFT);
  let y = operand(load<u16>(record, RECORD_OUT), arena);
  const yEnd = y + ((load<u16>(record, RECORD_ROWS) as usize) << alignof<Y>());
  while (y < yEnd) {
    if (flags & FLAG_ROW_SHIFTS) shift = load<u8>(rowShift++);
    let sum = ((load<i32>(bias) as A) << ((shift - guard) as A)) + half<A>(shift);
    let p = x;
    while (p < xQuads) {
      sum +=
        (load<W>(weight) as A) * (load<X>(p) as A) +
        (load<W>(weight, sizeof<W>()) as A) * (load<X>(p, sizeof<X>()) as A) +
        (load<W>(weight, 2 * sizeof<W>()) as A) * (load<X>(p, 2 * sizeof<X>()) as A) +
        (load<W>(weight, 3 * sizeof<W>()) as A) * (load<X>(p, 3 * sizeof<X>()) as A);
      weight += 4 * sizeof<W>();
      p += 4 * sizeof<X>();
    }
    while (p < xEnd) {
      sum += (load<W>(weight) as A) * (load<X>(p) as A);
      weight += sizeof<W>();
      p += sizeof<X>();
    }
    sum >>= shift as A;
    store<Y>(y, flags & FLAG_WRAP ? (sum as Y) : saturate<Y, A>(sum));
    bias += 4;
    y += sizeof<Y>();
  }
}
