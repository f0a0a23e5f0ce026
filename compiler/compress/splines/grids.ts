import { MAX_SPLINE_SEGMENTS } from '../../model/spline.js';
import { leastSquares, polish, type SplineFit } from './polish.js';
import { type AxisBasis, axisBasis, fitAlong, type Tensor, valuesAlong } from './tensor.js';

/** The segments of a spline's axes: as few coefficients as keep a limit. */

export interface GridFit extends SplineFit {
  bases: readonly AxisBasis[];
}

/** Degrees that are looked at; odd ones have their knots where segments meet, even ones between them. */
const DEGREES = [3, 4, 5] as const;
/** Samples per basis function at least: with fewer, errors hide between them. */
const SAMPLES_PER_FUNCTION = 2.5;
/** Part of the error of least squares that polishing may leave. */
const POLISHED = 0.45;
/** Budgets of coefficients that are polished. */
const BISECTIONS = 6;

/** How large the error is that an axis makes by itself, by its segments, others being exact. */
interface AxisErrors {
  segments: number[];
  errors: number[];
  bases: AxisBasis[];
}

export interface GridRequest {
  /** Dimensions [outputs, samples of each axis]. */
  values: Tensor;
  /** Places of the samples of each axis, in 0 .. 1. */
  samples: readonly Float64Array[];
  /** Largest error that is allowed at the samples. */
  limit: number;
  /** Only fewer coefficients than this are of interest. */
  most: number;
  /** Awaited now and then: true ends the search. */
  checkpoint: () => Promise<boolean>;
}

export class GridSearch {
  private readonly axes = new Map<number, AxisErrors[]>();

  constructor(
    private readonly values: Tensor,
    private readonly samples: readonly Float64Array[],
    private readonly checkpoint: () => Promise<boolean>,
  ) {}

  /**
   * The spline of fewest coefficients whose errors at the samples are within the limit: by least squares first, for every
   * degree, then with the largest errors fitted away on fewer segments.
   * @param most only fewer coefficients are of interest
   */
  async smallest(limit: number, most: number): Promise<GridFit | undefined> {
    let best: GridFit | undefined;
    let size = most;
    for (const degree of DEGREES) {
      if (await this.checkpoint()) return best;
      const found = this.byLeastSquares(degree, limit, size);
      if (!found) continue;
      best = found;
      size = sizeOf(found.bases, this.outputs);
    }
    const degrees = best ? [best.bases[0].degree] : DEGREES;
    for (const degree of degrees) {
      const polished = await this.polished(degree, limit, size);
      if (!polished) continue;
      best = polished;
      size = sizeOf(polished.bases, this.outputs);
    }
    return best;
  }

  private get outputs(): number {
    return this.values.dims[0];
  }

  private byLeastSquares(degree: number, limit: number, most: number): GridFit | undefined {
    for (const { bases, size } of this.candidates(degree, limit)) {
      if (size >= most) return undefined;
      const fit = leastSquares(this.values, bases);
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
      const start = leastSquares(this.values, chosen.bases);
      const fit = start.error <= limit ? start : polish(this.values, chosen.bases, start, limit);
      if (fit) {
        best = { ...fit, bases: chosen.bases };
        high = Math.log(chosen.size);
      } else low = Math.log(budget);
    }
    return best;
  }

  /** Segments of all axes whose errors alone are within the limit, fewest coefficients first. */
  private candidates(degree: number, limit: number): { bases: AxisBasis[]; size: number; estimate: number }[] {
    const axes = this.errorsOf(degree);
    let list: { bases: AxisBasis[]; square: number }[] = [{ bases: [], square: 0 }];
    for (const { bases, errors } of axes) {
      list = list.flatMap((head) =>
        bases.flatMap((basis, i) => {
          const square = head.square + errors[i] ** 2;
          return errors[i] <= limit ? [{ bases: [...head.bases, basis], square }] : [];
        }),
      );
    }
    return list
      .map(({ bases, square }) => ({ bases, size: sizeOf(bases, this.outputs), estimate: Math.sqrt(square) }))
      .filter(({ estimate }) => estimate <= ESTIMATE_SLACK * limit)
      .sort((a, b) => a.size - b.size || a.estimate - b.estimate);
  }

  private errorsOf(degree: number): AxisErrors[] {
    const known = this.axes.get(degree);
    if (known) return known;
    const found = this.samples.map((samples, k): AxisErrors => {
      const segments = segmentLadder(samples.length / SAMPLES_PER_FUNCTION - degree, this.samples.length);
      const bases = segments.map((n) => axisBasis(samples, n, degree));
      const errors = bases.map((basis) => axisError(this.values, k + 1, basis));
      return { segments, bases, errors };
    });
    this.axes.set(degree, found);
    return found;
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
