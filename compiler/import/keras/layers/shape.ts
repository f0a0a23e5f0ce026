import { shortJson } from '../config.js';
import type { LayerContext, LayerKind } from '../context.js';
import { gather, offset, positions, sizeOf, type Value } from '../values.js';

/** Layers that move numbers or leave them alone. */

const keep: LayerKind['apply'] = (_, [x]) => x;

export const SHAPE_LAYERS: Record<string, LayerKind> = {
  Identity: { apply: keep },
  Dropout: { reads: ['rate'], apply: keep },
  AlphaDropout: { reads: ['rate'], apply: keep },
  GaussianDropout: { reads: ['rate'], apply: keep },
  GaussianNoise: { reads: ['stddev'], apply: keep },
  SpatialDropout1D: { reads: ['rate'], apply: keep },
  ActivityRegularization: { reads: ['l1', 'l2'], apply: keep },
  Flatten: {
    only: { data_format: 'channels_last' },
    apply: (_, [x]) => ({ name: x.name, shape: [sizeOf(x.shape)] }),
  },
  Reshape: {
    reads: ['target_shape'],
    apply: (context, [x]) => reshaped(context, x, context.layer.config.target_shape),
  },
  Permute: { reads: ['dims'], apply: (context, [x]) => permute(context, x) },
  RepeatVector: {
    reads: ['n'],
    apply: (context, [x]) => {
      const n = Number(context.layer.config.n);
      if (x.shape.length !== 1 || !Number.isInteger(n) || n < 1) throw context.refuse('');
      const shape = [n, ...x.shape];
      sizeOf(shape);
      const names = Array.from({ length: n }, () => x.name);
      return { name: context.builder.concat(names, context.layer.name), shape };
    },
  },
};

/** The same numbers under another shape, of which one dimension may be left open by -1. */
export function reshaped(context: LayerContext, x: Value, target: unknown): Value {
  const dims = Array.isArray(target) ? target.map(Number) : [Number.NaN];
  const size = sizeOf(x.shape);
  const known = dims.filter((d) => d !== -1).reduce((n, d) => n * d, 1);
  const shape = dims.map((d) => (d === -1 ? size / known : d));
  const isFit = shape.every((d) => Number.isInteger(d) && d > 0) && sizeOf(shape) === size;
  if (!isFit) throw context.refuse(` of shape [${x.shape.join(', ')}] to ${shortJson(target)}`);
  return { name: x.name, shape };
}

/** Dimensions count from 1, after the batch. */
function permute(context: LayerContext, x: Value): Value {
  const { dims } = context.layer.config;
  const order = Array.isArray(dims) ? dims.map((d) => Number(d) - 1) : [];
  const isFit = order.length === x.shape.length && [...order].sort().every((d, i) => d === i);
  if (!isFit) throw context.refuse(` with dims = ${shortJson(dims)}`);
  return transposed(context, x, order);
}

/** Dimension i of the result is dimension `order[i]` of x. */
export function transposed({ builder }: LayerContext, x: Value, order: readonly number[]): Value {
  const shape = order.map((i) => x.shape[i]);
  const indices = positions(shape).map((position) =>
    offset(
      x.shape.map((_, i) => position[order.indexOf(i)]),
      x.shape,
    ),
  );
  return gather(builder, x, indices, shape);
}
