import { indexArray, type NdArray, resolveAxis } from '../ndarray.js';
import {
  batchAxis,
  type Condition,
  constant,
  type Dim,
  gatherComponents,
  intsAttribute,
  type OpContext,
  pointShape,
  requireConstant,
  shapeOf,
  type Value,
  type Variable,
} from '../values.js';

/**
 * Operations that only move components: on constants they are computed, on variables the same computation on an array of
 * indices says which component goes where.
 */

/** Applies `move` to a constant, or to the indices of a variable; `batch` is the axis of the batch afterwards. */
export function moveComponents(
  context: OpContext,
  x: Value | undefined,
  move: (array: NdArray) => NdArray,
  batch: (axis: number) => number,
): Value {
  if (!x) throw context.refuse(': it has no input');
  if (x.kind === 'constant') return constant({ ...move(x.array), perPoint: x.array.perPoint });
  if (x.kind === 'sequence') throw context.refuse(': it reads a list of tensors');
  const moved = move(indexArray(pointShape(x.shape)));
  const axis = batchAxis(x.shape);
  const shape: Dim[] = [...moved.shape];
  if (axis >= 0) shape[batch(axis)] = null;
  const name = gatherComponents(context.builder, x.name, moved.data);
  return { ...x, name, shape } as Variable | Condition;
}

/** Axes of an input, which must be there. */
export function rankOf(context: OpContext, x: Value | undefined): number {
  if (!x) throw context.refuse(': it has no input');
  return shapeOf(x).length;
}

/** Refuses what would mix points: `axis` must not be that of the batch. */
export function refuseBatch(context: OpContext, x: Value | undefined, axis: number, what: string): void {
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
