import { withoutBlocks, withoutFactors } from '../../ir/blocks.js';
import { buildIr } from '../../ir/from-model.js';
import { mapNodes } from '../../ir/map-nodes.js';
import { foldGraph } from '../../ir/simplify.js';
import type { IrGraph } from '../../ir/types.js';
import { interiorPoints } from '../../judge/points/cover.js';
import { inputBox } from '../../model/box.js';
import { type Model, parameterCount } from '../../model/types.js';
import { analyzeHierarchy, toHierarchical } from '../matrices/hmatrix.js';
import { modelFromIr } from '../result/ir-to-model.js';
import { makeTeacher } from '../teacher/make-teacher.js';
import { blockRankPenalty, type Penalty } from './penalties.js';
import { kernelDistance, TangentKernel } from './tangent-kernel.js';
import type { Trainee } from './terms.js';

/**
 * Hierarchical matrices in training (the idea is that of arXiv 2409.07028, whose rules are not published). Every few steps all
 * matrices are made dense, learn freely for a part of the steps, so that ranks can grow, and are put into blocks anew by the
 * error-bounded rule of compression (hmatrix.ts); in between only what the blocks hold is trained.
 */

export interface BlockSettings {
  /** What the outputs may change when matrices are put into blocks, to first order, relative to the largest. */
  tolerance: number;
  /** More than these numbers are not kept, whatever the tolerance. */
  most?: number;
  /** Steps from one adaptation to the next. */
  every: number;
  /** What block-rank regularisation counts, in parts of the loss at the adaptation; 0 for none. */
  blockRank: number;
  /** The same of the distance of the tangent kernel from that of the dense network before. */
  kernel: number;
}

/** What became of the network at an adaptation. */
export interface Adaptation {
  /** Steps taken before. */
  step: number;
  /** Numbers of the model file. */
  parameters: { before: number; after: number };
  /** Of the tangent kernels at unit trace: from that of the dense network, right after and before the next adaptation. */
  kernelDistance: { after: number; later: number };
}

/** Part of the steps between adaptations in which matrices are dense. */
export const FREE = 0.2;
/** Fewer rows or columns than twice this are not divided. */
const LEAF = 4;
const SEED = 0;
const KERNEL_POINTS = 8;
/** Part of the Sobol sequence that the sample for the kernel is taken from. */
const KERNEL_SKIP = 77;
const HALVINGS = 16;

/** The same network with every matrix dense. */
export function withDenseMatrices(model: Model): Model {
  return modelFromIr(model, withoutFactors(withoutBlocks(foldGraph(buildIr(model)))));
}

/** A dense network with its matrices in blocks, within the tolerance or, where these are too many numbers, beyond it. */
export function withBlocks(dense: Model, { tolerance, most = Number.POSITIVE_INFINITY }: BlockSettings): Model {
  const graph = foldGraph(buildIr(dense));
  const ones = makeTeacher(
    dense,
    graph,
    dense.outputs.map(() => 1),
    SEED,
  );
  const teacher = { ...ones, allowances: ones.largestOutputs.map((largest) => tolerance * (largest || 1)) };
  const analysis = analyzeHierarchy(teacher, graph, { shape: 'adaptive', leafSize: LEAF });
  const at = (times: number) => modelFromIr(dense, unrounded(toHierarchical(analysis, times).graph));
  const within = at(1);
  if (parameterCount(within) <= most) return within;
  let [low, high] = [0, 1];
  while (parameterCount(at(2 ** high)) > most && high < 64) [low, high] = [high, 2 * high];
  for (let n = 0; n < HALVINGS; n++) {
    const middle = (low + high) / 2;
    if (parameterCount(at(2 ** middle)) <= most) high = middle;
    else low = middle;
  }
  return at(2 ** high);
}

/** Without the widths that its weights were rounded to: they go on learning. */
function unrounded(graph: IrGraph): IrGraph {
  return mapNodes(graph, (node) => {
    if (node.kind === 'affine') return { ...node, precision: undefined };
    if (node.kind !== 'blocks') return node;
    return { ...node, leaves: node.leaves.map((leaf) => ({ ...leaf, precision: undefined })) };
  });
}

export function tangentKernelOf(trainee: Trainee): TangentKernel {
  const { model, network } = trainee;
  const count = Math.max(1, Math.floor(KERNEL_POINTS / network.output.width));
  return new TangentKernel(trainee, network, interiorPoints(inputBox(model.inputs), count, KERNEL_SKIP));
}

/**
 * What a network in blocks is held by until the next adaptation.
 * @param wanted kernel of the dense network
 * @param loss of the physics at the adaptation
 */
export function penaltiesOf(
  trainee: Trainee,
  { blockRank, kernel }: BlockSettings,
  wanted: Float64Array,
  loss: number,
): Penalty[] {
  const penalties: Penalty[] = [];
  if (blockRank > 0) penalties.push(blockRankPenalty(trainee, trainee.network, blockRank * loss));
  if (kernel > 0) penalties.push(tangentKernelOf(trainee).penalty(wanted, kernel * loss));
  return penalties;
}

/** How far the kernel of a network is from another. */
export const distanceFrom = (trainee: Trainee, wanted: Float64Array) =>
  kernelDistance(tangentKernelOf(trainee).matrix(), wanted);
