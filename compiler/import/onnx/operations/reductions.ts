import { indexArray, type NdArray, reduce, sizeOf } from '../ndarray.js';
import {
  batchAxis,
  constant,
  type Dim,
  gatherComponents,
  type Handler,
  intAttribute,
  type OpContext,
  pointShape,
  shapeOf,
  toVariable,
  type Variable,
} from '../values.js';
import { axesOf } from './components.js';
import { sumGroups } from './products.js';

/** Reductions along axes. */

type Reduction = 'sum' | 'mean' | 'squares' | 'norm' | 'max' | 'min';

const REDUCE: Record<Reduction, [number, (sum: number, v: number) => number]> = {
  sum: [0, (s, v) => s + v],
  mean: [0, (s, v) => s + v],
  squares: [0, (s, v) => s + v * v],
  norm: [0, (s, v) => s + v * v],
  max: [Number.NEGATIVE_INFINITY, Math.max],
  min: [Number.POSITIVE_INFINITY, Math.min],
};

const reduction =
  (kind: Reduction): Handler =>
  (context, [x, axes]) => {
    if (!x) throw context.refuse(': it has no input');
    const rank = shapeOf(x).length;
    const listed = axesOf(context, axes, rank);
    if (listed === undefined && intAttribute(context.node, 'noop_with_empty_axes', 0)) return [x];
    const over = listed ?? Array.from({ length: rank }, (_, i) => i);
    const keep = intAttribute(context.node, 'keepdims', 1) === 1;
    if (x.kind === 'constant') return [constant(reduceConstant(x.array, over, keep, kind))];
    const variable = toVariable(context, x, 'cast');
    const batch = batchAxis(variable.shape);
    if (over.includes(batch)) {
      throw context.refuse(': it reduces over the batch', 'every point must be answered by itself');
    }
    const shape = keep
      ? variable.shape.map((d, i): Dim => (over.includes(i) ? 1 : d))
      : variable.shape.filter((_, i) => !over.includes(i));
    return [{ kind: 'variable', shape, name: reduceVariable(context, variable, over, kind) }];
  };

function reduceConstant(x: NdArray, over: readonly number[], keep: boolean, kind: Reduction): NdArray {
  const [start, step] = REDUCE[kind];
  const result = reduce(x, over, keep, start, step);
  const count = x.data.length / Math.max(1, result.data.length);
  if (kind === 'mean') return { ...result, data: result.data.map((v) => v / count) };
  return kind === 'norm' ? { ...result, data: result.data.map(Math.sqrt) } : result;
}

function reduceVariable(
  context: OpContext,
  { name, shape }: Variable,
  over: readonly number[],
  kind: Reduction,
): string {
  const { builder, node } = context;
  const own = pointShape(shape);
  const kept = own.map((_, i) => i).filter((i) => !over.includes(i));
  const order = [...kept, ...over];
  const groups = sizeOf(kept.map((i) => own[i]));
  const size = sizeOf(over.map((i) => own[i]));
  // Components of one group side by side.
  const source = indexArray(own);
  const moved = gatherComponents(builder, name, permuted(source, order));
  if (kind === 'mean' && groups === 1 && size > 1)
    return builder.add({ op: 'mean', inputs: [moved] }, 1, node.output[0]);
  if (kind === 'max' || kind === 'min') {
    const column = (k: number) =>
      builder.gather(
        moved,
        Array.from({ length: groups }, (_, g) => g * size + k),
      );
    let result = column(0);
    for (let k = 1; k < size; k++) result = builder.binary(kind, result, column(k), node.output[0]);
    return result;
  }
  const terms = kind === 'squares' || kind === 'norm' ? builder.unary('pow', moved, 'square', { exponent: 2 }) : moved;
  const sum = sumGroups(context, terms, groups, size);
  if (kind === 'mean') return builder.scale(sum, [1 / size], undefined, node.output[0]);
  return kind === 'norm' ? builder.unary('sqrt', sum, node.output[0]) : sum;
}

function permuted(x: NdArray, order: readonly number[]): Float64Array {
  const shape = order.map((i) => x.shape[i]);
  const strides = x.shape.map((_, i) => sizeOf(x.shape.slice(i + 1)));
  const data = new Float64Array(x.data.length);
  const index = new Array<number>(order.length).fill(0);
  for (let i = 0; i < data.length; i++) {
    data[i] = x.data[order.reduce((at, axis, k) => at + index[k] * strides[axis], 0)];
    for (let k = order.length - 1; k >= 0 && ++index[k] === shape[k]; k--) index[k] = 0;
  }
  return data;
}

export const REDUCTIONS: Record<string, Handler> = {
  ReduceSum: reduction('sum'),
  ReduceMean: reduction('mean'),
  ReduceSumSquare: reduction('squares'),
  ReduceL2: reduction('norm'),
  ReduceMax: reduction('max'),
  ReduceMin: reduction('min'),
};
