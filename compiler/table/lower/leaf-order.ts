import type { BlocksNode } from '../../ir/types.js';

/** One BLOCK record: rows from .. from + rows - 1 of the node, of one leaf. */
export interface BlockStep {
  /** Index of the leaf; undefined for rows that no leaf covers, which are their bias. */
  leaf?: number;
  from: number;
  rows: number;
  /** The first and the last record of these rows. */
  first: boolean;
  last: boolean;
}

/** Rows that share accumulators, and the records that fill them, in order. */
export interface BlockGroup {
  from: number;
  rows: number;
  steps: BlockStep[];
}

/**
 * The order in which the leaves of a matrix are added up. Leaves whose rows overlap form a group, which is finished before
 * the next one starts, so accumulators are needed for one group at a time. Within a group tall leaves come first; a leaf
 * is cut into records where its rows begin or end their sum at different leaves.
 */
export function orderLeaves(node: BlocksNode): BlockGroup[] {
  const order = node.leaves
    .map((leaf, index) => ({ leaf: index, start: leaf.row, stop: leaf.row + leaf.rows }))
    .sort((a, b) => b.stop - b.start - (a.stop - a.start) || a.leaf - b.leaf);
  const cuts = [...new Set([0, node.width, ...order.flatMap(({ start, stop }) => [start, stop])])].sort(
    (a, b) => a - b,
  );
  const pieces = cuts.slice(0, -1).map((start, i) => {
    const covering = order.filter((leaf) => leaf.start <= start && start < leaf.stop);
    return { start, stop: cuts[i + 1], first: covering.at(0)?.leaf, last: covering.at(-1)?.leaf };
  });
  return rowGroups(order, node.width).map(({ start, stop, members }): BlockGroup => {
    const steps = members.flatMap((member): BlockStep[] => {
      const own = pieces.filter((piece) => piece.start >= member.start && piece.stop <= member.stop);
      const { leaf } = member;
      return joinRows(
        own.map((p) => ({
          leaf,
          from: p.start,
          rows: p.stop - p.start,
          first: p.first === leaf,
          last: p.last === leaf,
        })),
      );
    });
    return { from: start, rows: stop - start, steps };
  });
}

interface LeafRows {
  leaf?: number;
  start: number;
  stop: number;
}

/** Ranges of rows that no leaf crosses the ends of; ranges without a leaf are there as well. */
function rowGroups(order: readonly LeafRows[], width: number): (LeafRows & { members: LeafRows[] })[] {
  const groups: (LeafRows & { members: LeafRows[] })[] = [];
  let at = 0;
  for (const { start, stop } of [...order].sort((a, b) => a.start - b.start)) {
    const last = groups.at(-1);
    if (last && start < last.stop) {
      last.stop = Math.max(last.stop, stop);
    } else {
      if (start > at) groups.push({ start: at, stop: start, members: [{ start: at, stop: start }] });
      groups.push({ start, stop, members: [] });
    }
    at = Math.max(at, stop);
  }
  if (at < width) groups.push({ start: at, stop: width, members: [{ start: at, stop: width }] });
  for (const leaf of order)
    groups.find(({ start, stop }) => start <= leaf.start && leaf.stop <= stop)!.members.push(leaf);
  return groups;
}

/** Adjacent rows of the same kind in one record. */
function joinRows(steps: readonly BlockStep[]): BlockStep[] {
  const joined: BlockStep[] = [];
  for (const step of steps) {
    const last = joined.at(-1);
    if (last && last.first === step.first && last.last === step.last) last.rows += step.rows;
    else joined.push({ ...step });
  }
  return joined;
}
