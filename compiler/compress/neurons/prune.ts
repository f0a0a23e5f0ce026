import { evaluateIr, type IrValues } from '../../ir/evaluate.js';
import { affineNodes, withOwnWeights } from '../../ir/parameters.js';
import type { AffineNode, IrGraph, IrNode } from '../../ir/types.js';
import { type Channel, type ChannelGroup, type ChannelMap, findChannels, removeChannels } from '../channels.js';
import { type Moments, momentsOf, pivotOrder, solveRegression } from '../matrices/moments.js';
import { POINT_COUNTS } from '../teacher/point-counts.js';
import { type Teacher, trainingPoints } from '../teacher/teacher.js';

/**
 * Neuron selection by interpolative decomposition of the activations over the input box (Chee, Renz, Damle and De Sa,
 * arXiv 2108.00065): column-pivoted QR picks the neurons that span the others, and what the others did is folded into
 * the weights of the steps that read them. Afterwards each affine step, in order, is fitted by least squares to what
 * the original step answered, given the arguments that the smaller network really has.
 */

/** A graph with the order in which the neurons of each group matter. */
export interface PruneAnalysis {
  readonly graph: IrGraph;
  readonly map: ChannelMap;
  readonly groups: readonly RankedGroup[];
}

export interface RankedGroup extends ChannelGroup {
  /** Indices of channels, the most telling first. */
  readonly order: readonly number[];
  /** Largest standard deviation over the box that the first k + 1 channels leave unexplained, relative to the largest. */
  readonly remaining: readonly number[];
}

export function analyzeChannels(teacher: Teacher, graph: IrGraph): PruneAnalysis {
  const values = evaluateIr(graph, trainingPoints(teacher, POINT_COUNTS.pruning), teacher.inputCount);
  const map = findChannels(graph);
  const moments = momentCache(values);
  const groups = map.groups.map((group): RankedGroup => {
    const n = group.channels.length;
    const matrix = new Float64Array(n * n);
    for (const columns of distinctSites(group)) {
      const { covariance, width } = moments(columns[0].node.x);
      columns.forEach((a, i) => {
        columns.forEach((b, j) => {
          matrix[i * n + j] += covariance[a.column * width + b.column];
        });
      });
    }
    let most = 0;
    for (let i = 0; i < n; i++) most = Math.max(most, matrix[i * n + i]);
    const { order, remaining } = pivotOrder(matrix, n);
    return { ...group, order, remaining: remaining.map((v) => (most > 0 ? Math.sqrt(v / most) : 0)) };
  });
  return { graph, map, groups };
}

/** Per place where the channels of a group are read, the columns of all channels there; equal places once. */
function distinctSites(group: ChannelGroup): { node: AffineNode; column: number }[][] {
  const sites = group.channels[0].columns.map((_, k) => group.channels.map((channel) => channel.columns[k]));
  const seen = new Map<IrNode, number[][]>();
  return sites.filter((site) => {
    const columns = site.map(({ column }) => column);
    const earlier = seen.get(site[0].node.x) ?? [];
    seen.set(site[0].node.x, [...earlier, columns]);
    return !earlier.some((other) => other.every((c, i) => c === columns[i]));
  });
}

function momentCache(values: IrValues): (node: IrNode) => Moments {
  const cache = new Map<IrNode, Moments>();
  return (node) => {
    const known = cache.get(node) ?? momentsOf(values.get(node)!, node.width);
    cache.set(node, known);
    return known;
  };
}

/** Channels of a group whose leaving costs at most `error` of the largest activation: its numerical rank. */
export function rankAt(group: RankedGroup, error: number): number {
  const rank = group.remaining.findIndex((r) => r <= error);
  return Math.max(1, rank < 0 ? group.channels.length : rank + 1);
}

