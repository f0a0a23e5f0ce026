import { forEachJacobianBlock } from '../../ir/jacobian.js';
import { GRAM_BLOCK } from '../../ir/linear-algebra/gram.js';
import type { IrGraph } from '../../ir/types.js';
import type { Penalty } from './penalties.js';
import { parametersOf, setParameters, type Weights } from './terms.js';

/**
 * The neural tangent kernel of a network in training, on a fixed sample (Jacot, Gabriel and Hongler, arXiv 1806.07572):
 * J J^T at unit trace, J the Jacobian of the outputs by the weights that are trained. At unit trace, because a kernel is a
 * sum over weights and grows with their number.
 */
export class TangentKernel {
  /** @param points fixed sample, row-major [count x inputs]; with all outputs at most GRAM_BLOCK of them */
  constructor(
    private readonly weights: Weights,
    private readonly network: IrGraph,
    private readonly points: Float64Array,
  ) {}

  /** Row-major [rows x rows], a row per point and output. */
  matrix(): Float64Array {
    return unitTrace(products(this.jacobian()));
  }

  /**
   * weight ||K - wanted||^2 / ||wanted||^2 with K the kernel. Its derivatives are those of J J^T along the rows of J, by
   * differences of the Jacobian: d (J_p . J_q) = H_p J_q + H_q J_p.
   */
  penalty(wanted: Float64Array, weight: number): Penalty {
    const unit = Math.sqrt(weight) / norm(wanted);
    const errors = (kernel: Float64Array) => kernel.map((k, i) => unit * (k - wanted[i]));
    const square = (values: Float64Array) => values.reduce((sum, v) => sum + v * v, 0);
    return {
      value: () => square(errors(this.matrix())),
      add: (gradient, gram) => {
        const jacobian = this.jacobian();
        const rows = jacobian.length;
        const all = products(jacobian);
        const trace = traceOf(all);
        const off = errors(all.map((v) => v / trace));
        const moved = jacobian.map((row) => this.along(row));
        const size = this.weights.layout.size;
        const ofTrace = new Float64Array(size);
        for (let p = 0; p < rows; p++) for (let k = 0; k < size; k++) ofTrace[k] += 2 * moved[p][p][k];
        gram?.jt.fill(0);
        let at = 0;
        for (let p = 0; p < rows; p++) {
          for (let q = 0; q <= p; q++) {
            // Entries beside the diagonal are there twice.
            const scale = p === q ? 1 : Math.SQRT2;
            const error = scale * off[p * rows + q];
            const part = all[p * rows + q] / trace;
            for (let k = 0; k < size; k++) {
              const slope = ((scale * unit) / trace) * (moved[q][p][k] + moved[p][q][k] - part * ofTrace[k]);
              gradient[k] += slope * error;
              if (gram) gram.jt[k * GRAM_BLOCK + at] = slope;
            }
            if (++at < GRAM_BLOCK) continue;
            gram?.addBlock();
            gram?.jt.fill(0);
            at = 0;
          }
        }
        gram?.addBlock();
        return square(off);
      },
    };
  }

  /** The rows of J, each [parameters]. */
  private jacobian(): Float64Array[] {
    const { layout, inputCount } = this.weights;
    const width = this.network.output.width;
    const count = this.points.length / inputCount;
    const jt = new Float64Array(layout.size * GRAM_BLOCK);
    const rows = Array.from({ length: count * width }, () => new Float64Array(layout.size));
    const visit = (start: number, size: number, component: number) => {
      for (let p = 0; p < size; p++) {
        const row = rows[(start + p) * width + component];
        for (let k = 0; k < layout.size; k++) row[k] = jt[k * GRAM_BLOCK + p];
      }
    };
    forEachJacobianBlock(this.network, this.points, inputCount, jt, visit, layout);
    return rows;
  }

  /** The derivative of every row of J along a direction in the space of weights: H_p times it. */
  private along(direction: Float64Array): Float64Array[] {
    const theta = parametersOf(this.weights);
    const length = norm(direction);
    if (!(length > 0)) return this.jacobian().map((row) => row.fill(0));
    const step = (STEP * Math.max(1, norm(theta))) / length;
    const at = (sign: number) => {
      setParameters(
        this.weights,
        theta.map((t, k) => t + sign * step * direction[k]),
      );
      return this.jacobian();
    };
    const [above, below] = [at(1), at(-1)];
    setParameters(this.weights, theta);
    return above.map((row, p) => row.map((v, k) => (v - below[p][k]) / (2 * step)));
  }
}

/** Of a central difference, relative to the norm of the weights: the cube root of what float64 resolves. */
const STEP = 1e-5;

/** ||a - b||_F / ||b||_F of two kernels at unit trace. */
export function kernelDistance(a: Float64Array, b: Float64Array): number {
  return norm(a.map((v, i) => v - b[i])) / (norm(b) || 1);
}

function products(rows: readonly Float64Array[]): Float64Array {
  const n = rows.length;
  return Float64Array.from({ length: n * n }, (_, i) => {
    const other = rows[i % n];
    return rows[Math.floor(i / n)].reduce((sum, v, k) => sum + v * other[k], 0);
  });
}

function traceOf(matrix: Float64Array): number {
  const n = Math.sqrt(matrix.length);
  let trace = 0;
  for (let i = 0; i < n; i++) trace += matrix[i * n + i];
  return trace || 1;
}

function unitTrace(matrix: Float64Array): Float64Array {
  const trace = traceOf(matrix);
  return matrix.map((v) => v / trace);
}

function norm(values: Float64Array): number {
  return Math.sqrt(values.reduce((sum, v) => sum + v * v, 0));
}
