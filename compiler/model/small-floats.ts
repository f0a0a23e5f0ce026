/** Floats of 16 bits, from their bits. */

/** IEEE 754 binary16. */
export function binary16(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** The upper half of a binary32. */
export function bfloat16(bits: number): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint32(0, bits << 16);
  return view.getFloat32(0);
}

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
