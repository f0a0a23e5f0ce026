import { type NdArray, ndArray, sizeOf } from '../ndarray.js';
import {
  batchAxis,
  constant,
  type Dim,
  floatAttribute,
  gatherComponents,
  type Handler,
  intAttribute,
  type OpContext,
  pointShape,
  requireConstant,
  shapeOf,
  spreadConstant,
  stringAttribute,
  toVariable,
  type Value,
  type Variable,
} from '../values.js';
import { arithmetic } from './arithmetic.js';

/** Matrix products and contractions. */

/** Products of two variables are written out component by component up to this many terms. */
const MAX_PRODUCT_TERMS = 4096;
export const MAX_MATRIX = 2 ** 24;

const gemm: Handler = (context, [a, b, c]) => {
  const { node, builder } = context;
  if (!a || !b) throw context.refuse(': it has fewer than two inputs');
  const weight = requireConstant(context, b, 'weight');
  const transposed = intAttribute(node, 'transB', 0) === 1;
  const alpha = floatAttribute(node, 'alpha', 1);
  const beta = floatAttribute(node, 'beta', 1);
  if (weight.shape.length !== 2) throw context.refuse(`: its weight has shape [${weight.shape.join(', ')}]`);
  const [rows, cols] = transposed ? weight.shape : [weight.shape[1], weight.shape[0]];
  const x = toVariable(context, a, 'constant');
  const flipped = intAttribute(node, 'transA', 0) === 1;
  const shape = flipped ? [...x.shape].reverse() : x.shape;
  if (shape.length !== 2 || shape[0] !== null || shape[1] !== cols) {
    throw context.refuse(
      `: its input has shape [${shape.map((d) => d ?? 'n').join(', ')}] and its weight reads ${cols}`,
    );
  }
  const data = new Float64Array(rows * cols);
  for (let r = 0; r < rows; r++) {
    for (let k = 0; k < cols; k++) data[r * cols + k] = alpha * weight.data[transposed ? r * cols + k : k * rows + r];
  }
  const outShape: Dim[] = [null, rows];
  let bias: NdArray | undefined;
  if (c?.kind === 'constant') {
    const spread = spreadConstant(context, c.array, outShape);
    bias = ndArray(
      [rows],
      Float64Array.from({ length: rows }, (_, r) => beta * spread[spread.length === 1 ? 0 : r]),
    );
  }
  const name = builder.dense(
    x.name,
    tensor([rows, cols], data),
    bias && tensor([rows], bias.data),
    layerName(node.input[1], node.output[0]),
  );
  const product: Variable = { kind: 'variable', name, shape: outShape };
  if (!c || c.kind === 'constant') return [product];
  return [arithmetic(context, 'add', product, arithmetic(context, 'mul', c, constant(ndArray([], [beta]))))];
};

const tensor = (shape: readonly number[], data: Float64Array) => ({ shape: [...shape], data });

/** `linears.0` for `linears.0.weight`; the output's name where the weight has none of its own. */
function layerName(weight: string, output: string): string {
  const match = /^(.*?)[._/](weight|kernel|W)\b.*$/.exec(weight);
  return match?.[1] || output || 'dense';
}

const LETTERS = 'abcdefghijklmnopqrstuvwxyz';

/** MatMul as a contraction: the last axis of a with the last but one of b, leading axes paired. */
const matmul: Handler = (context, [a, b]) => {
  if (!a || !b) throw context.refuse(': it has fewer than two inputs');
  const [rankA, rankB] = [shapeOf(a).length, shapeOf(b).length];
  if (rankA === 0 || rankB === 0) throw context.refuse(': it has a scalar operand');
  const lead = Math.max(rankA, rankB, 2) - 2;
  const letters = LETTERS.slice(0, lead);
  const labelsA = letters.slice(Math.max(0, lead - Math.max(0, rankA - 2))) + (rankA === 1 ? 'y' : 'xy');
  const labelsB = letters.slice(Math.max(0, lead - Math.max(0, rankB - 2))) + (rankB === 1 ? 'y' : 'yz');
  const out = `${letters}${rankA === 1 ? '' : 'x'}${rankB === 1 ? '' : 'z'}`;
  return [contract(context, a, labelsA, b, labelsB, out)];
};

const einsum: Handler = (context, inputs) => {
  const equation = (stringAttribute(context.node, 'equation') ?? '').replace(/\s/g, '');
  const [left, out] = equation.split('->');
  const terms = left.split(',');
  if (out === undefined || equation.includes('.') || terms.length > 2 || inputs.length !== terms.length) {
    throw context.refuse(` with the equation "${equation}"`, 'write it with products and sums');
  }
  const [a, b] = inputs;
  if (!a) throw context.refuse(': it has no input');
  if (!b) return [contract(context, a, terms[0], constant(ndArray([], [1])), '', out)];
  return [contract(context, a, terms[0], b, terms[1], out)];
};

