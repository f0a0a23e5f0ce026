import type { GraphBuilder } from '../builder.js';

/** Keras tensors as vectors: a value of shape [4, 3] per point is 12 numbers in row-major order. */

export interface Value {
  /** The node that carries it. */
  name: string;
  /** Without the dimension of the batch; [] for one number per point. */
  shape: readonly number[];
}

const MAX_WIDTH = 2 ** 16;

export function sizeOf(shape: readonly number[]): number {
  const size = shape.reduce((n, d) => n * d, 1);
  if (!(size <= MAX_WIDTH)) throw new Error(`a value of shape [${shape.join(', ')}] is too large`);
  return size;
}

/** Positions of every element of `shape` in order. */
export function positions(shape: readonly number[]): number[][] {
  let all: number[][] = [[]];
  sizeOf(shape);
  for (const d of shape) all = all.flatMap((position) => Array.from({ length: d }, (_, i) => [...position, i]));
  return all;
}

/** The place of a position in row-major order; dimensions of length 1 are repeated. */
export function offset(position: readonly number[], shape: readonly number[]): number {
  return shape.reduce((at, d, i) => at * d + (d === 1 ? 0 : position[i]), 0);
}

/** An axis of Keras, which counts the batch as 0, as one of the value's own. Throws `Error` where there is none. */
export function ownAxis(axis: unknown, rank: number): number {
  const own = typeof axis === 'number' && Number.isInteger(axis) ? (axis < 0 ? axis + rank : axis - 1) : -1;
  if (own < 0 || own >= rank) throw new Error(`axis ${String(axis)} is not one of a value of ${rank} dimensions`);
  return own;
}

/** Elements `indices` of a value, under a new shape. */
export function gather(
  builder: GraphBuilder,
  value: Value,
  indices: readonly number[],
  shape: readonly number[],
): Value {
  const isSame = indices.length === sizeOf(value.shape) && indices.every((index, i) => index === i);
  return { name: isSame ? value.name : builder.gather(value.name, indices), shape };
}

/** A value repeated along dimensions of length 1 (NumPy's broadcasting). */
export function expand(builder: GraphBuilder, value: Value, shape: readonly number[]): Value {
  const indices = positions(shape).map((position) => offset(position, value.shape));
  return gather(builder, value, indices, shape);
}

/** The shape of an elementwise operation. Throws `Error` where the shapes do not fit. */
export function broadcastShape(a: readonly number[], b: readonly number[]): number[] {
  // Keras aligns the last dimensions, so that a value of fewer would meet the batch.
  const isFit = a.length === b.length && a.every((d, i) => d === b[i] || d === 1 || b[i] === 1);
  if (!isFit) throw new Error(`values of shapes [${a.join(', ')}] and [${b.join(', ')}] do not fit together`);
  return a.map((d, i) => Math.max(d, b[i]));
}

type BinaryOp = Parameters<GraphBuilder['binary']>[0];

/** An elementwise operation; one number is a factor or summand of every element. */
export function binary(builder: GraphBuilder, op: BinaryOp, a: Value, b: Value, hint: string): Value {
  const shape = broadcastShape(a.shape, b.shape);
  const fits = (value: Value) => sizeOf(value.shape) === 1 || sizeOf(value.shape) === sizeOf(shape);
  const [x, y] = [a, b].map((value) => (fits(value) ? value : expand(builder, value, shape)));
  return { name: builder.binary(op, x.name, y.name, hint), shape };
}

/** `work` on each vector along `axes`, which come first to last; each gives one of the same length, or one number. */
export function alongAxes(
  builder: GraphBuilder,
  value: Value,
  axes: readonly number[],
  work: (vector: string, width: number) => string,
): { groups: string[]; kept: number[]; perGroup: number } {
  const { shape } = value;
  const kept = shape.map((_, i) => i).filter((i) => !axes.includes(i));
  const perGroup = sizeOf(axes.map((axis) => shape[axis]));
  const order = positions(kept.map((i) => shape[i])).flatMap((outer) =>
    positions(axes.map((axis) => shape[axis])).map((inner) => {
      const position = shape.map((_, i) => (axes.includes(i) ? inner[axes.indexOf(i)] : outer[kept.indexOf(i)]));
      return offset(position, shape);
    }),
  );
  const sorted = gather(builder, value, order, []).name;
  const groups = Array.from({ length: order.length / perGroup }, (_, g) =>
    work(builder.slice(sorted, g * perGroup, (g + 1) * perGroup), perGroup),
  );
  return { groups, kept, perGroup };
}

/** `work` keeps the length of each vector along `axes`: the value of the same shape. */
export function mapAlong(
  builder: GraphBuilder,
  value: Value,
  axes: readonly number[],
  work: (vector: string, width: number) => string,
): Value {
  const { shape } = value;
  const { groups, kept } = alongAxes(builder, value, axes, work);
  const order = [...kept, ...axes];
  const sorted: Value = { name: builder.concat(groups), shape: order.map((i) => shape[i]) };
  const indices = positions(shape).map((position) =>
    offset(
      order.map((i) => position[i]),
      sorted.shape.map((d) => d),
    ),
  );
  return gather(builder, sorted, indices, shape);
}

/** `work` makes one number of each vector along `axes`. */
export function reduceAlong(
  builder: GraphBuilder,
  value: Value,
  axes: readonly number[],
  keep: boolean,
  work: (vector: string, width: number) => string,
): Value {
  const { groups, kept } = alongAxes(builder, value, axes, work);
  const shape = keep ? value.shape.map((d, i) => (axes.includes(i) ? 1 : d)) : kept.map((i) => value.shape[i]);
  return { name: builder.concat(groups), shape };
}

/** Numbers that belong to the elements along `axes`, repeated for all elements of `shape`. */
export function spread(
  numbers: ArrayLike<number>,
  axes: readonly number[],
  shape: readonly number[],
): Float64Array | undefined {
  const own = axes.map((axis) => shape[axis]);
  if (numbers.length === 1) return Float64Array.from({ length: sizeOf(shape) }, () => numbers[0]);
  if (numbers.length !== sizeOf(own)) return undefined;
  const list = positions(shape).map(
    (position) =>
      numbers[
        offset(
          axes.map((axis) => position[axis]),
          own,
        )
      ],
  );
  return Float64Array.from(list);
}
