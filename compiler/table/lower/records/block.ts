import type { BlocksNode } from '../../../ir/types.js';
import type { BlocksFormat, LeafFormat } from '../../quantized-graph.js';
import { FLAG, FORMAT, KIND } from '../../specification.js';
import type { TableRecord } from '../../table.js';
import { type BlockStep, orderLeaves } from '../leaf-order.js';
import type { RecordWriter } from '../record-writer.js';
import { WEIGHT_CODE } from './weighted.js';

/** Rows that no leaf covers. */
const NO_LEAF: LeafFormat = { weightBits: 8, weights: new Int32Array(), lefts: new Uint8Array(), perRow: false };

/** A matrix in blocks: BLOCK records that add up the products of its leaves. */
export function lowerBlocks(node: BlocksNode, to: RecordWriter): void {
  const format = to.quantized.blocks.get(node)!;
  const accumulatorBytes = format.accBits / 8;
  for (const group of orderLeaves(node)) {
    const buffer = to.places.newBuffer(group.rows * accumulatorBytes, accumulatorBytes);
    for (const step of group.steps) {
      const { leaf: index, from, rows } = step;
      const leaf = index === undefined ? undefined : node.leaves[index];
      const a = leaf && to.matrixArgument(leaf.x, node.name);
      const out = to.places.placeOf({ leaf: node, start: from, width: rows });
      const b = { buffer, byte: (from - group.from) * accumulatorBytes };
      to.push(node.name, blockFields(node, format, step, a?.wide ?? false, to), { a: a?.place, b, out });
    }
  }
}

function blockFields(
  node: BlocksNode,
  format: BlocksFormat,
  { leaf: index, from, rows, first, last }: BlockStep,
  aWide: boolean,
  to: RecordWriter,
): Partial<TableRecord> {
  const { row = from, x = undefined } = index === undefined ? {} : node.leaves[index];
  const { weights, lefts, perRow, weightBits } = index === undefined ? NO_LEAF : format.leaves[index];
  const cols = x?.width ?? 0;
  const weightBytes = (weightBits / 8) as 1 | 2 | 4;
  const cut = lefts.subarray(from - row, from - row + rows);
  to.macs += rows * cols;
  return {
    kind: KIND.BLOCK,
    rows,
    cols,
    format:
      WEIGHT_CODE[weightBytes] |
      (aWide ? FORMAT.A_WIDE : 0) |
      (to.format(node).bits === 32 ? FORMAT.OUT_WIDE : 0) |
      (format.accBits === 64 ? FORMAT.ACC_WIDE : 0),
    flags:
      (node.wraps ? FLAG.WRAP : 0) | (perRow ? FLAG.ROW_SHIFTS : 0) | (first ? FLAG.FIRST : 0) | (last ? FLAG.LAST : 0),
    shift: format.shift,
    shiftA: format.guard,
    shiftB: perRow ? 0 : (cut[0] ?? 0),
    weights: to.pool.add(weights.subarray((from - row) * cols, (from - row + rows) * cols), weightBytes),
    bias: first ? to.pool.add(format.bias.subarray(from, from + rows), 4) : 0,
    rowShifts: perRow ? to.pool.add(cut, 1) : 0,
  };
}
