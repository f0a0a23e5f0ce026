/** Real numbers as integers of 320 bits after the point, and functions of them, for tests of what doubles round. */

export const BITS = 320n;
export const ONE = 1n << BITS;

export const times = (a: bigint, b: bigint) => (a * b) >> BITS;
export const over = (a: bigint, b: bigint) => (a << BITS) / b;

/** A double, exactly, as long as it is a multiple of 2^-320. */
export function fixed(x: number): bigint {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, x);
  const bits = view.getBigUint64(0);
  const exponent = Number((bits >> 52n) & 0x7ffn);
  const fraction = (bits & ((1n << 52n) - 1n)) | (exponent ? 1n << 52n : 0n);
  const shift = BITS + BigInt(Math.max(1, exponent) - 1075);
  const size = shift >= 0n ? fraction << shift : fraction >> -shift;
  return x < 0 ? -size : size;
}

export const toNumber = (a: bigint) => Number(a >> (BITS - 200n)) * 2 ** -200;

export function exp(x: bigint): bigint {
  // e^x = (e^(x / 2^k))^(2^k)
  const k = 24n;
  const r = x >> k;
  let [sum, term] = [ONE, ONE];
  for (let n = 1n; term !== 0n && n < 200n; n++) {
    term = times(term, r) / n;
    sum += term;
  }
  for (let n = 0n; n < k; n++) sum = times(sum, sum);
  return sum;
}

/** By Newton's steps on exp. */
export function log(x: bigint): bigint {
  let y = fixed(Math.log(toNumber(x)));
  for (let n = 0; n < 5; n++) {
    const e = exp(y);
    y += over(2n * (x - e), x + e);
  }
  return y;
}

export function sine(x: bigint, quarter: boolean): bigint {
  let term = quarter ? ONE : x;
  let sum = 0n;
  for (let n = quarter ? 1n : 2n; term !== 0n; n += 2n) {
    sum += term;
    term = -times(times(term, x), x) / (n * (n + 1n));
  }
  return sum;
}

export function atan(x: bigint): bigint {
  let y = fixed(Math.atan(toNumber(x)));
  for (let n = 0; n < 5; n++) {
    const [s, c] = [sine(y, false), sine(y, true)];
    y += times(c, times(x, c) - s);
  }
  return y;
}

function pi(): bigint {
  return 4n * atan(ONE);
}

export function root(x: bigint): bigint {
  let y = fixed(Math.sqrt(toNumber(x)));
  for (let n = 0; n < 6; n++) y = (y + over(x, y)) / 2n;
  return y;
}

const TWO_OVER_ROOT_PI = over(2n * ONE, root(pi()));

export function erf(x: bigint): bigint {
  let [sum, term] = [0n, x];
  for (let n = 1n; term !== 0n; n++) {
    sum += term / (2n * n - 1n);
    term = -times(times(term, x), x) / n;
  }
  return times(TWO_OVER_ROOT_PI, sum);
}
