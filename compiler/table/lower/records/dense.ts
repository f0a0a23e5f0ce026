import type { AffineNode, ConstantNode } from '../../../ir/types.js';
import { segmentsOf } from '../../quantized-graph.js';
import { FORMAT, KIND } from '../../specification.js';
import type { TableRecord } from '../../table.js';
import type { RecordWriter } from '../record-writer.js';
import { whole } from '../runs.js';
import { weightedFields } from './weighted.js';

/** A dense matrix, one DENSE record. */
export function lowerAffine(node: AffineNode, to: RecordWriter): void {
  const format = to.quantized.affine.get(node)!;
  const { place: a, wide: aWide } = to.matrixArgument(node.x, node.name);
  to.macs += format.weights.length;
  const fields = { kind: KIND.DENSE, cols: node.x.width, ...weightedFields(node, format, aWide, 0, node.width, to) };
  const peak = segmentsOf(node.x).reduce((m, { leaf }) => Math.max(m, to.format(leaf).maxInteger), 0);
  to.push(node.name, fields, { a, out: to.places.placeOf(whole(node)) }, peak);
}

/** A constant: a matrix without columns. */
export function lowerConstant(node: ConstantNode, to: RecordWriter): void {
  const { exponent, bits } = to.format(node);
  const bias = Array.from(node.data, (v) => Math.round(v * 2 ** (exponent + 1)));
  const fields: Partial<TableRecord> = {
    kind: KIND.DENSE,
    format: FORMAT.WEIGHT_8 | (bits === 32 ? FORMAT.OUT_WIDE : 0),
    rows: node.width,
    shift: 1,
    shiftA: 1,
    bias: to.pool.add(bias, 4),
  };
  to.push(node.name, fields, { out: to.places.placeOf(whole(node)) });
}
