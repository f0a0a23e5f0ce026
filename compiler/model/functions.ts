import erf from '@stdlib/math-base-special-erf';
import {
  add,
  affine,
  cosine,
  exponential,
  hyperbolicTangent,
  linearPiece,
  logarithm,
  logistic,
  multiply,
  powerOf,
  primitive,
  type Series,
  sine,
  tangent,
  variable,
} from './series.js';

/**
 * The scalar functions of the graph in float64, with derivatives and natural domains. At a kink the derivative is the one
 * from the left: that of relu at 0 is 0, that of abs is -1.
 */

export interface ScalarFunction {
  value(x: number): number;
  derivative(x: number): number;
  /** Of f(s) from that of s: all derivatives of f, exactly. */
  series(s: Series): Series;
  /** Where the function is real and finite; an open end is a limit that is never reached. Poles may repeat. */
  domain?: { min?: number; max?: number; open?: boolean; pole?: number; polePeriod?: number };
}

const sigmoid = (x: number) => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x)));
const softplus = (x: number) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
/** Klambauer et al., arXiv 1706.02515. */
const SELU_ALPHA = 1.6732632423543772;
const SELU_SCALE = 1.0507009873554805;
const SQRT_2 = Math.SQRT2;
const normalDensity = (x: number) => Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI);
const normalCdf = (x: number) => 0.5 * (1 + erf(x / SQRT_2));

/** Hendrycks and Gimpel, arXiv 1606.08415: x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))). */
const GELU_C = Math.sqrt(2 / Math.PI);
const geluTanhArgument = (x: number) => GELU_C * (x + 0.044715 * x * x * x);

const normalSeries = (s: Series) => affine(exponential(affine(multiply(s, s), -0.5, 0)), 1 / Math.sqrt(2 * Math.PI), 0);
const softplusSeries = (s: Series) => primitive(s, softplus(s[0]), logistic(s, sigmoid(s[0])));
const geluTanhSeries = (s: Series) =>
  add(affine(s, GELU_C, 0), affine(multiply(s, multiply(s, s)), GELU_C * 0.044715, 0));
/** exp(s) - 1, without the loss of digits near 0. */
const expm1Series = (s: Series) => {
  const out = exponential(s);
  out[0] = Math.expm1(s[0]);
  return out;
};
/** (sign s^2 + shift)^(-1/2). */
const inverseRoot = (s: Series, sign: number, shift: number) => powerOf(affine(multiply(s, s), sign, shift), -0.5);
const hyperbolic = (s: Series, sign: number) =>
  affine(add(exponential(s), affine(exponential(affine(s, -1, 0)), sign, 0)), 0.5, 0);

