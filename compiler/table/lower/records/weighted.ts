import type { AffineNode, ScaleNode } from '../../../ir/types.js';
import type { WeightFormat } from '../../quantized-graph.js';
import { FLAG, FORMAT } from '../../specification.js';
import type { TableRecord } from '../../table.js';
import type { RecordWriter } from '../record-writer.js';

/** Format bits of weights by their bytes. */
export const WEIGHT_CODE = { 1: FORMAT.WEIGHT_8, 2: FORMAT.WEIGHT_16, 4: FORMAT.WEIGHT_32 } as const;

/** The fields that a matrix and a scaling share: rows from .. from + rows - 1 of the node's integers. */
export function weightedFields(
  node: AffineNode | ScaleNode,
  format: WeightFormat,
  aWide: boolean,
  from: number,
  rows: number,
  to: RecordWriter,
): Partial<TableRecord> {
  const perRow = format.weights.length / node.width;
  const weightBytes = (format.weightBits / 8) as 1 | 2 | 4;
  const outWide = to.format(node).bits === 32;
  return {
    rows,
    format:
      WEIGHT_CODE[weightBytes] |
      (aWide ? FORMAT.A_WIDE : 0) |
      (outWide ? FORMAT.OUT_WIDE : 0) |
      (format.accBits === 64 ? FORMAT.ACC_WIDE : 0),
    flags: (node.wraps ? FLAG.WRAP : 0) | (format.perRow ? FLAG.ROW_SHIFTS : 0),
    shift: format.shifts.slice(from, from + rows).reduce((m, s) => Math.min(m, s)),
    shiftA: format.guard,
    weights: to.pool.add(format.weights.subarray(from * perRow, (from + rows) * perRow), weightBytes),
    bias: to.pool.add(format.bias.subarray(from, from + rows), 4),
    rowShifts: format.perRow ? to.pool.add(format.shifts.subarray(from, from + rows), 1) : 0,
  };
}
