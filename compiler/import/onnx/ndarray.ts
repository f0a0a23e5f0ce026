import { plural } from '../../diagnostics.js';
/**
 * Dense arrays of numbers with NumPy's broadcasting, for constants of an ONNX graph. The same functions, applied to
 * arrays of indices, say which component of a variable goes where. `NaN` in an array of sizes is the batch size, which
 * no constant knows.
 */
export interface NdArray {
  /** Row-major. */
  readonly shape: readonly number[];
  readonly data: Float64Array;
  /** Integers divide like integers. */
  readonly integer: boolean;
  /** Its single row along the batch stands for one per point: it was made as long as the batch. */
  readonly perPoint?: boolean;
}

const MAX_ELEMENTS = 2 ** 26;

/** Elements of a shape; throws above 2^26. */
export function sizeOf(shape: readonly number[]): number {
  const size = shape.reduce((n, d) => n * d, 1);
  if (!Number.isInteger(size) || size < 0 || size > MAX_ELEMENTS) {
    throw new Error(`a tensor of shape [${shape.join(', ')}] is too large`);
  }
  return size;
}

export function ndArray(shape: readonly number[], data: ArrayLike<number>, integer = false): NdArray {
  if (sizeOf(shape) !== data.length)
    throw new Error(`${plural(data.length, 'number')} for shape [${shape.join(', ')}]`);
  return { shape, data: data instanceof Float64Array ? data : Float64Array.from(data), integer };
}

export function scalar(value: number, integer = false): NdArray {
  return ndArray([], [value], integer);
}

/** 0, 1, 2, ... in row-major order. */
export function indexArray(shape: readonly number[]): NdArray {
  const data = new Float64Array(sizeOf(shape));
  for (let i = 0; i < data.length; i++) data[i] = i;
  return { shape, data, integer: true };
}

/** Axis counted from the end when negative, within 0 .. rank - 1. */
export function resolveAxis(axis: number, rank: number): number {
  const resolved = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(axis) || resolved < 0 || resolved >= rank)
    throw new Error(`axis ${axis} of a tensor of rank ${rank}`);
  return resolved;
}

function strides(shape: readonly number[]): number[] {
  const result = new Array<number>(shape.length);
  let stride = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    result[i] = stride;
    stride *= shape[i];
  }
  return result;
}

/** An array of `shape` whose element at each position is the one of `x` at `offset + sum index_i * step_i`. */
function pick(x: NdArray, shape: readonly number[], steps: readonly number[], offset = 0): NdArray {
  const data = new Float64Array(sizeOf(shape));
  const index = new Array<number>(shape.length).fill(0);
  let from = offset;
  for (let i = 0; i < data.length; i++) {
    data[i] = x.data[from];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += steps[axis];
      if (++index[axis] < shape[axis]) break;
      from -= steps[axis] * shape[axis];
      index[axis] = 0;
    }
  }
  return { shape, data, integer: x.integer };
}

/** The shape that both broadcast to, by NumPy's rule. */
export function broadcastShapes(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const u = a[a.length - rank + i] ?? 1;
    const v = b[b.length - rank + i] ?? 1;
    if (u !== v && u !== 1 && v !== 1) throw new Error(`shapes [${a.join(', ')}] and [${b.join(', ')}] do not match`);
    return u === 1 ? v : u;
  });
}

/** The elements repeated along axes of length 1 and new leading ones. */
export function broadcastTo(x: NdArray, shape: readonly number[]): NdArray {
  if (x.shape.length === shape.length && x.shape.every((d, i) => d === shape[i])) return x;
  const own = strides(x.shape);
  const lead = shape.length - x.shape.length;
  return pick(
    x,
    shape,
    shape.map((_, i) => (i < lead || x.shape[i - lead] === 1 ? 0 : own[i - lead])),
  );
}

/** f of every element. */
export function mapArray(x: NdArray, f: (v: number) => number, integer = x.integer): NdArray {
  return { shape: x.shape, data: x.data.map(f), integer };
}

/** f of the elements of both, broadcast. */
export function combine(a: NdArray, b: NdArray, f: (u: number, v: number) => number): NdArray {
  const shape = broadcastShapes(a.shape, b.shape);
  const [u, v] = [broadcastTo(a, shape), broadcastTo(b, shape)];
  return { shape, data: u.data.map((x, i) => f(x, v.data[i])), integer: a.integer && b.integer };
}

