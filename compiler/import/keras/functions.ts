import type { GraphBuilder } from '../builder.js';

/** Functions of vectors that Keras has and the graph has not, of nodes that it has. `x` is the name of a value. */

type Emit = (b: GraphBuilder, x: string, hint: string) => string;

const difference = (b: GraphBuilder, x: string, y: string, hint: string) => b.binary('sub', x, y, hint);

const clip =
  (min: number, max: number): Emit =>
  (b, x, hint) =>
    b.unary('clip', x, hint, { min, max });

/** max(x - at, 0). */
const above = (b: GraphBuilder, x: string, at: number) => b.unary('relu', b.scale(x, undefined, [-at]));

/** x where `test` is above 0, else 0. */
export function where(b: GraphBuilder, test: string, x: string, hint: string): string {
  return b.select(test, x, b.constant(new Float64Array(b.width(x))), hint);
}

export const softsign: Emit = (b, x, hint) =>
  b.binary('mul', x, b.unary('reciprocal', b.scale(b.unary('abs', x), undefined, [1])), hint);

/** (x + sqrt(x^2 + 4)) / 2. */
export const squareplus: Emit = (b, x, hint) => {
  const root = b.unary('sqrt', b.scale(b.unary('pow', x, 'square', { exponent: 2 }), undefined, [4]));
  return b.scale(b.binary('add', x, root), [0.5], undefined, hint);
};

export const logSigmoid: Emit = (b, x, hint) => b.unary('neg', b.unary('softplus', b.unary('neg', x)), hint);

export const tanhShrink: Emit = (b, x, hint) => difference(b, x, b.unary('tanh', x), hint);

/** x beyond +-0.5, 0 between. */
export const hardShrink: Emit = (b, x, hint) => where(b, b.scale(b.unary('abs', x), undefined, [-0.5]), x, hint);

/** x moved by 0.5 towards 0, 0 between. */
export const softShrink: Emit = (b, x, hint) => difference(b, above(b, x, 0.5), above(b, b.unary('neg', x), 0.5), hint);

/** 0 below -1, (x + 1)^2 / 4, x above 1. */
export const sparsePlus: Emit = (b, x, hint) => {
  const middle = b.scale(b.unary('clip', x, 'clip', { min: -1, max: 1 }), undefined, [1]);
  return b.binary(
    'add',
    b.scale(b.unary('pow', middle, 'square', { exponent: 2 }), [0.25], undefined),
    above(b, x, 1),
    hint,
  );
};

export const sparseSigmoid: Emit = (b, x, hint) => clip(0, 1)(b, b.scale(x, [0.5], [0.5]), hint);

export const hardSigmoid =
  (alpha: number): Emit =>
  (b, x, hint) =>
    b.unary('hard_sigmoid', x, hint, { alpha, beta: 0.5 });

export const hardSilu: Emit = (b, x, hint) => b.binary('mul', x, hardSigmoid(1 / 6)(b, x, hint), hint);

export const relu6: Emit = clip(0, 6);
export const hardTanh: Emit = clip(-1, 1);

/** The components with the greatest taken from each, so that no exponential is above 1. */
function lowered(b: GraphBuilder, x: string): string {
  const parts = Array.from({ length: b.width(x) }, (_, i) => b.slice(x, i, i + 1));
  return difference(
    b,
    x,
    parts.reduce((greatest, part) => b.binary('max', greatest, part, 'greatest')),
    'lowered',
  );
}

const sum = (b: GraphBuilder, x: string, hint = 'sum') =>
  b.width(x) === 1 ? x : b.add({ op: 'sum', inputs: [x] }, 1, hint);

const mean = (b: GraphBuilder, x: string, hint = 'mean') =>
  b.width(x) === 1 ? x : b.add({ op: 'mean', inputs: [x] }, 1, hint);

export const softmax: Emit = (b, x, hint) => {
  if (b.width(x) === 1) return b.constant([1], hint);
  const powers = b.unary('exp', lowered(b, x));
  return b.binary('mul', powers, b.unary('reciprocal', sum(b, powers)), hint);
};

export const logSoftmax: Emit = (b, x, hint) => {
  if (b.width(x) === 1) return b.constant([0], hint);
  const z = lowered(b, x);
  return difference(b, z, b.unary('log', sum(b, b.unary('exp', z))), hint);
};

const squares = (b: GraphBuilder, x: string) => b.unary('pow', x, 'square', { exponent: 2 });
const inverseRoot = (b: GraphBuilder, x: string) => b.unary('reciprocal', b.unary('sqrt', x));

/** x / sqrt(mean of squares + epsilon). */
export const byRootMeanSquare = (b: GraphBuilder, x: string, epsilon: number, hint: string): string =>
  b.binary('mul', x, inverseRoot(b, b.scale(mean(b, squares(b, x)), undefined, [epsilon])), hint);

/** x / max(|x|, least), |x| the Euclidean norm. */
export const normalised = (b: GraphBuilder, x: string, least: number, hint: string): string => {
  const norm2 = b.unary('clip', sum(b, squares(b, x)), 'norm', { min: least * least });
  return b.binary('mul', x, inverseRoot(b, norm2), hint);
};

export const total = sum;
export const average = mean;
