import { denseStep } from '../../ir/dense-step.js';
import type { Model, ModelNode } from '../../model/types.js';

/** Structured weights in the float64 reference, evaluated as they are stored. */

/** y = left (right x): the two factors of a low-rank matrix, or the two halves of a tensor train, merged. */
export function factors(
  model: Model,
  node: Extract<ModelNode, { op: 'low_rank' | 'tensor_train' }>,
): { left: Float64Array; right: Float64Array; rank: number } {
  if (node.op === 'low_rank') {
    const left = model.tensors.get(node.left)!;
    return { left: left.data, right: model.tensors.get(node.right)!.data, rank: left.shape[1] };
  }
  return {
    left: contract(model, node.outputCores),
    right: contract(model, node.inputCores),
    rank: model.tensors.get(node.inputCores[0])!.shape[0],
  };
}

/** The cores multiplied along their inner ranks, row-major [first rank x modes x last rank]. */
function contract(model: Model, cores: readonly string[]): Float64Array {
  const [first, ...others] = cores.map((name) => model.tensors.get(name)!);
  let merged = first.data;
  for (const { shape, data } of others) {
    const [rank, mode, next] = shape;
    const rows = merged.length / rank;
    const product = new Float64Array(rows * mode * next);
    for (let r = 0; r < rows; r++) {
      for (let j = 0; j < mode * next; j++) {
        let sum = 0;
        for (let k = 0; k < rank; k++) sum += merged[r * rank + k] * data[k * mode * next + j];
        product[r * mode * next + j] = sum;
      }
    }
    merged = product;
  }
  return merged;
}

interface LeafStep {
  cols: [number, number];
  row: number;
  rows: number;
  /** Factors from the right to the left: one of a dense leaf, two of a low-rank one, [rows x cols] each. */
  matrices: { data: Float64Array; rows: number; cols: number }[];
}

/** out[p] = b + the leaves' products, each added into its rows. */
export function hierarchicalStep(
  model: Model,
  node: Extract<ModelNode, { op: 'hierarchical' }>,
  values: ReadonlyMap<string, Float64Array>,
  out: Float64Array,
): (size: number) => void {
  const { width } = node;
  const bias = node.bias === undefined ? new Float64Array(width) : model.tensors.get(node.bias)!.data;
  const matrix = (name: string) => {
    const { shape, data } = model.tensors.get(name)!;
    return { data, rows: shape[0], cols: shape[1] };
  };
  const steps = node.leaves.map((leaf): LeafStep => {
    const names = 'weight' in leaf ? [leaf.weight] : [leaf.right, leaf.left];
    return { cols: leaf.cols, row: leaf.rows[0], rows: leaf.rows[1] - leaf.rows[0], matrices: names.map(matrix) };
  });
  const sources = node.inputs.map((name) => ({ data: values.get(name)!, width: model.widths.get(name)! }));
  return (size) => {
    for (let p = 0; p < size; p++) {
      const x = sources.flatMap(({ data, width: w }) => Array.from(data.subarray(p * w, (p + 1) * w)));
      out.set(bias, p * width);
      for (const { cols, row, rows, matrices } of steps) {
        const y = matrices.reduce(
          (v, m) => {
            const product = new Float64Array(m.rows);
            denseStep(m.data, undefined, v, product, 1, m.rows, m.cols);
            return product;
          },
          Float64Array.from(x.slice(...cols)),
        );
        for (let r = 0; r < rows; r++) out[p * width + row + r] += y[r];
      }
    }
  };
}
