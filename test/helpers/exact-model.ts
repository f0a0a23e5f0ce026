import type { Model, ModelNode, Tensor } from '../../compiler/model/types.js';
import { atan, erf, exp, fixed, log, ONE, over, root, sine, times } from './many-digits.js';

/** What a model defines, in integers of 320 bits after the point, written from the definitions of its operations. */

type Vector = bigint[];

const HALF = ONE / 2n;
const tanh = (x: bigint) => {
  const e = exp(-2n * abs(x));
  const y = over(ONE - e, ONE + e);
  return x < 0n ? -y : y;
};
const abs = (x: bigint) => (x < 0n ? -x : x);
const positive = (x: bigint) => (x > 0n ? x : 0n);
const sigmoid = (x: bigint) => over(ONE, ONE + exp(-x));
const softplus = (x: bigint) => log(ONE + exp(x));
const unit = (x: bigint, alpha: bigint) => (x > 0n ? x : times(alpha, exp(x) - ONE));
const floor = (x: bigint) => (x >> 320n) << 320n;
/** Half to even. */
const round = (x: bigint) => {
  const [below, rest] = [floor(x), x - floor(x)];
  const isOdd = (below >> 320n) % 2n !== 0n;
  return rest > HALF || (rest === HALF && isOdd) ? below + ONE : below;
};
const asin = (x: bigint) => atan(over(x, root(ONE - times(x, x))));
const geluTanh = (x: bigint) => {
  const inner = times(fixed(Math.sqrt(2 / Math.PI)), x + times(fixed(0.044715), times(x, times(x, x))));
  return times(times(HALF, x), ONE + tanh(inner));
};

const FUNCTIONS: Record<string, (x: bigint) => bigint> = {
  tanh,
  sin: (x) => sine(x, false),
  cos: (x) => sine(x, true),
  sigmoid,
  silu: (x) => times(x, sigmoid(x)),
  softplus,
  relu: positive,
  exp,
  atan,
  tan: (x) => over(sine(x, false), sine(x, true)),
  asin,
  acos: (x) => 2n * atan(ONE) - asin(x),
  sinh: (x) => (exp(x) - exp(-x)) / 2n,
  cosh: (x) => (exp(x) + exp(-x)) / 2n,
  asinh: (x) => log(x + root(times(x, x) + ONE)),
  acosh: (x) => log(x + root(times(x, x) - ONE)),
  atanh: (x) => log(over(ONE + x, ONE - x)) / 2n,
  floor,
  ceil: (x) => -floor(-x),
  round,
  reciprocal: (x) => over(ONE, x),
  sqrt: root,
  neg: (x) => -x,
  log,
  abs,
  erf,
  mish: (x) => times(x, tanh(softplus(x))),
  selu: (x) => times(fixed(1.0507009873554805), unit(x, fixed(1.6732632423543772))),
};

/** Outputs at a point, without their scale and offset. */
export function exactly(model: Model, point: ArrayLike<number>): Vector {
  const values = new Map<string, Vector>(model.inputs.map(({ name }, i) => [name, [fixed(point[i])]]));
  for (const node of model.nodes) values.set(node.name, nodeAt(model, node, values));
  return model.outputs.map(({ value, index = 0 }) => values.get(value!)![index]);
}

function nodeAt(model: Model, node: ModelNode, values: ReadonlyMap<string, Vector>): Vector {
  const given = 'inputs' in node ? node.inputs.map((name) => values.get(name)!) : [];
  const width = Math.max(...given.map(({ length }) => length), 1);
  const [x, y, z] = given;
  const tensor = (name: string) => model.tensors.get(name)!;
  const matrix = ({ data, shape }: Tensor, v: Vector) => product(data, shape[1], v);
  const withBias = (v: Vector) =>
    'bias' in node && node.bias ? v.map((sum, i) => sum + fixed(tensor(node.bias!).data[i])) : v;
  const at = (v: Vector, i: number) => v[v.length === 1 ? 0 : i];
  const each = (f: (a: bigint, b: bigint, c: bigint) => bigint): Vector =>
    Array.from({ length: width }, (_, i) => f(at(x, i), y && at(y, i), z && at(z, i)));
  switch (node.op) {
    case 'dense':
      return withBias(matrix(tensor(node.weight), x));
    case 'low_rank':
      return withBias(matrix(tensor(node.left), matrix(tensor(node.right), x)));
    case 'hierarchical': {
      const all = given.flat();
      const sums = new Array<bigint>(node.width).fill(0n);
      for (const leaf of node.leaves) {
        const part = all.slice(...leaf.cols);
        const names = 'weight' in leaf ? [leaf.weight] : [leaf.right, leaf.left];
        const made = names.reduce((v, name) => matrix(tensor(name), v), part);
        made.forEach((sum, i) => {
          sums[leaf.rows[0] + i] += sum;
        });
      }
      return withBias(sums);
    }
    case 'tensor_train':
      return withBias(trainAt(node.outputCores.map(tensor), node.inputCores.map(tensor), x));
    case 'spline':
      return splineAt(given.flat(), tensor(node.coefficients), node.degree ?? 3, node.ranges!);
    case 'add':
      return each((a, b) => a + b);
    case 'sub':
      return each((a, b) => a - b);
    case 'mul':
      return each(times);
    case 'div':
      return each(over);
    case 'min':
      return each((a, b) => (a < b ? a : b));
    case 'max':
      return each((a, b) => (a > b ? a : b));
    case 'select':
      return each((c, a, b) => (c > 0n ? a : b));
    case 'sum':
      return [x.reduce((a, b) => a + b, 0n)];
    case 'mean':
      return [x.reduce((a, b) => a + b, 0n) / BigInt(x.length)];
    case 'concat':
      return given.flat();
    case 'slice':
      return x.slice(node.start, node.stop);
    case 'scale':
      return x.map((v, i) => times(fixed(element(node.scale, i, 1)), v) + fixed(element(node.shift, i, 0)));
    case 'constant':
      return Array.from(node.value, fixed);
    case 'pow':
      return x.map((v) => powerAt(v, node.exponent));
    case 'elu':
      return x.map((v) => unit(v, fixed(node.alpha ?? 1)));
    case 'leaky_relu':
      return x.map((v) => (v > 0n ? v : times(fixed(node.slope ?? 0.01), v)));
    case 'hard_sigmoid':
      return x.map((v) => held(times(fixed(node.alpha ?? 0.2), v) + fixed(node.beta ?? 0.5), 0n, ONE));
    case 'clip':
      return x.map((v) => held(v, fixed(node.min!), fixed(node.max!)));
    case 'lookup':
      return x.map((v) => lookupAt(v, node.points.map(fixed), node.values.map(fixed)));
    case 'gelu':
      if (node.approximate === 'tanh') return x.map(geluTanh);
      return x.map((v) => times(times(HALF, v), ONE + erf(times(fixed(Math.SQRT1_2), v))));
    default: {
      const f = FUNCTIONS[node.op];
      if (!f) throw new Error(`no definition of ${node.op}`);
      return x.map(f);
    }
  }
}

