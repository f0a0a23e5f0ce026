/**
 * The one rounding rule of the runtime: round half up (add half a unit, arithmetic shift right), then saturate to the
 * width of the result.
 */

/** Half of 2^shift, zero for shift 0. */
// @ts-ignore: decorator
@inline
export function half<T extends number>(shift: u32): T {
  return (((1 as T) << (shift as T)) as T) >> (1 as T);
}

/** The nearest value of type Y. */
// @ts-ignore: decorator
@inline
export function saturate<Y extends number, A extends number>(value: A): Y {
  if (sizeof<Y>() >= sizeof<A>()) return value as Y;
  const last: A = sizeof<Y>() == 2 ? (i16.MAX_VALUE as A) : (i32.MAX_VALUE as A);
  const first: A = ~last as A;
  return (value > last ? last : value < first ? first : value) as Y;
}

/** value / 2^shift, rounded half up and saturated. */
// @ts-ignore: decorator
@inline
export function roundShift<Y extends number>(value: i64, shift: u32): Y {
  return saturate<Y, i64>((value + half<i64>(shift)) >> (shift as i64));
}

/** Element `index` of a vector at `base`. */
// @ts-ignore: decorator
@inline
export function at<T>(base: usize, index: u32): T {
  return load<T>(base + ((index as usize) << alignof<T>()));
}

/** Element `index` of an operand, or its only one where it is broadcast, brought to a finer scale. */
// @ts-ignore: decorator
@inline
export function scaled<T>(base: usize, index: u32, broadcast: u32, left: u32): i64 {
  return (at<T>(base, broadcast ? 0 : index) as i64) << (left as i64);
}

/** Stores element `index` of a vector at `base`. */
// @ts-ignore: decorator
@inline
export function put<T>(base: usize, index: u32, value: T): void {
  store<T>(base + ((index as usize) << alignof<T>()), value);
}

/** Arena address of a record's field, which counts units of 2 bytes. */
// @ts-ignore: decorator
@inline
export function operand(units: u32, arena: usize): usize {
  return arena + ((units as usize) << 1);
}
