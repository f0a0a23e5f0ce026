import { PinnEdgeError } from '../diagnostics.js';
import { withoutBlocks } from '../ir/blocks.js';
import { foldGraph } from '../ir/simplify.js';
import { coresOf } from '../ir/tensor-train.js';
import type { IrGraph } from '../ir/types.js';
import type { Model } from '../model/types.js';
import { evaluateReference } from '../reference/evaluate.js';
import { concatPoints, coveringPoints, inputBox, interiorPoints } from '../sample/points.js';
import { type Attempt, searchPruned } from './auto.js';
import { DEFAULT_TREE, type TreeOptions } from './block-tree.js';
import { searchBudget } from './budget.js';
import { costOf, type Purpose, weightBytes } from './cost.js';
import type { MatrixReport } from './hmatrix.js';
import { modelFromIr } from './ir-to-model.js';
import { type CompressedLayer, compressedLayers } from './layers.js';
import { truncate, weightedSpectra } from './lowrank.js';
import { sparseBytes, zeroSmallest } from './magnitude.js';
import { compareTangentKernels, type TangentKernelReport } from './ntk.js';
import { irParameterCount, mapNodes } from './parameters.js';
import { analyzeChannels, pruneTo, rankAt } from './prune.js';
import type { Checkpoint } from './refine.js';
import { roundWeights } from './rounding.js';
import { searchStructured } from './structured-search.js';
import { plainSpectra } from './svd.js';
import { residuals, type Samples, shareOf, type Teacher, toleranceShare, unseenSamples } from './teacher.js';

/** Compression of a graph within a share of the tolerance, by one method or by the search over all of them. */

export const METHODS = ['auto', 'prune', 'hmatrix', 'tt', 'lowrank', 'svd', 'magnitude', 'int8', 'int16'] as const;
export type Method = (typeof METHODS)[number];

export interface CompressOptions {
  method: Method;
  purpose: Purpose;
  /** Share of the tolerance that compression may spend. */
  share: number;
  seed: number;
  /** Instead of a share of the tolerance: bytes that the weights may take in 16 bits, as accurate as can be. */
  maxBytes?: number;
  /** hmatrix: where blocks may be divided. */
  tree: TreeOptions;
  /** hmatrix and tt: refine the weights that are left. */
  refine: boolean;
  /** Weight of the nuclear norms of low-rank blocks during refinement, 0 for none. */
  blockRank: number;
  /** Multiply-adds of refinement at most. */
  maxWork: number;
  onAttempt?: (attempt: Attempt) => void;
  /** Awaited now and then: true ends the search with the best so far. */
  checkpoint?: Checkpoint;
}

export const DEFAULT_COMPRESS: CompressOptions = {
  method: 'auto',
  purpose: 'size',
  share: 0.4,
  seed: 0,
  tree: DEFAULT_TREE,
  refine: true,
  blockRank: 0,
  maxWork: 150e9,
};

export interface Compressed {
  /** The compressed graph, or the given one where nothing helps. */
  graph: IrGraph;
  changed: boolean;
  method: Method;
  /** Such as `8,577 -> 57 parameters (prune + refine)`. */
  detail: string;
  parameters: { before: number; after: number };
  /** Weight bytes: float32 before; as the method stores them after. */
  bytes: { before: number; after: number };
  /** Share of the tolerance spent, on points that nothing was chosen on. */
  error: number;
  /** Largest error over those points divided by the largest output; the worst output counts. */
  relativeError: number;
  attempts: Attempt[];
  /** How the matrices of the compressed graph are stored; absent where nothing was changed. */
  layers?: CompressedLayer[];
  /** The neural tangent kernel before and after, on sample points. */
  tangentKernel?: TangentKernelReport;
  /** Where nothing keeps the share: the smallest share of the tolerance that an attempt reached. */
  bestReached?: number;
}

/** What compression did to a model, without the graph: this is what is kept in the cache. */
export interface CompressedModel extends Omit<Compressed, 'graph' | 'changed'> {
  /** The compressed model; undefined where the given one is left as it is. */
  model?: Model;
}

/**
 * Compresses the graph of a model.
 * @param graph of `model`, folded, angles not yet in turns
 * @param allowances allowed absolute error of each output, in its engineering unit
 */
export type Compressor = (
  model: Model,
  graph: IrGraph,
  allowances: readonly number[],
  options: Partial<CompressOptions>,
) => Promise<CompressedModel>;

export const compressModel: Compressor = async (model, graph, allowances, options) => {
  const settings = { ...DEFAULT_COMPRESS, ...options };
  const {
    graph: smaller,
    changed,
    ...facts
  } = await compressGraph(makeTeacher(model, graph, allowances, settings.seed), settings);
  return changed ? { ...facts, model: modelFromIr(model, smaller) } : facts;
};

/** Share of the tolerance that the relative L2 error may take; see pipeline.ts. */
const L2_SHARE = 1 / 3;

const POINTS = 2048;

