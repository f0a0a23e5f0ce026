import { withoutBlocks, withoutFactors } from '../ir/blocks.js';
import { foldGraph } from '../ir/simplify.js';
import type { IrGraph } from '../ir/types.js';
import type { TreeOptions } from './block-tree.js';
import { storedBytes, weightBytes } from './cost.js';
import { analyzeHierarchy, type HierarchyAnalysis, type MatrixReport, toHierarchical } from './hmatrix.js';
import { trainableCount } from './parameters.js';
import { roundWithin } from './precision.js';
import type { Checkpoint } from './refine.js';
import { type Attempt, refineAny } from './single.js';
import { makePool, type Samples, shareOf, type Teacher } from './teacher.js';
import { recoverTrains, toTensorTrains } from './tt.js';

/**
 * The coarsest structured weights that keep a share of the tolerance: the error that all matrices together may make, to
 * first order, is raised as far as the network keeps the share by itself, and then, as long as refinement of the
 * remaining weights brings it back, further.
 */
export interface StructuredOptions {
  method: 'hmatrix' | 'tt';
  /** Share of the tolerance that may be spent. */
  target: number;
  tree: TreeOptions;
  refine: boolean;
  /** Weight of the block-rank regularisation; 0 for none. */
  blockRank: number;
  /** Only networks of fewer bytes than this are of interest. */
  beat?: number;
  maxWork: number;
  onAttempt?: (attempt: Attempt) => void;
  checkpoint?: Checkpoint;
}

export interface StructuredResult {
  graph?: IrGraph;
  bytes?: number;
  matrices?: MatrixReport[];
  attempts: Attempt[];
}

const BISECTIONS = 10;
const SMALLEST_ERROR = 1e-5;
const LARGEST_ERROR = 1e3;
/** Refinement starts where the structure alone may be this much worse than without, and each attempt is this much better. */
const COARSEST = 4096;
const STRIDE = 2;
/** Blocks are this much more accurate before block-rank regularisation lowers their ranks. */
const FINER = 8;
const STEPS = 100;
/** Refinement aims below the target: for points that it does not see, and for the rounding to a precision. */
const AIM = 0.8;

export async function searchStructured(
  teacher: Teacher,
  unseen: Samples,
  graph: IrGraph,
  options: StructuredOptions,
): Promise<StructuredResult> {
  return new Search(teacher, unseen, graph, options).run();
}

interface Candidate {
  graph: IrGraph;
  matrices: MatrixReport[];
}

class Search {
  private readonly attempts: Attempt[] = [];
  private readonly dense: IrGraph;
  private best?: Candidate & { bytes: number };
  private work = 0;
  private stopped = false;

  constructor(
    private readonly teacher: Teacher,
    private readonly unseen: Samples,
    graph: IrGraph,
    private readonly options: StructuredOptions,
  ) {
    this.dense = withoutBlocks(graph);
  }

  async run(): Promise<StructuredResult> {
    const analysis = this.analyze(this.dense);
    if (analysis.layers.size) {
      const error = await this.withoutRefinement(analysis);
      if (this.options.refine) await this.withRefinement(analysis, error);
    }
    const { best, attempts, teacher, unseen, options } = this;
    // The precision of a structure is that of a bound; what the network needs is often less.
    const rounded = best && roundWithin(teacher, best.graph, unseen, options.target);
    const graph = rounded ?? best?.graph;
    return { graph, bytes: graph && storedBytes(graph), matrices: best?.matrices, attempts };
  }

  private analyze(graph: IrGraph): HierarchyAnalysis {
    const { method, tree } = this.options;
    // A tensor train needs the spectrum of the whole matrix only, and no order of the neurons.
    return analyzeHierarchy(this.teacher, graph, method === 'tt' ? { ...tree, shape: 'dense' } : tree, method !== 'tt');
  }

