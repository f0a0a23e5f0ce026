import type { MapStep } from '../../ir/map-function.js';
import type { FunctionName } from '../../model/functions.js';
import { appendDerivatives } from './operation-slopes.js';
import { cannotProve, type ProgramBuilder } from './program.js';

/**
 * The functions of models and tables by the elementary ones. Constants of definitions, such as 1/sqrt 2 in GELU, are the
 * doubles of model/functions.ts.
 */

const SELU_ALPHA = 1.6732632423543772;
const SELU_SCALE = 1.0507009873554805;
const GELU_CUBE = 0.044715;

const positivePart = (to: ProgramBuilder, x: Int32Array) => to.piecewise(x, [0], [0], 0, 1);
const negativePart = (to: ProgramBuilder, x: Int32Array) => to.piecewise(x, [0], [0], 1, 0);

/** 1/2 + tanh(x/2)/2. */
const sigmoid = (to: ProgramBuilder, x: Int32Array) =>
  to.linear(to.elementary('tanh', x, { scale: 0.5, factor: 0.5 }), 1, 0.5);

/** log(1 + exp x). */
const softplus = (to: ProgramBuilder, x: Int32Array) => to.elementary('log', to.elementary('exp', x), { shift: 1 });

/** scale x above 0, scale alpha (exp(x) - 1) below. */
function exponentialUnit(to: ProgramBuilder, x: Int32Array, alpha: number, scale: number): Int32Array {
  const above = to.linear(positivePart(to, x), scale);
  const below = to.elementary('exp', negativePart(to, x), { factor: scale * alpha });
  return to.linear(above, 1, -scale * alpha, below, 1);
}

const inverse = (to: ProgramBuilder, x: Int32Array) => to.elementary('power', x, { exponent: -1 });

/** The root of scale x^2 + shift. */
function root(to: ProgramBuilder, x: Int32Array, scale: number, shift: number): Int32Array {
  return to.elementary('power', to.linear(to.multiply(x, x), scale, shift), { exponent: 0.5 });
}

/** Appends f(x) for a function of model/functions.ts. */
export function appendFunction(to: ProgramBuilder, name: FunctionName, x: Int32Array): Int32Array {
  switch (name) {
    case 'tanh':
    case 'sin':
    case 'cos':
    case 'exp':
    case 'atan':
    case 'log':
    case 'erf':
      return to.elementary(name, x);
    case 'reciprocal':
      return to.elementary('power', x, { exponent: -1 });
    case 'sqrt':
      return to.elementary('power', x, { exponent: 0.5 });
    case 'sigmoid':
      return sigmoid(to, x);
    case 'softplus':
      return softplus(to, x);
    case 'tan':
      return to.multiply(to.elementary('sin', x), inverse(to, to.elementary('cos', x)));
    case 'sinh':
    case 'cosh': {
      const falling = to.elementary('exp', x, { scale: -1 });
      return to.linear(to.elementary('exp', x), 0.5, 0, falling, name === 'cosh' ? 0.5 : -0.5);
    }
    case 'asin':
      return to.elementary('atan', to.multiply(x, inverse(to, root(to, x, -1, 1))));
    case 'acos': {
      // 2 atan of the root of (1 - x) / (1 + x).
      const ratio = to.multiply(to.linear(x, -1, 1), inverse(to, to.linear(x, 1, 1)));
      return to.elementary('atan', to.elementary('power', ratio, { exponent: 0.5 }), { factor: 2 });
    }
    case 'asinh':
    case 'acosh':
      return to.elementary('log', to.linear(x, 1, 0, root(to, x, 1, name === 'asinh' ? 1 : -1), 1));
    case 'atanh': {
      const [above, below] = [1, -1].map((scale) => to.elementary('log', x, { scale, shift: 1 }));
      return to.linear(above, 0.5, 0, below, -0.5);
    }
    case 'relu':
      return positivePart(to, x);
    case 'abs':
      return to.piecewise(x, [0], [0], -1, 1);
    case 'silu':
      return to.multiply(x, sigmoid(to, x));
    case 'mish':
      return to.multiply(x, to.elementary('tanh', softplus(to, x)));
    case 'selu':
      return exponentialUnit(to, x, SELU_ALPHA, SELU_SCALE);
    case 'gelu': {
      const half = to.elementary('erf', x, { scale: 1 / Math.SQRT2, factor: 0.5 });
      return to.multiply(x, to.linear(half, 1, 0.5));
    }
    case 'geluTanh': {
      const scale = Math.sqrt(2 / Math.PI);
      const sum = to.linear(x, 1, 0, appendPower(to, x, 3), GELU_CUBE);
      const half = to.elementary('tanh', sum, { scale, factor: 0.5 });
      return to.multiply(x, to.linear(half, 1, 0.5));
    }
  }
  throw cannotProve(`the function ${name} is not covered`);
}

export const appendElu = (to: ProgramBuilder, x: Int32Array, alpha: number) => exponentialUnit(to, x, alpha, 1);

/** x^n: of whole n by multiplication, of others where x is above 0. */
export function appendPower(to: ProgramBuilder, x: Int32Array, exponent: number): Int32Array {
  if (!Number.isInteger(exponent)) return to.elementary('power', x, { exponent });
  if (exponent < 0) return inverse(to, appendPower(to, x, -exponent));
  if (exponent === 0) return to.linear(x, 0, 1);
  const half = exponent > 1 ? appendPower(to, x, Math.floor(exponent / 2)) : undefined;
  const even = half && to.multiply(half, half);
  return exponent % 2 === 0 ? even! : even ? to.multiply(even, x) : x;
}

/** Appends the steps of a table's function to its argument; in turns where it is periodic. */
export function appendSteps(
  to: ProgramBuilder,
  steps: readonly MapStep[],
  argument: Int32Array,
  scale: number,
  shift: number,
  periodic: boolean,
): Int32Array {
  let [first, ...rest] = steps;
  let turns = false;
  if (periodic) {
    // The argument of sine and cosine in turns: the first step multiplies by the double nearest to 2 pi, meant exactly.
    const isTurn = first?.op === 'affine' && first.scale === 2 * Math.PI && first.shift === 0;
    const [next, ...others] = rest;
    if (!isTurn || next?.op !== 'function' || (next.name !== 'sin' && next.name !== 'cos')) {
      throw cannotProve('a periodic table that is not of a sine or cosine is not covered');
    }
    [first, ...rest] = [next, ...others];
    turns = true;
  }
  let x: Int32Array;
  if (turns && first?.op === 'function') {
    x = to.elementary(first.name as 'sin', argument, { scale, shift, turns });
  } else {
    x = to.linear(argument, scale, shift);
    if (first) x = appendStep(to, first, x);
  }
  for (const step of rest) x = appendStep(to, step, x);
  return x;
}

function appendStep(to: ProgramBuilder, step: MapStep, x: Int32Array): Int32Array {
  switch (step.op) {
    case 'function':
      return appendFunction(to, step.name, x);
    case 'derivative': {
      let y = step.steps.reduce((value, inner) => appendStep(to, inner, value), x);
      for (let n = 0; n < step.order; n++) y = appendDerivatives(to, x, y);
      return y;
    }
    case 'power':
      return appendPower(to, x, step.exponent);
    case 'elu':
      return appendElu(to, x, step.alpha);
    case 'leakyRelu':
      return to.piecewise(x, [0], [0], step.slope, 1);
    case 'lookup':
      return to.piecewise(x, Array.from(step.values.keys()), [...step.values], 0, 0);
    case 'affine':
      return to.linear(x, step.scale, step.shift);
  }
}
