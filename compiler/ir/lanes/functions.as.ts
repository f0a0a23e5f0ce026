/**
 * exp, tanh, sin and cos of two float64 at a time, and their derivatives: only additions, multiplications and divisions of
 * IEEE 754, so every machine gives the same bits. Errors in units of the last place, by test/ir/lanes.test.ts: exp 2, tanh
 * 4, sin and cos 2 of the larger of |result| and 2^-20; arguments of sine beyond 2^20 are left to the host, one by one.
 */

export const enum Fn {
  tanh = 0,
  sin = 1,
  exp = 2,
  reciprocal = 3,
  sqrt = 4,
  relu = 5,
}

@external('env', 'sin')
declare function hostSin(x: f64): f64;
@external('env', 'cos')
declare function hostCos(x: f64): f64;

// @ts-ignore: decorator
@inline
function splat(x: f64): v128 {
  return f64x2.splat(x);
}

// @ts-ignore: decorator
@inline
function fma(a: v128, b: v128, c: v128): v128 {
  return f64x2.add(f64x2.mul(a, b), c);
}

/** ln 2 in two parts: multiples of the first by up to 2^20 are exact. */
const LN2_HIGH: f64 = 6.93147180369123816490e-1;
const LN2_LOW: f64 = 1.90821492927058770002e-10;
const LOG2_E: f64 = 1.4426950408889634;

/** e^r - 1 for |r| <= ln 2 / 2, by its series. */
// @ts-ignore: decorator
@inline
function expm1Reduced(r: v128): v128 {
  let q = splat(1.6059043836821613e-10);
  q = fma(q, r, splat(2.08767569878681e-9));
  q = fma(q, r, splat(2.505210838544172e-8));
  q = fma(q, r, splat(2.755731922398589e-7));
  q = fma(q, r, splat(2.7557319223985893e-6));
  q = fma(q, r, splat(2.48015873015873e-5));
  q = fma(q, r, splat(1.984126984126984e-4));
  q = fma(q, r, splat(1.388888888888889e-3));
  q = fma(q, r, splat(8.333333333333333e-3));
  q = fma(q, r, splat(4.1666666666666664e-2));
  q = fma(q, r, splat(1.6666666666666666e-1));
  q = fma(q, r, splat(0.5));
  return fma(f64x2.mul(r, r), q, r);
}

/** 2^n for whole n from -1022 to 1023: n + 2^52 + 2^51 has n in its last bits. */
// @ts-ignore: decorator
@inline
function powerOfTwo(n: v128): v128 {
  const bits = f64x2.add(n, splat(6755399441055744.0 + 1023.0));
  return i64x2.shl(bits, 52);
}

// @ts-ignore: decorator
@inline
export function expLanes(x: v128): v128 {
  // 2^n is made in two steps, so that results may be subnormal or infinite.
  const held = f64x2.max(f64x2.min(x, splat(1000)), splat(-1000));
  const n = f64x2.nearest(f64x2.mul(held, splat(LOG2_E)));
  const r = f64x2.sub(f64x2.sub(held, f64x2.mul(n, splat(LN2_HIGH))), f64x2.mul(n, splat(LN2_LOW)));
  const half = f64x2.nearest(f64x2.mul(n, splat(0.5)));
  const e = f64x2.add(expm1Reduced(r), splat(1));
  return f64x2.mul(f64x2.mul(e, powerOfTwo(half)), powerOfTwo(f64x2.sub(n, half)));
}

/** (e^2|x| - 1) / (e^2|x| + 1), with the sign of x. */
// @ts-ignore: decorator
@inline
export function tanhLanes(x: v128): v128 {
  const y = f64x2.min(f64x2.mul(f64x2.abs(x), splat(2)), splat(44));
  const n = f64x2.nearest(f64x2.mul(y, splat(LOG2_E)));
  const r = f64x2.sub(f64x2.sub(y, f64x2.mul(n, splat(LN2_HIGH))), f64x2.mul(n, splat(LN2_LOW)));
  const two = powerOfTwo(n);
  const em = f64x2.add(f64x2.mul(two, expm1Reduced(r)), f64x2.sub(two, splat(1)));
  const t = f64x2.div(em, f64x2.add(em, splat(2)));
  return v128.or(t, v128.and(x, splat(-0.0)));
}

/** pi / 2 in three parts, multiples of the first two by up to 2^20 exact (fdlibm's). */
const PIO2_1: f64 = 1.57079632673412561417e0;
const PIO2_2: f64 = 6.07710050630396597660e-11;
const PIO2_3: f64 = 2.02226624879595063154e-21;
const LARGEST_ANGLE: f64 = 1048576;

