import { gather, type NdArray, ndArray, reshape, resolveAxis, sizeOf, sliceAxis } from '../ndarray.js';
import {
  type Handler,
  intAttribute,
  intsAttribute,
  type OpContext,
  pointShape,
  requireConstant,
  shapeOf,
  type Value,
} from '../values.js';
import { moveComponents, rankOf, refuseBatch } from './components.js';

/** Parts of a value: slices, picked components, splits. */

const slice: Handler = (context, [x, starts, ends, axes, steps]) => {
  const rank = rankOf(context, x);
  const listed = (input: Value | undefined, name: string) =>
    input ? Array.from(requireConstant(context, input, name).data) : intsAttribute(context.node, name);
  const from = listed(starts, 'starts');
  const to = listed(ends, 'ends');
  if (!from || !to) throw context.refuse(': it has no starts and ends');
  const along = listed(axes, 'axes') ?? Array.from(from.keys());
  const by = listed(steps, 'steps') ?? from.map(() => 1);
  return [
    from.reduce((value, start, i) => {
      const axis = resolveAxis(along[i], rank);
      const whole = start === 0 && (to[i] >= 2 ** 31 - 1 || Number.isNaN(to[i])) && by[i] === 1;
      if (whole) return value;
      refuseBatch(context, value, axis, 'cuts');
      return moveComponents(
        context,
        value,
        (array) => sliceAxis(array, axis, start, to[i], by[i]),
        (b) => b,
      );
    }, x as Value),
  ];
};

const gatherNode: Handler = (context, [x, indices]) => {
  const axis = resolveAxis(intAttribute(context.node, 'axis', 0), rankOf(context, x));
  refuseBatch(context, x, axis, 'picks from');
  const index = requireConstant(context, indices, 'indices');
  const shift = index.shape.length - 1;
  return [
    moveComponents(
      context,
      x,
      (array) => gather(array, index, axis),
      (b) => (b > axis ? b + shift : b),
    ),
  ];
};

/** Picks along the leading axes; the batch is not among them. */
const gatherNd: Handler = (context, [x, indices]) => {
  const index = requireConstant(context, indices, 'indices');
  const depth = index.shape.at(-1) ?? 0;
  const own = pointShape(shapeOf(x as Value));
  if (intAttribute(context.node, 'batch_dims', 0) || depth > own.length) throw context.refuse(' with batch_dims');
  for (let axis = 0; axis < depth; axis++) refuseBatch(context, x, axis, 'picks from');
  const lead = index.shape.length - 1;
  const leading = own.slice(0, depth);
  const flat = ndArray(
    index.shape.slice(0, -1),
    Array.from({ length: sizeOf(index.shape.slice(0, -1)) }, (_, i) =>
      leading.reduce((at, size, k) => at * size + ((index.data[i * depth + k] + size) % size), 0),
    ),
    true,
  );
  const pickRows = (array: NdArray) => gather(reshape(array, [sizeOf(leading), ...array.shape.slice(depth)]), flat, 0);
  return [moveComponents(context, x, pickRows, (b) => b - depth + lead)];
};

const split: Handler = (context, [x, sizes]) => {
  const { node } = context;
  const axis = resolveAxis(intAttribute(node, 'axis', 0), rankOf(context, x));
  const length = pointShape(shapeOf(x!))[axis];
  const count = node.output.length;
  const chunk = Math.ceil(length / count);
  const even = Array.from({ length: count }, (_, i) => Math.min(chunk, length - i * chunk));
  const listed = sizes
    ? Array.from(requireConstant(context, sizes, 'split').data)
    : (intsAttribute(node, 'split') ?? even);
  return partsOf(context, x, axis, listed);
};

/** Parts as a list: of given sizes, of one size, or single elements, with or without their axis. */
const splitToSequence: Handler = (context, [x, sizes]) => {
  const axis = resolveAxis(intAttribute(context.node, 'axis', 0), rankOf(context, x));
  const length = pointShape(shapeOf(x!))[axis];
  const given = sizes ? requireConstant(context, sizes, 'split') : ndArray([], [1]);
  const [size] = given.data;
  if (!(size >= 1)) throw context.refuse(`: parts of ${size} elements`);
  const equal = Array.from({ length: Math.ceil(length / size) }, (_, i) => Math.min(size, length - i * size));
  const parts = partsOf(context, x, axis, given.shape.length ? Array.from(given.data) : equal);
  if (sizes || intAttribute(context.node, 'keepdims', 1)) return [{ kind: 'sequence', items: parts }];
  const dropped = (array: NdArray) => reshape(array, array.shape.toSpliced(axis, 1));
  const items = parts.map((part) => moveComponents(context, part, dropped, (b) => (b > axis ? b - 1 : b)));
  return [{ kind: 'sequence', items }];
};

/** Consecutive parts along an axis. */
function partsOf(context: OpContext, x: Value | undefined, axis: number, sizes: readonly number[]): Value[] {
  refuseBatch(context, x, axis, 'splits');
  let start = 0;
  return sizes.map((size) => {
    const from = start;
    start += size;
    return moveComponents(
      context,
      x,
      (array) => sliceAxis(array, axis, from, from + size, 1),
      (b) => b,
    );
  });
}

export const INDEXING: Record<string, Handler> = {
  Slice: slice,
  Gather: gatherNode,
  GatherND: gatherNd,
  Split: split,
  SplitToSequence: splitToSequence,
};
