/** Rounding to floats of 16 bits, as Cast nodes do. */

/** The nearest binary16, ties to even. */
export function toBinary16(x: number): number {
  const rounded = nearest(x, 10, -14);
  return Math.abs(rounded) >= 65536 ? Math.sign(x) * Number.POSITIVE_INFINITY : rounded;
}

/** The nearest bfloat16, ties to even. */
export function toBfloat16(x: number): number {
  return nearest(x, 7, -126);
}

/** x with so many bits behind the first, of exponents from the least on. */
function nearest(x: number, bits: number, least: number): number {
  if (x === 0 || !Number.isFinite(x)) return x;
  const unit = 2 ** (Math.max(least, Math.floor(Math.log2(Math.abs(x)))) - bits);
  const units = x / unit;
  const down = Math.floor(units);
  const isUp = units - down > 0.5 || (units - down === 0.5 && down % 2 !== 0);
  return (isUp ? down + 1 : down) * unit;
}