/** sin(x + turns pi / 2): of turns only the last two bits count. */
export function sinLanes(x: v128, turns: i64): v128 {
  // Also true of what is not a number: both comparisons fail.
  if (!i64x2.all_true(f64x2.le(f64x2.abs(x), splat(LARGEST_ANGLE)))) {
    return f64x2(hostSinOf(f64x2.extract_lane(x, 0), turns), hostSinOf(f64x2.extract_lane(x, 1), turns));
  }
  const n = f64x2.nearest(f64x2.mul(x, splat(0.6366197723675814)));
  const r0 = f64x2.sub(x, f64x2.mul(n, splat(PIO2_1)));
  const step = f64x2.mul(n, splat(PIO2_2));
  const r1 = f64x2.sub(r0, step);
  const lost = f64x2.sub(f64x2.sub(r0, r1), step);
  const r = f64x2.add(r1, f64x2.sub(lost, f64x2.mul(n, splat(PIO2_3))));
  const z = f64x2.mul(r, r);
  // The kernels of fdlibm.
  let s = splat(1.58969099521155010221e-10);
  s = fma(s, z, splat(-2.50507602534068634195e-8));
  s = fma(s, z, splat(2.75573137070700676789e-6));
  s = fma(s, z, splat(-1.98412698298579493134e-4));
  s = fma(s, z, splat(8.33333333332248946124e-3));
  s = fma(s, z, splat(-1.66666666666666324348e-1));
  s = fma(f64x2.mul(z, r), s, r);
  let c = splat(-1.13596475577881948265e-11);
  c = fma(c, z, splat(2.08757232129817482790e-9));
  c = fma(c, z, splat(-2.75573143513906633035e-7));
  c = fma(c, z, splat(2.48015872894767294178e-5));
  c = fma(c, z, splat(-1.38888888888741095749e-3));
  c = fma(c, z, splat(4.16666666666666019037e-2));
  const h = f64x2.mul(z, splat(0.5));
  const w = f64x2.sub(splat(1), h);
  const cos = f64x2.add(w, fma(f64x2.mul(z, z), c, f64x2.sub(f64x2.sub(splat(1), w), h)));
  const quarter = i64x2.add(f64x2.add(n, splat(6755399441055744.0)), i64x2.splat(turns));
  const odd = i64x2.sub(i64x2.splat(0), v128.and(quarter, i64x2.splat(1)));
  const sign = i64x2.shl(i64x2.shr_u(quarter, 1), 63);
  return v128.xor(v128.bitselect(cos, s, odd), sign);
}

function hostSinOf(x: f64, turns: i64): f64 {
  const value = turns & 1 ? hostCos(x) : hostSin(x);
  return turns & 2 ? -value : value;
}

/** Derivative `order` of tanh from its value: 0 to 4. */
// @ts-ignore: decorator
@inline
function tanhDerivative(t: v128, order: i32): v128 {
  if (order === 0) return t;
  const tt = f64x2.mul(t, t);
  const slope = f64x2.sub(splat(1), tt);
  if (order === 1) return slope;
  if (order === 2) return f64x2.mul(f64x2.mul(splat(-2), t), slope);
  if (order === 3) return f64x2.mul(slope, f64x2.sub(f64x2.mul(splat(6), tt), splat(2)));
  return f64x2.mul(f64x2.mul(t, slope), f64x2.sub(splat(16), f64x2.mul(splat(24), tt)));
}

/** (-1)^k k! / x^(k + 1). */
function reciprocalLanes(x: v128, order: i32): v128 {
  let value = f64x2.div(splat(1), x);
  const step = value;
  for (let k = 1; k <= order; k++) value = f64x2.mul(f64x2.mul(value, step), splat(<f64>-k));
  return value;
}

/** x^(1/2) times (1/2) (-1/2) (-3/2) ... / x^k. */
function sqrtLanes(x: v128, order: i32): v128 {
  const root = f64x2.sqrt(x);
  if (order === 0) return root;
  let value = f64x2.div(splat(0.5), root);
  for (let k = 1; k < order; k++) value = f64x2.div(f64x2.mul(value, splat(0.5 - <f64>k)), x);
  return value;
}

function reluLanes(x: v128, order: i32): v128 {
  if (order === 0) return f64x2.max(x, splat(0));
  return order === 1 ? v128.and(f64x2.gt(x, splat(0)), splat(1)) : splat(0);
}

/** Derivative `order` of a function at two points. */
// @ts-ignore: decorator
@inline
export function apply(fn: i32, order: i32, x: v128): v128 {
  if (fn === Fn.tanh) return tanhDerivative(tanhLanes(x), order);
  if (fn === Fn.sin) return sinLanes(x, order);
  if (fn === Fn.exp) return expLanes(x);
  if (fn === Fn.reciprocal) return reciprocalLanes(x, order);
  return fn === Fn.sqrt ? sqrtLanes(x, order) : reluLanes(x, order);
}
