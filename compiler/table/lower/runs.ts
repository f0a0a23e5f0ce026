import type { IrNode } from '../../ir/types.js';
import { type Leaf, type Segment, segmentsOf } from '../quantized-graph.js';

/** Rows from .. from + rows - 1 of an elementwise operation, and where their operands come from. */
export interface Run {
  from: number;
  rows: number;
  operands: Segment[];
}

/** Cuts an elementwise operation into runs within which every operand comes from one leaf. */
export function runs(width: number, operands: readonly IrNode[]): Run[] {
  const segmented = operands.map((node) => ({ segments: segmentsOf(node), broadcast: node.width === 1 && width > 1 }));
  const cuts = new Set([0, width]);
  for (const { segments, broadcast } of segmented) {
    let at = 0;
    for (const segment of broadcast ? [] : segments) {
      at += segment.width;
      cuts.add(at);
    }
  }
  const sorted = [...cuts].sort((a, b) => a - b);
  return sorted.slice(0, -1).map((from, i) => {
    const rows = sorted[i + 1] - from;
    return {
      from,
      rows,
      operands: segmented.map(({ segments, broadcast }) => (broadcast ? segments[0] : segmentAt(segments, from, rows))),
    };
  });
}

/** All components of a leaf. */
export function whole(leaf: Leaf): Segment {
  return { leaf, start: 0, width: leaf.width };
}

function segmentAt(segments: readonly Segment[], at: number, width: number): Segment {
  for (const { leaf, start, width: length } of segments) {
    if (at < length) return { leaf, start: start + at, width };
    at -= length;
  }
  throw new Error('segment out of range');
}
