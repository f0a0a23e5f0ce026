import type { Tensor } from '../model/types.js';
import type { Layout } from './network-spec.js';

/** Weight matrices of dense layers, and which of their axes is which. */

/** A weight matrix as the file has it, with the bias that belongs to it. */
export interface DenseCandidate {
  /** Prefix of its tensors, such as `linears.0`. */
  name: string;
  weightName: string;
  biasName?: string;
  weight: Tensor;
  bias?: Tensor;
  /** What the name says about the layout: `weight` is PyTorch's [out, in], `kernel` Keras's and JAX's [in, out]. */
  layout?: Layout;
}

const LAYOUTS: readonly Layout[] = ['out,in', 'in,out'];

/** The layouts in which the layers chain, that of their names first; only `given` is tried where it is there. */
export function fittingLayouts(layers: readonly DenseCandidate[], given: Layout | undefined): Layout[] {
  const hint = given ?? hintOf(layers);
  const options = given ? [given] : [...LAYOUTS].sort((p, q) => Number(q === hint) - Number(p === hint));
  return options.filter((option) => chains(layers, option));
}

/** What the names of the layers say about their layout. */
export function hintOf(layers: readonly DenseCandidate[]): Layout | undefined {
  return layers.find((layer) => layer.layout)?.layout;
}

function chains(layers: readonly DenseCandidate[], layout: Layout): boolean {
  return layers.every((layer, i) => {
    const { bias, weight } = layer;
    if (bias && bias.data.length !== rowsOf(weight, layout)) return false;
    return i === 0 || colsOf(weight, layout) === rowsOf(layers[i - 1].weight, layout);
  });
}

/** Outputs of a layer with this weight. */
export function rowsOf(weight: Tensor, layout: Layout): number {
  return weight.shape[layout === 'out,in' ? 0 : 1];
}

/** Inputs of a layer with this weight. */
export function colsOf(weight: Tensor, layout: Layout): number {
  return weight.shape[layout === 'out,in' ? 1 : 0];
}

/** Transposes that were made, so that a matrix which several layers use stays one tensor. */
const transposed = new WeakMap<Tensor, Tensor>();

/** The matrix as [out, in]; the same tensor each time it is asked for. */
export function outIn(weight: Tensor, layout: Layout): Tensor {
  if (layout === 'out,in') return weight;
  const known = transposed.get(weight);
  if (known) return known;
  const [cols, rows] = weight.shape;
  const data = new Float64Array(rows * cols);
  for (let c = 0; c < cols; c++) for (let r = 0; r < rows; r++) data[r * cols + c] = weight.data[c * rows + r];
  const result = { shape: [rows, cols], data };
  transposed.set(weight, result);
  return result;
}

/** Widths of a chain in words: `2-20-20-1`. */
export function describeWidths(layers: readonly DenseCandidate[], layout: Layout): string {
  return [colsOf(layers[0].weight, layout), ...layers.map(({ weight }) => rowsOf(weight, layout))].join('-');
}
