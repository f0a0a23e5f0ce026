/**
 * y[i] = (base + slope u) >> shiftB mod 2^32, u = x[i] - origin held to 0 .. segments 2^shift - 1, base and slope of the
 * segment u >> shift. The two lie side by side, so a segment costs two loads at constant offsets; the base holds the
 * knot, the rounding and what the whole u brings too much.
 *
 * @typeParam X arguments: i16, i32   Y results: i16, i32
 */
// @ts-ignore: decorator
@inline
export function mapSlopes<X, Y>(
  single: bool,
  shift: u32,
  down: u32,
  origin: i32,
  rows: u32,
  cols: u32,
  elements: usize,
  table: usize,
  results: usize,
): void {
  const last = (cols << shift) - 1;
  const end = elements + ((rows as usize) << alignof<X>());
  let x = elements;
  let y = results;
  do {
    const argument = load<X>(x) as i32;
    // Within the table in almost all cases: one comparison for both of its ends.
    let u = (argument - origin) as u32;
    if (u > last) u = argument < origin ? 0 : last;
    const segment = table + (((u >> shift) as usize) << 3);
    const value = (load<i32>(segment, 4) * (u as i32) + load<i32>(segment)) >> (down as i32);
    store<Y>(y, value as Y);
    if (single) break;
    x += sizeof<X>();
    y += sizeof<Y>();
  } while (x < end);
}
