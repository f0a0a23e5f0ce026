import { PinnEdgeError } from '../diagnostics.js';
import { withoutBlocks } from '../ir/blocks.js';
import { mapNodes } from '../ir/map-nodes.js';
import { modelParameterCount, trainableCount } from '../ir/parameters.js';
import { foldGraph } from '../ir/simplify.js';
import { coresOf } from '../ir/tensor-train.js';
import type { IrGraph } from '../ir/types.js';
import { roundUpTolerance } from '../judge/requirement.js';
import { type Model, parameterCount } from '../model/types.js';
import { hasOncePart } from '../table/lower/parts.js';
import { type CompressOptions, DEFAULT_COMPRESS, type Method } from './compress-options.js';
import { storedBytes, weightBytes } from './graph-cost.js';
import { ROOM, teachPhysics } from './physics/teach.js';
import { requireTrainable } from './physics/train.js';
import { compareTangentKernels, type TangentKernelReport } from './refine/ntk.js';
import { modelFromIr } from './result/ir-to-model.js';
import { layerErrors } from './result/layer-errors.js';
import { type CompressedLayer, compressedLayers } from './result/layers.js';
import { type Result, runMethod, type SearchAllOptions, searchAll } from './search/all-methods.js';
import { type Budget, byteBudget, instructionBudget, searchBudget } from './search/budget.js';
import { type Attempt, STEP_BY_STEP } from './search/one-method.js';
import { makeTeacher } from './teacher/make-teacher.js';
import type { PhysicsLessons } from './teacher/physics-lessons.js';
import { lastCheck, searchPoints } from './teacher/search-points.js';
import {
  relativeErrorOf,
  residuals,
  type Samples,
  type Teacher,
  toleranceShare,
  unseenSamples,
} from './teacher/teacher.js';

/** Compression of a graph within a share of the tolerance, by one method or by the search over all of them. */

export interface Compressed {
  /** The compressed graph, or the given one where nothing helps. */
  graph: IrGraph;
  changed: boolean;
  method: Method;
  /** Such as `8,577 -> 57 parameters (prune + refine)`, and what stands in the brackets where there is a smaller network. */
  detail: string;
  how?: string;
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
  /** Where the physics was a teacher, and there is a smaller network. */
  physics?: PhysicsLessons;
}

/** What compression did to a model, without the graph: this is what is kept in the cache. */
export interface CompressedModel extends Omit<Compressed, 'graph' | 'changed' | 'how'> {
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
    how = '',
    ...facts
  } = await compressGraph(
    makeTeacher(model, graph, allowances, settings.seed, settings.trajectorySteps),
    settings,
    model,
  );
  // Of the model as it was given, before anything was folded: what `inspect` counts.
  const before = parameterCount(model);
  const bytes = { ...facts.bytes, before: 4 * before };
  if (!changed) return { ...facts, parameters: { before, after: before }, bytes };
  const small = modelFromIr(model, smaller);
  const parameters = { before, after: parameterCount(small) };
  return { ...facts, parameters, bytes, detail: smallerText(parameters, how), model: small };
};

function smallerText({ before, after }: Compressed['parameters'], how: string): string {
  return `${before.toLocaleString('en-US')} -> ${after.toLocaleString('en-US')} parameters (${how})`;
}

/** Part of a share that searches aim at: between the points they look at, errors are a little larger. */
export const MARGIN = 0.95;

/**
 * Of derivatives it is root mean squares that take the tolerance. Those of compression and of number formats add up as squares,
 * so that a share of a build is worth so much more of them.
 */
const ROOM_FOR_MEANS = 1.5;

function withRoomForMeans(teacher: Teacher): Teacher {
  return teacher.values ? { ...teacher, rmsLimits: teacher.rmsLimits.map((limit) => ROOM_FOR_MEANS * limit) } : teacher;
}

