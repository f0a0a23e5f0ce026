import {
  type AffineNode,
  type ConcatNode,
  graphOf,
  type IrGraph,
  type IrNode,
  operands,
  withOperands,
} from '../ir/types.js';

/**
 * Which hidden units of a graph can be taken out. Elementwise steps, concatenations and slices tie components of values
 * together; a class of tied components is a channel. A channel whose components are made by affine rows and read by
 * affine columns only is a neuron, however many gates, skips and heads it runs through, and can be removed as a whole.
 */

export interface Channel {
  /** Components of affine values: the rows that go with the channel. */
  readonly rows: readonly { node: AffineNode; row: number }[];
  /** Columns of affine steps that read the channel. */
  readonly columns: readonly { node: AffineNode; column: number }[];
}

/** Interchangeable channels: they run through the same steps, so any of them can stand for another. */
export interface ChannelGroup {
  /** Name of the first affine step that makes the channels, for messages. */
  readonly name: string;
  readonly channels: readonly Channel[];
}

export interface ChannelMap {
  readonly groups: readonly ChannelGroup[];
  /** Class of every component of every node. */
  classOf(node: IrNode, component: number): number;
  classOfChannel(channel: Channel): number;
}

export function findChannels(graph: IrGraph): ChannelMap {
  const offsets = new Map<IrNode, number>();
  let total = 0;
  for (const node of graph.nodes) {
    offsets.set(node, total);
    total += node.width;
  }
  const classes = new Classes(total);
  const id = (node: IrNode, i: number) => offsets.get(node)! + i;
  const pinned: number[] = [];
  const rows: [number, AffineNode, number][] = [];
  const columns: [number, AffineNode, number][] = [];
  for (const node of graph.nodes) {
    switch (node.kind) {
      case 'input':
      case 'constant':
        for (let i = 0; i < node.width; i++) pinned.push(id(node, i));
        break;
      case 'affine':
        for (let i = 0; i < node.width; i++) rows.push([id(node, i), node, i]);
        for (let i = 0; i < node.x.width; i++) columns.push([id(node.x, i), node, i]);
        break;
      case 'blocks':
        // Neurons are not taken out of a matrix in blocks: its leaves are rows and columns side by side.
        for (let i = 0; i < node.width; i++) pinned.push(id(node, i));
        for (const { x } of node.leaves) for (let i = 0; i < x.width; i++) pinned.push(id(x, i));
        break;
      case 'spline':
        for (let i = 0; i < node.width; i++) pinned.push(id(node, i));
        for (let i = 0; i < node.x.width; i++) pinned.push(id(node.x, i));
        break;
      case 'concat': {
        let at = 0;
        for (const part of node.parts) for (let i = 0; i < part.width; i++) classes.join(id(node, at++), id(part, i));
        break;
      }
      case 'slice':
        for (let i = 0; i < node.width; i++) classes.join(id(node, i), id(node.x, node.start + i));
        break;
      default:
        for (const x of operands(node)) {
          // A value that is broadcast goes on existing whatever is removed.
          if (x.width !== node.width) pinned.push(id(x, 0));
          else for (let i = 0; i < node.width; i++) classes.join(id(node, i), id(x, i));
        }
    }
  }
  for (let i = 0; i < graph.output.width; i++) pinned.push(id(graph.output, i));
  const fixed = new Set(pinned.map((i) => classes.find(i)));
  const channels = new Map<number, { rows: Channel['rows'][number][]; columns: Channel['columns'][number][] }>();
  for (const [at, node, row] of rows) {
    const key = classes.find(at);
    if (fixed.has(key)) continue;
    if (!channels.has(key)) channels.set(key, { rows: [], columns: [] });
    channels.get(key)!.rows.push({ node, row });
  }
  for (const [at, node, column] of columns) channels.get(classes.find(at))?.columns.push({ node, column });
  const keys = new Map<Channel, number>([...channels].map(([key, channel]) => [channel, key]));
  return {
    groups: groupChannels(graph, [...channels.values()]),
    classOf: (node, component) => classes.find(id(node, component)),
    classOfChannel: (channel) => keys.get(channel)!,
  };
}

