import { plural } from '../../../diagnostics.js';
import { broadcastShapes, broadcastTo, type NdArray, reshape, resolveAxis, sizeOf, transpose } from '../ndarray.js';
import {
  batchAxis,
  type Condition,
  constant,
  type Dim,
  type Handler,
  intAttribute,
  intsAttribute,
  type OpContext,
  pointShape,
  requireConstant,
  shapeOf,
  type Value,
  type Variable,
} from '../values.js';
import { axesOf, moveComponents, rankOf, refuseBatch } from './components.js';

/** The same components in another shape or order. */

const transposeNode: Handler = (context, [x]) => {
  const rank = rankOf(context, x);
  const permutation = intsAttribute(context.node, 'perm') ?? Array.from({ length: rank }, (_, i) => rank - 1 - i);
  return [
    moveComponents(
      context,
      x,
      (array) => transpose(array, permutation),
      (b) => permutation.indexOf(b),
    ),
  ];
};

const unsqueeze: Handler = (context, [x, axes]) => {
  const rank = rankOf(context, x);
  const listed = axes ? Array.from(requireConstant(context, axes, 'axes').data) : intsAttribute(context.node, 'axes');
  if (!listed || !x) throw context.refuse(': it has no axes');
  return [
    insertAxes(
      context,
      x,
      listed.map((axis) => resolveAxis(axis, rank + listed.length)),
    ),
  ];
};

/** Axes of length 1 at the places `added` of the result. */
export function insertAxes(context: OpContext, x: Value, added: readonly number[]): Value {
  const rank = rankOf(context, x);
  const position = keptPositions(rank + added.length, added);
  const grow = (array: NdArray) => {
    const shape = new Array<number>(rank + added.length).fill(1);
    array.shape.forEach((d, i) => {
      shape[position[i]] = d;
    });
    return reshape(array, shape);
  };
  return moveComponents(context, x, grow, (b) => position[b]);
}

const squeeze: Handler = (context, [x, axes]) => {
  const rank = rankOf(context, x);
  const shape = shapeOf(x!);
  const removed = axesOf(context, axes, rank) ?? shape.flatMap((d, i) => (d === 1 ? [i] : []));
  for (const axis of removed) {
    refuseBatch(context, x, axis, 'removes');
    if (shape[axis] !== 1) throw context.refuse(`: axis ${axis} has length ${shape[axis]}`);
  }
  const position = keptPositions(rank, removed);
  const shrink = (array: NdArray) =>
    reshape(
      array,
      position.map((p) => array.shape[p]),
    );
  return [moveComponents(context, x, shrink, (b) => position.indexOf(b))];
};

/** The axes of `rank` that are not in `others`. */
function keptPositions(rank: number, others: readonly number[]): number[] {
  return Array.from({ length: rank }, (_, i) => i).filter((i) => !others.includes(i));
}

const reshapeNode: Handler = (context, [x, target]) => {
  const listed = target
    ? Array.from(requireConstant(context, target, 'shape').data)
    : intsAttribute(context.node, 'shape');
  if (!listed || !x) throw context.refuse(': it has no shape');
  const copyZeros = intAttribute(context.node, 'allowzero', 0) === 0;
  const own = shapeOf(x);
  const asked = listed.map((d, i): number =>
    d === 0 && copyZeros ? (own[i] === null ? Number.NaN : (own[i] ?? 0)) : d,
  );
  if (x.kind === 'constant') {
    return [
      constant(
        reshape(
          x.array,
          fillUnknown(
            asked.map((d) => (Number.isNaN(d) ? 1 : d)),
            x.array.data.length,
          ),
        ),
      ),
    ];
  }
  return [withShape(context, x as Variable | Condition, asked)];
};

function withShape(context: OpContext, x: Variable | Condition, asked: readonly number[]): Value {
  const width = sizeOf(pointShape(x.shape));
  const known = asked.reduce((n, d) => (d > 0 ? n * d : n), 1);
  let batch = asked.findIndex((d) => Number.isNaN(d));
  if (batch < 0 && batchAxis(x.shape) >= 0) {
    if (known === width) batch = asked.indexOf(-1);
    else if (context.batch !== undefined && known === width * context.batch) batch = asked.indexOf(context.batch);
    else if (context.batch !== undefined && asked.includes(-1) && width % (known / context.batch) === 0) {
      batch = asked.indexOf(context.batch);
    }
    // A shape for one point: the graph answers one at a time.
    if (batch < 0 && known === width && (context.batch ?? 1) === 1) return { ...x, shape: asked };
    if (batch < 0) {
      throw context.refuse(`: it folds the batch into [${asked.join(', ')}]`, 'export with inputs of shape [n, k]');
    }
  }
  const point = fillUnknown(
    asked.map((d, i) => (i === batch ? 1 : d)),
    width,
  );
  if (sizeOf(point) !== width)
    throw context.refuse(`: ${plural(width, 'value')} ${width === 1 ? 'does' : 'do'} not fit [${asked.join(', ')}]`);
  return { ...x, shape: point.map((d, i): Dim => (i === batch ? null : d)) };
}

/** The shape with its -1, if any, computed. */
function fillUnknown(shape: readonly number[], size: number): number[] {
  const known = shape.reduce((n, d) => (d === -1 ? n : n * d), 1);
  return shape.map((d) => (d === -1 ? size / known : d));
}

const flatten: Handler = (context, [x]) => {
  const rank = rankOf(context, x);
  const axis = intAttribute(context.node, 'axis', 1);
  const at = axis < 0 ? axis + rank : axis;
  if (x!.kind === 'constant') {
    const rows = sizeOf(x!.array.shape.slice(0, at));
    return [constant(reshape(x!.array, [rows, x!.array.data.length / rows]))];
  }
  const { shape } = x as Variable;
  const leading = shape.slice(0, at);
  if (leading.includes(null) && leading.every((d) => d === null || d === 1)) {
    return [{ ...(x as Variable), shape: [null, sizeOf(pointShape(shape))] }];
  }
  throw context.refuse(': it folds other axes into the batch', 'export with inputs of shape [n, k]');
};

const expand: Handler = (context, [x, target]) => {
  const asked = Array.from(requireConstant(context, target, 'shape').data);
  if (!x) throw context.refuse(': it has no input');
  if (x.kind === 'constant') {
    const known = asked.map((d) => (Number.isNaN(d) ? 1 : d));
    const perPoint = x.array.perPoint || asked.some(Number.isNaN);
    return [constant({ ...broadcastTo(x.array, broadcastShapes(x.array.shape, known)), perPoint })];
  }
  const own = pointShape(shapeOf(x));
  const lead = Math.max(0, asked.length - own.length);
  const axis = batchAxis(shapeOf(x)) + lead;
  const known = asked.map((d, i) => (Number.isNaN(d) || i === axis ? 1 : d));
  const spread = (array: NdArray) => broadcastTo(array, broadcastShapes(array.shape, known));
  return [moveComponents(context, x, spread, (b) => b + lead)];
};

const identity: Handler = (context, [x]) => {
  if (!x) throw context.refuse(': it has no input');
  return [x];
};

export const SHAPES: Record<string, Handler> = {
  Transpose: transposeNode,
  Unsqueeze: unsqueeze,
  Squeeze: squeeze,
  Reshape: reshapeNode,
  Flatten: flatten,
  Expand: expand,
  Identity: identity,
  Dropout: identity,
};
