import erf from '@stdlib/math-base-special-erf';

/** The scalar functions of the graph in float64, with derivatives and natural domains. */

export interface ScalarFunction {
  value(x: number): number;
  derivative(x: number): number;
  /** Where the function is real and finite; an open end is a limit that is never reached. */
  domain?: { min?: number; max?: number; open?: boolean; pole?: number };
}

const sigmoid = (x: number) => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x)));
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
  softplus: { value: (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))), derivative: sigmoid },
  relu: { value: (x) => Math.max(x, 0), derivative: (x) => (x > 0 ? 1 : 0) },
  exp: { value: Math.exp, derivative: Math.exp },
  atan: { value: Math.atan, derivative: (x) => 1 / (1 + x * x) },
  reciprocal: { value: (x) => 1 / x, derivative: (x) => -1 / (x * x), domain: { pole: 0 } },
  sqrt: { value: Math.sqrt, derivative: (x) => 0.5 / Math.sqrt(x), domain: { min: 0 } },
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

/** x^n for an integer n. */
export function power(exponent: number): ScalarFunction {
  return {
    value: (x) => x ** exponent,
    derivative: (x) => (exponent === 0 ? 0 : exponent * x ** (exponent - 1)),
    domain: exponent < 0 ? { pole: 0 } : undefined,
  };
}