export const FUNCTIONS = {
  tanh: { value: Math.tanh, derivative: (x) => 1 - Math.tanh(x) ** 2, series: hyperbolicTangent },
  sin: { value: Math.sin, derivative: Math.cos, series: sine },
  cos: { value: Math.cos, derivative: (x) => -Math.sin(x), series: cosine },
  sigmoid: {
    value: sigmoid,
    derivative: (x) => sigmoid(x) * sigmoid(-x),
    series: (s) => logistic(s, sigmoid(s[0])),
  },
  silu: {
    value: (x) => x * sigmoid(x),
    derivative: (x) => sigmoid(x) * (1 + x * sigmoid(-x)),
    series: (s) => multiply(s, logistic(s, sigmoid(s[0]))),
  },
  softplus: { value: softplus, derivative: sigmoid, series: softplusSeries },
  relu: {
    value: (x) => Math.max(x, 0),
    derivative: (x) => (x > 0 ? 1 : 0),
    series: (s) => linearPiece(s, Math.max(s[0], 0), s[0] > 0 ? 1 : 0),
  },
  exp: { value: Math.exp, derivative: Math.exp, series: exponential },
  atan: {
    value: Math.atan,
    derivative: (x) => 1 / (1 + x * x),
    series: (s) => primitive(s, Math.atan(s[0]), powerOf(affine(multiply(s, s), 1, 1), -1)),
  },
  reciprocal: {
    value: (x) => 1 / x,
    derivative: (x) => -1 / (x * x),
    series: (s) => powerOf(s, -1),
    domain: { pole: 0 },
  },
  sqrt: {
    value: Math.sqrt,
    derivative: (x) => 0.5 / Math.sqrt(x),
    series: (s) => powerOf(s, 0.5),
    domain: { min: 0 },
  },
  log: { value: Math.log, derivative: (x) => 1 / x, series: logarithm, domain: { min: 0, open: true } },
  abs: {
    value: Math.abs,
    derivative: (x) => (x > 0 ? 1 : -1),
    series: (s) => linearPiece(s, Math.abs(s[0]), s[0] > 0 ? 1 : -1),
  },
  erf: {
    value: erf,
    derivative: (x) => (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x),
    series: (s) =>
      primitive(s, erf(s[0]), affine(exponential(affine(multiply(s, s), -1, 0)), 2 / Math.sqrt(Math.PI), 0)),
  },
  mish: {
    value: (x) => x * Math.tanh(softplus(x)),
    derivative: (x) => {
      const t = Math.tanh(softplus(x));
      return t + x * (1 - t * t) * sigmoid(x);
    },
    series: (s) => multiply(s, hyperbolicTangent(softplusSeries(s))),
  },
  selu: {
    value: (x) => SELU_SCALE * (x > 0 ? x : SELU_ALPHA * Math.expm1(x)),
    derivative: (x) => SELU_SCALE * (x > 0 ? 1 : SELU_ALPHA * Math.exp(x)),
    series: (s) => affine(s[0] > 0 ? s : expm1Series(s), SELU_SCALE * (s[0] > 0 ? 1 : SELU_ALPHA), 0),
  },
  gelu: {
    value: (x) => x * normalCdf(x),
    derivative: (x) => normalCdf(x) + x * normalDensity(x),
    series: (s) => multiply(s, primitive(s, normalCdf(s[0]), normalSeries(s))),
  },
  geluTanh: {
    value: (x) => 0.5 * x * (1 + Math.tanh(geluTanhArgument(x))),
    derivative: (x) => {
      const t = Math.tanh(geluTanhArgument(x));
      return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * GELU_C * (1 + 3 * 0.044715 * x * x);
    },
    series: (s) => multiply(affine(s, 0.5, 0), affine(hyperbolicTangent(geluTanhSeries(s)), 1, 1)),
  },
  tan: {
    value: Math.tan,
    derivative: (x) => 1 + Math.tan(x) ** 2,
    series: tangent,
    domain: { pole: Math.PI / 2, polePeriod: Math.PI },
  },
  asin: {
    value: Math.asin,
    derivative: (x) => 1 / Math.sqrt(1 - x * x),
    series: (s) => primitive(s, Math.asin(s[0]), inverseRoot(s, -1, 1)),
    domain: { min: -1, max: 1 },
  },
  acos: {
    value: Math.acos,
    derivative: (x) => -1 / Math.sqrt(1 - x * x),
    series: (s) => primitive(s, Math.acos(s[0]), affine(inverseRoot(s, -1, 1), -1, 0)),
    domain: { min: -1, max: 1 },
  },
  sinh: { value: Math.sinh, derivative: Math.cosh, series: (s) => hyperbolic(s, -1) },
  cosh: { value: Math.cosh, derivative: Math.sinh, series: (s) => hyperbolic(s, 1) },
  asinh: {
    value: Math.asinh,
    derivative: (x) => 1 / Math.sqrt(1 + x * x),
    series: (s) => primitive(s, Math.asinh(s[0]), inverseRoot(s, 1, 1)),
  },
  acosh: {
    value: Math.acosh,
    derivative: (x) => 1 / Math.sqrt(x * x - 1),
    series: (s) => primitive(s, Math.acosh(s[0]), inverseRoot(s, 1, -1)),
    domain: { min: 1 },
  },
  atanh: {
    value: Math.atanh,
    derivative: (x) => 1 / (1 - x * x),
    series: (s) => primitive(s, Math.atanh(s[0]), powerOf(affine(multiply(s, s), -1, 1), -1)),
    domain: { min: -1, max: 1, open: true },
  },
} satisfies Record<string, ScalarFunction>;

export type FunctionName = keyof typeof FUNCTIONS;

