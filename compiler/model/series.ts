/**
 * Truncated power series of one variable in float64: s[k] is the coefficient of h^k. They give the exact derivatives of
 * the graph's functions, order by order, without differences (Griewank and Walther, Evaluating Derivatives, SIAM 2008,
 * ch. 13). All operands of an operation have the same length.
 */
export type Series = Float64Array;

/** x + h, to order `order`. */
export function variable(x: number, order: number): Series {
  const s = new Float64Array(order + 1);
  s[0] = x;
  if (order > 0) s[1] = 1;
  return s;
}

/** scale s + shift. */
export function affine(s: Series, scale: number, shift: number): Series {
  const out = s.map((v) => scale * v);
  out[0] += shift;
  return out;
}

export function add(a: Series, b: Series): Series {
  return a.map((v, k) => v + b[k]);
}

export function multiply(a: Series, b: Series): Series {
  const out = new Float64Array(a.length);
  for (let i = 0; i < a.length; i++) for (let j = 0; i + j < a.length; j++) out[i + j] += a[i] * b[j];
  return out;
}

/** Coefficient m of a b. */
function productAt(a: Series, b: Series, m: number): number {
  let sum = 0;
  for (let i = 0; i <= m; i++) sum += a[i] * b[m - i];
  return sum;
}

/**
 * The series of y = f(s) from f(s_0) and the series of dy/ds: k y_k = sum_j j s_j d_(k-j).
 * @param slope coefficient m of dy/ds from coefficients 0 .. m of y
 */
function integrate(s: Series, value: number, slope: (y: Series, m: number) => number): Series {
  const y = new Float64Array(s.length);
  const d = new Float64Array(s.length);
  y[0] = value;
  for (let k = 1; k < s.length; k++) {
    d[k - 1] = slope(y, k - 1);
    for (let j = 1; j <= k; j++) y[k] += (j / k) * s[j] * d[k - j];
  }
  return y;
}

/** exp(s). */
export function exponential(s: Series): Series {
  return integrate(s, Math.exp(s[0]), (y, m) => y[m]);
}

/** f with df/ds = d(s), a series that does not depend on f. */
export function primitive(s: Series, value: number, derivative: Series): Series {
  return integrate(s, value, (_, m) => derivative[m]);
}

/** s^n: a whole n >= 0 by products, any other by s y' = n s' y, for s_0 other than 0. */
export function powerOf(s: Series, n: number): Series {
  if (Number.isInteger(n) && n >= 0) {
    const one = new Float64Array(s.length);
    one[0] = 1;
    let out: Series = one;
    for (let i = 0; i < n; i++) out = multiply(out, s);
    return out;
  }
  const y = new Float64Array(s.length);
  y[0] = s[0] ** n;
  for (let k = 1; k < s.length; k++) {
    for (let j = 1; j <= k; j++) y[k] += ((n * j - (k - j)) * s[j] * y[k - j]) / (k * s[0]);
  }
  return y;
}

export function logarithm(s: Series): Series {
  return primitive(s, Math.log(s[0]), powerOf(s, -1));
}

/** tanh(s), by y' = (1 - y^2) s'. */
export function hyperbolicTangent(s: Series): Series {
  return integrate(s, Math.tanh(s[0]), (y, m) => (m ? 0 : 1) - productAt(y, y, m));
}

/** tan(s), by y' = (1 + y^2) s'. */
export function tangent(s: Series): Series {
  return integrate(s, Math.tan(s[0]), (y, m) => (m ? 0 : 1) + productAt(y, y, m));
}

/** 1 / (1 + exp(-s)), by y' = y (1 - y) s'. */
export function logistic(s: Series, value: number): Series {
  return integrate(s, value, (y, m) => y[m] - productAt(y, y, m));
}

/** sin s, or cos s, each by the derivative of the other. */
function circular(s: Series, quarter: boolean): Series {
  const out = new Float64Array(s.length);
  const cos = new Float64Array(s.length);
  out[0] = quarter ? Math.cos(s[0]) : Math.sin(s[0]);
  cos[0] = quarter ? -Math.sin(s[0]) : Math.cos(s[0]);
  for (let k = 1; k < s.length; k++) {
    for (let j = 1; j <= k; j++) {
      out[k] += (j / k) * s[j] * cos[k - j];
      cos[k] -= (j / k) * s[j] * out[k - j];
    }
  }
  return out;
}

export const sine = (s: Series): Series => circular(s, false);
export const cosine = (s: Series): Series => circular(s, true);

/** A piece of a piecewise linear function: value and slope at s_0. */
export function linearPiece(s: Series, value: number, slope: number): Series {
  const out = s.map((v) => slope * v);
  out[0] = value;
  return out;
}

/** f(s) from the coefficients of f about s_0: Horner's rule in s - s_0. */
export function compose(coefficients: Series, s: Series): Series {
  const rest = s.slice();
  rest[0] = 0;
  let out: Series = new Float64Array(s.length);
  for (let k = s.length - 1; k >= 0; k--) out = affine(multiply(out, rest), 1, coefficients[k]);
  return out;
}
