import { plural } from '../../../diagnostics.js';
import { broadcastTo, gather, indexArray, mapArray, type NdArray, ndArray, resolveAxis, sizeOf } from '../ndarray.js';
import {
  batchAxis,
  constant,
  type Dim,
  gatherComponents,
  type Handler,
  intAttribute,
  intsAttribute,
  type OpContext,
  pointShape,
  requireConstant,
  shapeOf,
  stringAttribute,
  toVariable,
  type Value,
} from '../values.js';
import { moveComponents, refuseBatch } from './components.js';
import { MAX_MATRIX } from './products.js';

/** Values written into others at constant places, repeated and padded: which component comes from where. */

/** Writes `updates` into `data` where `write` says, given arrays of component numbers; those of the updates come after. */
function writeInto(
  context: OpContext,
  data: Value,
  updates: Value,
  write: (target: Float64Array, source: NdArray) => void,
  batch: number,
): Value {
  const shape = pointShape(shapeOf(data));
  const size = sizeOf(shape);
  const place = Float64Array.from({ length: size }, (_, i) => i);
  write(
    place,
    mapArray(indexArray(pointShape(shapeOf(updates))), (i) => i + size),
  );
  if (data.kind === 'constant' && updates.kind === 'constant') {
    const all = [...data.array.data, ...updates.array.data];
    return constant(
      ndArray(
        shape,
        Float64Array.from(place, (i) => all[i]),
        data.array.integer,
      ),
    );
  }
  const [into, from] = [toVariable(context, data, 'data'), toVariable(context, updates, 'updates')];
  const name = gatherComponents(context.builder, context.builder.concat([into.name, from.name]), place);
  return { kind: 'variable', name, shape: shape.map((d, i): Dim => (i === batch ? null : d)) };
}

function refuseReduction(context: OpContext): void {
  const reduction = stringAttribute(context.node, 'reduction') ?? 'none';
  if (reduction !== 'none') throw context.refuse(` with reduction "${reduction}"`, 'write it as a sum of values');
}

/** data[indices[i]] = updates[i], along the leading axes. NaN is the index of the point itself along the batch. */
const scatterNd: Handler = (context, [data, indices, updates]) => {
  if (!data || !updates) throw context.refuse(': it has fewer than three inputs');
  refuseReduction(context);
  const index = requireConstant(context, indices, 'indices');
  const depth = index.shape.at(-1) ?? 0;
  const shape = pointShape(shapeOf(data));
  if (depth > shape.length) throw context.refuse(`: its indices have ${plural(depth, 'number')}`);
  const lead = index.shape.length - 1;
  const block = sizeOf(shape.slice(depth));
  const count = sizeOf(index.shape.slice(0, -1));
  const own = batchAxis(shapeOf(data));
  const given = batchAxis(shapeOf(updates));
  const batch = own >= 0 ? own : given < 0 ? -1 : given < lead ? batchColumn(index, depth) : given - lead + depth;
  if (sizeOf(pointShape(shapeOf(updates))) !== count * block)
    throw context.refuse(': its updates do not fit its indices');
  const write = (target: Float64Array, source: NdArray) => {
    for (let n = 0; n < count; n++) {
      let at = 0;
      for (let k = 0; k < depth; k++) {
        const raw = index.data[n * depth + k];
        if (k === batch && !Number.isNaN(raw))
          refuseBatch(context, { ...data, kind: 'variable' } as Value, k, 'writes to points of');
        const i = Number.isNaN(raw) && k === batch ? 0 : raw < 0 ? raw + shape[k] : raw;
        if (!(i >= 0 && i < shape[k])) throw context.refuse(`: index ${raw} of an axis of length ${shape[k]}`);
        at = at * shape[k] + i;
      }
      for (let i = 0; i < block; i++) target[at * block + i] = source.data[n * block + i];
    }
  };
  return [writeInto(context, data, updates, write, batch)];
};

/** Which number of an index runs along the batch: the one that is NaN. */
function batchColumn(index: NdArray, depth: number): number {
  return Array.from({ length: depth }, (_, k) => k).find((k) => Number.isNaN(index.data[k])) ?? -1;
}

