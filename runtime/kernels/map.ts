import { at, half, put, roundShift } from '../fixed';
import { FLAG_MIRRORED, FLAG_OCTAVES, FLAG_PERIODIC } from '../format.gen';

/**
 * y[i] = table(x[i]), interpolated linearly between knots.
 *
 * The argument becomes a distance u from the origin, held to the range of the table; its high bits select the segment
 * and its low `shift` bits are the position t in it. A periodic argument is an angle in turns: shifted left so that one
 * turn is 2^32, it wraps by itself.
 *
 * @typeParam X arguments: i16, i32   Y knots and results: i16, i32
 */
// @ts-ignore: decorator
@inline
export function mapLinear<X, Y>(
  single: bool,
  flags: u32,
  shift: u32,
  turn: u32,
  origin: i32,
  rows: u32,
  cols: u32,
  x: usize,
  knots: usize,
  y: usize,
): void {
  const periodic = (flags & FLAG_PERIODIC) != 0;
  const last = (cols << shift) - 1;
  const mask: u32 = ((1 as u32) << shift) - 1;
  let i: u32 = 0;
  do {
    const argument = at<X>(x, i) as i32;
    const u: u32 = periodic ? ((argument << turn) as u32) + (origin as u32) : distance<X>(argument, origin, last);
    const segment = u >> shift;
    const left = at<Y>(knots, segment) as i32;
    const right = at<Y>(knots, segment + 1) as i32;
    const rise = ((right as i64) - (left as i64)) * ((u & mask) as i64);
    put<Y>(y, i, ((left as i64) + ((rise + half<i64>(shift)) >> (shift as i64))) as Y);
    if (single) break;
  } while (++i < rows);
}

/** argument - origin, held to 0 .. last. */
// @ts-ignore: decorator
@inline
function distance<X>(argument: i32, origin: i32, last: u32): u32 {
  if (sizeof<X>() == 2) {
    const u = argument - origin;
    return u < 0 ? 0 : (u as u32) > last ? last : (u as u32);
  }
  const u = (argument as i64) - (origin as i64);
  return u < 0 ? 0 : u > (last as i64) ? last : (u as u32);
}

/**
 * y[i] = sat(p(t) >> shiftB), p the polynomial of the segment of x[i] by Horner's rule, every product rounded half up.
 *
 * With octaves the segments double in width away from the origin: 2^octaveBits of them from the origin on, then as many
 * in each octave. Mirrored segments run downwards from the origin.
 *
 * @typeParam X arguments: i16, i32   Y results: i16, i32; coefficients are i32, constant term first
 */
// @ts-ignore: decorator
@inline
export function mapPolynomial<X, Y>(
  single: bool,
  flags: u32,
  narrowest: u32,
  turn: u32,
  shiftB: u32,
  degree: u32,
  octaveBits: u32,
  origin: i32,
  rows: u32,
  segments: u32,
  x: usize,
  coefficients: usize,
  y: usize,
): void {
  const last: u32 =
    flags & FLAG_OCTAVES
      ? ((1 as u32) << (narrowest + octaveBits + (segments >> octaveBits) - 1)) - 1
      : (segments << narrowest) - 1;
  let i: u32 = 0;
  do {
    const argument = at<X>(x, i) as i32;
    let u: u32;
    if (flags & FLAG_PERIODIC) u = ((argument << turn) as u32) + (origin as u32);
    else if (flags & FLAG_MIRRORED) u = distance<i32>(origin, argument, last);
    else u = distance<i32>(argument, origin, last);
    let shift = narrowest;
    let segment = u >> shift;
    if (flags & FLAG_OCTAVES && segment >> octaveBits) {
      shift = 31 - clz<u32>(u) - octaveBits;
      segment = ((shift - narrowest) << octaveBits) + (u >> shift);
    }
    const t = (u & (((1 as u32) << shift) - 1)) as i64;
    const c = coefficients + (((segment * (degree + 1)) as usize) << 2);
    // Not in a loop: of a degree that is known when the module is made, only its own lines are left.
    let sum: i64 = 0;
    if (degree >= 5) sum = load<i32>(c, 20) as i64;
    if (degree >= 4) sum = (degree > 4 ? horner(sum, t, shift) : 0) + (load<i32>(c, 16) as i64);
    if (degree >= 3) sum = (degree > 3 ? horner(sum, t, shift) : 0) + (load<i32>(c, 12) as i64);
    if (degree >= 2) sum = (degree > 2 ? horner(sum, t, shift) : 0) + (load<i32>(c, 8) as i64);
    sum = (degree > 1 ? horner(sum, t, shift) : 0) + (load<i32>(c, 4) as i64);
    sum = horner(sum, t, shift) + (load<i32>(c) as i64);
    put<Y>(y, i, roundShift<Y>(sum, shiftB));
    if (single) break;
  } while (++i < rows);
}

// @ts-ignore: decorator
@inline
function horner(sum: i64, t: i64, shift: u32): i64 {
  return (sum * t + half<i64>(shift)) >> (shift as i64);
}