/** The same elements, row-major, in another shape of as many. */
export function reshape(x: NdArray, shape: readonly number[]): NdArray {
  return ndArray(shape, x.data, x.integer);
}

/** Axis i of the result is axis permutation[i] of x. */
export function transpose(x: NdArray, permutation: readonly number[]): NdArray {
  const own = strides(x.shape);
  const valid = permutation.length === x.shape.length && new Set(permutation).size === permutation.length;
  if (!valid || permutation.some((p) => own[p] === undefined))
    throw new Error(`permutation [${permutation.join(', ')}]`);
  return pick(
    x,
    permutation.map((p) => x.shape[p]),
    permutation.map((p) => own[p]),
  );
}

/** Elements start, start + step, ... of one axis, by ONNX's rules for negative and overlong bounds. */
export function sliceAxis(x: NdArray, axis: number, start: number, end: number, step: number): NdArray {
  if (!Number.isInteger(step) || step === 0) throw new Error(`slice with step ${step}`);
  const size = x.shape[axis];
  const wrap = (v: number) => (v < 0 ? v + size : v);
  const hold = (v: number, low: number, high: number) => Math.min(high, Math.max(low, v));
  const first = step > 0 ? hold(wrap(start), 0, size) : hold(wrap(start), 0, size - 1);
  const last = step > 0 ? hold(wrap(end), 0, size) : hold(wrap(end), -1, size - 1);
  const count = Math.max(0, Math.ceil((last - first) / step));
  const own = strides(x.shape);
  const shape = x.shape.map((d, i) => (i === axis ? count : d));
  return pick(
    x,
    shape,
    own.map((s, i) => (i === axis ? s * step : s)),
    first * (own[axis] ?? 1),
  );
}

export function gather(x: NdArray, indices: NdArray, axis: number): NdArray {
  const size = x.shape[axis];
  const before = sizeOf(x.shape.slice(0, axis));
  const after = sizeOf(x.shape.slice(axis + 1));
  const shape = [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)];
  const data = new Float64Array(sizeOf(shape));
  let at = 0;
  for (let b = 0; b < before; b++) {
    for (const raw of indices.data) {
      const index = raw < 0 ? raw + size : raw;
      if (!(index >= 0 && index < size)) throw new Error(`index ${raw} of an axis of length ${size}`);
      const from = (b * size + index) * after;
      data.set(x.data.subarray(from, from + after), at);
      at += after;
    }
  }
  return { shape, data, integer: x.integer };
}

export function concatArrays(parts: readonly NdArray[], axis: number): NdArray {
  const [first] = parts;
  const total = parts.reduce((n, part) => n + part.shape[axis], 0);
  const shape = first.shape.map((d, i) => (i === axis ? total : d));
  const fits = parts.every(
    (part) => part.shape.length === shape.length && part.shape.every((d, i) => i === axis || d === shape[i]),
  );
  if (!fits)
    throw new Error(`concatenated shapes ${parts.map((p) => `[${p.shape.join(', ')}]`).join(', ')} do not match`);
  const before = sizeOf(shape.slice(0, axis));
  const after = sizeOf(shape.slice(axis + 1));
  const data = new Float64Array(sizeOf(shape));
  let at = 0;
  for (let b = 0; b < before; b++) {
    for (const part of parts) {
      const length = part.shape[axis] * after;
      data.set(part.data.subarray(b * length, (b + 1) * length), at);
      at += length;
    }
  }
  return { shape, data, integer: parts.every((part) => part.integer) };
}

/** Reduces `axes` with `f` from `start`; kept axes have length 1. */
export function reduce(
  x: NdArray,
  axes: readonly number[],
  keep: boolean,
  start: number,
  f: (sum: number, v: number) => number,
): NdArray {
  const kept = x.shape.map((d, i) => (axes.includes(i) ? 1 : d));
  const target = strides(kept);
  const index = broadcastTo(indexArray(kept), x.shape).data;
  const data = new Float64Array(sizeOf(kept)).fill(start);
  x.data.forEach((v, i) => {
    data[index[i]] = f(data[index[i]], v);
  });
  const shape = keep ? kept : x.shape.filter((_, i) => !axes.includes(i));
  return { shape, data, integer: x.integer && target.length >= 0 };
}
