import { at, half, operand, put, saturate } from '../fixed';
import {
  FLAG_MIRRORED,
  FLAG_OCTAVES,
  FLAG_PERIODIC,
  RECORD_A,
  RECORD_BIAS,
  RECORD_COLS,
  RECORD_FLAGS,
  RECORD_ORIGIN,
  RECORD_OUT,
  RECORD_ROW_SHIFTS,
  RECORD_ROWS,
  RECORD_SHIFT,
  RECORD_SHIFT_A,
  RECORD_SHIFT_B,
  RECORD_WEIGHTS,
} from '../format.gen';

/**
 * y[i] = table(x[i]), interpolated linearly between knots.
 *
 * The argument becomes a distance u from the origin, held to the range of the table; its high bits select the segment
 * and its low `shift` bits are the position t in it. A periodic argument is an angle in turns: shifted left so that one
 * turn is 2^32, it wraps by itself.
 *
 * @typeParam X arguments: i16, i32   Y knots and results: i16, i32
 */
export function mapLinear<X, Y>(record: usize, arena: usize, pool: usize): void {
  const periodic = (load<u8>(record, RECORD_FLAGS) & FLAG_PERIODIC) != 0;
  const shift: u32 = load<u8>(record, RECORD_SHIFT);
  const turn: u32 = load<u8>(record, RECORD_SHIFT_A);
  const origin = load<i32>(record, RECORD_ORIGIN);
  const knots = pool + load<u32>(record, RECORD_WEIGHTS);
  const last = ((load<u16>(record, RECORD_COLS) as u32) << shift) - 1;
  const x = operand(load<u16>(record, RECORD_A), arena);
  const y = operand(load<u16>(record, RECORD_OUT), arena);
  const rows: u32 = load<u16>(record, RECORD_ROWS);
  const mask: u32 = ((1 as u32) << shift) - 1;
  for (let i: u32 = 0; i < rows; i++) {
    const argument = at<X>(x, i) as i32;
    const u: u32 = periodic ? ((argument << turn) as u32) + (origin as u32) : distance<X>(argument, origin, last);
    const segment = u >> shift;
    const left = at<Y>(knots, segment) as i32;
    const right = at<Y>(knots, segment + 1) as i32;
    const rise = ((right as i64) - (left as i64)) * ((u & mask) as i64);
    put<Y>(y, i, ((left as i64) + ((rise + half<i64>(shift)) >> (shift as i64))) as Y);
  }
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
export function mapPolynomial<X, Y>(record: usize, arena: usize, pool: usize): void {
  const flags: u32 = load<u8>(record, RECORD_FLAGS);
  const narrowest: u32 = load<u8>(record, RECORD_SHIFT);
  const turn: u32 = load<u8>(record, RECORD_SHIFT_A);
  const shiftB: u32 = load<u8>(record, RECORD_SHIFT_B);
  const degree: u32 = load<u32>(record, RECORD_BIAS);
  const octaveBits: u32 = load<u32>(record, RECORD_ROW_SHIFTS);
  const origin = load<i32>(record, RECORD_ORIGIN);
  const coefficients = pool + load<u32>(record, RECORD_WEIGHTS);
  const segments: u32 = load<u16>(record, RECORD_COLS);
  const x = operand(load<u16>(record, RECORD_A), arena);
  const y = operand(load<u16>(record, RECORD_OUT), arena);
  const rows: u32 = load<u16>(record, RECORD_ROWS);
  const last: u32 =
    flags & FLAG_OCTAVES
      ? ((1 as u32) << (narrowest + octaveBits + (segments >> octaveBits) - 1)) - 1
      : (segments << narrowest) - 1;
  for (let i: u32 = 0; i < rows; i++) {
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
    let c = coefficients + (((segment * (degree + 1) + degree) as usize) << 2);
    let sum = load<i32>(c) as i64;
    for (let k = degree; k > 0; k--) {
      c -= 4;
      sum = ((sum * t + half<i64>(shift)) >> (shift as i64)) + (load<i32>(c) as i64);
    }
    put<Y>(y, i, saturate<Y, i64>((sum + half<i64>(shiftB)) >> (shiftB as i64)));
  }
}