/**
 * @param model whose physics is the teacher, where it is one
 * @throws PE4301, PE4302 where it is one and there is none
 */
export async function compressGraph(whole: Teacher, given: CompressOptions, model?: Model): Promise<Compressed> {
  const teacher = given.share < 1 ? withRoomForMeans(whole) : whole;
  const unseen = unseenSamples(teacher);
  const { method, maxBytes, maxInstructions, round, teacher: kind } = given;
  if (kind !== 'network') requireTrainable(model!);
  const share = kind === 'both' ? ROOM * given.share : given.share;
  const options: Settings = {
    ...given,
    share: MARGIN * share,
    check: round ? lastCheck(teacher, share) : undefined,
    accepts: model?.inputs.some(({ once }) => once) ? ({ nodes }) => hasOncePart(nodes, model.inputs) : undefined,
    teach: kind === 'network' ? undefined : (result) => taught(model!, teacher, result, { ...given, kind }),
  };
  if (maxBytes !== undefined) return withinBudget(teacher, unseen, options, byteBudget(maxBytes));
  if (maxInstructions !== undefined) return withinBudget(teacher, unseen, options, instructionBudget(maxInstructions));
  if (method === 'auto') return searched(teacher, unseen, options);
  const found = await runMethod(method, teacher, withoutBlocks(teacher.graph), searchPoints(teacher), options);
  return summarize(teacher, unseen, options, { ...found, how: found.refined ? `${method} + refine` : method });
}

interface Settings extends SearchAllOptions {
  /** Refines what was found on the physics. */
  teach?: (result: Result) => Promise<Result>;
}

async function taught(
  model: Model,
  teacher: Teacher,
  result: Result,
  options: CompressOptions & { kind: Exclude<CompressOptions['teacher'], 'network'> },
): Promise<Result> {
  const start = result.unrounded ?? result.graph;
  if (!start) return result;
  // A budget has no tolerance to keep, and leaves the rounding of weights to the build.
  const hasBudget = options.maxBytes !== undefined || options.maxInstructions !== undefined;
  const limits = hasBudget ? { share: Number.POSITIVE_INFINITY, round: false } : {};
  const { graph, unrounded, lessons } = await teachPhysics(model, teacher, start, { ...options, ...limits });
  if (!graph) return { ...result, physics: lessons };
  const bytes = options.round && !hasBudget ? storedBytes(graph) : result.bytes;
  return { ...result, graph, unrounded, bytes, how: `${result.how} + physics`, physics: lessons };
}

async function withinBudget(teacher: Teacher, unseen: Samples, options: Settings, budget: Budget): Promise<Compressed> {
  const { graph, attempts, smallest } = await searchBudget(teacher, withoutBlocks(teacher.graph), budget, options);
  if (!graph) throw new PinnEdgeError(budget.code, { limit: budget.limit, smallest: Math.ceil(smallest) });
  if (!attempts.length) {
    const left = await summarize(teacher, unseen, options, { attempts, how: '' });
    const bytes = { ...left.bytes, after: weightBytes(teacher.graph, 16) };
    return { ...left, bytes, detail: 'left as it is: it fits into the budget' };
  }
  const result = { graph, bytes: weightBytes(graph, 16), attempts, how: 'prune + refine' };
  return summarize(teacher, unseen, options, result, 'as accurate as can be');
}

async function searched(teacher: Teacher, unseen: Samples, options: Settings): Promise<Compressed> {
  const { rounded, closest, ...found } = await searchAll(teacher, options);
  // The formats are chosen when the network is built: here it is enough to know that no structure beats them.
  const result = await summarize(teacher, unseen, options, rounded ? { attempts: found.attempts, how: '' } : found);
  if (result.changed) return result;
  const after = rounded?.bytes ?? result.bytes.after;
  const left = { ...result, bytes: { ...result.bytes, after } };
  if (found.graph) {
    const detail = `left as it is: its weights in ${rounded?.widths} take less than any structure that was found`;
    return { ...left, detail };
  }
  const nearest = nearestOf(found.attempts, result.parameters.before, closest);
  if (!nearest) return left;
  const offered = nearestTolerance(teacher, nearest.error / options.share);
  const offer = `--tol ${offered} would give ${nearest.parameters.toLocaleString('en-US')} parameters`;
  return {
    ...left,
    bestReached: nearest.error,
    detail: `left as it is: none of ${found.attempts.length} smaller networks keeps the tolerance; ${offer}`,
  };
}

