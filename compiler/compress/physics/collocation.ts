import { uniform } from '../../judge/points/random.js';
import { type Batch, errorsOf } from './objective.js';
import type { Term } from './terms.js';

/**
 * The points that a network is trained on, new ones every time: those of conditions are spread evenly, those of residuals
 * are drawn from a denser set with probabilities that grow with the residual (Wu et al., arXiv 2207.10289: |r| / mean + 1).
 */

export interface CollocationOptions {
  /** Points of the residuals. */
  count: number;
  seed: number;
  inputCount: number;
  /** Index of the input that is time, where residuals count only once those before them are small. */
  causal?: number;
}

/** Points of a face or curve at least. */
const LEAST_POINTS = 64;
/** How much denser the set is that residual points are drawn from, and that which networks are compared by. */
const POOL = 4;
const CHECK = 4;
/** Stretches of the Sobol sequence: one per seed, behind all that other stages read. */
const FIRST = 1 << 23;
const PER_SEED = 1 << 22;
const SEEDS = 256;

export class Collocation {
  private skip: number;
  /** Strictness of causal weights; it grows as the weights become even. */
  private strictness = 1e-2;
  private readonly random: () => number;

  constructor(
    private readonly terms: readonly Term[],
    private readonly options: CollocationOptions,
  ) {
    this.random = uniform(options.seed);
    this.skip = FIRST + (options.seed % SEEDS) * PER_SEED;
  }

  /** Fresh points for a while: those of the residuals where these are large at the weights of now. */
  draw(count = this.options.count): Batch[] {
    return this.terms.map((term) => {
      if (!term.isResidual) return this.evenly(term, count);
      const pool = this.evenly(term, POOL * count);
      const { inputCount } = this.options;
      return this.causally(choose(pool, errorsOf(pool, inputCount), count, inputCount, this.random));
    });
  }

  /** Points that are spread evenly and never drawn: what networks are compared by. */
  check(): Batch[] {
    const { skip } = this;
    this.skip = FIRST - PER_SEED;
    const batches = this.terms.map((term) => this.evenly(term, CHECK * this.options.count));
    this.skip = skip;
    return batches;
  }

  private evenly(term: Term, count: number): Batch {
    const points = term.points(Math.max(LEAST_POINTS, Math.ceil(term.density * count)), this.skip);
    this.skip += count;
    const found = points.length / this.options.inputCount;
    const shares = new Float64Array(found).fill(1 / found);
    return { term, points, count: found, wanted: term.wanted?.(points), shares };
  }

  /**
   * Causal training (Wang, Sankaran and Perdikaris, arXiv 2203.07404): a residual counts exp(-strictness times the sum of
   * the mean squares before it), over slices of time.
   */
  private causally(batch: Batch): Batch {
    const { causal, inputCount } = this.options;
    if (causal === undefined) return batch;
    const { points, count, term } = batch;
    const errors = errorsOf(batch, inputCount);
    const width = term.roots.length;
    const order = Array.from({ length: count }, (_, p) => p).sort(
      (a, b) => points[a * inputCount + causal] - points[b * inputCount + causal],
    );
    const shares = new Float64Array(count);
    let before = 0;
    let least = 1;
    for (let start = 0; start < count; start += Math.ceil(count / SLICES)) {
      const slice = order.slice(start, start + Math.ceil(count / SLICES));
      least = Math.exp(-this.strictness * before);
      let squares = 0;
      for (const p of slice) {
        shares[p] = least / count;
        for (let k = 0; k < width; k++) squares += errors[p * width + k] ** 2;
      }
      before += squares / slice.length;
    }
    if (least > EVEN && this.strictness < STRICTEST) this.strictness *= STRICTER;
    return { ...batch, shares };
  }
}

const SLICES = 32;
/** Where the last slice counts this much, the weights are even. */
const EVEN = 0.9;
const STRICTER = 3;
const STRICTEST = 100;

/**
 * Stratified resampling: every point as often as its probability says, on average. Which of the points that share a stratum it is
 * is left to chance: every so-many-th point of a Sobol sequence would lie in the same part of the box.
 */
function choose(pool: Batch, errors: Float64Array, count: number, inputCount: number, random: () => number): Batch {
  const width = pool.term.roots.length;
  const sizes = new Float64Array(pool.count);
  for (let i = 0; i < errors.length; i++) sizes[Math.floor(i / width)] += errors[i] ** 2;
  let mean = 0;
  for (let p = 0; p < pool.count; p++) {
    sizes[p] = Math.sqrt(sizes[p]);
    mean += sizes[p] / pool.count;
  }
  const isUseful = mean > 0 && Number.isFinite(mean);
  const points = new Float64Array(count * inputCount);
  let reached = 0;
  let chosen = 0;
  let next = random();
  for (let p = 0; p < pool.count; p++) {
    reached += ((isUseful ? (sizes[p] / mean + 1) / 2 : 1) * count) / pool.count;
    for (; chosen < count && reached >= chosen + next; chosen++, next = random()) {
      points.set(pool.points.subarray(p * inputCount, (p + 1) * inputCount), chosen * inputCount);
    }
  }
  for (; chosen < count; chosen++) points.set(pool.points.subarray(0, inputCount), chosen * inputCount);
  return { term: pool.term, points, count, shares: new Float64Array(count).fill(1 / count) };
}
