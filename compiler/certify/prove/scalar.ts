/**
 * Enclosures of elementary functions at doubles: `value` off by at most `radius`. Only +, -, *, / and Math.floor are
 * relied on (IEEE 754, round to nearest): nothing is assumed of Math.exp and its like, which the language leaves open.
 */
export interface Ball {
  value: number;
  radius: number;
}

/** Half the distance of doubles near 1. */
export const UNIT = 2 ** -53;

/** ln 2 and pi/2 in parts of 32 bits, so that multiples up to 2^20 are exact, and the rest. */
const LN2_HIGH = 0.6931471803691238;
const LN2_LOW = 1.9082149292705877e-10;
const HALF_PI = [1.5707963267341256, 6.077100506303966e-11, 2.0222662487959506e-21] as const;
const LARGEST_ANGLE = 2 ** 20;
const LARGEST_EXPONENT = 700;

/**
 * e^x, off by at most 2^-48 of it: the reduced argument, |r| < 0.35, is off by less than 2^-52, the series of 17 terms by
 * 0.35^18/18! and the roundings of its sum by less than 16 units.
 */
export function expBall(x: number): Ball {
  if (!(x < LARGEST_EXPONENT)) return { value: Number.POSITIVE_INFINITY, radius: Number.POSITIVE_INFINITY };
  if (x < -LARGEST_EXPONENT) return { value: 0, radius: 2 ** -1000 };
  const n = Math.floor(x / (LN2_HIGH + LN2_LOW) + 0.5);
  const r = x - n * LN2_HIGH - n * LN2_LOW;
  let sum = 1;
  for (let k = 17; k >= 1; k--) sum = 1 + (sum * r) / k;
  const value = sum * 2 ** n;
  return { value, radius: value * 2 ** -48 };
}

/** sin x and cos x, each off by at most 2^-48, for |x| <= 2^20; beyond, all that is known is that |.| <= 1. */
export function sineCosine(x: number): { sin: Ball; cos: Ball } {
  if (!(Math.abs(x) <= LARGEST_ANGLE)) return { sin: { value: 0, radius: 1 }, cos: { value: 0, radius: 1 } };
  const n = Math.floor(x / HALF_PI[0] + 0.5);
  const r = x - n * HALF_PI[0] - n * HALF_PI[1] - n * HALF_PI[2];
  const square = r * r;
  let s = 1;
  let c = 1;
  for (let k = 21; k >= 3; k -= 2) s = 1 - (s * square) / (k * (k - 1));
  for (let k = 22; k >= 2; k -= 2) c = 1 - (c * square) / (k * (k - 1));
  s *= r;
  const quarter = n - 4 * Math.floor(n / 4);
  const [sin, cos] = quarter === 0 ? [s, c] : quarter === 1 ? [c, -s] : quarter === 2 ? [-s, -c] : [-c, s];
  return { sin: { value: sin, radius: 2 ** -48 }, cos: { value: cos, radius: 2 ** -48 } };
}

/** ln x for x > 0: a guess y, and |ln x - y| = |ln(x e^-y)| <= 2 |x e^-y - 1| where that is below 1/2. */
export function logBall(x: number): Ball {
  const value = Math.log(x);
  const inverse = expBall(-value);
  const off = Math.abs(x * inverse.value - 1) + 2 ** -47;
  return { value, radius: off < 0.5 ? 2 * off : Number.POSITIVE_INFINITY };
}

/** x^(1/2): a guess y, and |sqrt x - y| <= |x - y^2| / y. */
export function sqrtBall(x: number): Ball {
  if (x === 0) return { value: 0, radius: 0 };
  const value = Math.sqrt(x);
  return { value, radius: (Math.abs(x - value * value) / value) * (1 + 2 ** -40) + 2 ** -51 * value };
}

/** atan x: a guess y within -1.6 .. 1.6 of the sign of x, and |atan x - y| <= |tan(atan x - y)|. */
export function atanBall(x: number): Ball {
  const value = Math.atan(x);
  const { sin, cos } = sineCosine(value);
  const slack = 2 ** -46 * (1 + Math.abs(x));
  const rise = Math.abs(x * cos.value - sin.value) + slack;
  const run = cos.value + x * sin.value - slack;
  const isNear = Math.abs(value) < 1.6 && value * x >= 0 && run > 0;
  return { value, radius: isNear ? (rise / run) * (1 + 2 ** -40) : Number.POSITIVE_INFINITY };
}

/** tanh x = (1 - e) / (1 + e), e = exp(-2 |x|). */
export function tanhBall(x: number): Ball {
  const e = expBall(-2 * Math.abs(x)).value;
  const value = (1 - e) / (1 + e);
  return { value: x < 0 ? -value : value, radius: 2 ** -46 };
}

/** 2 / sqrt pi. */
export const ERF_SLOPE = 1.1283791670955126;

/** erf x = 2/sqrt(pi) e^(-x^2) sum of 2^n x^(2n+1) / (2n+1)!!, all of one sign. */
export function erfBall(x: number): Ball {
  const a = Math.abs(x);
  if (a > 6) return { value: x < 0 ? -1 : 1, radius: 2 ** -54 };
  let term = a;
  let sum = a;
  // Terms fall by half or more from n = 2 a^2 on: what is left out is below the last one.
  for (let n = 1; n < 4 * a * a + 60; n++) {
    term *= (2 * a * a) / (2 * n + 1);
    sum += term;
  }
  const value = ERF_SLOPE * expBall(-a * a).value * sum;
  return { value: x < 0 ? -value : value, radius: 2 ** -42 * value + 2 ** -60 };
}
