import { normalEquations } from '../../ir/jacobian.js';
import { createGram, type Gram } from '../../ir/linear-algebra/gram.js';
import { type ParameterLayout, parameterLayout, readParameters, writeParameters } from '../../ir/parameters.js';
import type { IrGraph } from '../../ir/types.js';
import { residuals, type Samples, type Teacher } from '../teacher/teacher.js';

/**
 * Levenberg-Marquardt with variable projection (Golub and Pereyra, SIAM J. Numer. Anal. 10 (1973) 413, doi 10.1137/0710036):
 * the outputs depend on the last matrices linearly, so these are solved for, and only the weights before them take damped
 * steps. In Kaufman's form (BIT 15 (1975) 49, doi 10.1007/BF01932995) a step of the reduced problem is that of the whole
 * one without damping of the linear weights: the elimination in its Cholesky factor is the projection.
 */
export class Projection {
  /** Mean of the squared residuals, in units of the allowed errors. */
  square = Number.POSITIVE_INFINITY;
  errors: Float64Array = new Float64Array(0);
  work = 0;
  private damping = FIRST_DAMPING;
  private readonly layout: ParameterLayout;
  private readonly linear: ParameterLayout;
  private readonly isLinear: Uint8Array;
  private readonly whole: Gram;
  private readonly last: Gram;

  /**
   * @param graph with arrays of its own, which are changed
   * @param heads those of them that the outputs depend on linearly
   */
  constructor(
    private readonly teacher: Teacher,
    private readonly graph: IrGraph,
    private readonly heads: readonly { readonly weight: Float64Array; readonly bias: Float64Array }[],
    private samples: Samples,
  ) {
    this.layout = parameterLayout(graph);
    this.isLinear = new Uint8Array(this.layout.size);
    const offsets = new Map<Float64Array, number>();
    let size = 0;
    for (const array of heads.flatMap(({ weight, bias }) => [weight, bias])) {
      offsets.set(array, size);
      size += array.length;
      const at = this.layout.offsets.get(array)!;
      this.isLinear.fill(1, at, at + array.length);
    }
    this.linear = { offsets, size };
    this.whole = createGram(this.layout.size);
    this.last = createGram(size);
    this.solveLast();
  }

  setSamples(samples: Samples): void {
    this.samples = samples;
    this.solveLast();
  }

  /** One accepted step; false where none lowers the sum of squares. */
  step(): boolean {
    const { teacher, graph, samples, layout, whole, isLinear } = this;
    const gradient = new Float64Array(layout.size);
    const ones = new Float64Array(this.errors.length).fill(1);
    normalEquations(teacher, teacher.sent(graph), samples.points, this.errors, ones, { gram: whole, gradient }, layout);
    this.work += this.errors.length * layout.size ** 2;
    const theta = readParameters(graph);
    const noise = this.noiseOf(whole, layout);
    noise.forEach((n, k) => {
      gradient[k] += n * theta[k];
    });
    const before = this.square;
    for (let tries = 0; tries < TRIES; tries++) {
      const damping = dampingOf(whole, layout.size, (k) => (isLinear[k] ? RIDGE : this.damping));
      noise.forEach((n, k) => {
        damping[k] += n;
      });
      if (whole.factorize(damping)) {
        const delta = gradient.slice();
        whole.solve(delta);
        writeParameters(
          graph,
          theta.map((t, k) => t - delta[k]),
        );
        this.solveLast();
        if (this.square < before) {
          this.damping = Math.max(SMALLEST_DAMPING, this.damping / EASIER);
          return true;
        }
      }
      this.damping *= HARDER;
    }
    writeParameters(graph, theta);
    this.solveLast();
    this.damping = FIRST_DAMPING;
    return false;
  }

  /** The last matrices by linear least squares: exact where what comes after them is linear, a Gauss-Newton step else. */
  private solveLast(): void {
    const { teacher, graph, samples, linear, last } = this;
    const before = residuals(teacher, graph, samples);
    const gradient = new Float64Array(linear.size);
    const ones = new Float64Array(before.length).fill(1);
    normalEquations(teacher, teacher.sent(graph), samples.points, before, ones, { gram: last, gradient }, linear);
    this.work += before.length * linear.size ** 2;
    this.errors = before;
    const noise = this.noiseOf(last, linear);
    const damping = dampingOf(last, linear.size, () => RIDGE);
    for (const [array, at] of linear.offsets) {
      array.forEach((w, i) => {
        gradient[at + i] += noise[at + i] * w;
        damping[at + i] += noise[at + i];
      });
    }
    if (last.factorize(damping)) {
      last.solve(gradient);
      for (const [array, at] of linear.offsets) for (let i = 0; i < array.length; i++) array[i] -= gradient[at + i];
      this.errors = residuals(teacher, graph, samples);
    }
    let penalty = 0;
    for (const [array, at] of linear.offsets)
      array.forEach((w, i) => {
        penalty += noise[at + i] * w * w;
      });
    this.square = meanSquare(this.errors) + penalty / this.errors.length;
  }

  /**
   * What the errors of neurons' values on the device, {@link VALUE_ERROR} each, add to the sum of squares per squared weight
   * of the last matrices, zero for all other parameters: large weights that cancel one another would ask for function tables of
   * as many digits more.
   */
  private noiseOf({ sum, size }: Gram, { offsets, size: parameters }: ParameterLayout): Float64Array {
    const noise = new Float64Array(parameters);
    for (const { weight, bias } of this.heads) {
      const columns = weight.length / bias.length;
      const at = offsets.get(weight)!;
      const biasAt = offsets.get(bias)!;
      for (let i = 0; i < weight.length; i++) {
        const b = biasAt + Math.floor(i / columns);
        noise[at + i] = VALUE_ERROR ** 2 * sum[b * size + b];
      }
    }
    return noise;
  }
}

const FIRST_DAMPING = 1e-2;
const SMALLEST_DAMPING = 1e-8;
/** Factors on the damping after a step that was taken, and after one that was not. */
const EASIER = 4;
const HARDER = 6;
const TRIES = 6;
/** Root mean square error of a neuron's value that is counted with: of values and tables in 16 bits. */
const VALUE_ERROR = 2 ** -15;
/** Of the diagonal: keeps neurons that are nearly alike from cancelling one another. */
const RIDGE = 1e-10;

function dampingOf({ sum, size }: Gram, parameters: number, of: (k: number) => number): Float64Array {
  let most = 0;
  for (let k = 0; k < parameters; k++) most = Math.max(most, sum[k * size + k]);
  return Float64Array.from({ length: parameters }, (_, k) => {
    return of(k) * Math.max(sum[k * size + k], 1e-8 * most) + 1e-300;
  });
}

function meanSquare(errors: Float64Array): number {
  const mean = errors.reduce((sum, r) => sum + r * r, 0) / errors.length;
  return Number.isNaN(mean) ? Number.POSITIVE_INFINITY : mean;
}
