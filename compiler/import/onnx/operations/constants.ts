import { ndArray, scalar, sizeOf } from '../ndarray.js';
import { readTensor } from '../tensor.js';
import { attribute, constant, type Handler, intAttribute, intsAttribute, requireConstant, shapeOf } from '../values.js';

/** Operations that make constants: literals, shapes, ranges. The length of the batch is NaN in them. */

const shapeNode: Handler = (context, [x]) => {
  if (!x) throw context.refuse(': it has no input');
  const dims = shapeOf(x);
  const rank = dims.length;
  const bound = (v: number) => (v < 0 ? v + rank : Math.min(v, rank));
  const part = dims.slice(
    bound(intAttribute(context.node, 'start', 0)),
    bound(intAttribute(context.node, 'end', rank)),
  );
  return [
    constant(
      ndArray(
        [part.length],
        part.map((d) => d ?? Number.NaN),
        true,
      ),
    ),
  ];
};

const constantNode: Handler = (context) => {
  const { node } = context;
  const tensor = attribute(node, 'value')?.t;
  if (tensor) return [constant(readTensor(tensor, () => undefined))];
  const [float, int] = [attribute(node, 'value_float'), attribute(node, 'value_int')];
  if (float) return [constant(scalar(float.f))];
  if (int) return [constant(scalar(Number(int.i), true))];
  const [floats, ints] = [attribute(node, 'value_floats')?.floats, intsAttribute(node, 'value_ints')];
  if (floats) return [constant(ndArray([floats.length], floats))];
  if (ints) return [constant(ndArray([ints.length], ints, true))];
  throw context.refuse(': its value is not a tensor of numbers');
};

const constantOfShape: Handler = (context, [shape]) => {
  const asked = Array.from(requireConstant(context, shape, 'shape').data);
  const dims = asked.map((d) => (Number.isNaN(d) ? 1 : d));
  const tensor = attribute(context.node, 'value')?.t;
  const value = tensor ? readTensor(tensor, () => undefined) : scalar(0);
  const data = new Float64Array(sizeOf(dims)).fill(value.data[0]);
  return [constant({ shape: dims, data, integer: value.integer, perPoint: asked.some(Number.isNaN) })];
};

const range: Handler = (context, inputs) => {
  const [start, limit, delta] = inputs.map((v) => requireConstant(context, v, 'bounds').data[0]);
  // The numbers of the points: of one point, a number that nothing knows and only an index may be.
  if (start === 0 && Number.isNaN(limit) && delta === 1) return [constant(ndArray([1], [Number.NaN], true))];
  const count = Math.max(0, Math.ceil((limit - start) / delta));
  if (!Number.isFinite(count)) throw context.refuse(': its length is the size of the batch');
  return [
    constant(
      ndArray(
        [count],
        Array.from({ length: count }, (_, i) => start + i * delta),
        true,
      ),
    ),
  ];
};

export const CONSTANTS: Record<string, Handler> = {
  Shape: shapeNode,
  Size: (_, [x]) => [
    constant(
      scalar(
        shapeOf(x!).reduce<number>((n, d) => n * (d ?? Number.NaN), 1),
        true,
      ),
    ),
  ],
  Constant: constantNode,
  ConstantOfShape: constantOfShape,
  Range: range,
};
