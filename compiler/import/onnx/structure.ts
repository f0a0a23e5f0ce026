import {
  broadcastShapes,
  broadcastTo,
  concatArrays,
  gather,
  indexArray,
  mapArray,
  type NdArray,
  ndArray,
  reshape,
  resolveAxis,
  sizeOf,
  sliceAxis,
  transpose,
} from './ndarray.js';
import {
  batchAxis,
  type Condition,
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
  toVariable,
  type Value,
  type Variable,
} from './values.js';

/**
 * Operations that only move components: on constants they are computed, on variables the same computation on an array of
 * indices says which component goes where.
 */

/** Applies `move` to a constant, or to the indices of a variable; `batch` is the axis of the batch afterwards. */
function moveComponents(
  context: OpContext,
  x: Value | undefined,
  move: (array: NdArray) => NdArray,
  batch: (axis: number) => number,
): Value {
  if (!x) throw context.refuse(': it has no input');
  if (x.kind === 'constant') return constant(move(x.array));
  if (x.kind === 'sequence') throw context.refuse(': it reads a list of tensors');
  const moved = move(indexArray(pointShape(x.shape)));
  const axis = batchAxis(x.shape);
  const shape: Dim[] = [...moved.shape];
  if (axis >= 0) shape[batch(axis)] = null;
  const name = gatherComponents(context.builder, x.name, moved.data);
  return { ...x, name, shape } as Variable | Condition;
}

function rankOf(context: OpContext, x: Value | undefined): number {
  if (!x) throw context.refuse(': it has no input');
  return shapeOf(x).length;
}

function refuseBatch(context: OpContext, x: Value | undefined, axis: number, what: string): void {
  if (x && x.kind !== 'constant' && batchAxis(shapeOf(x)) === axis) {
    throw context.refuse(
      `: it ${what} the batch`,
      'every point must be answered by itself; export with inputs of shape [n, k]',
    );
  }
}

/** Axes from an attribute (old opsets) or a constant input (new ones). */
export function axesOf(context: OpContext, input: Value | undefined, rank: number): number[] | undefined {
  const listed = input ? Array.from(requireConstant(context, input, 'axes').data) : intsAttribute(context.node, 'axes');
  return listed?.map((axis) => resolveAxis(axis, rank));
}

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

function insertAxes(context: OpContext, x: Value, added: readonly number[]): Value {
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
    if (batch < 0 && known === width && context.batch === 1) return { ...x, shape: asked };
    if (batch < 0) {
      throw context.refuse(`: it folds the batch into [${asked.join(', ')}]`, 'export with inputs of shape [n, k]');
    }
  }
  const point = fillUnknown(
    asked.map((d, i) => (i === batch ? 1 : d)),
    width,
  );
  if (sizeOf(point) !== width) throw context.refuse(`: ${width} values do not fit [${asked.join(', ')}]`);
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
    return [constant(broadcastTo(x.array, broadcastShapes(x.array.shape, known)))];
  }
  const own = pointShape(shapeOf(x));
  const lead = Math.max(0, asked.length - own.length);
  const axis = batchAxis(shapeOf(x)) + lead;
  const known = asked.map((d, i) => (Number.isNaN(d) || i === axis ? 1 : d));
  const spread = (array: NdArray) => broadcastTo(array, broadcastShapes(array.shape, known));
  return [moveComponents(context, x, spread, (b) => b + lead)];
};

const sequence: Handler = (_, inputs) => [
  { kind: 'sequence', items: inputs.filter((v): v is Value => v !== undefined) },
];

const sequenceAt: Handler = (context, [list, position]) => {
  if (list?.kind !== 'sequence') throw context.refuse(': its input is no list');
  const [at] = requireConstant(context, position, 'position').data;
  const item = list.items.at(at);
  if (!item) throw context.refuse(`: position ${at} of a list of ${list.items.length}`);
  return [item];
};

const concatFromSequence: Handler = (context, [list]) => {
  if (list?.kind !== 'sequence') throw context.refuse(': its input is no list');
  if (!intAttribute(context.node, 'new_axis', 0)) return concatNode(context, list.items);
  const axis = resolveAxis(intAttribute(context.node, 'axis', 0), rankOf(context, list.items[0]) + 1);
  return concatNode(
    context,
    list.items.map((item) => insertAxes(context, item, [axis])),
  );
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

const concatNode: Handler = (context, inputs) => {
  const values = inputs.filter((v): v is Value => v !== undefined);
  if (!values.length) throw context.refuse(': it has no input');
  const rank = rankOf(context, values[0]);
  const axis = resolveAxis(intAttribute(context.node, 'axis', 1), rank);
  if (values.every((v) => v.kind === 'constant'))
    return [
      constant(
        concatArrays(
          values.map((v) => v.array),
          axis,
        ),
      ),
    ];
  const reference = values.find((v) => v.kind !== 'constant') as Variable;
  refuseBatch(context, reference, axis, 'appends to');
  const batch = batchAxis(reference.shape);
  const parts = values.map((value) => toVariable(context, onePoint(value, batch), 'constant'));
  let offset = 0;
  const indices = parts.map(({ name, shape }) => {
    const own = mapArray(indexArray(pointShape(shape)), (v) => v + offset);
    offset += context.builder.width(name);
    return own;
  });
  const joined = concatArrays(indices, axis);
  const whole = context.builder.concat(
    parts.map(({ name }) => name),
    context.node.output[0],
  );
  const name = gatherComponents(context.builder, whole, joined.data);
  return [{ kind: 'variable', name, shape: joined.shape.map((d, i): Dim => (i === batch ? null : d)) }];
};

/** A constant with a row per point of the batch, all equal, as one row. */
function onePoint(value: Value, batch: number): Value {
  if (value.kind !== 'constant' || batch !== 0) return value;
  const { shape, data } = value.array;
  const [rows] = shape;
  const length = data.length / (rows || 1);
  if (rows === 1 || !data.every((v, i) => v === data[i % length])) return value;
  return constant(ndArray([1, ...shape.slice(1)], data.slice(0, length), value.array.integer));
}

const split: Handler = (context, [x, sizes]) => {
  const { node } = context;
  const axis = resolveAxis(intAttribute(node, 'axis', 0), rankOf(context, x));
  refuseBatch(context, x, axis, 'splits');
  const length = shapeOf(x!)[axis] as number;
  const count = node.output.length;
  const chunk = Math.ceil(length / count);
  const even = Array.from({ length: count }, (_, i) => Math.min(chunk, length - i * chunk));
  const listed = sizes
    ? Array.from(requireConstant(context, sizes, 'split').data)
    : (intsAttribute(node, 'split') ?? even);
  let start = 0;
  return listed.map((size) => {
    const from = start;
    start += size;
    return moveComponents(
      context,
      x,
      (array) => sliceAxis(array, axis, from, from + size, 1),
      (b) => b,
    );
  });
};

const identity: Handler = (context, [x]) => {
  if (!x) throw context.refuse(': it has no input');
  return [x];
};

export const STRUCTURE: Record<string, Handler> = {
  Slice: slice,
  Gather: gatherNode,
  Transpose: transposeNode,
  Unsqueeze: unsqueeze,
  Squeeze: squeeze,
  Reshape: reshapeNode,
  Flatten: flatten,
  Expand: expand,
  Concat: concatNode,
  SequenceConstruct: sequence,
  SequenceAt: sequenceAt,
  ConcatFromSequence: concatFromSequence,
  GatherND: gatherNd,
  Split: split,
  Identity: identity,
  Dropout: identity,
};