/**
 * The most accurate of the smaller networks that a search at its tolerance would meet again. Those that single methods
 * refined are left out: what they refine depends on the tolerance.
 */
function nearestOf(
  attempts: readonly Attempt[],
  before: number,
  closest: { graph: IrGraph; error: number } | undefined,
): { parameters: number; error: number } | undefined {
  const met = attempts.filter(({ parameters, by, refined }) => {
    return parameters < before && !(refined && by !== STEP_BY_STEP);
  });
  const pruned = closest && { parameters: modelParameterCount(closest.graph), error: closest.error };
  return [...met, ...(pruned ? [pruned] : [])].sort((a, b) => a.error - b.error)[0];
}

/** The relative tolerance, rounded up to two digits, that an error of `factor` times the share keeps. */
function nearestTolerance({ allowances, largestOutputs }: Teacher, factor: number): string {
  const tolerance = factor * 1.05 * Math.max(...allowances.map((a, k) => a / (largestOutputs[k] || 1)));
  return roundUpTolerance(tolerance);
}

/** @param aim a budget of bytes has no tolerance to keep; otherwise rounding to float32 must not have lost it */
async function summarize(
  teacher: Teacher,
  unseen: Samples,
  options: Settings,
  given: Result,
  aim: 'within the tolerance' | 'as accurate as can be' = 'within the tolerance',
): Promise<Compressed> {
  const result = (await options.teach?.(given)) ?? given;
  const { graph: found, bytes, attempts, how, matrices = [] } = result;
  const before = modelParameterCount(teacher.graph);
  const single = found && toFloat32(foldGraph(found));
  const errors = single && residuals(teacher, single, unseen);
  const spent = errors ? toleranceShare(teacher, errors, unseen.interior).share : 0;
  // Where the physics alone has the last word, the float network no longer is what counts.
  const isFree = options.teacher === 'physics' && result.physics?.kept === undefined;
  const tooInaccurate = aim === 'within the tolerance' && spent > 1 && !isFree;
  const kept = single !== undefined && single !== teacher.graph && !tooInaccurate;
  const graph = kept ? single : teacher.graph;
  const after = modelParameterCount(graph);
  const relativeError = kept && errors ? relativeErrorOf(teacher, errors) : 0;
  return {
    graph,
    changed: kept,
    method: options.method,
    how: kept ? how : undefined,
    detail: kept ? smallerText({ before, after }, how) : 'left as it is: no smaller structure keeps the tolerance',
    parameters: { before, after },
    bytes: { before: 4 * before, after: kept && bytes !== undefined ? bytes : unstructuredBytes(graph, options) },
    layers: kept ? compressedLayers(graph, matrices, layerErrors(teacher, result, graph), relativeError) : undefined,
    // A spline has no weights that learn.
    tangentKernel: kept && trainableCount(graph) ? compareTangentKernels(teacher, graph) : undefined,
    error: kept ? spent : 0,
    relativeError,
    attempts,
    // Float32, in which it is written, is too coarse for it.
    bestReached: single && tooInaccurate ? spent : undefined,
    physics: kept ? result.physics : undefined,
  };
}

/** Bytes of a network that stays as it is: float32, or what formats will most likely make of it. */
function unstructuredBytes(graph: IrGraph, { round }: CompressOptions): number {
  return weightBytes(graph, round ? 32 : 16);
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