/** Functions that jump and are constant between: to the integer below, above, the nearest (half to the even one). */
export const JUMPS = { floor: Math.floor, ceil: Math.ceil, round: roundHalfEven } satisfies Record<
  string,
  (x: number) => number
>;

export type JumpName = keyof typeof JUMPS;

function roundHalfEven(x: number): number {
  const low = Math.floor(x);
  if (x - low !== 0.5) return Math.round(x);
  return low % 2 === 0 ? low : low + 1;
}

/** True for a domain with a pole in min .. max. */
export function hasPole(domain: ScalarFunction['domain'], min: number, max: number): boolean {
  if (domain?.pole === undefined) return false;
  const { pole, polePeriod } = domain;
  if (polePeriod === undefined) return min <= pole && max >= pole;
  return pole + polePeriod * Math.ceil((min - pole) / polePeriod) <= max;
}

/** x^n; a fractional n needs x >= 0. */
export function power(exponent: number): ScalarFunction {
  return {
    value: (x) => x ** exponent,
    derivative: (x) => (exponent === 0 ? 0 : exponent * x ** (exponent - 1)),
    series: (s) => powerOf(s, exponent),
    domain: powerDomain(exponent),
  };
}

function powerDomain(exponent: number): ScalarFunction['domain'] {
  if (!Number.isInteger(exponent)) return { min: 0, open: exponent < 0 };
  return exponent < 0 ? { pole: 0 } : undefined;
}

/** x, or alpha (exp(x) - 1) below 0. */
export function elu(alpha: number): ScalarFunction {
  return {
    value: (x) => (x > 0 ? x : alpha * Math.expm1(x)),
    derivative: (x) => (x > 0 ? 1 : alpha * Math.exp(x)),
    series: (s) => (s[0] > 0 ? s : affine(expm1Series(s), alpha, 0)),
  };
}

/** x, or slope * x below 0. */
export function leakyRelu(slope: number): ScalarFunction {
  return piecewiseLinear(
    (x) => (x > 0 ? x : slope * x),
    (x) => (x > 0 ? 1 : slope),
  );
}

/** x held to min .. max. */
export function clip(min: number, max: number): ScalarFunction {
  return piecewiseLinear(
    (x) => Math.min(max, Math.max(min, x)),
    (x) => (x > min && x <= max ? 1 : 0),
  );
}

/** alpha x + beta, held to 0 .. 1. */
export function hardSigmoid(alpha: number, beta: number): ScalarFunction {
  const unit = clip(0, 1);
  return piecewiseLinear(
    (x) => unit.value(alpha * x + beta),
    (x) => alpha * unit.derivative(alpha * x + beta),
  );
}

/** Linear interpolation between (points[i], values[i]), points increasing; constant beyond the ends. */
export function lookup(points: ArrayLike<number>, values: ArrayLike<number>): ScalarFunction {
  const last = points.length - 1;
  const slope = (i: number) => (values[i + 1] - values[i]) / (points[i + 1] - points[i]);
  const segmentOf = (x: number) => {
    let low = 0;
    let high = last;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (points[middle] <= x) low = middle;
      else high = middle;
    }
    return low;
  };
  /** The segment that x is in, or that it ends. */
  const segmentBefore = (x: number) => {
    const i = segmentOf(x);
    return i > 0 && x === points[i] ? i - 1 : i;
  };
  return piecewiseLinear(
    (x) => {
      if (x <= points[0]) return values[0];
      if (x >= points[last]) return values[last];
      const i = segmentOf(x);
      return values[i] + (x - points[i]) * slope(i);
    },
    (x) => (x <= points[0] || x > points[last] ? 0 : slope(segmentBefore(x))),
  );
}

function piecewiseLinear(value: (x: number) => number, derivative: (x: number) => number): ScalarFunction {
  return { value, derivative, series: (s) => linearPiece(s, value(s[0]), derivative(s[0])) };
}

/** f^(order), exactly. */
export function derivativeOf(f: Pick<ScalarFunction, 'series'>, order: number): (x: number) => number {
  let factorial = 1;
  for (let k = 2; k <= order; k++) factorial *= k;
  return (x) => factorial * f.series(variable(x, order))[order];
}
