import type { PinnEdgeError } from '../../diagnostics.js';
import type { GraphBuilder } from '../builder.js';
import { broadcastShapes, broadcastTo, indexArray, type NdArray, ndArray, sizeOf } from './ndarray.js';
import type { OnnxAttribute, OnnxNode } from './proto.js';

/** What an ONNX value is while the graph is read: a constant, a vector per point, or a comparison of such vectors. */

/** Length of an axis, or `null` for the batch. */
export type Dim = number | null;

export interface Constant {
  kind: 'constant';
  array: NdArray;
}

/** Per point a tensor of the axes other than the batch, row-major in the vector `name`. */
export interface Variable {
  kind: 'variable';
  name: string;
  shape: readonly Dim[];
}

/** True where `name` > 0; where `name` <= 0 if negated. */
export interface Condition {
  kind: 'condition';
  name: string;
  shape: readonly Dim[];
  negated: boolean;
}

/** A list of tensors, which only concatenation and indexing read. */
export interface Sequence {
  kind: 'sequence';
  items: readonly Value[];
}

export type Value = Constant | Variable | Condition | Sequence;

export interface OpContext {
  readonly builder: GraphBuilder;
  readonly node: OnnxNode;
  /** Size that the batch had when the model was exported, where the file fixes it. */
  readonly batch: number | undefined;
  readonly opset: number;
  /** Ends of all input ranges that are known. */
  readonly ends: readonly number[];
  /** Says once what is taken to be so. */
  note(text: string): void;
  /** The operation cannot be translated. */
  refuse(reason: string, advice?: string): PinnEdgeError;
}

/** Translates one node: its inputs (undefined where left out) to its outputs. */
export type Handler = (context: OpContext, inputs: readonly (Value | undefined)[]) => Value[];

export function constant(array: NdArray): Constant {
  return { kind: 'constant', array };
}

export function batchAxis(shape: readonly Dim[]): number {
  return shape.indexOf(null);
}

export function shapeOf(value: Value): readonly Dim[] {
  if (value.kind === 'sequence') throw new Error('it reads a list of tensors');
  return value.kind === 'constant' ? value.array.shape : value.shape;
}

/** The shape with the batch as an axis of length 1: that of the vector of one point. */
export function pointShape(shape: readonly Dim[]): number[] {
  return shape.map((d) => d ?? 1);
}

export function requireConstant(context: OpContext, value: Value | undefined, what: string): NdArray {
  if (value?.kind !== 'constant') throw context.refuse(`: its ${what} depends on the inputs`);
  return value.array;
}

/** Any value as a variable: constants become nodes, conditions become 1 or 0. */
export function toVariable({ builder, refuse }: OpContext, value: Value, hint: string): Variable {
  if (value.kind === 'variable') return value;
  if (value.kind === 'sequence') throw refuse(': it reads a list of tensors');
  if (value.kind === 'constant') {
    return { kind: 'variable', name: builder.constant(value.array.data, hint), shape: value.array.shape };
  }
  const [one, zero] = [builder.constant([1]), builder.constant([0])];
  const [a, b] = value.negated ? [zero, one] : [one, zero];
  return { kind: 'variable', name: builder.select(value.name, a, b, hint), shape: value.shape };
}

/** The shape of an elementwise result; the batch only goes with the batch or with length 1. */
export function broadcastDims(context: OpContext, shapes: readonly (readonly Dim[])[]): Dim[] {
  const rank = Math.max(...shapes.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, i) => {
    const dims = shapes.map((shape) => shape[shape.length - rank + i]).filter((d) => d !== undefined);
    if (!dims.includes(null)) return dims.reduce<number>((n, d) => broadcastShapes([n], [d as number])[0], 1);
    const other = dims.find((d) => d !== null && d !== 1 && d !== context.batch);
    if (other !== undefined) {
      const list = shapes.map((shape) => `[${shape.map((d) => d ?? 'n').join(', ')}]`).join(' and ');
      throw context.refuse(
        `: it mixes the batch with another axis (shapes ${list})`,
        'export with inputs of shape [n, k]',
      );
    }
    return null;
  });
}

/** The vector of a value broadcast to `shape`; of width 1 where one number serves all components. */
export function spreadTo(context: OpContext, value: Variable | Condition, shape: readonly Dim[]): string {
  const own = pointShape(value.shape);
  const target = pointShape(shape);
  if (sizeOf(own) === 1) return value.name;
  const indices = broadcastTo(indexArray(own), target).data;
  return gatherComponents(context.builder, value.name, indices);
}

/** The constant broadcast to `shape` as numbers of one point; one number where all are equal. */
export function spreadConstant(context: OpContext, array: NdArray, shape: readonly Dim[]): Float64Array {
  const { data } = broadcastTo(withoutBatch(context, array, shape), pointShape(shape));
  return data.every((v) => v === data[0]) ? data.slice(0, 1) : data;
}

/** A constant whose rows run along the batch must have equal rows; one of them is left. */
function withoutBatch(context: OpContext, array: NdArray, shape: readonly Dim[]): NdArray {
  const axis = batchAxis(shape) - (shape.length - array.shape.length);
  const rows = array.shape[axis];
  if (axis < 0 || rows === undefined || rows === 1 || batchAxis(shape) < 0) return array;
  const rowLength = array.data.length / rows;
  const equal = axis === 0 && array.data.every((v, i) => v === array.data[i % rowLength]);
  if (!equal) throw context.refuse(': it has a different constant for every point of the batch');
  return ndArray([1, ...array.shape.slice(1)], array.data.slice(0, rowLength), array.integer);
}

export function gatherComponents(builder: GraphBuilder, name: string, indices: ArrayLike<number>): string {
  const list = Array.from(indices);
  const same = list.length === builder.width(name) && list.every((v, i) => v === i);
  return same ? name : builder.gather(name, list);
}

/** Attributes of a node by name. */
export function attribute(node: OnnxNode, name: string): OnnxAttribute | undefined {
  return node.attribute.find((a) => a.name === name);
}

export function intAttribute(node: OnnxNode, name: string, otherwise: number): number {
  const found = attribute(node, name);
  return found ? Number(found.i) : otherwise;
}

export function floatAttribute(node: OnnxNode, name: string, otherwise: number): number {
  return attribute(node, name)?.f ?? otherwise;
}

export function intsAttribute(node: OnnxNode, name: string): number[] | undefined {
  return attribute(node, name)?.ints.map(Number);
}

export function stringAttribute(node: OnnxNode, name: string): string | undefined {
  const found = attribute(node, name);
  return found && new TextDecoder().decode(found.s);
}