/** out[o] = sum over the other labels of a[...] b[...], labels as in einsum. The batch is a label of the output. */
function contract(context: OpContext, a: Value, labelsA: string, b: Value, labelsB: string, out: string): Value {
  const sizes = new Map<string, number>();
  let batchLabel: string | undefined;
  for (const [value, labels] of [
    [a, labelsA],
    [b, labelsB],
  ] as const) {
    const shape = shapeOf(value);
    if (shape.length !== labels.length || new Set(labels).size !== labels.length) {
      throw context.refuse(`: shape [${shape.map((d) => d ?? 'n').join(', ')}] does not fit`);
    }
    shape.forEach((d, i) => {
      if (d === null) batchLabel = labels[i];
      const known = sizes.get(labels[i]) ?? 1;
      const size = d ?? 1;
      if (known !== 1 && size !== 1 && known !== size)
        throw context.refuse(`: an axis has length ${known} and ${size}`);
      sizes.set(labels[i], Math.max(known, size));
    });
  }
  if (batchLabel !== undefined && !out.includes(batchLabel)) {
    throw context.refuse(': it sums over the batch', 'every point must be answered by itself');
  }
  for (const [value, labels] of [
    [a, labelsA],
    [b, labelsB],
  ] as const) {
    if (value.kind === 'constant' || batchLabel === undefined) continue;
    const own = batchAxis(shapeOf(value));
    if (own >= 0 && labels[own] !== batchLabel)
      throw context.refuse(': it pairs every point of the batch with every other');
  }
  const summed = [...sizes.keys()].filter((label) => !out.includes(label));
  const space = [...out, ...summed];
  const sizesOf = (labels: Iterable<string>) => [...labels].map((label) => sizes.get(label) ?? 1);
  const outSize = sizeOf(sizesOf(out));
  const sumSize = sizeOf(sizesOf(summed));
  const indexA = positions(a, labelsA, space, sizes);
  const indexB = positions(b, labelsB, space, sizes);
  const shape = [...out].map((label): Dim => (label === batchLabel ? null : (sizes.get(label) ?? 1)));
  if (a.kind === 'constant' && b.kind === 'constant') {
    const data = new Float64Array(outSize);
    for (let i = 0; i < outSize * sumSize; i++) {
      data[Math.floor(i / sumSize)] += a.array.data[indexA[i]] * b.array.data[indexB[i]];
    }
    return constant(ndArray(pointShape(shape), data));
  }
  const { builder, node } = context;
  const hint = node.output[0];
  if (a.kind === 'constant' || b.kind === 'constant') {
    const [fixed, fixedIndex, x, index, weightName] =
      a.kind === 'constant'
        ? [a.array, indexA, toVariable(context, b, hint), indexB, node.input[0]]
        : [(b as { array: NdArray }).array, indexB, toVariable(context, a, hint), indexA, node.input[1]];
    const cols = builder.width(x.name);
    if (outSize * cols > MAX_MATRIX) throw context.refuse(': its matrix is too large');
    const data = new Float64Array(outSize * cols);
    for (let i = 0; i < outSize * sumSize; i++)
      data[Math.floor(i / sumSize) * cols + index[i]] += fixed.data[fixedIndex[i]];
    const name = builder.dense(x.name, tensor([outSize, cols], data), undefined, layerName(weightName ?? '', hint));
    return { kind: 'variable', name, shape };
  }
  if (outSize * sumSize > MAX_PRODUCT_TERMS) {
    throw context.refuse(
      `: a product of two values that depend on the inputs with ${outSize * sumSize} terms`,
      'at most 4096',
    );
  }
  const left = gatherComponents(builder, toVariable(context, a, hint).name, indexA);
  const right = gatherComponents(builder, toVariable(context, b, hint).name, indexB);
  const terms = builder.binary('mul', left, right, hint);
  return { kind: 'variable', name: sumGroups(context, terms, outSize, sumSize), shape };
}

/** Sums of consecutive groups of components. */
export function sumGroups({ builder, node }: OpContext, x: string, groups: number, size: number): string {
  if (size === 1) return x;
  if (groups === 1) return builder.add({ op: 'sum', inputs: [x] }, 1, node.output[0]);
  const data = new Float64Array(groups * groups * size);
  for (let i = 0; i < groups * size; i++) data[Math.floor(i / size) * groups * size + i] = 1;
  return builder.dense(x, tensor([groups, groups * size], data), undefined, node.output[0]);
}

/** For every position of the index space, the component of `value` that its labels select. */
function positions(
  value: Value,
  labels: string,
  space: readonly string[],
  sizes: ReadonlyMap<string, number>,
): Int32Array {
  const own = pointShape(shapeOf(value));
  const strides = new Map<string, number>();
  let stride = 1;
  for (let i = own.length - 1; i >= 0; i--) {
    strides.set(labels[i], own[i] === 1 ? 0 : stride);
    stride *= own[i];
  }
  const shape = space.map((label) => sizes.get(label) ?? 1);
  const total = sizeOf(shape);
  const result = new Int32Array(total);
  const index = new Array<number>(space.length).fill(0);
  for (let i = 0; i < total; i++) {
    let at = 0;
    for (let axis = 0; axis < space.length; axis++) at += index[axis] * (strides.get(space[axis]) ?? 0);
    result[i] = at;
    for (let axis = space.length - 1; axis >= 0 && ++index[axis] === shape[axis]; axis--) index[axis] = 0;
  }
  return result;
}

export const PRODUCTS: Record<string, Handler> = {
  Gemm: gemm,
  MatMul: matmul,
  Einsum: einsum,
};