/** @param allowances allowed absolute error of each output, in its engineering unit */
export function makeTeacher(model: Model, graph: IrGraph, allowances: readonly number[], seed: number): Teacher {
  const box = inputBox(model.inputs);
  const width = model.outputs.length;
  const reference = evaluateReference(model, concatPoints([interiorPoints(box, POINTS), coveringPoints(box, POINTS)]));
  const largest = new Float64Array(width);
  const squares = new Float64Array(width);
  reference.forEach((v, i) => {
    largest[i % width] = Math.max(largest[i % width], Math.abs(v));
    if (i < POINTS * width) squares[i % width] += v * v;
  });
  const rms = squares.map((s) => Math.sqrt(s / POINTS));
  const units = model.outputs.map(({ scale = 1 }) => Math.abs(scale));
  return {
    graph,
    box,
    inputCount: model.inputs.length,
    largestOutputs: largest.map((v, k) => v / units[k]),
    allowances: Float64Array.from(allowances, (a, k) => a / units[k]),
    rmsLimits: rms.map((r, k) => (largest[k] > 0 ? (L2_SHARE * r) / largest[k] : Number.POSITIVE_INFINITY)),
    seed,
  };
}

export async function compressGraph(teacher: Teacher, options: CompressOptions): Promise<Compressed> {
  const unseen = unseenSamples(teacher);
  if (options.maxBytes !== undefined) return withinBytes(teacher, unseen, options, options.maxBytes);
  if (options.method === 'auto') return searched(teacher, unseen, options);
  const found = await runMethod(teacher, unseen, options);
  return summarize(teacher, unseen, options, found?.graph, found?.bytes, found?.attempts ?? [], found?.matrices);
}

interface Found {
  graph?: IrGraph;
  bytes?: number;
  attempts: Attempt[];
  matrices?: MatrixReport[];
}

async function runMethod(teacher: Teacher, unseen: Samples, options: CompressOptions): Promise<Found | undefined> {
  const graph = withoutBlocks(teacher.graph);
  switch (options.method) {
    case 'prune': {
      const analysis = analyzeChannels(teacher, graph);
      if (!analysis.groups.length) return undefined;
      const at = (error: number) =>
        pruneTo(
          teacher,
          analysis,
          analysis.groups.map((group) => rankAt(group, error)),
        );
      return bisect(teacher, unseen, options, 'rank error', at, 1e-8, 1, (g) => weightBytes(g, 16));
    }
    case 'lowrank': {
      const spectra = weightedSpectra(teacher, graph);
      return bisect(
        teacher,
        unseen,
        options,
        'norm error',
        (e) => truncate(graph, spectra, e),
        1e-8,
        1,
        (g) => weightBytes(g, 16),
      );
    }
    case 'svd': {
      const spectra = plainSpectra(graph);
      return bisect(
        teacher,
        unseen,
        options,
        'norm error',
        (e) => truncate(graph, spectra, e),
        1e-8,
        1,
        (g) => weightBytes(g, 16),
      );
    }
    case 'magnitude':
      return bisect(
        teacher,
        unseen,
        options,
        'share of zeros',
        (share) => zeroSmallest(graph, share),
        1e-3,
        0.999,
        sparseBytes,
      );
    case 'hmatrix':
    case 'tt': {
      const { method, share: target, refine, blockRank, tree, maxWork, onAttempt, checkpoint } = options;
      const settings = { method, target, refine, blockRank, tree, maxWork, onAttempt, checkpoint } as const;
      return searchStructured(teacher, unseen, graph, settings);
    }
    case 'int8':
    case 'int16': {
      const bits = options.method === 'int8' ? 8 : 16;
      const rounded = roundWeights(graph, bits);
      const attempt = attemptOf(teacher, unseen, options, `${bits} bit`, rounded);
      options.onAttempt?.(attempt);
      return { graph: attempt.kept ? rounded : undefined, bytes: weightBytes(rounded, bits), attempts: [attempt] };
    }
    default:
      return undefined;
  }
}

const BISECTIONS = 14;

/** The largest setting of a method (on a logarithmic scale) that keeps the tolerance: errors grow with it. */
async function bisect(
  teacher: Teacher,
  unseen: Samples,
  options: CompressOptions,
  what: string,
  apply: (setting: number) => IrGraph,
  smallest: number,
  largest: number,
  bytesOf: (graph: IrGraph) => number,
): Promise<Found> {
  const attempts: Attempt[] = [];
  let best: IrGraph | undefined;
  let [low, high] = [Math.log(smallest), Math.log(largest)];
  for (let n = 0; n < BISECTIONS && !(await options.checkpoint?.()); n++) {
    const middle = (low + high) / 2;
    const graph = apply(Math.exp(middle));
    const attempt = attemptOf(teacher, unseen, options, `${what} ${Math.exp(middle).toPrecision(2)}`, graph);
    attempts.push(attempt);
    options.onAttempt?.(attempt);
    if (attempt.kept) {
      best = graph;
      low = middle;
    } else {
      high = middle;
    }
  }
  return { graph: best, bytes: best && bytesOf(best), attempts };
}

function attemptOf(teacher: Teacher, unseen: Samples, options: CompressOptions, what: string, graph: IrGraph): Attempt {
  const error = shareOf(teacher, graph, unseen);
  const parameters = irParameterCount(graph);
  return { what, parameters, cost: costOf(graph, options.purpose), error, kept: error <= options.share };
}

