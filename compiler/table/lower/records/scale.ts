import type { ScaleNode } from '../../../ir/types.js';
import { FLAG, KIND } from '../../specification.js';
import type { RecordWriter } from '../record-writer.js';
import { runs } from '../runs.js';
import { weightedFields } from './weighted.js';

/** A diagonal matrix, one SCALE record per run. */
export function lowerScale(node: ScaleNode, to: RecordWriter): void {
  const format = to.quantized.affine.get(node)!;
  const broadcast = node.x.width === 1 && node.width > 1;
  to.macs += node.width;
  for (const { from, rows, operands } of runs(node.width, [node.x])) {
    const [x] = operands;
    const fields = weightedFields(node, format, to.format(x.leaf).bits === 32, from, rows, to);
    const flags = (fields.flags ?? 0) | (broadcast ? FLAG.BROADCAST_A : 0);
    const out = to.places.placeOf({ leaf: node, start: from, width: rows });
    to.push(node.name, { ...fields, kind: KIND.SCALE, flags }, { a: to.places.placeOf(x), out });
  }
}