function groupChannels(graph: IrGraph, channels: readonly Channel[]): ChannelGroup[] {
  const numbers = new Map<IrNode, number>(graph.nodes.map((node, i) => [node, i]));
  const groups = new Map<string, Channel[]>();
  for (const channel of channels) {
    if (!channel.columns.length) continue;
    const made = channel.rows.map(({ node }) => numbers.get(node));
    const read = channel.columns.map(({ node }) => numbers.get(node));
    const key = `${made.join(' ')} -> ${read.join(' ')}`;
    groups.set(key, [...(groups.get(key) ?? []), channel]);
  }
  return [...groups.values()].map((members) => ({ name: members[0].rows[0].node.name, channels: members }));
}

/**
 * The graph without the given channels.
 * @param folded weight and bias of affine steps whose remaining columns take over for removed ones, still with all of
 *   their columns and rows
 */
export function removeChannels(
  graph: IrGraph,
  map: ChannelMap,
  removed: ReadonlySet<Channel>,
  folded: ReadonlyMap<AffineNode, { weight: Float64Array; bias: Float64Array }>,
): IrGraph {
  const gone = new Set([...removed].map((channel) => map.classOfChannel(channel)));
  const kept = (node: IrNode) =>
    Array.from({ length: node.width }, (_, i) => i).filter((i) => !gone.has(map.classOf(node, i)));
  const rebuilt = new Map<IrNode, IrNode>();
  for (const node of graph.nodes) {
    const read = withOperands(
      node,
      operands(node).map((x) => rebuilt.get(x)!),
    );
    rebuilt.set(node, cutNode(node, read, kept, folded));
  }
  return graphOf(rebuilt.get(graph.output) as ConcatNode);
}

function cutNode(
  node: IrNode,
  read: IrNode,
  keptOf: (node: IrNode) => number[],
  folded: ReadonlyMap<AffineNode, { weight: Float64Array; bias: Float64Array }>,
): IrNode {
  const kept = keptOf(node);
  const width = kept.length;
  switch (read.kind) {
    case 'affine': {
      const original = node as AffineNode;
      const { weight, bias } = folded.get(original) ?? original;
      const columns = keptOf(original.x);
      const cols = original.x.width;
      const cut = new Float64Array(width * columns.length);
      kept.forEach((r, i) => {
        columns.forEach((c, j) => {
          cut[i * columns.length + j] = weight[r * cols + c];
        });
      });
      return { ...read, width, weight: cut, bias: Float64Array.from(kept, (r) => bias[r]) };
    }
    case 'scale':
      return {
        ...read,
        width,
        scale: Float64Array.from(kept, (i) => read.scale[i]),
        shift: Float64Array.from(kept, (i) => read.shift[i]),
      };
    case 'slice': {
      const x = (node as typeof read).x;
      return { ...read, width, start: keptOf(x).filter((i) => i < read.start).length };
    }
    case 'concat': {
      const parts = read.parts.filter((part) => part.width > 0);
      return parts.length === read.parts.length && width === node.width ? read : { ...read, parts, width };
    }
    default:
      return width === node.width ? read : ({ ...read, width } as IrNode);
  }
}

/** Disjoint sets with path halving. */
class Classes {
  private readonly parent: Int32Array;

  constructor(count: number) {
    this.parent = Int32Array.from({ length: count }, (_, i) => i);
  }

  find(i: number): number {
    while (this.parent[i] !== i) {
      this.parent[i] = this.parent[this.parent[i]];
      i = this.parent[i];
    }
    return i;
  }

  join(i: number, j: number): void {
    const [a, b] = [this.find(i), this.find(j)];
    // The smaller number names the class, so that names do not depend on the order of joins.
    this.parent[Math.max(a, b)] = Math.min(a, b);
  }
}