  private structure(analysis: HierarchyAnalysis, error: number): Candidate {
    const { graph, matrices } = (this.options.method === 'tt' ? toTensorTrains : toHierarchical)(analysis, error);
    return { graph: foldGraph(graph), matrices };
  }

  /** The largest error that the network keeps the target with; on a logarithmic scale. */
  private async withoutRefinement(analysis: HierarchyAnalysis): Promise<number> {
    let [low, high] = [Math.log(SMALLEST_ERROR), Math.log(LARGEST_ERROR)];
    for (let n = 0; n < BISECTIONS && !(await this.stop()); n++) {
      const middle = (low + high) / 2;
      const candidate = this.structure(analysis, Math.exp(middle));
      if (this.judge(candidate, `error ${Math.exp(middle).toPrecision(2)}`)) low = middle;
      else high = middle;
    }
    return Math.exp(low);
  }

  /** From the coarsest structure to finer ones, until refinement reaches the target: small networks are quick to refine. */
  private async withRefinement(analysis: HierarchyAnalysis, start: number): Promise<void> {
    let last = 0;
    for (let error = start * COARSEST; error > start && !(await this.stop()); error /= STRIDE) {
      const structure = this.structure(analysis, error);
      const size = trainableCount(structure.graph);
      if (size === last || structure.matrices.some((matrix) => matrix.structure === 'empty')) continue;
      last = size;
      // Finer ones take more still.
      if (weightBytes(structure.graph, 8) >= (this.options.beat ?? Number.POSITIVE_INFINITY)) return;
      if (this.work > this.options.maxWork || (await this.refined(structure, error))) return;
    }
  }

  /** Refines the weights of a structure, rounds them to the least precision, and looks. */
  private async refined(start: Candidate, error: number): Promise<boolean> {
    const { blockRank } = this.options;
    const what = `error ${error.toPrecision(2)}, refined`;
    if (!blockRank) return this.judge({ ...start, graph: await this.refine(start.graph, 0) }, what, true);
    // With block-rank regularisation the ranks of the blocks fall; what is left of them is put into blocks again.
    const regularised = await this.refine(this.structure(this.analyze(this.dense), error / FINER).graph, blockRank);
    const again = this.structure(this.analyze(withoutFactors(withoutBlocks(regularised))), error);
    return this.judge({ ...again, graph: await this.refine(again.graph, 0) }, `${what}, blocks regularised`, true);
  }

  private async refine(graph: IrGraph, blockRank: number): Promise<IrGraph> {
    const { teacher, options } = this;
    const pool = makePool(teacher);
    const target = AIM * options.target;
    const refined = await refineAny(teacher, graph, pool, {
      target: blockRank ? target / 4 : target,
      maxSteps: STEPS,
      blockRank,
      checkpoint: () => this.stop(),
    });
    this.work += refined.work;
    return foldGraph(recoverTrains(refined.graph));
  }

  /** @param refined then the weights are no longer those that the structure rounded to its precision */
  private judge(candidate: Candidate, what: string, refined = false): boolean {
    const { teacher, unseen, options } = this;
    let { graph } = candidate;
    let share = shareOf(teacher, graph, unseen);
    if (refined && share <= options.target) {
      const rounded = roundWithin(teacher, graph, unseen, options.target);
      if (rounded) graph = rounded;
      share = rounded ? shareOf(teacher, rounded, unseen) : Number.POSITIVE_INFINITY;
    }
    const bytes = storedBytes(graph);
    const keeps = share <= options.target;
    const kept = keeps && bytes < (this.best?.bytes ?? 4 * trainableCount(teacher.graph) + 1);
    if (kept) this.best = { ...candidate, graph, bytes };
    const attempt = { what, parameters: trainableCount(graph), bytes, cost: bytes, error: share, kept };
    this.attempts.push(attempt);
    options.onAttempt?.(attempt);
    return keeps;
  }

  private async stop(): Promise<boolean> {
    this.stopped ||= (await this.options.checkpoint?.()) ?? false;
    return this.stopped;
  }
}
