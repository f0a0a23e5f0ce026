import { plural } from '../../../diagnostics.js';
import type { LayerContext, LayerKind } from '../context.js';
import { normalised, total } from '../functions.js';
import { binary, gather, offset, ownAxis, positions, sizeOf, type Value } from '../values.js';

/** Layers of several values. */

const fold =
  (op: Parameters<typeof binary>[1]): LayerKind['apply'] =>
  ({ builder, layer }, inputs) =>
    inputs.reduce((a, b) => binary(builder, op, a, b, layer.name));

export const MERGING_LAYERS: Record<string, LayerKind> = {
  Add: { apply: fold('add') },
  Subtract: {
    apply: (context, inputs) => {
      if (inputs.length !== 2) throw context.refuse(` of ${plural(inputs.length, 'value')}`);
      return fold('sub')(context, inputs);
    },
  },
  Multiply: { apply: fold('mul') },
  Maximum: { apply: fold('max') },
  Minimum: { apply: fold('min') },
  Average: {
    apply: (context, inputs) => {
      const sum = [fold('add')(context, inputs)].flat()[0];
      return { name: context.builder.scale(sum.name, [1 / inputs.length], undefined), shape: sum.shape };
    },
  },
  Concatenate: {
    reads: ['axis'],
    apply: ({ builder, layer }, inputs) => concatenated(builder, inputs, layer.config.axis ?? -1, layer.name),
  },
  Dot: { reads: ['axes', 'normalize'], apply: dot },
};

/** Values side by side along an axis that Keras counts with the batch. */
export function concatenated(
  builder: LayerContext['builder'],
  inputs: readonly Value[],
  axis: unknown,
  hint: string,
): Value {
  const [{ shape: first }] = inputs;
  const own = ownAxis(axis, first.length);
  const isFit = inputs.every(
    ({ shape }) => shape.length === first.length && shape.every((d, i) => i === own || d === first[i]),
  );
  if (!isFit) {
    const shapes = inputs.map(({ shape }) => `[${shape.join(', ')}]`).join(', ');
    throw new Error(`values of shapes ${shapes} are put side by side along axis ${String(axis)}`);
  }
  const shape = first.map((d, i) => (i === own ? inputs.reduce((n, input) => n + input.shape[own], 0) : d));
  const name = builder.concat(
    inputs.map((input) => input.name),
    hint,
  );
  const starts = inputs.map((_, k) => inputs.slice(0, k).reduce((n, input) => n + sizeOf(input.shape), 0));
  const indices = positions(shape).map((position) => {
    let [k, at] = [0, position[own]];
    while (at >= inputs[k].shape[own]) at -= inputs[k++].shape[own];
    const inner = position.map((p, i) => (i === own ? at : p));
    return starts[k] + offset(inner, inputs[k].shape);
  });
  return gather(builder, { name, shape: [indices.length] }, indices, shape);
}

/** The sum of products along one axis of each of two values. */
function dot(context: LayerContext, inputs: readonly Value[]): Value {
  const { builder, layer } = context;
  const [a, b] = inputs;
  if (inputs.length !== 2) throw context.refuse(` of ${plural(inputs.length, 'value')}`);
  const axes = [layer.config.axes].flat();
  const [p, q] = [axes[0], axes[axes.length - 1]].map((axis, i) => ownAxis(axis, inputs[i].shape.length));
  if (a.shape[p] !== b.shape[q]) throw context.refuse(` of ${a.shape[p]} and ${b.shape[q]} numbers`);
  const vectors = (value: Value, axis: number) => {
    const outer = value.shape.map((d, i) => (i === axis ? 1 : d));
    return positions(outer).map((position) => {
      const all = Array.from({ length: value.shape[axis] }, (_, k) =>
        offset(
          position.map((at, i) => (i === axis ? k : at)),
          value.shape,
        ),
      );
      const vector = gather(builder, value, all, [all.length]).name;
      // Keras 2 limits the square, Keras 3 the norm.
      const least = context.major === 2 ? 1e-6 : 1e-7;
      return layer.config.normalize === true ? normalised(builder, vector, least, layer.name) : vector;
    });
  };
  const [left, right] = [vectors(a, p), vectors(b, q)];
  const products = left.flatMap((x) => right.map((y) => total(builder, builder.binary('mul', x, y), layer.name)));
  const shape = [...a.shape.filter((_, i) => i !== p), ...b.shape.filter((_, i) => i !== q)];
  return { name: builder.concat(products, layer.name), shape: shape.length ? shape : [1] };
}
