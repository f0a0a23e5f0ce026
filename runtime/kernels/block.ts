import { half, operand, saturate } from '../fixed';
import {
  FLAG_FIRST,
  FLAG_LAST,
  FLAG_ROW_SHIFTS,
  FLAG_WRAP,
  RECORD_A,
  RECORD_B,
  RECORD_BIAS,
  RECORD_COLS,
  RECORD_FLAGS,
  RECORD_OUT,
  RECORD_ROW_SHIFTS,
  RECORD_ROWS,
  RECORD_SHIFT,
  RECORD_SHIFT_A,
  RECORD_SHIFT_B,
  RECORD_WEIGHTS,
} from '../format.gen';

/**
 * One leaf of a hierarchical matrix: s[i] = (sum_j W[i][j] x[j] << left[i]) + carried[i].
 *
 * The leaves of a row follow each other. Its first one starts from (bias[i] << (shift - guard)) + half, the others from
 * the sum that the one before left in the arena; all but the last leave theirs there; the last one gives
 * y[i] = sat(s[i] >> shift). Left shifts bring the products of all leaves to one scale, so the sum is exact and rounded
 * once. W row-major [rows x cols]; the accumulator type A never overflows, by the compiler's proof.
 *
 * @typeParam W weights: i8, i16, i32   X inputs: i16, i32   A accumulators: i32, i64   Y outputs: i16, i32
 */
export function block<W, X, A, Y>(record: usize, arena: usize, pool: usize): void {
  const flags: u32 = load<u8>(record, RECORD_FLAGS);
  const cols: u32 = load<u16>(record, RECORD_COLS);
  const shift: u32 = load<u8>(record, RECORD_SHIFT);
  const guard: u32 = load<u8>(record, RECORD_SHIFT_A);
  const x = operand(load<u16>(record, RECORD_A), arena);
  const xEnd = x + ((cols as usize) << alignof<X>());
  const xQuads = x + (((cols & ~3) as usize) << alignof<X>());
  let weight = pool + load<u32>(record, RECORD_WEIGHTS);
  let bias = pool + load<u32>(record, RECORD_BIAS);
  let rowShift = pool + load<u32>(record, RECORD_ROW_SHIFTS);
  let left: u32 = load<u8>(record, RECORD_SHIFT_B);
  let carried = operand(load<u16>(record, RECORD_B), arena);
  let y = operand(load<u16>(record, RECORD_OUT), arena);
  const yEnd = y + ((load<u16>(record, RECORD_ROWS) as usize) << alignof<Y>());
  while (y < yEnd) {
    let sum: A = 0;
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
    if (flags & FLAG_ROW_SHIFTS) left = load<u8>(rowShift++);
    sum <<= left as A;
    sum += flags & FLAG_FIRST ? ((load<i32>(bias) as A) << ((shift - guard) as A)) + half<A>(shift) : load<A>(carried);
    if (flags & FLAG_LAST) {
      sum >>= shift as A;
      store<Y>(y, flags & FLAG_WRAP ? (sum as Y) : saturate<Y, A>(sum));
    } else {
      store<A>(carried, sum);
    }
    bias += 4;
    carried += sizeof<A>();
    y += sizeof<Y>();
  }
}
