import { MAX_SPLINE_SEGMENTS } from '../../model/spline.js';
import { type AxisBasis, axisBasis, everyOther, fitAlong, type Tensor, valuesAlong } from './coefficient-tensor.js';
import { leastSquares, polish, type SplineFit, type Wanted } from './polish.js';

/** The segments of a spline's axes: as few coefficients as keep a limit. */

export interface GridFit extends SplineFit {
  bases: readonly AxisBasis[];
}

/** Samples per basis function at least: with fewer, errors hide between them. */
const SAMPLES_PER_FUNCTION = 2;
/** Part of the error of least squares that polishing may leave. */
const POLISHED = 0.45;
/** Budgets of coefficients that are polished. */
const BISECTIONS = 6;

/** How large the error is that an axis makes by itself, by its segments, others being exact. */
interface AxisErrors {
  segments: number[];
  errors: number[];
}

/** What is fitted, and the places of its samples along each axis, in 0 .. 1. */
export interface Sampled extends Wanted {
  readonly samples: readonly Float64Array[];
}

interface Candidate {
  segments: number[];
  size: number;
  estimate: number;
}

export class GridSearch {
  private readonly errors = new Map<number, AxisErrors[]>();
  private readonly bases = new Map<string, AxisBasis>();
  /** Every other sample, by which candidates are chosen. */
  private readonly coarse: Sampled;

  constructor(
    private readonly fine: Sampled,
    /** Those that are looked at; odd ones have their knots where segments meet, even ones between them. */
    private readonly degrees: readonly number[],
    private readonly checkpoint: () => Promise<boolean>,
  ) {
    const samples = fine.samples.map((places) => places.filter((_, i) => i % 2 === 0));
    this.coarse = { ...fine, values: everyOther(fine.values), samples };
  }

  /**
   * The spline of fewest coefficients whose errors at the samples are within the limit: by least squares first, for every
   * degree, then with the largest errors fitted away on fewer segments.
   * @param most only fewer coefficients are of interest
   */
  async smallest(limit: number, most: number): Promise<GridFit | undefined> {
    let best: GridFit | undefined;
    let size = most;
    for (const degree of this.degrees) {
      const found = await this.byLeastSquares(degree, limit, size);
      if (!found) continue;
      best = found;
      size = sizeOf(found.bases, this.outputs);
    }
    for (const degree of best ? [best.bases[0].degree] : this.degrees) {
      const polished = await this.polished(degree, limit, size);
      if (!polished) continue;
      best = polished;
      size = sizeOf(polished.bases, this.outputs);
    }
    return best;
  }

  private get outputs(): number {
    return this.fine.values.dims[0];
  }

  private async byLeastSquares(degree: number, limit: number, most: number): Promise<GridFit | undefined> {
    for (const { segments, size } of this.candidates(degree, limit)) {
      if (size >= most || (await this.checkpoint())) return undefined;
      if (leastSquares(this.coarse, this.basesOf('coarse', segments, degree)).error > limit) continue;
      const bases = this.basesOf('fine', segments, degree);
      const fit = leastSquares(this.fine, bases);
      if (fit.error <= limit) return { ...fit, bases };
    }
    return undefined;
  }

  private async polished(degree: number, limit: number, most: number): Promise<GridFit | undefined> {
    const all = this.candidates(degree, limit / POLISHED).filter(({ size }) => size < most);
    if (!all.length) return undefined;
    let best: GridFit | undefined;
    let [low, high] = [Math.log(all[0].size), Math.log(all[all.length - 1].size + 1)];
    for (let n = 0; n < BISECTIONS && !(await this.checkpoint()); n++) {
      const budget = Math.exp((low + high) / 2);
      const affordable = all.filter(({ size }) => size <= budget);
      const chosen = affordable.reduce((a, b) => (b.estimate < a.estimate ? b : a), affordable[0] ?? all[0]);
      const bases = this.basesOf('fine', chosen.segments, degree);
      const start = leastSquares(this.fine, bases);
      const fit = start.error <= limit ? start : polish(this.fine, bases, start, limit);
      if (fit) {
        best = { ...fit, bases };
        high = Math.log(chosen.size);
      } else low = Math.log(budget);
    }
    return best;
  }

  /** Segments of all axes whose errors alone are within the limit, fewest coefficients first. */
  private candidates(degree: number, limit: number): Candidate[] {
    let list: { segments: number[]; square: number }[] = [{ segments: [], square: 0 }];
    for (const { segments, errors } of this.errorsOf(degree)) {
      list = list.flatMap((head) =>
        segments.flatMap((n, i) => {
          const square = head.square + errors[i] ** 2;
          return errors[i] <= limit ? [{ segments: [...head.segments, n], square }] : [];
        }),
      );
    }
    return list
      .map(({ segments, square }): Candidate => {
        const size = segments.reduce((product, n) => product * (n + degree), this.outputs);
        return { segments, size, estimate: Math.sqrt(square) };
      })
      .filter(({ estimate }) => estimate <= ESTIMATE_SLACK * limit)
      .sort((a, b) => a.size - b.size || a.estimate - b.estimate);
  }

  private errorsOf(degree: number): AxisErrors[] {
    const known = this.errors.get(degree);
    if (known) return known;
    const { values, samples } = this.coarse;
    const found = samples.map((places, k): AxisErrors => {
      const segments = segmentLadder(places.length / SAMPLES_PER_FUNCTION - degree, samples.length);
      const errors = segments.map((n) => axisError(values, k + 1, this.basisOf('coarse', k, n, degree)));
      return { segments, errors };
    });
    this.errors.set(degree, found);
    return found;
  }

  private basesOf(grid: 'fine' | 'coarse', segments: readonly number[], degree: number): AxisBasis[] {
    return segments.map((n, k) => this.basisOf(grid, k, n, degree));
  }

  private basisOf(grid: 'fine' | 'coarse', axis: number, segments: number, degree: number): AxisBasis {
    const key = `${grid} ${axis} ${segments} ${degree}`;
    const known = this.bases.get(key) ?? axisBasis(this[grid].samples[axis], segments, degree);
    this.bases.set(key, known);
    return known;
  }
}

/** Errors of axes may partly cancel. */
const ESTIMATE_SLACK = 1.15;

/** Numbers of segments, every one at first and then in steps of a few per cent. */
function segmentLadder(most: number, axes: number): number[] {
  const list: number[] = [];
  const step = axes > 2 ? 1.12 : 1.04;
  for (let n = 1; n <= Math.min(most, MAX_SPLINE_SEGMENTS); n = Math.max(n + 1, Math.floor(n * step))) list.push(n);
  return list;
}

function axisError(values: Tensor, axis: number, basis: AxisBasis): number {
  const got = valuesAlong(fitAlong(values, axis, basis), axis, basis);
  let most = 0;
  for (let i = 0; i < values.data.length; i++) most = Math.max(most, Math.abs(got.data[i] - values.data[i]));
  return most;
}

export function sizeOf(bases: readonly AxisBasis[], outputs: number): number {
  return bases.reduce((n, { segments, degree }) => n * (segments + degree), outputs);
}
