import type { MapNode } from '../../../ir/types.js';
import type { FunctionTable } from '../../function-table.js';
import type { ValueFormat } from '../../quantized-graph.js';
import { FLAG, FORMAT, KIND } from '../../specification.js';
import type { TableRecord } from '../../table.js';
import type { RecordWriter } from '../record-writer.js';
import { runs } from '../runs.js';

/** A function of one variable, one record per run; all share the table. */
export function lowerMap(node: MapNode, to: RecordWriter): void {
  const table = to.quantized.tables.get(node)!;
  const format = to.format(node);
  const weights = to.pool.add(table.data, table.bytesPerEntry);
  for (const { from, rows, operands } of runs(node.width, [node.x])) {
    const [x] = operands;
    const argument = to.format(x.leaf);
    const fields: Partial<TableRecord> = {
      kind: table.degree === 1 ? KIND.MAP_LINEAR : KIND.MAP_POLYNOMIAL,
      format: (argument.bits === 32 ? FORMAT.A_WIDE : 0) | (format.bits === 32 ? FORMAT.OUT_WIDE : 0),
      rows,
      cols: table.segments,
      weights,
      ...mapFields(node, table, argument, format),
    };
    const out = to.places.placeOf({ leaf: node, start: from, width: rows });
    const claim = {
      steps: node.fn.steps,
      periodic: node.fn.periodic,
      argumentExponent: argument.exponent,
      resultExponent: table.degree === 1 ? table.exponent : format.exponent,
    };
    to.push(node.name, fields, { a: to.places.placeOf(x), out }, 0, claim);
  }
}

/** The fields of a map record that depend on the format of its argument. */
function mapFields(
  node: MapNode,
  table: FunctionTable,
  argument: ValueFormat,
  result: ValueFormat,
): Partial<TableRecord> {
  const linear = table.degree === 1;
  const common = {
    shiftB: linear ? 0 : table.exponent - result.exponent,
    bias: linear ? 0 : table.degree,
    rowShifts: linear ? 0 : table.octaveBits,
  };
  if (table.segmentation === 'periodic') {
    return {
      ...common,
      flags: FLAG.PERIODIC,
      shift: 32 - table.segmentBits,
      shiftA: 32 - argument.exponent,
      origin: Math.round(node.fn.phase * 2 ** 32) | 0,
    };
  }
  const octaves = table.segmentation === 'octaves';
  return {
    ...common,
    flags: (octaves ? FLAG.OCTAVES : 0) | (table.mirrored ? FLAG.MIRRORED : 0),
    shift: argument.exponent - table.segmentBits,
    origin: Math.round(table.origin * 2 ** argument.exponent),
  };
}
