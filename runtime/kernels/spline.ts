import { at, half, put, roundShift } from '../fixed';
import {
  AXIS_BYTES,
  AXIS_FACTOR,
  AXIS_ORDER,
  AXIS_ORIGIN,
  AXIS_SEGMENTS,
  AXIS_SHIFT,
  LIMIT_SPLINE_BITS,
} from '../format.gen';

const ONE: i32 = 1 << LIMIT_SPLINE_BITS;

/**
 * y[i] = sat(sum of c[i] N_1 N_2 N_3 >> shift): a tensor-product B-spline with uniform knots, or one of its derivatives
 * (SPLINE_FIELDS in the specification of the table). The basis functions of each axis are left in `words`,
 * int32 [axes x (degree + 1)]; no sum reaches 2^52.
 *
 * @typeParam W coefficients: i8, i16   X arguments: i16, i32   Y outputs: i16, i32
 */
// @ts-ignore: decorator
@inline
export function spline<W, X, Y>(
  single: bool,
  shift: u32,
  carry: u32,
  degree: u32,
  rows: u32,
  cols: u32,
  x: usize,
  coefficients: usize,
  axes: usize,
  words: usize,
  y: usize,
): void {
  const wordsPerAxis = ((degree + 1) as usize) << 2;
  let first: u32 = 0;
  let perRow: u32 = 1;
  let lastCount: u32 = 0;
  let axis = axes;
  let factors = words;
  let k: u32 = 0;
  do {
    const segments = load<u16>(axis, AXIS_SEGMENTS) as u32;
    const t = position(axis, at<X>(x, k) as i32, segments);
    const segment = min<u32>(t >> LIMIT_SPLINE_BITS, segments - 1);
    basis(factors, degree, load<u8>(axis, AXIS_ORDER) as u32, t - (segment << LIMIT_SPLINE_BITS));
    lastCount = segments + degree;
    first = first * lastCount + segment;
    perRow *= lastCount;
    axis += AXIS_BYTES;
    factors += wordsPerAxis;
  } while (++k < cols);
  const line = (lastCount as usize) << alignof<W>();
  const plane = cols > 2 ? line * ((load<u16>(axes + AXIS_BYTES, AXIS_SEGMENTS) as u32) + degree) : 0;
  let c = coefficients + ((first as usize) << alignof<W>());
  let i: u32 = 0;
  do {
    let sum: i64;
    if (cols == 1) sum = overLine<W>(c, words, words + wordsPerAxis);
    else if (cols == 2) sum = overPlane<W>(c, line, words, wordsPerAxis, carry);
    else {
      sum = 0;
      let slice = c;
      let factor = words;
      const end = words + wordsPerAxis;
      do {
        const inner = overPlane<W>(slice, line, end, wordsPerAxis, carry);
        sum += roundShift<i64>(inner, carry) * (load<i32>(factor) as i64);
        slice += plane;
        factor += 4;
      } while (factor < end);
    }
    put<Y>(y, i, roundShift<Y>(sum, shift));
    if (single) break;
    c += (perRow as usize) << alignof<W>();
  } while (++i < rows);
}

/** The argument's place along an axis in 2^-20 of a segment, held to the axis. */
function position(axis: usize, argument: i32, segments: u32): u32 {
  const shift = load<u8>(axis, AXIS_SHIFT) as u32;
  const distance = (argument as i64) - (load<i32>(axis, AXIS_ORIGIN) as i64);
  const t = (distance * (load<i32>(axis, AXIS_FACTOR) as i64) + half<i64>(shift)) >> (shift as i64);
  const last = (segments << LIMIT_SPLINE_BITS) as i64;
  return (t < 0 ? 0 : t > last ? last : t) as u32;
}

/** The basis functions that are not zero at t, their derivatives of `order`, times degree! and in 2^-20. */
function basis(n: usize, degree: u32, order: u32, place: u32): void {
  const t = place as i32;
  const smooth = degree - order;
  store<i32>(n, ONE);
  let k: u32 = 0;
  let scale = 1;
  while (k < degree) {
    let p = n + ((k as usize) << 2);
    store<i32>(p, 0, 4);
    // From the last one down: j = k .. 0, of k + 1 before.
    let left = t;
    let right = ONE - t + (++k as i32) * ONE;
    if (k > smooth) {
      scale *= (degree + smooth - k + 1) as i32;
      while (p >= n) {
        store<i32>(p, load<i32>(p) - load<i32>(p, 4), 4);
        p -= 4;
      }
      store<i32>(n, -load<i32>(n));
    } else {
      while (p >= n) {
        const sum = (left as i64) * (load<i32>(p) as i64) + (right as i64) * (load<i32>(p, 4) as i64);
        store<i32>(p, ((sum + (ONE as i64) / 2) >> LIMIT_SPLINE_BITS) as i32, 4);
        left += ONE;
        right -= ONE;
        p -= 4;
      }
      const sum = (right as i64) * (load<i32>(n) as i64);
      store<i32>(n, ((sum + (ONE as i64) / 2) >> LIMIT_SPLINE_BITS) as i32);
    }
  }
  if (!order) return;
  const end = n + ((degree as usize) << 2);
  for (let p = n; p <= end; p += 4) store<i32>(p, load<i32>(p) * scale);
}

/** Coefficients side by side times the factors of the last axis. */
function overLine<W>(c: usize, factors: usize, end: usize): i64 {
  let sum: i64 = 0;
  let p = c;
  let factor = factors;
  do {
    sum += (load<W>(p) as i64) * (load<i32>(factor) as i64);
    p += sizeof<W>();
    factor += 4;
  } while (factor < end);
  return sum;
}

/** The same over the last two axes, their lines so many bytes apart. */
function overPlane<W>(c: usize, line: usize, factors: usize, wordsPerAxis: usize, carry: u32): i64 {
  const end = factors + wordsPerAxis;
  let sum: i64 = 0;
  let p = c;
  let factor = factors;
  do {
    const inner = overLine<W>(p, end, end + wordsPerAxis);
    sum += roundShift<i64>(inner, carry) * (load<i32>(factor) as i64);
    p += line;
    factor += 4;
  } while (factor < end);
  return sum;
}