async function withinBytes(
  teacher: Teacher,
  unseen: Samples,
  options: CompressOptions,
  maxBytes: number,
): Promise<Compressed> {
  const { graph, attempts, smallest } = await searchBudget(teacher, withoutBlocks(teacher.graph), {
    ...options,
    maxBytes,
  });
  if (!graph) throw new PinnEdgeError('PE4005', { bytes: maxBytes, smallest });
  return summarize(teacher, unseen, { ...options, share: Number.POSITIVE_INFINITY }, graph, undefined, attempts);
}

async function searched(teacher: Teacher, unseen: Samples, options: CompressOptions): Promise<Compressed> {
  const { graph, attempts, closest } = await searchPruned(teacher, withoutBlocks(teacher.graph), {
    ...options,
    target: options.share,
  });
  const single = await singleBest(teacher, unseen, options, graph);
  attempts.push(...single.attempts);
  const result = summarize(teacher, unseen, options, single.graph, undefined, attempts);
  if (result.changed || !closest) return result;
  const reached = `the best of ${attempts.length} takes ${(100 * closest.error).toPrecision(3)} % of it`;
  return {
    ...result,
    bestReached: closest.error,
    detail: `left as it is: nothing smaller keeps the tolerance; ${reached}`,
  };
}

/** Larger networks than this take minutes to try unrefined, and those lost by a wide margin wherever refinement worked. */
const SINGLE_METHODS_UP_TO = 50_000;

/** What needs no refinement may still be cheaper, where refinement did not get there. */
async function singleBest(teacher: Teacher, unseen: Samples, options: CompressOptions, found: IrGraph | undefined) {
  let best = found;
  const attempts: Attempt[] = [];
  if (found && irParameterCount(teacher.graph) > SINGLE_METHODS_UP_TO) return { graph: best, attempts };
  for (const method of ['prune', 'lowrank'] as const) {
    const { graph, attempts: tried } = (await runMethod(teacher, unseen, {
      ...options,
      method,
      onAttempt: undefined,
    })) ?? {
      attempts: [],
    };
    if (graph && costOf(graph, options.purpose) < costOf(best ?? teacher.graph, options.purpose)) best = graph;
    attempts.push(
      ...tried
        .filter((attempt) => attempt.kept)
        .slice(-1)
        .map((a) => ({ ...a, what: `${method}, ${a.what}` })),
    );
  }
  return { graph: best, attempts };
}

function summarize(
  teacher: Teacher,
  unseen: Samples,
  options: CompressOptions,
  found: IrGraph | undefined,
  bytes: number | undefined,
  attempts: Attempt[],
  matrices: readonly MatrixReport[] = [],
): Compressed {
  const before = irParameterCount(teacher.graph);
  const single = found && toFloat32(foldGraph(found));
  // A budget of bytes has no tolerance to keep; otherwise rounding to float32 must not have lost it.
  const limit = Math.max(1, options.share);
  const errors = single && residuals(teacher, single, unseen);
  const spent = errors ? toleranceShare(teacher, errors, unseen.interior).share : 0;
  const kept = single !== undefined && single !== teacher.graph && spent <= limit;
  const graph = kept ? single : teacher.graph;
  const after = irParameterCount(graph);
  const how = options.method === 'auto' ? 'prune + refine' : options.method;
  return {
    graph,
    changed: kept,
    method: options.method,
    detail: kept
      ? `${before.toLocaleString('en-US')} -> ${after.toLocaleString('en-US')} parameters (${how})`
      : 'left as it is: no smaller structure keeps the tolerance',
    parameters: { before, after },
    bytes: { before: 4 * before, after: kept ? (bytes ?? weightBytes(graph, 16)) : weightBytes(graph, 16) },
    layers: kept ? compressedLayers(graph, matrices) : undefined,
    tangentKernel: kept ? compareTangentKernels(teacher, graph) : undefined,
    error: kept ? spent : 0,
    relativeError: kept && errors ? relativeErrorOf(teacher, errors) : 0,
    attempts,
  };
}

function relativeErrorOf({ allowances, largestOutputs }: Teacher, errors: Float64Array): number {
  const width = allowances.length;
  return errors.reduce((most, r, i) => {
    const k = i % width;
    return largestOutputs[k] > 0 ? Math.max(most, (Math.abs(r) * allowances[k]) / largestOutputs[k]) : most;
  }, 0);
}

/** Weights rounded to float32: that is how model files store them, and 24 bits are more than any format keeps. */
function toFloat32(graph: IrGraph): IrGraph {
  return mapNodes(graph, (node) => {
    if (node.kind !== 'affine' && node.kind !== 'blocks') return node;
    const bias = node.bias.map(Math.fround);
    // The cores of a tensor train are float32 already.
    if (node.kind === 'affine')
      return coresOf(node) ? { ...node, bias } : { ...node, weight: node.weight.map(Math.fround), bias };
    return { ...node, leaves: node.leaves.map((leaf) => ({ ...leaf, weight: leaf.weight.map(Math.fround) })), bias };
  });
}