const element = (v: ArrayLike<number> | undefined, i: number, other: number) =>
  v === undefined ? other : v[v.length === 1 ? 0 : i];
const held = (v: bigint, low: bigint, high: bigint) => (v < low ? low : v > high ? high : v);

function product(data: Float64Array, cols: number, x: Vector): Vector {
  return Array.from({ length: data.length / cols }, (_, r) =>
    x.reduce((sum, v, c) => sum + times(fixed(data[r * cols + c]), v), 0n),
  );
}

function powerAt(v: bigint, exponent: number): bigint {
  if (!Number.isInteger(exponent)) return exp(times(fixed(exponent), log(v)));
  let product = ONE;
  for (let n = 0; n < Math.abs(exponent); n++) product = times(product, v);
  return exponent < 0 ? over(ONE, product) : product;
}

function lookupAt(v: bigint, points: Vector, values: Vector): bigint {
  const j = points.findIndex((p) => p >= v);
  if (j < 0) return values[values.length - 1];
  if (j === 0) return values[0];
  const share = over(v - points[j - 1], points[j] - points[j - 1]);
  return values[j - 1] + times(share, values[j] - values[j - 1]);
}

/** The whole matrix of a train, entry by entry: the product of one slice of each core. */
function trainAt(outputCores: Tensor[], inputCores: Tensor[], x: Vector): Vector {
  const rows = digits(outputCores.map(({ shape }) => shape[1]));
  const cols = digits(inputCores.map(({ shape }) => shape[1]));
  const cores = [...outputCores, ...inputCores];
  return rows.map((i) =>
    cols.reduce((sum, j, c) => {
      let left = [ONE];
      [...i, ...j].forEach((digit, k) => {
        const [, mode, next] = cores[k].shape;
        left = Array.from({ length: next }, (_, b) =>
          left.reduce((s, v, a) => s + times(v, fixed(cores[k].data[(a * mode + digit) * next + b])), 0n),
        );
      });
      const [entry] = left;
      return sum + times(entry, x[c]);
    }, 0n),
  );
}

/** All combinations of digits, the last the fastest. */
function digits(modes: number[]): number[][] {
  return modes.reduce<number[][]>(
    (all, mode) => all.flatMap((head) => Array.from({ length: mode }, (_, digit) => [...head, digit])),
    [[]],
  );
}

/** A sum of products of cardinal B-splines; coefficients [rows, segments + degree of every axis]. */
function splineAt(x: Vector, { data, shape }: Tensor, degree: number, ranges: readonly (readonly number[])[]): Vector {
  const counts = shape.slice(1);
  const bases = counts.map((count, k) => {
    const [low, high] = ranges[k].map(fixed);
    const end = BigInt(count - degree) * ONE;
    const position = held(over(times(x[k] - low, end), high - low), 0n, end);
    return Array.from({ length: count }, (_, j) => cardinal(position - BigInt(j - degree) * ONE, degree));
  });
  const places = digits(counts);
  return Array.from({ length: shape[0] }, (_, r) =>
    places.reduce((sum, place, at) => {
      const weight = place.reduce((w, j, k) => times(w, bases[k][j]), ONE);
      return sum + times(weight, fixed(data[r * places.length + at]));
    }, 0n),
  );
}

/** The B-spline of a degree with knots 0, 1, 2, ... */
function cardinal(x: bigint, degree: number): bigint {
  if (degree === 0) return x >= 0n && x < ONE ? ONE : 0n;
  const n = BigInt(degree);
  return (times(x, cardinal(x, degree - 1)) + times((n + 1n) * ONE - x, cardinal(x - ONE, degree - 1))) / n;
}
