import { addOuter, times, timesTransposed } from './exact-products.js';
import { FIXED, fixed, type Numbers } from './number-formats.js';
import { type Random, roundRows, roundToBlocks } from './smx.js';
import type { Chain, Layer, Parameter } from './trained-layers.js';

/** The matrices that a step multiplies by: a layer's own, each in blocks, or merged halves of its tensor train. */
export interface Factor {
  rows: number;
  cols: number;
  values: Float64Array;
  /** Sum of what the groups of points add; the same shape. */
  gradient: Float64Array;
  /** Takes the gradient to the parameters that the matrix is made of. */
  hand(gradients: Map<Parameter, Float64Array>, random?: Random): void;
}

/** Per layer the matrices of its products, in their order. */
export function factorsOf(layers: readonly Layer[], numbers?: Numbers): Factor[][] {
  return layers.map(({ structure, halves }) =>
    halves.flatMap((half) =>
      structure === 'merged' ? [merge(half, numbers)] : half.matrices.map((m) => own(m, numbers)),
    ),
  );
}

function rounded({ values, rows, cols }: Parameter, numbers?: Numbers): Float64Array {
  return numbers ? roundToBlocks(values, rows, cols, numbers.weights).values : values;
}

function own(matrix: Parameter, numbers?: Numbers): Factor {
  const { rows, cols } = matrix;
  const gradient = new Float64Array(rows * cols);
  const hand: Factor['hand'] = (gradients) => gradients.set(matrix, gradient);
  return { rows, cols, values: rounded(matrix, numbers), gradient, hand };
}

/** The unit vectors through the chain: column i of the merged matrix is what becomes of the i-th. */
function merge({ inputs, outputs, matrices }: Chain, numbers?: Numbers): Factor {
  let value = Float64Array.from({ length: inputs * inputs }, (_, i) => (i % (inputs + 1) === 0 ? 1 : 0));
  const cores = matrices.map((matrix) => ({ ...matrix, used: rounded(matrix, numbers), matrix }));
  const met: Float64Array[] = [];
  for (const { rows, cols, used } of cores) {
    met.push(value);
    const next = new Float64Array((value.length / cols) * rows);
    timesTransposed(value, used, value.length / cols, cols, rows, next);
    value = numbers ? next.map((x) => fixed(x, FIXED.merged, 4)) : next;
  }
  const merged = transposed(value, inputs, outputs);
  const parameter = { rows: outputs, cols: inputs, isBias: false, values: merged };
  const gradient = new Float64Array(outputs * inputs);
  const hand: Factor['hand'] = (gradients, random) => {
    let of: Float64Array = transposed(gradient, outputs, inputs);
    for (let c = cores.length - 1; c >= 0; c--) {
      const { rows, cols, used, matrix } = cores[c];
      const count = of.length / rows;
      // In blocks of the merged matrix's gradient first, then of the values between the cores.
      if (numbers)
        roundRows(of, of, { first: 0, rows: inputs, cols: of.length / inputs }, numbers.weightGradients, random);
      const sum = new Float64Array(rows * cols);
      addOuter(of, met[c], count, rows, cols, sum);
      gradients.set(matrix, sum);
      if (c === 0) return;
      const next = new Float64Array(count * cols);
      times(of, used, count, rows, cols, next);
      of = next;
    }
  };
  return { rows: outputs, cols: inputs, values: rounded(parameter, numbers), gradient, hand };
}

/** [rows x cols] to [cols x rows]. */
function transposed(values: Float64Array, rows: number, cols: number): Float64Array {
  return Float64Array.from(values, (_, i) => values[(i % rows) * cols + Math.floor(i / rows)]);
}