/** data[..., indices[...], ...] = updates[...], index by index along one axis. */
const scatterElements: Handler = (context, [data, indices, updates]) => {
  if (!data || !updates) throw context.refuse(': it has fewer than three inputs');
  refuseReduction(context);
  const index = requireConstant(context, indices, 'indices');
  const shape = pointShape(shapeOf(data));
  const axis = resolveAxis(intAttribute(context.node, 'axis', 0), shape.length);
  refuseBatch(context, data, axis, 'writes along');
  const own = batchAxis(shapeOf(data));
  const batch = own >= 0 ? own : batchAxis(shapeOf(updates));
  const rows = batch >= 0 ? index.shape[batch] : 1;
  if (batch >= 0 && !index.perPoint && rows !== context.batch)
    throw context.refuse(
      `: its indices are those of ${plural(rows, 'point')}, not of every one`,
      'expand them to the batch',
    );
  const write = (target: Float64Array, source: NdArray) => {
    const strides = shape.map((_, i) => sizeOf(shape.slice(i + 1)));
    const at = new Array<number>(shape.length).fill(0);
    const size = source.shape;
    for (let n = 0; n < source.data.length; n++) {
      // An index of the batch's export length has equal rows; the first stands for the point.
      const from = at.reduce((sum, v, i) => sum * index.shape[i] + Math.min(v, index.shape[i] - 1), 0);
      const raw = index.data[from];
      const i = raw < 0 ? raw + shape[axis] : raw;
      if (!(i >= 0 && i < shape[axis])) throw context.refuse(`: index ${raw} of an axis of length ${shape[axis]}`);
      target[at.reduce((sum, v, k) => sum + (k === axis ? i : v) * strides[k], 0)] = source.data[n];
      for (let k = at.length - 1; k >= 0 && ++at[k] === size[k]; k--) at[k] = 0;
    }
  };
  return [writeInto(context, data, updates, write, batch)];
};

/** The whole, `repeats` times along each axis; the batch once. */
const tile: Handler = (context, [x, repeatsInput]) => {
  if (!x) throw context.refuse(': it has no input');
  const repeats = Array.from(requireConstant(context, repeatsInput, 'repeats').data);
  const batch = batchAxis(shapeOf(x));
  repeats.forEach((times, axis) => {
    if (times !== 1) refuseBatch(context, x, axis, 'repeats');
  });
  sizeOf(pointShape(shapeOf(x)).map((d, i) => d * (i === batch ? 1 : (repeats[i] ?? 1))));
  const move = (array: NdArray) =>
    repeats.reduce((value, times, axis) => {
      const length = value.shape[axis];
      const places = Array.from({ length: length * (axis === batch ? 1 : times) }, (_, i) => i % length);
      return gather(value, ndArray([places.length], places, true), axis);
    }, array);
  return [moveComponents(context, x, move, (b) => b)];
};

/** Elements before and after each axis: a constant, the edge, mirrored without the edge, or from the other end. */
const pad: Handler = (context, [x, padsInput, valueInput, axesInput]) => {
  if (!x) throw context.refuse(': it has no input');
  const { node } = context;
  const listed = padsInput
    ? Array.from(requireConstant(context, padsInput, 'pads').data)
    : (intsAttribute(node, 'pads') ?? intsAttribute(node, 'paddings'));
  if (!listed) throw context.refuse(': it has no pads');
  const mode = stringAttribute(node, 'mode') ?? 'constant';
  const value = valueInput ? requireConstant(context, valueInput, 'value').data[0] : 0;
  const rank = shapeOf(x).length;
  const axes = axesInput
    ? Array.from(requireConstant(context, axesInput, 'axes').data, (a) => resolveAxis(a, rank))
    : Array.from({ length: rank }, (_, i) => i);
  let result: Value = x;
  axes.forEach((axis, k) => {
    const [before, after] = [listed[k], listed[k + axes.length]];
    if (before === 0 && after === 0) return;
    refuseBatch(context, result, axis, 'pads');
    const length = pointShape(shapeOf(result))[axis];
    sizeOf([before + length + after]);
    const places = Array.from({ length: before + length + after }, (_, i) =>
      paddedPlace(context, mode, i - before, length),
    );
    result = padAxis(context, result, axis, places, value);
  });
  return [result];
};

