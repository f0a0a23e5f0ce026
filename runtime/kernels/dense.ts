import { half, saturate } from '../fixed';
import { FLAG_ROW_SHIFTS, FLAG_WRAP } from '../format.gen';

/**
 * y[i] = sat((sum_j W[i][j] x[j] + (bias[i] << (shift[i] - guard))) >> shift[i]), rounded half up.
 *
 * W row-major [rows x cols]; the accumulator type A never overflows, by the compiler's proof. An angle in turns wraps
 * instead of saturating.
 *
 * @typeParam W weights: i8, i16, i32   X inputs: i16, i32   A accumulator: i32, i64   Y outputs: i16, i32
 * @param single a literal: there is one row
 */
// @ts-ignore: decorator
@inline
export function dense<W, X, A, Y>(
  single: bool,
  flags: u32,
  shift: u32,
  guard: u32,
  rows: u32,
  cols: u32,
  x: usize,
  weights: usize,
  biases: usize,
  rowShifts: usize,
  results: usize,
): void {
  const xEnd = x + ((cols as usize) << alignof<X>());
  const xQuads = x + (((cols & ~3) as usize) << alignof<X>());
  const yEnd = results + ((rows as usize) << alignof<Y>());
  let weight = weights;
  let bias = biases;
  let rowShift = rowShifts;
  let rightShift = shift;
  let y = results;
  do {
    if (flags & FLAG_ROW_SHIFTS) rightShift = load<u8>(rowShift++);
    let sum = ((load<i32>(bias) as A) << ((rightShift - guard) as A)) + half<A>(rightShift);
    let p = x;
    if (cols >= 4) {
      do {
        sum +=
          (load<W>(weight) as A) * (load<X>(p) as A) +
          (load<W>(weight, sizeof<W>()) as A) * (load<X>(p, sizeof<X>()) as A) +
          (load<W>(weight, 2 * sizeof<W>()) as A) * (load<X>(p, 2 * sizeof<X>()) as A) +
          (load<W>(weight, 3 * sizeof<W>()) as A) * (load<X>(p, 3 * sizeof<X>()) as A);
        weight += 4 * sizeof<W>();
        p += 4 * sizeof<X>();
      } while (p < xQuads);
    }
    if (cols & 3) {
      do {
        sum += (load<W>(weight) as A) * (load<X>(p) as A);
        if (cols == 1 && single) break;
        weight += sizeof<W>();
        p += sizeof<X>();
      } while (p < xEnd);
    }
    sum >>= rightShift as A;
    store<Y>(y, flags & FLAG_WRAP ? (sum as Y) : saturate<Y, A>(sum));
    if (single) break;
    bias += 4;
    y += sizeof<Y>();
  } while (y < yEnd);
}
