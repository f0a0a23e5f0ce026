import erf from '@stdlib/math-base-special-erf';

/** The scalar functions of the graph in float64, with derivatives and natural domains. */

export interface ScalarFunction {
  value(x: number): number;
  derivative(x: number): number;
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

export const FUNCTIONS = {
  tanh: { value: Math.tanh, derivative: (x) => 1 - Math.tanh(x) ** 2 },
  sin: { value: Math.sin, derivative: Math.cos },
  cos: { value: Math.cos, derivative: (x) => -Math.sin(x) },
  sigmoid: { value: sigmoid, derivative: (x) => sigmoid(x) * sigmoid(-x) },
  silu: { value: (x) => x * sigmoid(x), derivative: (x) => sigmoid(x) * (1 + x * sigmoid(-x)) },
  softplus: { value: softplus, derivative: sigmoid },
  relu: { value: (x) => Math.max(x, 0), derivative: (x) => (x > 0 ? 1 : 0) },
  exp: { value: Math.exp, derivative: Math.exp },
  atan: { value: Math.atan, derivative: (x) => 1 / (1 + x * x) },
  tan: {
    value: Math.tan,
    derivative: (x) => 1 + Math.tan(x) ** 2,
    domain: { pole: Math.PI / 2, polePeriod: Math.PI },
  },
  asin: { value: Math.asin, derivative: (x) => 1 / Math.sqrt(1 - x * x), domain: { min: -1, max: 1 } },
  acos: { value: Math.acos, derivative: (x) => -1 / Math.sqrt(1 - x * x), domain: { min: -1, max: 1 } },
  sinh: { value: Math.sinh, derivative: Math.cosh },
  cosh: { value: Math.cosh, derivative: Math.sinh },
  asinh: { value: Math.asinh, derivative: (x) => 1 / Math.sqrt(x * x + 1) },
  acosh: { value: Math.acosh, derivative: (x) => 1 / Math.sqrt(x * x - 1), domain: { min: 1 } },
  atanh: { value: Math.atanh, derivative: (x) => 1 / (1 - x * x), domain: { min: -1, max: 1, open: true } },
  reciprocal: { value: (x) => 1 / x, derivative: (x) => -1 / (x * x), domain: { pole: 0 } },
  sqrt: { value: Math.sqrt, derivative: (x) => 0.5 / Math.sqrt(x), domain: { min: 0 } },
  log: { value: Math.log, derivative: (x) => 1 / x, domain: { min: 0, open: true } },
  abs: { value: Math.abs, derivative: Math.sign },
  erf: { value: erf, derivative: (x) => (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) },
  mish: {
    value: (x) => x * Math.tanh(softplus(x)),
    derivative: (x) => {
      const t = Math.tanh(softplus(x));
      return t + x * (1 - t * t) * sigmoid(x);
    },
  },
  selu: {
    value: (x) => SELU_SCALE * (x > 0 ? x : SELU_ALPHA * Math.expm1(x)),
    derivative: (x) => SELU_SCALE * (x > 0 ? 1 : SELU_ALPHA * Math.exp(x)),
  },
  gelu: { value: (x) => x * normalCdf(x), derivative: (x) => normalCdf(x) + x * normalDensity(x) },
  geluTanh: {
    value: (x) => 0.5 * x * (1 + Math.tanh(geluTanhArgument(x))),
    derivative: (x) => {
      const t = Math.tanh(geluTanhArgument(x));
      return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * GELU_C * (1 + 3 * 0.044715 * x * x);
    },
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
  };
}

/** x, or slope * x below 0. */
export function leakyRelu(slope: number): ScalarFunction {
  return { value: (x) => (x > 0 ? x : slope * x), derivative: (x) => (x > 0 ? 1 : slope) };
}

/** x held to min .. max. */
export function clip(min: number, max: number): ScalarFunction {
  return { value: (x) => Math.min(max, Math.max(min, x)), derivative: (x) => (x > min && x < max ? 1 : 0) };
}

/** alpha x + beta, held to 0 .. 1. */
export function hardSigmoid(alpha: number, beta: number): ScalarFunction {
  const unit = clip(0, 1);
  return { value: (x) => unit.value(alpha * x + beta), derivative: (x) => alpha * unit.derivative(alpha * x + beta) };
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
  return {
    value: (x) => {
      if (x <= points[0]) return values[0];
      if (x >= points[last]) return values[last];
      const i = segmentOf(x);
      return values[i] + (x - points[i]) * slope(i);
    },
    derivative: (x) => (x < points[0] || x > points[last] ? 0 : slope(segmentOf(x))),
  };
}
