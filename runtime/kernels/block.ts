import { half, saturate } from '../fixed';
import { FLAG_FIRST, FLAG_LAST, FLAG_ROW_SHIFTS, FLAG_WRAP } from '../format.gen';

/**
 * One leaf of a hierarchical matrix: s[i] = (sum_j W[i][j] x[j] << left[i]) + carried[i].
 *
 * The leaves of a row follow each other. Its first one starts from (bias[i] << (shift - guard)) + half, the others from
 * the sum that the one before left in the arena; all but the last leave theirs there; the last one gives
 * y[i] = sat(s[i] >> shift). Left shifts bring the products of all leaves to one scale, so the sum is exact and rounded
 * once. W row-major [rows x cols]; the accumulator type A never overflows, by the compiler's proof.
 *
 * @typeParam W weights: i8, i16, i32   X inputs: i16, i32   A accumulators: i32, i64   Y outputs: i16, i32
 * @param single a literal: there is one row
 */
// @ts-ignore: decorator
@inline
export function block<W, X, A, Y>(
  single: bool,
  flags: u32,
  shift: u32,
  guard: u32,
  lefts: u32,
  rows: u32,
  cols: u32,
  x: usize,
  weights: usize,
  biases: usize,
  rowShifts: usize,
  carry: usize,
  results: usize,
): void {
  const xEnd = x + ((cols as usize) << alignof<X>());
  const xQuads = x + (((cols & ~3) as usize) << alignof<X>());
  const yEnd = results + ((rows as usize) << alignof<Y>());
  let weight = weights;
  let bias = biases;
  let rowShift = rowShifts;
  let left = lefts;
  let carried = carry;
  let y = results;
  do {
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
    if (single) break;
    bias += 4;
    carried += sizeof<A>();
    y += sizeof<Y>();
  } while (y < yEnd);
}
