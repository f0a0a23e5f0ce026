import type { SplineNode } from '../../../ir/types.js';
import { FORMAT, KIND } from '../../specification.js';
import { axisWords } from '../../spline.js';
import type { RecordWriter } from '../record-writer.js';
import { whole } from '../runs.js';
import { WEIGHT_CODE } from './weighted.js';

/** A spline or one of its derivatives, one SPLINE record; all have the same coefficients in the pool. */
export function lowerSpline(node: SplineNode, to: RecordWriter): void {
  const { weights, weightBits, axes, degree, shift, shiftB } = to.quantized.splines.get(node)!;
  const { place: a, wide: aWide } = to.matrixArgument(node.x, node.name);
  const bytes = (weightBits / 8) as 1 | 2;
  const fields = {
    kind: KIND.SPLINE,
    rows: node.width,
    cols: axes.length,
    format:
      WEIGHT_CODE[bytes] |
      (aWide ? FORMAT.A_WIDE : 0) |
      (to.format(node).bits === 32 ? FORMAT.OUT_WIDE : 0) |
      FORMAT.ACC_WIDE,
    shift,
    shiftA: degree,
    shiftB,
    weights: to.pool.add(weights, bytes),
    bias: to.pool.add(axisWords(axes), 4),
  };
  to.macs += node.width * (degree + 1) ** axes.length;
  const b = { buffer: to.places.newBuffer(4 * axes.length * (degree + 1)), byte: 0 };
  to.push(node.name, fields, { a, b, out: to.places.placeOf(whole(node)) });
}