/** Which element of an axis lies at place i of the padded one; -1: none. */
function paddedPlace(context: OpContext, mode: string, i: number, length: number): number {
  if (i >= 0 && i < length) return i;
  if (mode === 'constant') return -1;
  if (mode === 'edge') return i < 0 ? 0 : length - 1;
  if (mode === 'wrap') return ((i % length) + length) % length;
  if (mode !== 'reflect') throw context.refuse(` with mode "${mode}"`);
  const period = Math.max(1, 2 * (length - 1));
  const at = ((i % period) + period) % period;
  return at < length ? at : period - at;
}

function padAxis(context: OpContext, x: Value, axis: number, places: readonly number[], value: number): Value {
  const whole = { shape: pointShape(shapeOf(x)).map((d, i) => (i === axis ? places.length : d)) };
  const filled = constant(ndArray(whole.shape, new Float64Array(sizeOf(whole.shape)).fill(value)));
  const kept = Array.from(places.keys()).filter((i) => places[i] >= 0);
  const picked = moveComponents(
    context,
    x,
    (array) =>
      gather(
        array,
        ndArray(
          [kept.length],
          kept.map((i) => places[i]),
          true,
        ),
        axis,
      ),
    (b) => b,
  );
  if (kept.length === places.length) return picked;
  const position = broadcastTo(
    ndArray(
      whole.shape.map((_, i) => (i === axis ? kept.length : 1)),
      kept,
      true,
    ),
    pointShape(shapeOf(picked)),
  );
  const write = (target: Float64Array, source: NdArray) => {
    const strides = whole.shape.map((_, i) => sizeOf(whole.shape.slice(i + 1)));
    const own = source.shape;
    const at = new Array<number>(own.length).fill(0);
    for (let n = 0; n < source.data.length; n++) {
      target[at.reduce((sum, v, k) => sum + (k === axis ? position.data[n] : v) * strides[k], 0)] = source.data[n];
      for (let k = at.length - 1; k >= 0 && ++at[k] === own[k]; k--) at[k] = 0;
    }
  };
  return writeInto(context, filled, picked, write, batchAxis(shapeOf(picked)));
}

/** The sums of the elements up to each along an axis, or, exclusive, before it; or from the end. */
const cumSum: Handler = (context, [x, axisInput]) => {
  if (!x) throw context.refuse(': it has no input');
  const shape = pointShape(shapeOf(x));
  const axis = resolveAxis(requireConstant(context, axisInput, 'axis').data[0], shape.length);
  refuseBatch(context, x, axis, 'sums along');
  const exclusive = intAttribute(context.node, 'exclusive', 0) === 1;
  const reverse = intAttribute(context.node, 'reverse', 0) === 1;
  const stride = sizeOf(shape.slice(axis + 1));
  const place = (i: number) => Math.floor(i / stride) % shape[axis];
  const counts = (row: number, col: number) => {
    const distance = (place(row) - place(col)) * (reverse ? -1 : 1);
    return row - place(row) * stride === col - place(col) * stride && (exclusive ? distance > 0 : distance >= 0);
  };
  const size = sizeOf(shape);
  if (size * size > MAX_MATRIX) throw context.refuse(': its matrix is too large');
  const rows = Array.from({ length: size }, (_, row) => Array.from({ length: size }, (__, col) => counts(row, col)));
  if (x.kind === 'constant') {
    const data = Float64Array.from(rows, (row) => row.reduce((sum, one, c) => sum + (one ? x.array.data[c] : 0), 0));
    return [constant(ndArray(shape, data, x.array.integer))];
  }
  const variable = toVariable(context, x, 'cast');
  const weight = { shape: [size, size], data: Float64Array.from(rows.flat(), Number) };
  return [{ ...variable, name: context.builder.dense(variable.name, weight, undefined, context.node.output[0]) }];
};

export const SCATTER: Record<string, Handler> = {
  ScatterND: scatterNd,
  ScatterElements: scatterElements,
  Scatter: scatterElements,
  Tile: tile,
  Pad: pad,
  CumSum: cumSum,
};
