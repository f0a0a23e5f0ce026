import { EigenvalueDecomposition, Matrix } from 'ml-matrix';
import { evaluateIr } from '../../ir/evaluate.js';
import { type ConcatNode, graphOf, type IrGraph, type IrNode, operands, withOperands } from '../../ir/types.js';
import { type ChannelGroup, type ChannelMap, findChannels } from '../channels.js';
import { POINT_COUNTS } from '../teacher/point-counts.js';
import { type Teacher, trainingPoints } from '../teacher/teacher.js';
import { momentsOf } from './moments.js';

/**
 * Cluster trees over neurons. Hidden neurons may stand in any order, so they are put into the one in which neurons that
 * behave alike over the input box are neighbours: recursive spectral bisection (Fiedler, Czech. Math. J. 23 (1973) 298;
 * Pothen, Simon and Liou, doi 10.1137/0611030) with the absolute correlations of their activations as affinities.
 * Afterwards the tree is implicit: a cluster is a range of indices, its children are the halves of the range.
 */

/** Clusters of this size are not worth ordering. */
const SMALLEST_CLUSTER = 8;

/** The same network with its hidden neurons in cluster order. */
export function orderNeurons(teacher: Teacher, graph: IrGraph): IrGraph {
  const values = evaluateIr(graph, trainingPoints(teacher, POINT_COUNTS.clusters), teacher.inputCount);
  const map = findChannels(graph);
  const orders = map.groups.map((group) => {
    const [{ node }] = group.channels[0].columns;
    const { covariance, width } = momentsOf(values.get(node.x)!, node.x.width);
    const columns = group.channels.map((channel) => channel.columns.find((c) => c.node === node)!.column);
    return bisect(Array.from(columns.keys()), (i, j) => correlation(covariance, width, columns[i], columns[j]));
  });
  return permuteChannels(graph, map, orders);
}

function correlation(covariance: Float64Array, width: number, i: number, j: number): number {
  const scale = Math.sqrt(covariance[i * width + i] * covariance[j * width + j]);
  return scale > 0 ? Math.abs(covariance[i * width + j]) / scale : 0;
}

/** Members in an order whose halves, quarters, ... are clusters of high affinity. */
function bisect(members: readonly number[], affinity: (i: number, j: number) => number): number[] {
  const n = members.length;
  if (n <= SMALLEST_CLUSTER) return [...members];
  const laplacian = Matrix.zeros(n, n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < i; j++) {
      const a = affinity(members[i], members[j]);
      laplacian.set(i, j, -a);
      laplacian.set(j, i, -a);
      laplacian.set(i, i, laplacian.get(i, i) + a);
      laplacian.set(j, j, laplacian.get(j, j) + a);
    }
  }
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(laplacian, { assumeSymmetric: true });
  const second = realEigenvalues.map((value, k) => ({ value, k })).sort((a, b) => a.value - b.value)[1].k;
  const sorted = members
    .map((member, i) => ({ member, at: eigenvectorMatrix.get(i, second) }))
    .sort((a, b) => a.at - b.at || a.member - b.member)
    .map(({ member }) => member);
  const half = halfOf(n);
  return [...bisect(sorted.slice(0, half), affinity), ...bisect(sorted.slice(half), affinity)];
}

/** Size of the first half of a cluster. */
export function halfOf(size: number): number {
  return Math.ceil(size / 2);
}

/**
 * The same network with the channels of each group in the order given; groups that concatenations or slices would take
 * apart stay as they are.
 */
export function permuteChannels(graph: IrGraph, map: ChannelMap, orders: readonly (readonly number[])[]): IrGraph {
  const chosen = new Map<number, number>();
  map.groups.forEach((group, g) => {
    group.channels.forEach((channel, k) => {
      chosen.set(map.classOfChannel(channel), map.classOfChannel(group.channels[orders[g][k]]));
    });
  });
  for (const group of map.groups) if (!isMovable(graph, map, group)) forget(map, group, chosen);
  const changed = new Map<IrNode, IrNode>();
  for (const node of graph.nodes) {
    const read = withOperands(
      node,
      operands(node).map((x) => changed.get(x)!),
    );
    changed.set(
      node,
      permuted(read, node, (value) => sourcesOf(value, map, chosen)),
    );
  }
  return graphOf(changed.get(graph.output) as ConcatNode);
}

function forget(map: ChannelMap, group: ChannelGroup, chosen: Map<number, number>): void {
  for (const channel of group.channels) chosen.delete(map.classOfChannel(channel));
}

/** True when every value holds all channels of the group, each once, or none of them. */
function isMovable(graph: IrGraph, map: ChannelMap, group: ChannelGroup): boolean {
  const classes = new Set(group.channels.map((channel) => map.classOfChannel(channel)));
  return graph.nodes.every((node) => {
    let held = 0;
    const seen = new Set<number>();
    for (let i = 0; i < node.width; i++) {
      const found = map.classOf(node, i);
      if (!classes.has(found)) continue;
      held++;
      seen.add(found);
    }
    return held === 0 || (held === classes.size && seen.size === held);
  });
}

/** For every component of a value after the move, the component that it was before. */
function sourcesOf(node: IrNode, map: ChannelMap, chosen: ReadonlyMap<number, number>): number[] {
  const at = new Map<number, number>();
  for (let i = 0; i < node.width; i++) at.set(map.classOf(node, i), i);
  return Array.from({ length: node.width }, (_, i) => {
    const moved = chosen.get(map.classOf(node, i));
    return moved === undefined ? i : at.get(moved)!;
  });
}

function permuted(read: IrNode, original: IrNode, sources: (node: IrNode) => number[]): IrNode {
  const rows = sources(original);
  const pick = (vector: Float64Array) => vector.map((_, i) => vector[rows[i]]);
  switch (read.kind) {
    case 'affine': {
      const columns = sources((original as typeof read).x);
      const cols = columns.length;
      const weight = read.weight.map((_, i) => read.weight[rows[Math.floor(i / cols)] * cols + columns[i % cols]]);
      return { ...read, weight, bias: pick(read.bias) };
    }
    case 'scale':
      return { ...read, scale: pick(read.scale), shift: pick(read.shift) };
    default:
      return read;
  }
}
