import type { IrGraph, WeightBits } from '../ir/types.js';
import { costOf, type Purpose, storedBytes, weightBytes } from './cost.js';
import type { MatrixReport } from './hmatrix.js';
import { refineLarge } from './lbfgs.js';
import { truncate, weightedSpectra } from './lowrank.js';
import { sparseBytes, zeroSmallest } from './magnitude.js';
import { irParameterCount, trainableCount } from './parameters.js';
import { roundWithin } from './precision.js';
import { analyzeChannels, pruneTo, rankAt } from './prune.js';
import { type Checkpoint, LARGEST_NORMAL_EQUATIONS, type Refined, type RefineOptions, refine } from './refine.js';
import { roundWeights } from './rounding.js';
import { plainSpectra } from './svd.js';
import { type Samples, shareOf, type Teacher } from './teacher.js';

/**
 * Single methods: each has one setting, from nearly no change to as small as can be. The largest setting that keeps the
 * tolerance is found without refinement first, and then with it, from there on.
 */

export const SINGLE_METHODS = ['prune', 'lowrank', 'svd', 'magnitude', 'int8', 'int16'] as const;
export type SingleMethod = (typeof SINGLE_METHODS)[number];

export interface Attempt {
  what: string;
  parameters: number;
  /** Weight bytes as the method stores them. */
  bytes: number;
  /** What the search makes small: bytes with records, or multiply-adds. */
  cost: number;
  /** Share of the tolerance on points that refinement did not see. */
  error: number;
  kept: boolean;
}

/** The networks that a method makes of a graph. */
export interface Family {
  /** What the setting is, for messages. */
  what: string;
  /** Smallest and largest setting; errors grow with it. */
  settings: readonly [smallest: number, largest: number];
  apply(setting: number): IrGraph;
  /** Weight bytes as the method stores them; `bits` in place of the precisions that the matrices state, else 16. */
  bytesOf(graph: IrGraph, bits?: WeightBits): number;
  /** Zeros stay zeros in refinement: they are what the method has gained. */
  keepZeros?: boolean;
}

const bytesOf = (graph: IrGraph, bits?: WeightBits) => (bits ? weightBytes(graph, bits) : storedBytes(graph));

/** @returns undefined where the method has no setting, or finds nothing in the graph to work on */
export function familyOf(method: SingleMethod, teacher: Teacher, graph: IrGraph): Family | undefined {
  switch (method) {
    case 'prune': {
      const analysis = analyzeChannels(teacher, graph);
      if (!analysis.groups.length) return undefined;
      const apply = (error: number) =>
        pruneTo(
          teacher,
          analysis,
          analysis.groups.map((group) => rankAt(group, error)),
        );
      return { what: 'rank error', settings: [1e-8, 1], apply, bytesOf };
    }
    case 'lowrank':
    case 'svd': {
      const spectra = method === 'svd' ? plainSpectra(graph) : weightedSpectra(teacher, graph);
      const apply = (error: number) => truncate(graph, spectra, error);
      return { what: 'norm error', settings: [1e-8, 1], apply, bytesOf };
    }
    case 'magnitude': {
      const apply = (share: number) => zeroSmallest(graph, share);
      return { what: 'share of zeros', settings: [1e-3, 0.999], apply, bytesOf: sparseBytes, keepZeros: true };
    }
    default:
      return undefined;
  }
}

export interface SingleOptions {
  /** Share of the tolerance that may be spent. */
  share: number;
  purpose: Purpose;
  /** Round the weights of the result to the least precision per matrix that keeps the share. */
  round: boolean;
  /** Refine the weights that are left. */
  refine: boolean;
  /** Multiply-adds of refinement at most. */
  maxWork: number;
  /** Only networks that measure less than this are of interest: bytes as the method stores them, or multiply-adds. */
  beat?: number;
  onAttempt?: (attempt: Attempt) => void;
  checkpoint?: Checkpoint;
}

export interface Found {
  graph?: IrGraph;
  bytes?: number;
  attempts: Attempt[];
  /** Structure of each matrix, where the method makes structured ones. */
  matrices?: readonly MatrixReport[];
  /** True where refinement made the network. */
  refined?: boolean;
}

const STEPS = 48;
/** Steps of L-BFGS that a step of Levenberg-Marquardt is worth. */
const LBFGS_STEPS = 3;
const BISECTIONS = 10;
const REFINED_TRIES = 4;

/** Levenberg-Marquardt, or L-BFGS for a network too large for J^T J that is asked for more than small errors. */
export function refineAny(teacher: Teacher, graph: IrGraph, pool: Samples, options: RefineOptions): Promise<Refined> {
  const penalized = options.keepZeros || options.blockRank;
  if (!penalized || trainableCount(graph) <= LARGEST_NORMAL_EQUATIONS) return refine(teacher, graph, pool, options);
  return refineLarge(teacher, graph, pool, { ...options, maxSteps: LBFGS_STEPS * options.maxSteps });
}

