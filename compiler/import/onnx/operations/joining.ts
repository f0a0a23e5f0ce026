import { concatArrays, indexArray, mapArray, ndArray, resolveAxis } from '../ndarray.js';
import {
  batchAxis,
  constant,
  type Dim,
  gatherComponents,
  type Handler,
  intAttribute,
  pointShape,
  requireConstant,
  toVariable,
  type Value,
  type Variable,
} from '../values.js';
import { rankOf, refuseBatch } from './components.js';
import { insertAxes } from './shapes.js';

/** Values joined to one, and lists of values. */

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

export const JOINING: Record<string, Handler> = {
  Concat: concatNode,
  SequenceConstruct: sequence,
  SequenceAt: sequenceAt,
  ConcatFromSequence: concatFromSequence,
};