/** Keeps the `widths[g]` most telling channels of every group, folds the rest into the steps after them and fits those. */
export function pruneTo(teacher: Teacher, analysis: PruneAnalysis, widths: readonly number[]): IrGraph {
  const { graph, map, groups } = analysis;
  const removed = new Set<Channel>();
  groups.forEach((group, g) => {
    for (const i of group.order.slice(Math.max(1, widths[g]))) removed.add(group.channels[i]);
  });
  if (!removed.size) return graph;
  const points = trainingPoints(teacher, POINT_COUNTS.pruning);
  const values = evaluateIr(graph, points, teacher.inputCount);
  const moments = momentCache(values);
  const gone = new Set([...removed].map((channel) => map.classOfChannel(channel)));
  const folded = new Map<AffineNode, { weight: Float64Array; bias: Float64Array }>();
  for (const node of affineNodes(graph)) {
    const isGone = Array.from({ length: node.x.width }, (_, c) => gone.has(map.classOf(node.x, c)));
    if (isGone.includes(true)) folded.set(node, foldColumns(node, isGone, moments(node.x)));
  }
  const smaller = removeChannels(graph, map, removed, folded);
  const keptRows = (node: AffineNode) =>
    Array.from({ length: node.width }, (_, r) => r).filter((r) => !gone.has(map.classOf(node, r)));
  return refitLayers(
    teacher,
    points,
    smaller,
    affineNodes(graph).map((node) => ({ values: values.get(node)!, node, rows: keptRows(node) })),
  );
}

/** Weights with which the kept columns do, as well as they can, what the others did. */
function foldColumns(
  node: AffineNode,
  isGone: readonly boolean[],
  { mean, covariance, width: cols }: Moments,
): { weight: Float64Array; bias: Float64Array } {
  const kept = isGone.flatMap((gone, c) => (gone ? [] : [c]));
  const lost = isGone.flatMap((gone, c) => (gone ? [c] : []));
  const square = new Float64Array(kept.length ** 2);
  const cross = new Float64Array(kept.length * lost.length);
  kept.forEach((c, i) => {
    kept.forEach((d, j) => {
      square[i * kept.length + j] = covariance[c * cols + d];
    });
    lost.forEach((d, j) => {
      cross[i * lost.length + j] = covariance[c * cols + d];
    });
  });
  const transfer = solveRegression(square, kept.length, cross, lost.length);
  const weight = node.weight.slice();
  const bias = node.bias.slice();
  for (let r = 0; r < node.width; r++) {
    lost.forEach((d, j) => {
      const w = node.weight[r * cols + d];
      bias[r] += w * mean[d];
      kept.forEach((c, i) => {
        weight[r * cols + c] += w * transfer[i * lost.length + j];
        bias[r] -= w * transfer[i * lost.length + j] * mean[c];
      });
    });
  }
  return { weight, bias };
}

/** What an affine step answered in the larger network, and which of its rows are left. */
interface LayerTarget {
  node: AffineNode;
  values: Float64Array;
  rows: readonly number[];
}

/** Ridge of the layerwise fit: steps whose arguments hardly vary keep small weights. */
const FIT_RIDGE = 1e-10;

function refitLayers(
  teacher: Teacher,
  points: Float64Array,
  smaller: IrGraph,
  targets: readonly LayerTarget[],
): IrGraph {
  const graph = withOwnWeights(smaller);
  affineNodes(graph).forEach((layer, l) => {
    const { values, node, rows } = targets[l];
    const x = evaluateIr(graph, points, teacher.inputCount).get(layer.x)!;
    const cols = layer.x.width;
    const joint = new Float64Array((points.length / teacher.inputCount) * (cols + rows.length));
    const width = cols + rows.length;
    for (let p = 0; p * width < joint.length; p++) {
      for (let c = 0; c < cols; c++) joint[p * width + c] = x[p * cols + c];
      rows.forEach((r, i) => {
        joint[p * width + cols + i] = values[p * node.width + r];
      });
    }
    const { mean, covariance } = momentsOf(joint, width);
    const square = new Float64Array(cols * cols);
    const cross = new Float64Array(cols * rows.length);
    for (let c = 0; c < cols; c++) {
      for (let d = 0; d < cols; d++) square[c * cols + d] = covariance[c * width + d];
      for (let i = 0; i < rows.length; i++) cross[c * rows.length + i] = covariance[c * width + cols + i];
    }
    const fit = solveRegression(square, cols, cross, rows.length, FIT_RIDGE);
    rows.forEach((_, i) => {
      layer.bias[i] = mean[cols + i];
      for (let c = 0; c < cols; c++) {
        layer.weight[i * cols + c] = fit[c * rows.length + i];
        layer.bias[i] -= fit[c * rows.length + i] * mean[c];
      }
    });
  });
  return graph;
}
