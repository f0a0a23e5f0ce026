import type { AffineNode } from '../ir/types.js';
import { type QuantizedGraph, segmentsOf } from '../table/quantized-graph.js';

/** The grids on which the weights of a network may lie, as its formats are. */

/** Weights [rows x cols], row-major, and bias [rows] of an affine step, on their grids. */
export interface RoundedWeights {
  weight: Float64Array;
  bias: Float64Array;
}

/** Per affine step, what its weights are rounded to. */
export type Rounding = ReadonlyMap<AffineNode, RoundedWeights>;

/** Where the weights of a step may lie. */
export interface Grid {
  /** Distance of two neighbours, a power of two in the unit of the weights. */
  step(row: number, col: number): number;
  /** The value, or the nearest that the weights' width holds. */
  clamp(row: number, col: number, value: number): number;
  biasStep: number;
  /** Steps of the columns up to a factor that is the row's, then of the bias. */
  columnSteps(): Float64Array;
}

/** The grid of a step's weights in a quantised graph. */
export function gridOf(node: AffineNode, quantized: QuantizedGraph): Grid {
  const format = quantized.affine.get(node)!;
  const { exponent } = quantized.formats.get(node)!;
  const columns = segmentsOf(node.x).flatMap(({ leaf, width }) =>
    Array<number>(width).fill(quantized.formats.get(leaf)!.exponent),
  );
  const step = (row: number, col: number) => 2 ** (columns[col] - format.shifts[row] - exponent);
  // The smallest integer is left out: a row that holds it would get a coarser grid.
  const limit = 2 ** (format.weightBits - 1) - 1;
  const biasStep = 2 ** -(exponent + format.guard);
  return {
    step,
    clamp: (row, col, value) => {
      const unit = step(row, col);
      return Math.min(limit, Math.max(-limit, value / unit)) * unit;
    },
    biasStep,
    columnSteps: () => Float64Array.from([...columns.map((_, c) => step(0, c)), biasStep]),
  };
}

/** Value `k` of all weights and biases, layer after layer, held to its layer's grid. */
export function clampTo(grids: readonly Grid[], layers: readonly AffineNode[], k: number, value: number): number {
  let at = k;
  for (const [l, layer] of layers.entries()) {
    if (at < layer.weight.length) return grids[l].clamp(Math.floor(at / layer.x.width), at % layer.x.width, value);
    at -= layer.weight.length;
    const stored = storedBias(layer).length;
    if (at < stored) return value;
    at -= stored;
  }
  return value;
}

/** Every weight at the nearest value of its grid. */
export function plainRounding(layers: readonly AffineNode[], grids: readonly Grid[]): Rounding {
  return new Map(
    layers.map((layer, l) => {
      const { step, clamp, biasStep } = grids[l];
      const cols = layer.x.width;
      const weight = layer.weight.map((w, i) => {
        const [r, c] = [Math.floor(i / cols), i % cols];
        return clamp(r, c, Math.round(w / step(r, c)) * step(r, c));
      });
      return [layer, { weight, bias: layer.bias.map((b) => Math.round(b / biasStep) * biasStep) }];
    }),
  );
}

/** A step's bias; none of a derivative, which has only zeros. */
export function storedBias({ tangent, bias }: AffineNode): Float64Array {
  return tangent ? new Float64Array() : bias;
}

/** Of a step's weight matrix. */
export function shapeOf({ width, x }: AffineNode): { rows: number; cols: number } {
  return { rows: width, cols: x.width };
}
