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
  type Value,
  type Variable,
} from '../values.js';
import { axesOf } from './components.js';
import { sumGroups } from './products.js';

/** Reductions along axes. */

export type Reduction = 'sum' | 'mean' | 'squares' | 'norm' | 'magnitudes' | 'logarithm' | 'product' | 'max' | 'min';

const add = (s: number, v: number) => s + v;
const REDUCE: Record<Reduction, [number, (sum: number, v: number) => number]> = {
  sum: [0, add],
  mean: [0, add],
  logarithm: [0, add],
  squares: [0, (s, v) => s + v * v],
  norm: [0, (s, v) => s + v * v],
  magnitudes: [0, (s, v) => s + Math.abs(v)],
  product: [1, (s, v) => s * v],
  max: [Number.NEGATIVE_INFINITY, Math.max],
  min: [Number.POSITIVE_INFINITY, Math.min],
};

const reduction =
  (kind: Reduction): Handler =>
  (context, [x, axes]) => {
    if (!x) throw context.refuse(': it has no input');
    const rank = shapeOf(x).length;
    const listed = axesOf(context, axes, rank);
    if (!listed?.length && intAttribute(context.node, 'noop_with_empty_axes', 0)) return [x];
    const over = listed?.length ? listed : Array.from({ length: rank }, (_, i) => i);
    return [reduceValue(context, x, over, intAttribute(context.node, 'keepdims', 1) === 1, kind)];
  };

/** x reduced along the axes `over`, which are kept with length 1 or dropped; the batch is not among them. */
export function reduceValue(
  context: OpContext,
  x: Value,
  over: readonly number[],
  keep: boolean,
  kind: Reduction,
): Value {
  if (x.kind === 'constant') return constant(reduceConstant(x.array, over, keep, kind));
  const variable = toVariable(context, x, 'cast');
  if (over.includes(batchAxis(variable.shape))) {
    throw context.refuse(': it reduces over the batch', 'every point must be answered by itself');
  }
  const shape = keep
    ? variable.shape.map((d, i): Dim => (over.includes(i) ? 1 : d))
    : variable.shape.filter((_, i) => !over.includes(i));
  return { kind: 'variable', shape, name: reduceVariable(context, variable, over, kind) };
}

function reduceConstant(x: NdArray, over: readonly number[], keep: boolean, kind: Reduction): NdArray {
  const [start, step] = REDUCE[kind];
  const result = reduce(x, over, keep, start, step);
  const count = x.data.length / Math.max(1, result.data.length);
  const finish: Partial<Record<Reduction, (v: number) => number>> = {
    mean: (v) => v / count,
    norm: Math.sqrt,
    logarithm: Math.log,
  };
  const last = finish[kind];
  return last ? { ...result, data: result.data.map(last), integer: false } : result;
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
  if (kind === 'max' || kind === 'min' || kind === 'product') {
    const op = kind === 'product' ? 'mul' : kind;
    const column = (k: number) =>
      builder.gather(
        moved,
        Array.from({ length: groups }, (_, g) => g * size + k),
      );
    let result = column(0);
    for (let k = 1; k < size; k++) result = builder.binary(op, result, column(k), node.output[0]);
    return result;
  }
  const sum = sumGroups(context, terms(builder, moved, kind), groups, size);
  if (kind === 'mean') return builder.scale(sum, [1 / size], undefined, node.output[0]);
  if (kind === 'logarithm') return builder.unary('log', sum, node.output[0]);
  return kind === 'norm' ? builder.unary('sqrt', sum, node.output[0]) : sum;
}

/** What is summed for each component. */
function terms(builder: OpContext['builder'], x: string, kind: Reduction): string {
  if (kind === 'squares' || kind === 'norm') return builder.unary('pow', x, 'square', { exponent: 2 });
  return kind === 'magnitudes' ? builder.unary('abs', x) : x;
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
  ReduceL1: reduction('magnitudes'),
  ReduceL2: reduction('norm'),
  ReduceLogSum: reduction('logarithm'),
  ReduceProd: reduction('product'),
  ReduceMax: reduction('max'),
  ReduceMin: reduction('min'),
};