export async function runSingle(
  method: SingleMethod,
  teacher: Teacher,
  graph: IrGraph,
  pool: Samples,
  unseen: Samples,
  options: SingleOptions,
): Promise<Found> {
  const run = new Run(teacher, pool, unseen, options);
  if (method === 'int8' || method === 'int16') {
    const bits = method === 'int8' ? 8 : 16;
    const rounded = roundWeights(graph, bits);
    const bytes = weightBytes(rounded, bits);
    const { kept } = run.record(`${bits} bit`, rounded, bytes);
    return { ...run.found(), bytes: kept ? bytes : undefined };
  }
  const family = familyOf(method, teacher, graph);
  if (family) await run.search(family);
  const found = run.found();
  if (!family || !found.graph) return found;
  const rounded = options.round ? roundWithin(teacher, found.graph, unseen, options.share) : undefined;
  const stored = rounded ?? found.graph;
  return { ...found, graph: stored, bytes: family.bytesOf(stored, options.round && !rounded ? 32 : undefined) };
}

class Run {
  private readonly attempts: Attempt[] = [];
  private best?: IrGraph;
  /** Of refinement, by the bytes of the networks. */
  private readonly outcomes = new Map<number, boolean>();
  private bestRefined = false;
  private work = 0;
  private stopped = false;

  constructor(
    private readonly teacher: Teacher,
    private readonly pool: Samples,
    private readonly unseen: Samples,
    private readonly options: SingleOptions,
  ) {}

  found(): Found {
    return { graph: this.best, attempts: this.attempts, refined: this.bestRefined };
  }

  async search(family: Family): Promise<void> {
    const [smallest, largest] = family.settings.map(Math.log);
    if (!this.wins(family, family.apply(Math.exp(largest)))) return;
    let low = await this.unrefined(family, smallest, largest);
    let high = largest;
    for (let n = 0; this.options.refine && n < REFINED_TRIES && !this.exhausted(); n++) {
      const middle = (low + high) / 2;
      if (await this.refined(family, middle)) low = middle;
      else high = middle;
    }
  }

  private wins(family: Family, graph: IrGraph): boolean {
    const { beat = Number.POSITIVE_INFINITY, purpose } = this.options;
    return (purpose === 'size' ? family.bytesOf(graph, 8) : costOf(graph, purpose)) < beat;
  }

  record(what: string, graph: IrGraph, bytes: number): Attempt {
    const { teacher, unseen, options } = this;
    const error = shareOf(teacher, graph, unseen);
    const kept = error <= options.share;
    if (kept) {
      this.best = graph;
      this.outcomes.set(bytes, true);
    }
    const cost = costOf(graph, options.purpose);
    const attempt = { what, parameters: irParameterCount(graph), bytes, cost, error, kept };
    this.attempts.push(attempt);
    options.onAttempt?.(attempt);
    return attempt;
  }

  private exhausted(): boolean {
    return this.stopped || this.work > this.options.maxWork;
  }

  private checkpoint = async (): Promise<boolean> => {
    this.stopped ||= (await this.options.checkpoint?.()) ?? false;
    return this.stopped;
  };

  /** The largest setting that keeps the tolerance as it is; settings are logarithms. */
  private async unrefined(family: Family, smallest: number, largest: number): Promise<number> {
    let [low, high] = [smallest, largest];
    for (let n = 0; n < BISECTIONS && !(await this.checkpoint()); n++) {
      const middle = (low + high) / 2;
      const setting = Math.exp(middle);
      const graph = family.apply(setting);
      if (this.record(`${family.what} ${setting.toPrecision(2)}`, graph, family.bytesOf(graph)).kept) low = middle;
      else high = middle;
    }
    return low;
  }

  /**
   * Refines the network of a setting. One that would not win even so counts as a success: what a search without `beat`
   * looks at after that is larger still, and what it looks at after a success is looked at.
   */
  private async refined(family: Family, at: number): Promise<boolean> {
    const setting = Math.exp(at);
    const start = family.apply(setting);
    const bytes = family.bytesOf(start);
    if (!this.wins(family, start)) return true;
    // Settings between two ranks give the same network.
    const known = this.outcomes.get(bytes);
    if (known !== undefined) return known;
    const { graph, work } = await refineAny(this.teacher, start, this.pool, {
      target: 0.94 * this.options.share,
      maxSteps: STEPS,
      checkpoint: this.checkpoint,
      keepZeros: family.keepZeros,
    });
    this.work += work;
    const { kept } = this.record(`${family.what} ${setting.toPrecision(2)}, refined`, graph, family.bytesOf(graph));
    this.bestRefined ||= kept;
    this.outcomes.set(bytes, kept);
    return kept;
  }
}
