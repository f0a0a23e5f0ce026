import { withoutBlocks, withoutFactors } from '../../ir/blocks.js';
import { foldGraph } from '../../ir/simplify.js';
import type { IrGraph, WeightBits } from '../../ir/types.js';
import { sparseBytes, zeroSmallest } from '../comparisons/magnitude.js';
import { storedBytes, weightBytes } from '../graph-cost.js';
import type { TreeOptions } from '../matrices/block-tree.js';
import { analyzeHierarchy, type MatrixReport, toHierarchical } from '../matrices/hmatrix.js';
import { truncate, weightedSpectra } from '../matrices/lowrank.js';
import { plainSpectra } from '../matrices/svd.js';
import { recoverTrains, toTensorTrains } from '../matrices/tt.js';
import { analyzeChannels, pruneTo, rankAt } from '../neurons/prune.js';
import type { Teacher } from '../teacher/teacher.js';

/**
 * Methods that make a family of networks, from nearly no change to as small as can be, by one setting each; the quick ones
 * come first.
 */
export const FAMILY_METHODS = ['prune', 'lowrank', 'svd', 'magnitude', 'tt', 'hmatrix'] as const;
export type FamilyMethod = (typeof FAMILY_METHODS)[number];

/** A network with what was done to each matrix, where the method keeps account of it. */
export interface Candidate {
  graph: IrGraph;
  /** The network whose matrices these approximate, its neurons in the same order. */
  from?: IrGraph;
  matrices?: readonly MatrixReport[];
}

export interface Family {
  /** What the setting is, for messages. */
  what: string;
  /** Smallest and largest setting; errors grow with it. */
  settings: readonly [smallest: number, largest: number];
  apply(setting: number): Candidate;
  /** Weight bytes as the method stores them; `bits` in place of the precisions that the matrices state, else 16. */
  bytesOf(graph: IrGraph, bits?: WeightBits): number;
  /** Zeros stay zeros in refinement: they are what the method has gained. */
  keepZeros?: boolean;
  /** What refinement starts from, where a first refinement, with block-rank regularisation, comes before. */
  regularised?(setting: number, refine: (graph: IrGraph) => Promise<IrGraph>): Promise<Candidate>;
  /** What the method stores of a refined network. */
  stored?(graph: IrGraph): IrGraph;
}

export interface FamilyOptions {
  /** hmatrix: where blocks may be divided. */
  tree: TreeOptions;
  /** Weight of the block-rank regularisation; 0 for none. */
  blockRank: number;
}

const bytesOf = (graph: IrGraph, bits?: WeightBits) => (bits ? weightBytes(graph, bits) : storedBytes(graph));

/** @returns undefined where the method finds nothing in the graph to work on */
export function familyOf(
  method: FamilyMethod,
  teacher: Teacher,
  graph: IrGraph,
  options: FamilyOptions,
): Family | undefined {
  switch (method) {
    case 'prune': {
      const analysis = analyzeChannels(teacher, graph);
      if (!analysis.groups.length) return undefined;
      const widthsAt = (error: number) => analysis.groups.map((group) => rankAt(group, error));
      const apply = (error: number) => ({ graph: pruneTo(teacher, analysis, widthsAt(error)) });
      return { what: 'rank error', settings: [1e-8, 1], apply, bytesOf };
    }
    case 'lowrank':
    case 'svd': {
      const spectra = method === 'svd' ? plainSpectra(graph) : weightedSpectra(teacher, graph);
      const apply = (error: number) => ({ from: graph, graph: truncate(graph, spectra, error) });
      return { what: 'norm error', settings: [1e-8, 1], apply, bytesOf };
    }
    case 'magnitude': {
      const apply = (share: number) => ({ from: graph, graph: zeroSmallest(graph, share) });
      return { what: 'share of zeros', settings: [1e-3, 0.999], apply, bytesOf: sparseBytes, keepZeros: true };
    }
    default:
      return structuredFamily(method, teacher, withoutBlocks(graph), options);
  }
}

/** Blocks are this much more accurate before block-rank regularisation lowers their ranks. */
const FINER = 8;

/** Structured weights: the setting is the error that all matrices together may make, to first order. */
function structuredFamily(
  method: 'tt' | 'hmatrix',
  teacher: Teacher,
  dense: IrGraph,
  { tree, blockRank }: FamilyOptions,
): Family | undefined {
  // A tensor train needs the spectrum of the whole matrix only, and no order of the neurons.
  const [shape, structure] =
    method === 'tt' ? (['dense', toTensorTrains] as const) : ([tree.shape, toHierarchical] as const);
  const analyze = (graph: IrGraph) => analyzeHierarchy(teacher, graph, { ...tree, shape }, method !== 'tt');
  const structured = (analysis: ReturnType<typeof analyze>, error: number): Candidate => {
    const { graph, matrices } = structure(analysis, error);
    return { from: analysis.graph, graph: foldGraph(graph), matrices };
  };
  const analysis = analyze(dense);
  if (!analysis.layers.size) return undefined;
  const family: Family = {
    what: 'error',
    settings: [1e-5, 1e3],
    apply: (error) => structured(analysis, error),
    bytesOf,
    stored: (graph) => foldGraph(recoverTrains(graph)),
  };
  if (!blockRank) return family;
  // With block-rank regularisation the ranks of the blocks fall; what is left of them is put into blocks again.
  const regularised: Family['regularised'] = async (error, refine) => {
    const finer = await refine(structured(analysis, error / FINER).graph);
    return structured(analyze(withoutFactors(withoutBlocks(finer))), error);
  };
  return { ...family, regularised };
}
